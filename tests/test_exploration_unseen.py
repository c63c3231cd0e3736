"""What is said of unseen groups: intervals that cover, fronts, choices, and how far a search flattered itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinykit.choose.exploration.unseen import (
    choose_cheapest,
    compare_recordings,
    count_hits,
    order_for_choice,
    predict_unseen,
    rank_fronts,
    share_right,
    tell_optimism,
)
from tinykit.ground.quantity import Estimate
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import Accuracy, paired_difference, score_predictions


def make_split(groups: np.ndarray) -> Split:
    n = len(groups)
    return Split(np.zeros((n, 1, 1, 1), np.float32), np.arange(n) % 2, groups.astype(np.int64), np.arange(n) // 2)


def draw_study(rng: np.random.Generator, groups: int, unseen: int, *, between: float, drawn: float, n: int = 40):
    """Three folds of groups and two seeds, and the accuracy found on unseen groups: all from one world."""
    truth = np.clip(rng.normal(0.78, between, groups + unseen), 0.02, 0.98)
    scored = []
    for fold in range(3):
        members = [place for place in range(groups) if place % 3 == fold]
        for seed in (1, 2):
            shift = rng.normal(0, drawn)
            right = [int(rng.binomial(n, np.clip(truth[place] + shift, 0, 1))) for place in members]
            scored.append({"fold": fold, "seed": seed, "groups": members, "right": right, "n": [n] * len(members)})
    shift = rng.normal(0, drawn)
    found = np.mean([rng.binomial(n, np.clip(one + shift, 0, 1)) / n for one in truth[groups:]])
    return scored, found


@pytest.mark.parametrize(("groups", "unseen"), [(7, 3), (12, 6), (6, 2)])
@pytest.mark.parametrize(("between", "drawn"), [(0.10, 0.02), (0.05, 0.03), (0.15, 0.01)])
def test_the_interval_holds_the_accuracy_on_unseen_groups_four_times_of_five(groups, unseen, between, drawn):
    rng, held = np.random.default_rng(1), []
    for _ in range(1500):
        scored, found = draw_study(rng, groups, unseen, between=between, drawn=drawn)
        told = predict_unseen(scored, unseen, 40 * unseen)
        held.append(told.low <= found <= told.high)
    assert 0.75 <= np.mean(held) <= 0.88


def test_samples_without_groups_have_the_width_of_a_binomial():
    rng, held = np.random.default_rng(2), []
    for _ in range(1500):
        scored = [{"fold": fold, "seed": 1, "groups": [], "right": [int(rng.binomial(300, 0.9))], "n": [300]}
                  for fold in range(3)]  # fmt: skip
        told = predict_unseen(scored, 500, 500)
        held.append(told.low <= rng.binomial(500, 0.9) / 500 <= told.high)
    assert 0.77 <= np.mean(held) <= 0.84


def test_more_unseen_groups_and_more_known_ones_make_it_narrower():
    scored, _ = draw_study(np.random.default_rng(3), 9, 3, between=0.1, drawn=0.02)
    few, many = (predict_unseen(scored, count, 100) for count in (2, 20))
    assert many.high - many.low < few.high - few.low
    assert few.value == many.value == pytest.approx(share_right(scored))
    assert few.basis == "modelled"


def test_hits_are_counted_by_group_and_in_one_sum_where_each_sample_is_one():
    grouped = make_split(np.array([5, 5, 5, 9, 9]))
    assert count_hits([0, 1, 1, 1, 1], grouped) == {"groups": [5, 9], "right": [2, 1], "n": [3, 2]}
    assert count_hits([0, 1, 1, 1, 1], make_split(np.arange(5))) == {"groups": [], "right": [3], "n": [5]}


def test_optimism_is_the_difference_with_a_width_of_both():
    scored, _ = draw_study(np.random.default_rng(4), 7, 3, between=0.1, drawn=0.02)
    search = predict_unseen(scored, 3, 120)
    found = score_predictions(np.arange(60) % 7 % 2, [0] * 60, np.arange(60) // 4)
    told = tell_optimism(search, found)
    assert told.value == pytest.approx(search.value - found.fraction)
    assert told.high - told.low > search.high - search.low
    assert (told.unit, told.basis) == ("1", "measured")


def test_a_score_that_ends_at_one_leaves_the_other_side_of_the_optimism_as_wide_as_it_is():
    search = Estimate(0.97, 0.85, 1.0, "1", "modelled")
    found = Accuracy(0.9, 0.9, 0.9, 60, None, "made up")
    told = tell_optimism(search, found)
    assert (told.value, told.low, told.high) == pytest.approx((0.07, 0.07 - 0.12, 0.07 + 0.03))


def test_recordings_of_different_windows_are_paired_as_the_house_pairs_samples():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 600)
    one, other = (np.where(rng.random(600) < share, labels, 3) for share in (0.85, 0.7))
    shares = [{"recordings": [*range(600)], "shares": (each == labels).astype(float).tolist()} for each in (one, other)]
    told, known = compare_recordings(*shares), paired_difference(other, one, labels)
    assert told.value == pytest.approx(known.value)
    assert (told.low, told.high) == (pytest.approx(known.low, abs=0.01), pytest.approx(known.high, abs=0.01))
    half = {"recordings": [1, 2, 700], "shares": [1.0, 0.0, 1.0]}
    assert compare_recordings(half, half).n == 3
    assert compare_recordings(half, {"recordings": [2, 3], "shares": [1.0, 1.0]}) is None  # one is no interval


def test_where_a_fold_has_no_groups_no_fold_is_left_out_of_the_interval():
    alone = {"fold": 0, "seed": 1, "groups": [], "right": [90], "n": [100]}
    some = {"fold": 1, "seed": 1, "groups": [4, 7], "right": [45, 45], "n": [50, 50]}
    assert predict_unseen([alone, some], 50, 50).sources == ("2 trainings, 200 samples",)


def test_fronts_are_those_that_no_other_beats():
    rng = np.random.default_rng(6)
    costs, scores = rng.integers(1, 9, 40) / 2, rng.integers(1, 9, 40) / 10
    fronts = rank_fronts(costs.tolist(), scores.tolist())
    assert sorted(itertools.chain(*fronts)) == [*range(40)]
    left = set(range(40))
    for front in fronts:
        for place in front:
            better = [one for one in left if (costs[one] <= costs[place] and scores[one] >= scores[place])
                      and (costs[one], scores[one]) != (costs[place], scores[place])]  # fmt: skip
            assert not better
        left -= set(front)
    assert rank_fronts([], []) == []


def hits(*shares: float, n: int = 100) -> list[dict[str, object]]:
    return [{"fold": 0, "seed": 1, "groups": [*range(len(shares))], "right": [round(n * one) for one in shares],
             "n": [n] * len(shares)}]  # fmt: skip


def test_the_cheapest_within_one_standard_error_is_chosen_paired_by_group():
    best, alike, worse = hits(0.9, 0.7, 0.8), hits(0.85, 0.75, 0.78), hits(0.8, 0.6, 0.7)
    assert choose_cheapest([3.0, 2.0, 1.0], [best, alike, worse]) == 1  # worse by 0.1 in every group: no doubt of it
    assert choose_cheapest([3.0, 4.0, 5.0], [best, alike, worse]) == 0
    assert choose_cheapest([1.0, 1.0], [worse, best]) == 1


def test_trainings_go_first_to_the_best_and_to_what_could_be_chosen_in_its_place():
    best, alike, near, worse = hits(0.9, 0.7, 0.8), hits(0.85, 0.75, 0.78), hits(0.84, 0.74, 0.74), hits(0.8, 0.6, 0.7)
    costs, scored = [9.0, 2.0, 3.0, 1.0], [best, alike, near, worse]
    assert order_for_choice(costs, scored) == [0, 1, 2, 3]
    assert order_for_choice([9.0, 3.0, 2.0, 1.0], scored) == [0, 2, 1, 3]
    assert choose_cheapest(costs, scored) == 1
    assert order_for_choice(costs, scored, least=0.6) == [0, 3, 1, 2]  # all reach it
    assert order_for_choice(costs, scored, least=0.95) == [0, 1, 2, 3]  # none does: by what they lack
    assert order_for_choice([], []) == []
