"""From the bytes of a .tflite file to a `ModelGraph`; anything that does not hold together is an error."""

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinykit.ground import limits
from tinykit.ground.errors import ModelError, ParameterError, keywords
from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import FlatBuffer, Table, read_offline_offsets
from tinykit.model.graph.given import name_folder, take_model
from tinykit.model.graph.model import INT4, ModelGraph, Operator, Precision, Tensor
from tinykit.model.impulse import holds_impulse, read_impulse
from tinykit.model.operators.rules import Shape
from tinykit.model.operators.table import ANY_RANK, LEFT_OUT, OperatorRow, row_of

_LARGEST_TENSOR_ELEMENTS = 2**31
_LONGEST_NAME = 256
_MOST_ENTRIES = 4096
_MOST_SUBGRAPHS = 64
"""Most tensors, operators or buffers of a model: fifteen times the largest seen for a microcontroller. Entries of a
hostile file may all point at the same few bytes, and the work of a planner grows with the square of their number."""
_FAR_SMALLER = "a .tflite model for a microcontroller is far smaller"
_PRECISION_BY_TYPES = {
    ("float32", "float32"): "float32", ("float32", "int8"): "hybrid", ("float32", "int4"): "hybrid",
    ("int8", "int8"): "int8", ("int8", "int4"): "int8x4", ("int16", "int8"): "int16x8",
}  # fmt: skip

GraphOrFile = ModelGraph | str | os.PathLike[str]
"""A model, or the path of its .tflite file."""


def as_graph(model: GraphOrFile) -> ModelGraph:
    """The graph itself, or that of a .tflite file: what every function that takes a graph accepts.

    Raises
    ------
    ModelError : as `read`. ParameterError : neither a graph nor a path.
    """
    if isinstance(model, ModelGraph):
        return model
    if isinstance(model, str | os.PathLike):
        return read(Path(model))
    raise ParameterError(
        f"model of type {type(model).__name__}: give a graph (`tk.read`) or the path of a .tflite file"
    )


@keywords
def read(source: str | Path | bytes, name: str = "", *, subgraph: int = 0) -> ModelGraph:
    """Read a .tflite model without running it; as it is, as an array of C (`xxd -i`), or packed by gzip.

    Parameters
    ----------
    source : path of the file, or its content.
    name : shown instead of a path where `source` is content.
    subgraph : the main one, or one that it calls.

    Raises
    ------
    ModelError : missing, empty, truncated, damaged, not a .tflite file (it says what instead, and the way on), or one
        without operators; the path stands in front.
    """
    path = name or ("<bytes>" if isinstance(source, bytes) else str(source))
    data = take_model(source if isinstance(source, bytes) else load(Path(source)), path)
    try:
        return _read_graph(data, path, subgraph)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def read_subgraphs(graph: ModelGraph) -> tuple[ModelGraph, ...]:
    """The graph of a file's main subgraph, and those of the others; ModelError: too many, or one that is damaged."""
    if graph.subgraphs > _MOST_SUBGRAPHS:
        raise ModelError(f"the file has {graph.subgraphs:,} subgraphs, tinykit reads {_MOST_SUBGRAPHS}; is it damaged?")
    return (graph, *(read(graph.data, graph.path, subgraph=place) for place in range(1, graph.subgraphs)))


def _read_graph(data: bytes, path: str, subgraph: int) -> ModelGraph:
    model = FlatBuffer(data).root(schema.IDENTIFIER)
    subgraphs = model.tables(schema.Model.SUBGRAPHS)
    if not 0 <= subgraph < len(subgraphs):
        raise ModelError(f"the model has no subgraph{f' {subgraph}' if subgraph else ''}; convert it again")
    main = subgraphs[subgraph]
    tensors = _complete_shapes(model, main, _read_tensors(model, main))
    operators = _read_operators(model, main, tensors)
    if not operators and not subgraph:
        raise ModelError("the model has no operators; convert it again")
    _check_packed(operators, tensors)
    return ModelGraph(
        path=path, sha256=hashlib.sha256(data).hexdigest() + f":{subgraph}" * (subgraph > 0),  # caches tell them apart
        flatbuffer_bytes=len(data), data=data,
        operators=operators, tensors=tensors,
        inputs=_read_indices(main, schema.SubGraph.INPUTS, len(tensors), lowest=0),
        outputs=_read_indices(main, schema.SubGraph.OUTPUTS, len(tensors), lowest=0),
        precision=_classify_precision(operators, tensors),
        subgraphs=len(subgraphs),
        metadata=tuple(table.text(schema.Metadata.NAME) for table in model.tables(schema.Model.METADATA)),
        offline_offsets=() if subgraph else read_offline_offsets(model, len(tensors)),
    )  # fmt: skip


