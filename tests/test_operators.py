"""One row an operator: every cell filled or none, and no knowledge of an operator anywhere else."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.models import Net
from tinykit.ground.errors import FactError, ModelError
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.handover.codegen.export import GROUPS, export_c
from tinykit.handover.codegen.lowerings import LIBRARY_LOWERINGS, PORTABLE_LOWERINGS
from tinykit.handover.deployment.targets import add_method
from tinykit.handover.virtual_board.timing import kind_of as correction_of
from tinykit.model.graph.reading import read
from tinykit.model.graph.schema import OPERATOR_NAMES
from tinykit.model.operators.rules import EARLIER, EXPORTED, MACS, NEWEST, PREPARED, SCRATCH, Call, Kernels
from tinykit.model.operators.table import COLUMNS, NONE, OperatorRow, list_rows, read_row, row_of
from tinykit.predict.flash import predict_flash
from tinykit.predict.latency.kernels import FEATURE_NAMES, feature_names, kind_of
from tinykit.predict.latency.shapes import from_graph, read_table

PACKAGE = Path(__file__).resolve().parents[1] / "tinykit"
PATH = shipped_path("data", "operators.csv")
CELLS = read_csv(PATH).rows
ROWS = tuple(list_rows().values())
RULES = {"macs": MACS, "prepared": PREPARED, "scratch": SCRATCH}
ROLES = {None, "affine", "quantise", "dequantise", "imitate", "decode"}
CONVOLUTIONS = {"conv", "depthwise"}

# Strings that are an operator's name and mean something else, or stand for the file format itself.
ALLOWED = {
    "model/graph/schema.py": (".*", "the schema's list of names by code, and its activations"),
    "model/operators/table.py": ("CUSTOM:.*", "names of the custom operators that the kit and Vela write"),
    "handover/codegen/program.py": ("RELU.*", "fused activations, words of the schema too"),
    "handover/codegen/fixed_point.py": ("RELU.*", "fused activations, words of the schema too"),
    "handover/codegen/recurrent.py": ("TANH", "a fused activation, a word of the schema too"),
    "train/conversion/keras_gate.py": ("ELU|RNN|LSTM", "Keras layers"),
    "train/conversion/keras3_graph.py": ("ELU", "the Keras layer"),
    "train/conversion/child.py": ("LSTM", "the Keras layer"),
    "train/compress/support.py": ("ELU", "the Keras layer"),
    "train/conversion/converting.py": ("LSTM", "the Keras layer"),
    "train/conversion/onnx_child.py": ("(?!CUSTOM).*", "the operators that it writes of ONNX's"),
    "train/conversion/onnx_values.py": ("FULLY_CONNECTED|QUANTIZE|RESHAPE|TRANSPOSE", "the operators that it writes"),
    "train/conversion/onnx_lowering.py": ("RELU.*", "fused activations, words of the schema too"),
    "train/architecture/sketching.py": ("(?!CUSTOM).*", "the operators that a sketch is written of"),
    "train/architecture/building.py": ("LSTM", "the Keras layer"),
    "handover/deployment/onnx_file.py": ("(DEPTHWISE_)?CONV_2D|FULLY_CONNECTED", "weights that ONNX orders otherwise"),
    "predict/runtime/locating.py": ("(READ|ASSIGN)_VARIABLE", "the two ends of kept state"),
    "predict/runtime/samples.py": ("GATHER|EMBEDDING_LOOKUP", "what indices point into"),
    "predict/runtime/agreement.py": ("FULLY_CONNECTED", "the subject of a sentence on rounding"),
    "predict/runtime/reference.py": ("LOGISTIC|SOFTMAX", "words of a sentence on rounding"),
    "show/plots/arena.py": ("DEPTHWISE_CONV_2D|FULLY_CONNECTED", "words that are shortened in a picture"),
}
READERS = (
    "model/graph/reading.py", "model/graph/kernels.py", "model/lint/checks.py",
    "predict/arena/plan.py", "predict/latency/kernels.py", "predict/latency/shapes.py",
    "predict/flash.py", "predict/packing/leaning.py", "predict/packing/decoding.py", "predict/runtime/layers.py",
    "predict/latency/places.py", "handover/codegen/lowerings.py", "handover/codegen/program.py",
    "handover/codegen/windowed.py", "handover/deployment/targets.py", "handover/virtual_board/timing.py",
    "train/compress/channels/wiring.py",
)  # fmt: skip


def strings(source: str) -> Iterator[str]:
    """Every string of a module that is no docstring, also those in lists of words."""
    tree = ast.parse(source)
    spoken = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            words = node.value.split()
            yield from words if sum(word in OPERATOR_NAMES for word in words) > 1 else [node.value]


def operator_names(source: str) -> set[str]:
    return {text for text in strings(source) if text in OPERATOR_NAMES or text in list_rows()}


def first_call(net: Net) -> Call:
    graph = read(net.to_bytes())
    return graph.call(graph.operators[0])


def untabulated(graph):
    """Operators whose kernel data is not tabulated: the tail assumes a generous size for each."""
    return tuple(sorted({one.name for one in graph.operators if row_of(one.name).tail is None}))


class TestCells:
    @pytest.mark.parametrize("cells", CELLS, ids=lambda cells: cells["name"])
    def test_every_cell_is_filled_or_none(self, cells):
        assert tuple(cells) == COLUMNS
        assert all(cell and cell == cell.strip() for cell in cells.values())
        row = row_of(cells["name"])
        for field in fields(OperatorRow):
            assert (getattr(row, field.name) is None) == (cells[field.name] == NONE), field.name

    def test_names_are_the_schemas_once_each_in_order(self):
        names = [row.name for row in ROWS]
        assert names == sorted(names, key=lambda name: (name.startswith("CUSTOM:"), name))
        assert len(set(names)) == len(names) == len(CELLS)
        assert {name for name in names if not name.startswith("CUSTOM:")} <= set(OPERATOR_NAMES)

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
    def test_cells_go_together(self, row):
        assert row.role in ROLES
        reads = [rule for rule in (row.macs, row.prepared, row.scratch) if rule]
        assert not reads or row.ranks, "a rule reads inputs that no rank promises"
        writes = row.scratch or row.macs
        assert not writes or row.outputs == 1
        assert row.data is None or row.ranks is None or row.data < len(row.ranks)
        assert not row.weights or (row.macs and row.ranks and len(row.ranks) > 1)
        assert not (row.weights and row.weights.bias) or row.lowering

    @pytest.mark.parametrize("column", RULES)
    def test_every_rule_is_used(self, column):
        assert {cells[column] for cells in CELLS} == {*RULES[column], NONE}

    @pytest.mark.parametrize("row", [row for row in ROWS if row.options], ids=lambda row: row.name)
    def test_options_stand_where_the_schema_has_them(self, row):
        """Against the schema's generated Python: the vtable offset that each accessor reads."""
        accessors = {"stride_h": "StrideH", "stride_w": "StrideW", "dilation_h": "DilationHFactor",
                     "dilation_w": "DilationWFactor", "filter_h": "FilterHeight", "filter_w": "FilterWidth",
                     "padding": "Padding", "activation": "FusedActivationFunction", "axis": "Axis", "beta": "Beta",
                     "depth_multiplier": "DepthMultiplier", "subgraph": "InitSubgraphIndex"}  # fmt: skip
        name = {"SVDF": "SVDF", "BATCH_MATMUL": "BatchMatMul"}.get(row.name, row.method)
        name = "Pool2D" if "POOL" in row.name else name
        table = getattr(schema, f"{name}Options")
        for option, place in (row.options or {}).items():
            accessor = getattr(table, accessors.get(option) or option.title().replace("_", ""))
            offsets = [one for one in accessor.__code__.co_consts if isinstance(one, int)]
            assert 4 + 2 * place.slot in offsets, option


