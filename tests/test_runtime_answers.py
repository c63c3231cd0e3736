"""Answers collected once are compared as `verify` does, on all samples or fewer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models import small_cnn
from tinykit.ground.errors import ParameterError
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import ENGINES
from tinykit.predict.runtime.verify import Answers, collect_answers, compare_answers, verify_model

OWN = np.array([[3.0, 1.0], [5.0, 5.0], [0.0, 2.0]])
ANSWERS = Answers(
    (OWN,), (0.5,), ("LSB",), {"litert-reference": (OWN + np.array([[0, 0], [0, 0.5], [1, 0]]),)}
)  # fmt: skip


def test_a_comparison_by_hand():
    found = compare_answers(ANSWERS, "litert-reference")
    assert found.histogram == {-2: 1, -1: 1, 0: 4}
    assert (found.fraction_equal, found.max_difference) == (pytest.approx(4 / 6), 2)
    assert found.top1_agreement == pytest.approx(2 / 3)


def test_fewer_samples_hide_the_difference():
    found = compare_answers(ANSWERS, "litert-reference", 1)
    assert (found.histogram, found.max_difference) == ({0: 2}, 0)
    assert str(found) == "litert-reference: 100.00% equal, max 0 LSB, top-1 agrees 100.0%"


@pytest.mark.parametrize("count", [0, 4])
def test_a_count_that_is_not_there_is_refused(count: int):
    with pytest.raises(ParameterError, match=f"{count} samples of 3; ask for 1 to 3"):
        compare_answers(ANSWERS, "litert-reference", count)


def test_a_reference_that_was_not_asked_is_refused():
    with pytest.raises(ParameterError, match="no comparison with 'litert-refrence'"):
        compare_answers(ANSWERS, "litert-refrence")


def test_collecting_and_comparing_is_verifying():
    model = small_cnn()
    inputs = sample_inputs(model, 8)
    answers = collect_answers(model, inputs)
    assert tuple(answers.references) == ENGINES[1:]
    expected = verify_model(model, inputs)
    assert (expected.n, expected.step) == (8, answers.steps[0])
    assert tuple(compare_answers(answers, name) for name in answers.references) == expected.comparisons
