"""The options of an operator, copied field by field.

Which fields each table of options has is told by the schema (tensorflow/compiler/mlir/lite/schema/schema.fbs, union
BuiltinOptions and the tables it names); a test holds the list below against the schema's generated Python classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import flatbuffers

from tinykit.ground.errors import ModelError
from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import Table, write_vector

OPTION_FIELDS = tuple(
    """
    - Conv2D:biibiib DepthwiseConv2D:biiibii ConcatEmbeddings:iVV LSHProjection:b Pool2D:biiiib SVDF:ibb RNN:bb
    FullyConnected:bbbbbS Softmax:i Concatenation:ib Add:bb L2Norm:b LocalResponseNormalization:iiii LSTM:biibb
    ResizeBilinear:iibb Call:i Reshape:V SkipGram:iib SpaceToDepth:i EmbeddingLookupSparse:b Mul:b Pad: Gather:ii
    BatchToSpaceND: SpaceToBatchND: Transpose: Reducer:b Sub:bb Div:b Squeeze:V SequenceRNN:bbb StridedSlice:iiiiib
    Exp: TopKV2: Split:i LogSoftmax: Cast:bb Dequantize: MaximumMinimum: ArgMax:b Less: Neg: PadV2: Greater:
    GreaterEqual: LessEqual: Select: Slice: TransposeConv:biibb SparseToDense:b Tile: ExpandDims: Equal: NotEqual:
    Shape:b Pow: ArgMin:b FakeQuant:iiib Pack:ii LogicalOr: OneHot:i LogicalAnd: LogicalNot: Unpack:ii FloorDiv:
    Square: ZerosLike: Fill: BidirectionalSequenceLSTM:biibbb BidirectionalSequenceRNN:bbbb
    UnidirectionalSequenceLSTM:biibbb FloorMod: Range: ResizeNearestNeighbor:bb LeakyRelu:i SquaredDifference:
    MirrorPad:b Abs: SplitV:i Unique:b ReverseV2: AddN: GatherNd: Cos: Where: Rank: ReverseSequence:ii MatrixDiag:
    Quantize: MatrixSetDiag: HardSwish: If:ii While:ii DepthToSpace:i NonMaxSuppressionV4: NonMaxSuppressionV5:
    ScatterNd: SelectV2: Densify: SegmentSum: BatchMatMul:bbb Cumsum:bb CallOnce:i BroadcastTo: Rfft2d:
    Conv3D:biiibiii Hashtable:ibb HashtableFind: HashtableImport: HashtableSize: VarHandle:SS ReadVariable:
    AssignVariable: Random:qq Bucketize:V Gelu:b DynamicUpdateSlice: UnsortedSegmentProd: UnsortedSegmentMax:
    UnsortedSegmentMin: UnsortedSegmentSum: ATan2: Sign: Bitcast: BitwiseXor: RightShift:
    """.split()
)
"""Table of options by union code: its name, then one letter a field: b, i and q are scalars of 1, 4 and 8 bytes (floats
are copied as the integer of their bits), V a vector of 4-byte numbers, S a string or bytes."""

_LAYOUTS = {"b": "<b", "i": "<i", "q": "<q"}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one operator.

    Parameters
    ----------
    code : of the table in the union. fields : (slot, letter, value) of each field that is present.
    """

    code: int
    fields: tuple[tuple[int, str, int | bytes], ...]


def read_options(operator: Table, index: int) -> Options | None:
    """Options of the operator table `index`, None where it has none.

    Raises
    ------
    ModelError : options of a newer schema, which cannot be copied.
    """
    code = operator.number(schema.Operator.OPTIONS_TYPE, "<B")
    table = operator.table(schema.Operator.OPTIONS)
    if operator.number(schema.Operator.OPTIONS_2_TYPE, "<B"):
        raise ModelError(f"operator {index} has options of StableHLO, which TFLM does not run; use builtins of TFLite")
    if not code or table is None:
        return None
    letters = OPTION_FIELDS[code].partition(":")[2] if code < len(OPTION_FIELDS) else None
    present = [slot for slot in range((table.field_limit() - 4) // 2) if table.field(slot)]
    if letters is None or any(slot >= len(letters) for slot in present):
        raise ModelError(
            f"operator {index} has options of a newer schema (table {code}, fields {present}); "
            "convert the model with TensorFlow 2.21 or older"
        )
    return Options(code, tuple((slot, letters[slot], _read_field(table, slot, letters[slot])) for slot in present))


def write_options(builder: flatbuffers.Builder, options: Options) -> int:
    """Offset of a copy of the options."""
    links = {slot: _write_bytes(builder, letter, value) for slot, letter, value in options.fields if letter in "VS"}
    builder.StartObject(len(OPTION_FIELDS[options.code].partition(":")[2]))
    for slot, letter, value in sorted(options.fields, key=lambda field: "qiVSb".index(field[1])):
        if letter in "VS":
            builder.PrependUOffsetTRelativeSlot(slot, links[slot], 0)
        else:
            prepend = {"b": builder.PrependInt8, "i": builder.PrependInt32, "q": builder.PrependInt64}[letter]
            prepend(value)
            builder.Slot(slot)
    return int(builder.EndObject())


def _read_field(table: Table, slot: int, letter: str) -> int | bytes:
    if letter in _LAYOUTS:
        return table.number(slot, _LAYOUTS[letter])
    return table.array(slot, "<u4" if letter == "V" else "<u1").tobytes()


def _write_bytes(builder: flatbuffers.Builder, letter: str, value: int | bytes) -> int:
    content = value if isinstance(value, bytes) else b""
    return int(builder.CreateString(content)) if letter == "S" else write_vector(builder, content, 4, 4)