def load(path: Path) -> bytes:
    """Content of a file that should be a model, or of the network in an export of Edge Impulse.

    ModelError: it cannot be read, is a folder of something else, or far too large.
    """
    if holds_impulse(path):
        if found := read_impulse(path).tflite:
            return found
        raise ModelError(
            f"{path}: the EON compiler left no .tflite in this export; `tinykit readback` tells the rest of it\n"
            "download the block's TensorFlow Lite (int8) from the Studio's dashboard, or export again with TFLM"
        )
    try:
        if path.is_dir():
            raise ModelError(f"{path}: not a .tflite file but {name_folder(path)}")
        return limits.read_file(path, limits.MODEL_BYTES, ModelError, _FAR_SMALLER)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); give the path of a .tflite file") from error


def take_tables(parent: Table, slot: int, what: str) -> tuple[Table, ...]:
    """A vector of tables, refused where it is longer than any model a microcontroller runs."""
    tables = parent.tables(slot)
    if len(tables) > _MOST_ENTRIES:
        raise ModelError(
            f"the file lists {len(tables):,} {what}, tinykit reads {_MOST_ENTRIES:,}; "
            "a model for a microcontroller has far fewer, or the file is damaged"
        )
    return tables


def _read_tensors(model: Table, subgraph: Table) -> tuple[Tensor, ...]:
    buffers = [locate_buffer(buffer) for buffer in take_tables(model, schema.Model.BUFFERS, "buffers")]
    tables = take_tables(subgraph, schema.SubGraph.TENSORS, "tensors")
    return tuple(_read_tensor(index, table, buffers) for index, table in enumerate(tables))


def locate_buffer(buffer: Table) -> tuple[int, int]:
    """Start and length of a buffer's bytes, which lie in the file; (0, 0) where it holds none."""
    start, count = buffer.vector(schema.Buffer.DATA, 1)
    if count:
        return start, count
    start, count = buffer.number(schema.Buffer.OFFSET, "<Q"), buffer.number(schema.Buffer.SIZE, "<Q")
    if start <= 1 or not count:
        return 0, 0
    buffer.buffer.take(0, 1, start + count)
    return start, count


def _read_tensor(index: int, table: Table, buffers: list[tuple[int, int]]) -> Tensor:
    slots = schema.Tensor
    shape = tuple(int(size) for size in table.array(slots.SHAPE, "<i4"))
    code = table.number(slots.TYPE, "<b")
    if not 0 <= code < len(schema.TYPE_NAMES):
        raise ModelError(f"tensor {index} has type code {code}; allowed: 0–{len(schema.TYPE_NAMES) - 1}")
    dtype = schema.TYPE_NAMES[code]
    nbytes = _count_bytes(index, shape, dtype)
    place = table.number(slots.BUFFER, "<I")
    if place >= max(1, len(buffers)):
        raise ModelError(f"tensor {index} refers to buffer {place} of {len(buffers)}; the file is damaged")
    start, count = buffers[place] if buffers else (0, 0)
    if count and nbytes and count != nbytes and table.table(slots.SPARSITY) is None:
        raise ModelError(f"tensor {index} of shape {shape} needs {nbytes} bytes, its buffer has {count}: damaged file")
    scales, zero_points, dimension = _read_quantisation(table.table(slots.QUANTISATION))
    return Tensor(
        index=index, name=table.text(slots.NAME)[:_LONGEST_NAME], shape=shape, dtype=dtype, nbytes=nbytes,
        is_constant=count > 0 or (place > 0 and nbytes == 0),
        is_variable=bool(table.number(slots.IS_VARIABLE, "<b")),
        scales=scales, zero_points=zero_points, quantised_dimension=dimension,
        signature=tuple(int(size) for size in table.array(slots.SHAPE_SIGNATURE, "<i4")),
        data_start=start, data_bytes=count,
    )  # fmt: skip


