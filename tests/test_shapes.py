"""Shapes as they follow from operators: as LiteRT makes them, and contradicted by no sound file."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tests.models import OPTIONS, Net, schema
from tests.test_arena import MODELS, random_graph
from tests.test_graph import pack, tree
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.reading import read
from tinykit.model.graph.shapes import find_contradictions, infer
from tinykit.model.operators.shape_table import VALUES, list_shape_rows
from tinykit.model.operators.shapes import SHAPES
from tinykit.model.operators.table import list_rows

UNDEFINED = re.compile("CALL_ONCE|IF|WHILE|.*VARIABLE|VAR_HANDLE|CUSTOM:.*|L2_POOL_2D")
"""Operators whose shapes are told elsewhere: by a subgraph, a variable, or code that the file does not hold."""
ROWS = list_shape_rows()
SLOTS = {"new_shape": "NewShapeAsNumpy", "squeeze_dims": "SqueezeDimsAsNumpy", "block": "BlockSize"}


def after(code, *constants, shape=(1, 4, 6, 2), options=None, first=1, outputs=1, kind=None, version=1):
    """A net of one operator on a float input and int32 constants; its stored output shape is no operator's."""
    net = Net(shape, dtype="float32")
    given = [net.tensor(np.shape(one), dtype="int32", data=np.asarray(one, np.int32)) for one in constants]
    inputs = [*given[: 1 - first], net.last, *given[1 - first :]]
    made = [net.tensor((7,), dtype=kind or "float32") for _ in range(outputs)]
    net.outputs = made
    name = type(options).__name__[:-1] if options else ""
    return net.use(code, inputs, made, getattr(OPTIONS, name) if name else 0, options, version=version).to_bytes()


NETS = {
    "RESHAPE": after("RESHAPE", [2, -1, 3], options=schema.ReshapeOptionsT()),
    "RESHAPE told": after("RESHAPE", options=schema.ReshapeOptionsT(newShape=[4, 12])),
    "EXPAND_DIMS": after("EXPAND_DIMS", [-2], options=schema.ExpandDimsOptionsT()),
    "SQUEEZE": after("SQUEEZE", shape=(1, 5, 1), options=schema.SqueezeOptionsT(squeezeDims=[-1])),
    "CONCATENATION": after("CONCATENATION", options=schema.ConcatenationOptionsT(axis=-1)),
    "PACK": after("PACK", shape=(3, 2), options=schema.PackOptionsT(valuesCount=1, axis=1)),
    "UNPACK": after("UNPACK", shape=(3, 2), outputs=3, options=schema.UnpackOptionsT(num=3, axis=0)),
    "SPLIT": after("SPLIT", 2, first=0, outputs=3, options=schema.SplitOptionsT(numSplits=3)),
    "SPLIT_V": after("SPLIT_V", [1, -1], 2, outputs=2, options=schema.SplitVOptionsT(numSplits=2)),
    "TRANSPOSE": after("TRANSPOSE", [0, 2, 1, 3], options=schema.TransposeOptionsT()),
    "PAD": after("PAD", [[0, 0], [1, 2], [0, 3], [0, 0]], options=schema.PadOptionsT()),
    "MIRROR_PAD": after("MIRROR_PAD", [[0, 0], [1, 2], [0, 3], [0, 0]], options=schema.MirrorPadOptionsT()),
    "SPACE_TO_BATCH_ND": after("SPACE_TO_BATCH_ND", [2, 2], [[0, 0], [1, 1]], options=schema.SpaceToBatchNDOptionsT()),
    "BATCH_TO_SPACE_ND": after("BATCH_TO_SPACE_ND", [2, 2], [[0, 1], [1, 0]], shape=(4, 3, 3, 2),
                               options=schema.BatchToSpaceNDOptionsT()),
    "SPACE_TO_DEPTH": after("SPACE_TO_DEPTH", options=schema.SpaceToDepthOptionsT(blockSize=2)),
    "DEPTH_TO_SPACE": after("DEPTH_TO_SPACE", shape=(1, 2, 3, 8), options=schema.DepthToSpaceOptionsT(blockSize=2)),
    "MEAN": after("MEAN", [1, -2], options=schema.ReducerOptionsT()),
    "SUM kept": after("SUM", [1, 2], options=schema.ReducerOptionsT(keepDims=True)),
    "ARG_MAX": after("ARG_MAX", 2, kind="int32", options=schema.ArgMaxOptionsT(outputType=2)),
    "SHAPE": after("SHAPE", kind="int32", options=schema.ShapeOptionsT(outType=2)),
    "STRIDED_SLICE": after("STRIDED_SLICE", [0, 1, -1, 0], [1, 0, 0, 0], [1, 2, -2, 1],
                           options=schema.StridedSliceOptionsT(beginMask=1, endMask=10, shrinkAxisMask=8)),
    "GATHER": after("GATHER", [[0, 2], [1, 1]], options=schema.GatherOptionsT(axis=2)),
    "GATHER_ND": after("GATHER_ND", [[0, 2], [0, 1]], options=schema.GatherNdOptionsT()),
    "RESIZE_BILINEAR": after("RESIZE_BILINEAR", [7, 9], options=schema.ResizeBilinearOptionsT()),
    "TILE": after("TILE", [1, 2, 1, 3], options=schema.TileOptionsT()),
    "BROADCAST_TO": after("BROADCAST_TO", [2, 4, 6, 2], version=2, options=schema.BroadcastToOptionsT()),
    "REVERSE_V2": after("REVERSE_V2", [1], options=schema.ReverseV2OptionsT()),
    "LOGISTIC": after("LOGISTIC"),
}  # fmt: skip