class TestReaders:
    @pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
    def test_no_module_names_operators_of_its_own(self, path):
        pattern, _ = ALLOWED.get(path.relative_to(PACKAGE).as_posix(), ("", ""))
        found = operator_names(path.read_text(encoding="utf-8"))
        assert {name for name in found if not re.fullmatch(pattern, name)} == set()

    @pytest.mark.parametrize("path", ALLOWED)
    def test_what_is_allowed_is_there(self, path):
        pattern, reason = ALLOWED[path]
        found = operator_names((PACKAGE / path).read_text(encoding="utf-8"))
        assert [name for name in found if re.fullmatch(pattern, name)], reason

    @pytest.mark.parametrize(
        "source", ['x = {"CONV_2D": 4}', 'y = "ADD MUL SUB".split()', 'if name == "SOFTMAX": pass']
    )
    def test_the_search_can_find(self, source):
        assert operator_names(source)
        assert not operator_names('"""CONV_2D"""\nx = "an ADD of two"')

    @pytest.mark.parametrize("path", READERS)
    def test_each_reader_asks_the_table(self, path):
        tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
        asked = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            if node.module == "tinykit.model.operators.table" for alias in node.names
        }  # fmt: skip
        assert asked & {"row_of", "list_rows"}

    def test_lowerings_are_those_of_the_exporter(self):
        assert {row.lowering for row in ROWS} - {None} == {kind for kind, _ in PORTABLE_LOWERINGS}
        assert set(LIBRARY_LOWERINGS) == set(PORTABLE_LOWERINGS)
        assert {(group, "int8") for group in GROUPS} <= set(PORTABLE_LOWERINGS)

    def test_kinds_of_kernels_have_coefficients(self):
        counted = {row["kind"] for name in ("coefficients", "assumed_kernels") for row in read_table(name).rows}
        counted |= {row["loop"] for row in read_table("loops").rows} & {"slice"}
        kinds = {row.latency for row in ROWS} - {None}
        assert kinds <= counted | CONVOLUTIONS | {"max_pool"}
        assert all(feature_names(kind, "portable") for kind in kinds)
        assert {kind for kind in FEATURE_NAMES if "_" not in kind} <= kinds

    def test_kinds_of_corrections_are_counted(self):
        counted = {row["kind"] for row in read_table("export_corrections").rows}
        assert {row.counted for row in ROWS} - {None, "convolution"} <= counted

    def test_a_keras_layer_becomes_one_operator(self):
        layers = [layer for row in ROWS for layer in row.layers or ()]
        assert len(layers) == len(set(layers)) > 0