def _count_bytes(index: int, shape: tuple[int, ...], dtype: str) -> int:
    if any(size < 0 for size in shape) or math.prod(shape) > _LARGEST_TENSOR_ELEMENTS:
        raise ModelError(f"tensor {index} has shape {shape}; sizes must be fixed, 0 or more, 2³¹ in all at most")
    return (math.prod(shape) * schema.BITS_OF_TYPE.get(dtype, 0) + 7) // 8


def _read_quantisation(table: Table | None) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if table is None:
        return (), (), 0
    scales = tuple(float(scale) for scale in table.array(schema.Quantisation.SCALE, "<f4"))
    zero_points = tuple(int(point) for point in table.array(schema.Quantisation.ZERO_POINT, "<i8"))
    return scales, zero_points, table.number(schema.Quantisation.DIMENSION, "<i")


def _read_indices(table: Table, slot: int, count: int, lowest: int) -> tuple[int, ...]:
    indices = tuple(int(index) for index in table.array(slot, "<i4"))
    wrong = [index for index in indices if not lowest <= index < count]
    if wrong:
        raise ModelError(f"the graph refers to tensor {wrong[0]}, it has {count}; the file is damaged")
    return indices


def _read_operators(model: Table, subgraph: Table, tensors: tuple[Tensor, ...]) -> tuple[Operator, ...]:
    codes = [_name_code(table) for table in take_tables(model, schema.Model.OPERATOR_CODES, "codes")]
    tables = take_tables(subgraph, schema.SubGraph.OPERATORS, "operators")
    return tuple(_read_operator(index, table, codes, tensors) for index, table in enumerate(tables))


