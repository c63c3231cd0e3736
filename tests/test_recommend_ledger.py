"""The ledger: each figure against the room it comes from or a count by hand, and the advice drawn from it."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math

import numpy as np
import pytest

from tests.models import Net, small_cnn
from tests.packing_models import thin_out, wide_cnn
from tests.test_striping import image_cnn
from tinykit.budget.assessment.budgets import Budgets
from tinykit.budget.fit.check import check_fit
from tinykit.choose.ledger.choosing import recommend
from tinykit.choose.ledger.forms import list_runnable
from tinykit.choose.ledger.table import Ledger, open_ledger
from tinykit.choose.ledger.variants import Variant, weigh_variant
from tinykit.ground.errors import DataError, ParameterError, UnknownBoardError, UnknownRuntimeError
from tinykit.model.graph.kernels import count_weights
from tinykit.model.graph.reading import read
from tinykit.predict.npu.compiling import compile_for_npu
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import lean
from tinykit.show.plots import plot_ledger
from tinykit.target import Target, board
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import paired_difference

BOARD = "nucleo-l4r5zi"


def make_split(classes: int, shape: tuple[int, ...], n: int = 24) -> Split:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.4, (n, *shape)).astype(np.float32)
    return Split(x, rng.integers(0, classes, n), np.arange(n), np.arange(n) // 2)


def broad(seed: int = 0) -> bytes:
    """Weights enough that decoding them pays: 51,200 in one dense operator."""
    return Net((1, 8, 8, 8), seed=seed).flatten().dense(100).dense(5).to_bytes()


@pytest.fixture(scope="module")
def test_split() -> Split:
    return make_split(5, (8, 8, 8))


@pytest.fixture(scope="module")
def variants(test_split) -> tuple[Variant, ...]:
    models = {"int8": broad(), "sparse": thin_out(broad(), zeros=0.85), "again": broad()}
    return tuple(
        weigh_variant(read(model, name), test_split, board(BOARD), name=name, note=f"made {name}")
        for name, model in models.items()
    )


@pytest.fixture(scope="module")
def ledger(variants, test_split) -> Ledger:
    return open_ledger(variants, test_split, BOARD)


def test_weights_are_counted_in_the_file_by_scale():
    graph = read(thin_out(wide_cnn(), zeros=0.5, values=6, per_channel=True))
    kernels = [graph.constant(operator.inputs[1]) for operator in graph.operators if operator.macs]
    counted = count_weights(graph)
    assert counted.parameters == sum(kernel.size for kernel in kernels)
    assert counted.non_zero == sum(int(np.count_nonzero(kernel)) for kernel in kernels)
    assert counted.distinct <= 7  # six values a channel, and zero
    assert max(len(np.unique(kernel)) for kernel in kernels) > 7
    assert count_weights(read(small_cnn("float32"))).distinct == 64  # one scale for all, none alike


def test_each_form_is_what_its_room_makes_of_the_model(ledger):
    row = ledger.row("sparse")
    graph = row.variant.graph
    sizes = {name: form.model_bytes for name, form in row.forms.items()}
    assert sizes["as converted"] == len(graph.data)
    assert sizes["lean"] == len(lean(graph).data)
    assert sizes["lean + DECODE"] == len(code_weights(graph).data)
    assert sizes["Vela-encoded"] == len(compile_for_npu(graph).model)
    assert sizes["gzip"] == len(gzip.compress(graph.data, 9, mtime=0))


def test_flash_is_the_smallest_form_that_runs_with_its_decoder(ledger):
    dense, sparse = ledger.row("int8"), ledger.row("sparse")
    assert (dense.chosen.name, sparse.chosen.name) == ("lean", "lean + DECODE")
    cost = code_weights(sparse.variant.graph).cost
    assert sparse.flash_bytes == sparse.forms["lean + DECODE"].model_bytes + cost.code.value
    for row in (dense, sparse):
        plain = check_fit(row.variant.graph, BOARD).flash_bytes.value - row.variant.graph.flatbuffer_bytes
        assert row.flash.value == pytest.approx(plain + row.flash_bytes)
        assert row.flash.low < row.flash.value < row.flash.high


def test_savings_are_shares_of_the_plain_file_and_of_the_baseline_at_its_best(ledger):
    plain, best = len(broad()), len(lean(read(broad())).data)
    sparse = ledger.row("sparse")
    assert sparse.saved_of_plain == pytest.approx(1 - sparse.flash_bytes / plain)
    assert sparse.saved == pytest.approx(1 - sparse.flash_bytes / best)
    assert ledger.baseline.verdict == "baseline"
    assert sparse.verdict == f"saves {sparse.saved:.1%}"
    assert ledger.row("again").verdict == "saves nothing"


def test_decoding_costs_time_energy_and_arena(ledger):
    dense, sparse = ledger.row("int8"), ledger.row("sparse")
    decoding = code_weights(sparse.variant.graph).cost.latency(sparse.fit.clock_hz)
    assert sparse.latency.value == pytest.approx(dense.latency.value + decoding.value)
    longer = sparse.latency.value / dense.latency.value
    assert sparse.energy.value == pytest.approx(dense.energy.value * longer, rel=1e-3)
    assert sparse.arena.value > dense.arena.value + 0.9 * 512 * 100
    assert dense.latency == check_fit(dense.variant.graph, BOARD).latency_s


def test_accuracy_is_paired_with_the_baseline(ledger, test_split, variants):
    expected = paired_difference(variants[0].predicted, variants[1].predicted, test_split.y, test_split.recordings)
    assert ledger.row("sparse").against == expected
    assert ledger.row("again").against.value == 0


def lines_of(text: str) -> dict[str, list[str]]:
    cells = [line.split("  ") for line in text.splitlines()]
    return {row[0] or row[1]: [cell.strip() for cell in row[1:] if cell.strip()] for row in cells if len(row) > 1}


def test_the_table_marks_what_reaches_flash_and_calls_gzip_transport(ledger):
    lines = lines_of(str(ledger))
    sizes = ledger.row("sparse").forms
    kept = f"→{len(lean(read(broad())).data):,}"
    assert lines["lean [B]"] == [kept, f"{sizes['lean'].model_bytes:,}", kept]
    assert lines["lean + DECODE [B]"] == ["–", f"→{sizes['lean + DECODE'].model_bytes:,}", "–"]
    assert not any("→" in cell for cell in lines["gzip, about, transport only [B]"])
    assert all(cell.endswith("00") for cell in lines["gzip, about, transport only [B]"])
    assert "lean + DECODE: outputs byte-equal in TFLM on this host; unverified on device" in str(ledger)
    assert max(map(len, str(ledger).splitlines())) <= 100


def test_a_label_beyond_the_outputs_is_refused(test_split):
    odd = dataclasses.replace(test_split, y=test_split.y + 1)
    with pytest.raises(DataError, match="label 5 in the test samples, but small has 5 outputs, 0 to 4"):
        weigh_variant(read(broad()), odd, board(BOARD), name="small", note="")


def test_many_variants_are_told_in_blocks(variants, test_split):
    rows = [variants[0]] + [
        weigh_variant(variants[1].graph, test_split, board(BOARD), name=f"v{index}", note="") for index in range(4)
    ]
    assert str(open_ledger(rows, test_split, BOARD)).count("parameters") == 2


def test_an_npu_keeps_what_vela_made(variants, test_split):
    found = open_ledger(variants[:2], test_split, "alif-ensemble-e7-devkit", runtime="ethos-u")
    row = found.row("sparse")
    assert row.chosen.name == "Vela-encoded"
    assert row.flash == row.fit.flash_bytes
    assert row.latency == row.fit.latency_s
    assert "ethos-u55-256" in row.forms["Vela-encoded"].note


def test_what_another_runtime_keeps_is_unknown(variants, test_split):
    found = open_ledger(variants[:2], test_split, "nucleo-h7a3zi-q", runtime="x-cube-ai")
    row = found.row("sparse")
    assert (row.chosen, row.flash, row.saved, row.verdict) == (None, None, None, "unknown")
    assert "which bytes reach flash is unknown" in str(found)
    assert "→" not in str(found)
    assert row.to_json()["flash_bytes"] is None
    refused = recommend(found, Budgets(flash_bytes=1e9))
    assert refused.chosen is None
    assert "flash unknown" in str(refused)


def test_a_form_that_cannot_be_made_says_why():
    graph = read(small_cnn("float32"))
    split = make_split(4, tuple(graph.tensors[graph.inputs[0]].shape[1:]))
    row = open_ledger([weigh_variant(graph, split, board(BOARD), name="float", note="")], split, BOARD).baseline
    assert row.forms["Vela-encoded"].model_bytes is None
    assert row.forms["Vela-encoded"].note
    assert row.latency.high / row.latency.low < 8
    assert row.instructions.value > 0


def test_the_ledger_is_plain_json(ledger):
    document = json.loads(json.dumps(ledger.to_json(), allow_nan=False))
    assert document["baseline"] == "int8"
    assert document["rows"][1]["in_flash"] == "lean + DECODE"
    assert document["rows"][1]["sha256"] == ledger.row("sparse").variant.graph.sha256


def test_faults(ledger, variants, test_split):
    with pytest.raises(ParameterError, match=r"variants \[\]; give at least one"):
        open_ledger([], test_split, BOARD)
    with pytest.raises(ParameterError, match="each under a name of its own"):
        open_ledger([variants[0], variants[0]], test_split, BOARD)
    with pytest.raises(ParameterError, match="no variant 'spars'; nearest: sparse"):
        ledger.row("spars")
    with pytest.raises(UnknownBoardError, match=BOARD):
        open_ledger(variants, test_split, "nucleo-l4r5z")
    with pytest.raises(UnknownRuntimeError, match="runtime 'tflm' is unknown"):
        open_ledger(variants, test_split, BOARD, runtime="tflm")
    with pytest.raises(DataError, match="predictions"):
        open_ledger(variants, make_split(5, (8, 8, 8), n=10), BOARD)


def test_a_target_takes_the_cores_own_runtime():
    assert Target(board(BOARD)).runtime == "tflm-cmsis-nn"
    assert "gzip" not in list_runnable(Target(BOARD))
    assert list_runnable(Target(BOARD, runtime="x-cube-ai")) == ()


def test_the_cheapest_that_meets_the_budgets_is_taken(ledger):
    sparse = ledger.row("sparse")
    found = recommend(ledger, Budgets(flash_bytes=sparse.flash.high + 1))
    assert found.chosen is sparse
    assert str(found).startswith("take sparse (lean + DECODE): flash")
    everything = recommend(ledger, Budgets())
    assert everything.met[0] == "sparse"
    assert set(everything.met) == {"int8", "sparse", "again"}


def test_a_budget_the_cheapest_breaks_leads_to_the_next(ledger):
    dense = ledger.row("int8")
    found = recommend(ledger, Budgets(arena_bytes=dense.arena.value))
    assert found.chosen is dense  # with DECODE "sparse" needs more arena, lean it is equal, and comes later
    assert found.met == ("int8", "sparse", "again")


def test_where_decoding_takes_too_much_arena_the_same_variant_is_taken_lean(ledger, variants, test_split):
    sparse = ledger.row("sparse")
    (alone,) = (open_ledger(variants[1:2], test_split, BOARD),)
    plain = check_fit(sparse.variant.graph, BOARD)
    found = recommend(alone, Budgets(arena_bytes=plain.arena_bytes.value))
    assert (found.chosen.name, found.chosen.chosen.name) == ("sparse", "lean")
    assert found.chosen.arena.value == plain.arena_bytes.value
    assert found.chosen.latency == plain.latency_s
    assert found.chosen.flash.value == pytest.approx(
        plain.flash_bytes.value - sparse.variant.graph.flatbuffer_bytes + len(lean(sparse.variant.graph).data)
    )
    assert str(found).startswith("take sparse (lean; with lean + DECODE arena ")
    assert " too much for " in str(found)
    assert found.to_json()["in_flash"] == "lean"
    assert recommend(alone, Budgets(arena_bytes=sparse.arena.value)).passed_over == ""


def test_a_board_without_room_for_decoded_weights_keeps_the_lean_file(variants, test_split):
    small = open_ledger(variants[:2], test_split, "nucleo-wl55jc")
    row = small.row("sparse")
    assert row.chosen.name == "lean"
    assert row.arena.value == check_fit(row.variant.graph, "nucleo-wl55jc").arena_bytes.value
    assert row.verdict == "saves nothing"
    assert "sparse: the arena for decoded weights does not fit nucleo-wl55jc" in str(small)


@pytest.fixture(scope="module")
def pictures() -> Ledger:
    split = make_split(3, (60, 60, 1), n=10)
    variant = weigh_variant(read(image_cnn()), split, board("nucleo-wl55jc"), name="picture", note="")
    return open_ledger([variant], split, "nucleo-wl55jc")


def test_stripes_are_a_form_that_is_taken_where_no_other_fits(pictures):
    row = pictures.baseline
    assert row.forms["striped"].packed.equal
    assert "for 1" in row.forms["striped"].note or "% more instructions" in row.forms["striped"].note
    assert row.chosen.name == "striped"
    assert str(row.fit.verdict) in ("fits", "tight")
    assert check_fit(row.variant.graph, "nucleo-wl55jc").verdict == "does_not_fit"
    assert "striped [B]" in str(pictures)
    assert "picture: fits nucleo-wl55jc in stripes alone; operators 0.." in str(pictures)


def test_a_budget_of_arena_is_met_by_stripes(pictures, variants, test_split):
    split = make_split(3, (60, 60, 1), n=10)
    large = open_ledger([pictures.baseline.variant], split, BOARD)
    assert large.baseline.chosen.name == "lean"
    found = recommend(large, Budgets(arena_bytes=0.6 * large.baseline.arena.value))
    assert found.chosen.chosen.name == "striped"
    assert found.chosen.latency.value > large.baseline.latency.value
    assert found.chosen.instructions.value > large.baseline.instructions.value
    assert "; with lean arena " in str(found)


def test_variants_that_gain_nothing_have_no_line_of_stripes(ledger):
    assert "striped" not in str(ledger)
    assert ledger.baseline.forms["striped"].note.startswith("no stripes: ")


def test_what_is_missing_is_told_with_its_amount(ledger):
    best = min(row.flash.value for row in ledger.rows)
    found = recommend(ledger, Budgets(flash_bytes=best - 2048))
    assert found.chosen is None
    assert found.nearest.name == "sparse"
    assert "2.0 KiB too much for" in str(found)
    accuracy = max(row.variant.accuracy.fraction for row in ledger.rows)
    short = recommend(ledger, Budgets(accuracy=accuracy + 0.05))
    assert "5.0 points too little for" in str(short)
    assert short.checks[0].excess == pytest.approx(0.05 / (accuracy + 0.05))


def test_an_interval_beyond_the_budget_is_told(ledger):
    sparse = ledger.row("sparse")
    tight = recommend(ledger, Budgets(flash_bytes=(sparse.flash.value + sparse.flash.high) / 2))
    assert tight.chosen is sparse
    assert "though its interval reaches" in str(tight)
    assert not tight.checks[0].sure
    assert tight.to_json()["chosen"] == "sparse"


def test_energy_is_a_budget_too_and_what_hangs_on_a_use_is_unknown_to_a_ledger(ledger):
    least = min(row.energy.value for row in ledger.rows)
    assert recommend(ledger, Budgets(energy_j=2 * least)).chosen is not None
    dear = recommend(ledger, Budgets(energy_j=least / 2))
    assert dear.chosen is None
    assert dear.checks[0].excess == pytest.approx(1.0)
    assert "energy " in str(dear)
    assert "too much for" in str(dear)
    for name, told in (("life_s", "life"), ("t_junction_c", "junction")):
        found = recommend(ledger, Budgets(**{name: 80.0}))
        assert found.chosen is None
        assert f"{told} unknown: a ledger weighs no use" in str(found)
        assert found.to_json()["budgets"][name] == 80.0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"flash_bytes": 0}, "flash_bytes = 0; give a number above 0"),
        ({"latency_s": math.inf}, "latency_s = inf"),
        ({"accuracy": 95.0}, "for 95 % write 0.95"),
        ({"accuracy": 0.0}, "give a fraction above 0"),
        ({"energy_j": -1e-6}, "energy_j = -1e-06; give a number above 0"),
        ({"life_s": math.nan}, "life_s = nan"),
        ({"t_junction_c": 0}, "t_junction_c = 0"),
    ],
)
def test_budgets_that_are_none(changes, text):
    with pytest.raises(ParameterError, match=text):
        Budgets(**changes)


def test_the_picture_tells_every_form_and_the_verdict(ledger):
    ax = plot_ledger(ledger)
    texts = " ".join(text.get_text() for text in ax.texts)
    for row in ledger.rows:
        for form in row.forms.values():
            if form.flash_bytes is not None:
                assert f"{form.flash_bytes:,} B" in texts
    assert all(name in texts for name in ("reaches flash here", "does not", "decoder code", "transport only"))
    ends = [bar.get_x() + bar.get_width() for bar in ax.patches]
    sizes = {form.flash_bytes / 1024 for row in ledger.rows for form in row.forms.values() if form.flash_bytes}
    assert all(min(abs(end - size) for end in ends) < 1e-9 for size in sizes)
    hatched = [(bar.get_hatch(), bar.get_edgecolor()) for bar in ax.patches if bar.get_hatch()]
    assert (len(hatched) > 1, len(set(hatched))) == (True, 1)
    labels = " ".join(label.get_text() for label in ax.get_yticklabels())
    assert ledger.row("sparse").verdict in labels
    assert "saves nothing" in labels