def litert_shapes(model: bytes) -> list[tuple[int, ...]]:
    """Shapes of all tensors as LiteRT's reference kernels make them while they are prepared."""
    one = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    one.allocate_tensors()
    return [tuple(int(size) for size in detail["shape"]) for detail in one.get_tensor_details()]


class TestRules:
    @pytest.mark.parametrize("name", NETS)
    def test_as_litert_prepares_it(self, name):
        graph, oracle = read(NETS[name]), litert_shapes(NETS[name])
        made = graph.operators[0].outputs
        assert [infer(graph).shapes[index] for index in made] == [oracle[index] for index in made]
        assert {one.tensor for one in find_contradictions(graph)} == set(made), "7 is no operator's shape"

    def test_a_slice(self):
        """LiteRT itself refuses one that says another shape."""
        model = after("SLICE", [0, 1, 2, 0], [1, -1, 3, 2], options=schema.SliceOptionsT())
        assert infer(read(model)).shapes[-1] == (1, 3, 3, 2)

    @pytest.mark.parametrize("name", [one for one in MODELS if "int16" not in one and one != "lstm int8"])
    def test_the_zoo_as_litert_prepares_it(self, name):
        shapes = infer(read(MODELS[name])).shapes
        assert list(shapes) == litert_shapes(MODELS[name])[: len(shapes)]

    @pytest.mark.parametrize("name", [name for name in list_rows() if not UNDEFINED.fullmatch(name)])
    def test_every_operator_has_one(self, name):
        assert name in ROWS

    def test_every_rule_is_used(self):
        lines = shipped_path("data", "operator_shapes.csv").read_text("utf-8").splitlines()[3:]
        cells = [line.split(",") for line in lines]
        assert {cell[1] for cell in cells} == set(SHAPES)
        assert {cell[2] for cell in cells} - {"-"} == set(VALUES)
        assert [cell[0] for cell in cells] == sorted(cell[0] for cell in cells)

    @pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.options])
    def test_options_stand_where_the_schema_has_them(self, name):
        words = {"BATCH_MATMUL": "BatchMatMul", "SVDF": "SVDF", "SPACE_TO_DEPTH": "SpaceToDepth"}
        table = "Reducer" if "keep_dims" in ROWS[name].options else words.get(name, name.title().replace("_", ""))
        for option, slot in ROWS[name].options.items():
            accessor = getattr(getattr(schema, f"{table}Options"), SLOTS.get(option, option.title().replace("_", "")))
            assert 4 + 2 * slot in [one for one in accessor.__code__.co_consts if isinstance(one, int)], option