def _complete_shapes(model: Table, subgraph: Table, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Where a converter left a shape out behind an operator that only changes the form of numbers: its input's."""
    codes = [_name_code(table) for table in take_tables(model, schema.Model.OPERATOR_CODES, "codes")]
    forms = [row_of(name).changes_form for name, _ in codes]
    whole = list(tensors)
    for table in take_tables(subgraph, schema.SubGraph.OPERATORS, "operators"):
        place = table.number(schema.Operator.CODE_INDEX, "<I")
        if place < len(forms) and forms[place]:
            inputs = _read_indices(table, schema.Operator.INPUTS, len(tensors), lowest=-1)
            outputs = _read_indices(table, schema.Operator.OUTPUTS, len(tensors), lowest=0)
            for given, made in zip(inputs[:1], outputs[:1], strict=False):
                if given >= 0 and not whole[made].shape and not whole[made].is_constant:
                    shape = whole[given].shape
                    whole[made] = replace(whole[made], shape=shape, nbytes=_count_bytes(made, shape, whole[made].dtype))
    return tuple(whole)


def list_codes(graph: ModelGraph) -> tuple[str, ...]:
    """Names of the operators that the file registers, those of its other subgraphs too, sorted."""
    model = FlatBuffer(graph.data).root(schema.IDENTIFIER)
    return tuple(sorted({_name_code(table)[0] for table in model.tables(schema.Model.OPERATOR_CODES)}))


def _name_code(table: Table) -> tuple[str, int]:
    """Name and version of an operator code; the newer of its two code fields wins."""
    slots = schema.OperatorCode
    code = max(table.number(slots.DEPRECATED_BUILTIN, "<b"), table.number(slots.BUILTIN, "<i"))
    version = table.number(schema.OperatorCode.VERSION, "<i", default=1)
    if code == schema.CUSTOM_CODE:
        return "CUSTOM:" + table.text(schema.OperatorCode.CUSTOM)[:_LONGEST_NAME], version
    if not 0 <= code < len(schema.OPERATOR_NAMES):
        return f"UNKNOWN:{code}", version
    return schema.OPERATOR_NAMES[code], version


def _read_operator(index: int, table: Table, codes: list[tuple[str, int]], tensors: tuple[Tensor, ...]) -> Operator:
    place = table.number(schema.Operator.CODE_INDEX, "<I")
    if place >= len(codes):
        raise ModelError(f"operator {index} has code index {place} of {len(codes)}; the file is damaged")
    name, version = codes[place]
    row = row_of(name)
    inputs = _read_indices(table, schema.Operator.INPUTS, len(tensors), lowest=-1)
    outputs = _read_indices(table, schema.Operator.OUTPUTS, len(tensors), lowest=0)
    shapes = [tensors[tensor].shape if tensor >= 0 else None for tensor in inputs]
    made = [tensors[tensor].shape for tensor in outputs]
    _check_arity(index, row, shapes, made)
    macs = row.count_macs(shapes, made[0] if made else None)
    options = _read_options(row, table.table(schema.Operator.OPTIONS))
    return Operator(index=index, name=name, inputs=inputs, outputs=outputs, macs=macs, version=version, **options)


def _check_arity(index: int, row: OperatorRow, inputs: list[Shape | None], outputs: list[Shape]) -> None:
    """Refuse operators without the inputs and outputs that every reader of the graph relies on."""
    wanted = row.ranks or ()
    present = [-1 if shape is None else len(shape) for shape in inputs[: len(wanted)]]
    scalar = row.weights is not None and outputs[:1] == [()]
    if scalar or not row.takes(present) or len(outputs) < (row.outputs or 0):
        words = {ANY_RANK: "any", LEFT_OUT: "-"}
        raise ModelError(
            f"operator {index} ({row.name}) has inputs of ranks {present} and {len(outputs)} outputs"
            f"{' without an axis' if scalar else ''}, "
            f"it needs {[words.get(rank, rank) for rank in wanted]} and {row.outputs}; the file is damaged"
        )


def _check_packed(operators: Sequence[Operator], tensors: Sequence[Tensor]) -> None:
    """Refuse packed numbers that no kernel of TFLM's reads: all but constant int4 weights, and what is made float."""
    for one in operators:
        row, types = row_of(one.name), types_of(one, tensors) or ("", "")
        narrow = row.weights and row.weights.decodes and types[0] in ("int8", "float32")
        read = one.inputs[1:2] if narrow else one.inputs if row.role == "dequantise" else ()
        for tensor in (tensors[index] for index in (*one.inputs, *one.outputs) if index >= 0):
            known = tensor.dtype == INT4 and tensor.is_constant and tensor.index in read
            units = len(tensor.shape) == 2 and len(tensor.scales) > 1
            if tensor.dtype in schema.PACKED and (units or not known):
                raise ModelError(
                    f"tensor {tensor.index} of operator {one.index} ({one.name}) is {tensor.dtype}, which no kernel of "
                    "TFLM reads there\nallowed: int4 as constant weights beside int8 in CONV_2D, DEPTHWISE_CONV_2D "
                    "and, with one scale, FULLY_CONNECTED; else convert to int8"
                )


def _read_options(row: OperatorRow, table: Table | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        name: table.scalar(option.slot, option.layout, option.default) if table else option.default
        for name, option in (row.options or {}).items()
    }
    return {
        "stride": (options.get("stride_h", 1), options.get("stride_w", 1)),
        "dilation": (options.get("dilation_h", 1), options.get("dilation_w", 1)),
        "filter": (options.get("filter_h", 0), options.get("filter_w", 0)),
        "padding": _name_of(schema.PADDINGS, options.get("padding")),
        "activation": _name_of(schema.ACTIVATIONS, options.get("activation")),
        "depth_multiplier": options.get("depth_multiplier", 0),
        "axis": options.get("axis", 0),
        "beta": options.get("beta", 0.0),
        "options": tuple(options.items()),
    }


def _name_of(names: tuple[str, ...], code: int | None) -> str:
    return names[code] if code is not None and 0 <= code < len(names) else ""


def types_of(operator: Operator, tensors: Sequence[Tensor]) -> tuple[str, str] | None:
    """Types of activations and weights of an operator that holds weights, wherever they stand among its inputs."""
    row = row_of(operator.name)
    if not row.weights or row.data is None:
        return None
    weights = [index for index in operator.inputs[1:5] if index >= 0][:1]
    present = [tensors[index].dtype for index in (*operator.inputs[row.data : row.data + 1], *weights) if index >= 0]
    return (present[0], present[1]) if len(present) == 2 else None


def _classify_precision(operators: tuple[Operator, ...], tensors: tuple[Tensor, ...]) -> Precision:
    """One hybrid operator makes the model hybrid: TFLM refuses it whatever the others are."""
    kinds = set()
    for operator in operators:
        if pair := types_of(operator, tensors):
            kinds.add(_PRECISION_BY_TYPES.get(pair, "mixed"))
    if "hybrid" in kinds:
        return Precision.HYBRID
    if kinds == {"int8", "int8x4"}:
        return Precision.INT8X4
    if not kinds:
        kinds = {tensors[operator.outputs[0]].dtype for operator in operators if operator.outputs}
    return Precision(*kinds) if len(kinds) == 1 and kinds <= set(Precision) else Precision.MIXED