class TestAnotherOperator:
    """GELU, of which the kit knows nothing, in a row of its own: every reader answers, and no other file changed."""

    MODEL = Net((1, 8)).unary("GELU").to_bytes()

    @pytest.fixture
    def with_a_row(self, tmp_path, monkeypatch):
        given = {"name": "GELU", "method": "Gelu", "ranks": "*", "outputs": "1", "data": "0", "tail": "1 4 32 32",
                 "latency": "rescale", "lowering": "rescale", "counted": "softmax"}  # fmt: skip
        (tmp_path / "data").mkdir()
        line = ",".join((dict.fromkeys(COLUMNS, NONE) | given).values())
        (tmp_path / "data" / "operators.csv").write_text(f"{PATH.read_text(encoding='utf-8')}{line}\n", "utf-8")
        monkeypatch.setattr("tinykit.model.operators.table.shipped_path", tmp_path.joinpath)
        list_rows.cache_clear()
        row_of.cache_clear()
        yield
        monkeypatch.undo()
        list_rows.cache_clear()
        row_of.cache_clear()

    def test_before(self):
        graph = read(self.MODEL)
        assert (untabulated(graph), kind_of(from_graph(graph)[0])) == (("GELU",), "unlisted")
        with pytest.raises(ModelError, match="no kernel for this operator"):
            export_c(graph)

    def test_with_a_row(self, with_a_row):
        graph, other = read(self.MODEL), read(Net((1, 8)).unary("HARD_SWISH").to_bytes())
        flash, usual = (predict_flash(one, runtime="tflm-reference", core="cortex-m4").total for one in (graph, other))
        assert flash.value > usual.value, "one linked nowhere, beside one linked"
        assert untabulated(graph) == ()
        assert kind_of(from_graph(graph)[0]) == "rescale"
        assert add_method("GELU") == "AddGelu"
        assert correction_of(graph.operators[0], graph) == "softmax"
        assert b"model_quantize" in b"".join(export_c(graph).files.values())