class TestContradictions:
    @pytest.mark.parametrize("name", MODELS)
    def test_none_in_sound_files(self, name):
        assert find_contradictions(read(MODELS[name])) == ()

    def test_none_in_random_graphs(self):
        assert [seed for seed in range(200) if find_contradictions(read(random_graph(seed)))] == []

    @pytest.mark.parametrize("path", sorted(shipped_path("data").rglob("*.tflite")), ids=lambda path: path.stem)
    def test_none_in_what_is_shipped(self, path):
        assert find_contradictions(read(path)) == ()

    def test_an_open_batch_frozen_wrongly(self):
        found = find_contradictions(read(dilated(block_batch=1)))
        assert str(found[0]) == ("operator 0 (SPACE_TO_BATCH_ND): the file says 1×6×3, the operator makes 2×6×3")
        assert find_contradictions(read(dilated(block_batch=2))) == ()

    @pytest.mark.parametrize("name", ["small_cnn", "residual"])
    def test_any_wrong_shape_is_found(self, name):
        """Each output of each operator in turn, one element more along its last axis."""
        model = tree(MODELS[name])
        for operator in model.subgraphs[0].operators:
            tensor = model.subgraphs[0].tensors[operator.outputs[0]]
            kept, tensor.shape = list(tensor.shape), [*tensor.shape[:-1], tensor.shape[-1] + 1]
            assert find_contradictions(read(pack(model)))
            tensor.shape = kept

    def test_what_makes_no_sense_says_nothing(self):
        for constants in ([[9, 9]], [[0, 0, 0, 0]]):
            assert find_contradictions(read(after("TRANSPOSE", *constants))) == ()


def dilated(block_batch=1) -> bytes:
    """What becomes of a dilated Conv1D: into the batch, a convolution, back; the file says what the batch is inside."""
    net = Net((1, 12, 3), dtype="float32")

    def constant(values):
        return net.tensor(np.shape(values), dtype="int32", data=np.asarray(values, np.int32))

    inside = net.tensor((block_batch, 6, 3))
    net.use("SPACE_TO_BATCH_ND", [net.last, constant([2]), constant([[0, 0]])], [inside],
            OPTIONS.SpaceToBatchNDOptions, schema.SpaceToBatchNDOptionsT())  # fmt: skip
    net.unary("LOGISTIC")
    out = net.tensor((1, 12, 3))
    return net.use("BATCH_TO_SPACE_ND", [net.last, constant([2]), constant([[0, 0]])], [out],
                   OPTIONS.BatchToSpaceNDOptions, schema.BatchToSpaceNDOptionsT()).to_bytes()  # fmt: skip


class TestKnownNumbers:
    def test_a_shape_taken_apart_and_put_together(self):
        """SHAPE, STRIDED_SLICE, PACK: what a converter writes for a reshape of an open batch."""
        graph = read(reshaped_open_batch())
        known = infer(graph).known
        assert [known[index].tolist() for index in graph.operators[2].outputs] == [[1, 3, 4]]
        assert find_contradictions(graph) == ()

    def test_a_hostile_fill_is_not_made(self):
        model = after("FILL", [10**6, 10**3], first=0, shape=(1,))
        assert infer(read(model)).shapes[-1] == (10**6, 10**3)


def reshaped_open_batch(batch=-1) -> bytes:
    net = Net((1, 12), batch=batch)
    values = net.last

    def constant(values):
        return net.tensor((len(values),), dtype="int32", data=np.asarray(values, np.int32))

    sizes, first, wanted = (net.tensor(shape, dtype="int32") for shape in ((2,), (), (3,)))
    net.use("SHAPE", [values], [sizes], OPTIONS.ShapeOptions, schema.ShapeOptionsT(outType=2))
    net.use("STRIDED_SLICE", [sizes, constant([0]), constant([1]), constant([1])], [first],
            OPTIONS.StridedSliceOptions, schema.StridedSliceOptionsT(shrinkAxisMask=1))  # fmt: skip
    three, four = (net.tensor((), dtype="int32", data=np.int32(size)) for size in (3, 4))
    net.use("PACK", [first, three, four], [wanted], OPTIONS.PackOptions, schema.PackOptionsT(valuesCount=3))
    out = net.tensor((1, 3, 4))
    net.use("RESHAPE", [values, wanted], [out], OPTIONS.ReshapeOptions, schema.ReshapeOptionsT())
    return net.unary("LOGISTIC").to_bytes()