class TestRefusals:
    CELLS = dict.fromkeys(COLUMNS, NONE) | {"name": "GELU"}

    @pytest.mark.parametrize("change", [{"macs": ""}, {"tail": None}, {None: ["surplus"]}])
    def test_cells_that_are_missing_or_too_many(self, change):
        with pytest.raises(FactError, match="GELU: .* every cell is filled, '-' for none"):
            read_row(self.CELLS | change)

    @pytest.mark.parametrize(
        "change",
        [{"macs": "nothing"}, {"ranks": "4 x"}, {"tail": "32"}, {"weights": "folds"}, {"weights": "first last"},
         {"weights": "first other"}, {"options": "axis"}],
    )  # fmt: skip
    def test_cells_that_cannot_be_read(self, change):
        with pytest.raises(FactError, match="GELU: .* cannot be read"):
            read_row(self.CELLS | change)

    def test_a_short_row(self):
        cells = next(csv.DictReader([",".join(COLUMNS), "GELU,Gelu"]))
        with pytest.raises(FactError, match="empty: role, ranks"):
            read_row(cells)

    def test_an_operator_nobody_knows_has_a_row_of_none(self):
        row = row_of("CUSTOM:nobody's")
        assert row.name == "CUSTOM:nobody's"
        assert all(getattr(row, field.name) is None for field in fields(row) if field.name != "name")
        assert row.count_macs([(1, 2), (3, 4)], (1, 3)) == 0

    @pytest.mark.parametrize("inputs", [(), (None,)])
    def test_an_input_that_is_not_there(self, inputs):
        with pytest.raises(ModelError, match="SOFTMAX has no input 0"):
            Call("SOFTMAX", inputs, ()).read(0)


class TestMacs:
    """Of shapes alone; tests/test_graph.py has those of models."""

    def test_ranks_that_do_not_fit_count_nothing(self):
        assert row_of("CONV_2D").count_macs([(1, 8, 8, 3), ()], (1, 8, 8, 4)) == 0
        assert row_of("CONV_2D").count_macs([(1, 8, 8, 3), None], (1, 8, 8, 4)) == 0
        assert row_of("CONV_2D").count_macs([(1, 8, 8, 3), (4, 3, 3, 3)], None) == 0
        assert row_of("SVDF").count_macs([(1, 8), (4, 8)], (1, 4)) == 0

    def test_activations_and_weights_find_their_places(self):
        row = row_of("TRANSPOSE_CONV")
        assert row.arrange((1, 4, 4, 2), (3, 2, 2, 2)) == ((), (3, 2, 2, 2), (1, 4, 4, 2))
        assert row.count_macs(row.arrange((1, 4, 4, 2), (3, 2, 2, 2)), (1, 8, 8, 3)) == 16 * 2 * 2 * 2 * 3
        assert row_of("CONV_2D").arrange((1, 4, 4, 2), (3, 2, 2, 2)) == ((1, 4, 4, 2), (3, 2, 2, 2))


class TestScratchByVersion:
    """CMSIS-NN's kernels by version; tests/test_arena.py has the newest, tests/test_codegen.py asks 4.0.0 itself."""

    @pytest.mark.parametrize(
        ("version", "family", "expected"),
        [(NEWEST, "dsp", ()), (EARLIER, "dsp", (2 * 27,)), (EXPORTED, "dsp", (2 * 27,)),
         (NEWEST, "mve", (4 * 124 * 9,)), (EXPORTED, "plain", ()), ("", "dsp", ())],
    )  # fmt: skip
    def test_depthwise(self, version, family, expected):
        call = first_call(Net((1, 8, 8, 3)).depthwise())
        assert SCRATCH["depthwise"](call, Kernels(family, version)) == expected

    @pytest.mark.parametrize(
        ("version", "family", "expected"),
        [(NEWEST, "dsp", 2 * 2 * 28), (EXPORTED, "dsp", 4 * 27), (EXPORTED, "plain", 4 * 27),
         (NEWEST, "mve", 4 * 32), (EXPORTED, "mve", 4 * 32)],
    )  # fmt: skip
    def test_convolution(self, version, family, expected):
        call = first_call(Net((1, 8, 8, 3)).conv(4))
        assert SCRATCH["convolution"](call, Kernels(family, version)) == (expected,)
