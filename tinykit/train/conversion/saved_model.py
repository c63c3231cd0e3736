"""SavedModel folders: a program of TensorFlow, of which only arithmetic is let through, and only its signature run.

The parent copies the three parts that a model needs. The child looks at the graph before it loads anything: what leads
to the signature's outputs may hold arithmetic and nothing else, and no object may stand in it that TensorFlow would
initialise by running the file's own functions (tables, files).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinykit.ground.errors import ModelError
from tinykit.train.conversion.keras_containers import MAX_FILE_BYTES

_PROGRAM, _VARIABLES = "saved_model.pb", "variables"
_MAX_SHARDS = 16
_SIGNATURES = ("serving_default", "serve")
_OBJECTS = frozenset("user_object variable constant function bare_concrete_function".split())
_OPERATORS = frozenset(
    "Abs Add AddN AddV2 ArgMax ArgMin AvgPool BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd BroadcastTo Cast "
    "Ceil ClipByValue Concat ConcatV2 Const Conv2D Conv2DBackpropInput Cos Cumsum DepthToSpace DepthwiseConv2dNative "
    "DisableCopyOnRead Einsum Elu EnsureShape Equal Erf Exp ExpandDims Fill Floor FloorDiv FloorMod FusedBatchNorm "
    "FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual Identity IdentityN L2Loss LeakyRelu Less "
    "LessEqual Log LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool MaxPoolV2 Maximum Mean Min Minimum "
    "MirrorPad Mul Neg NoOp NotEqual OneHot Pack Pad PadV2 PartitionedCall Placeholder PlaceholderWithDefault Pow "
    "PreventGradient Prod Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear "
    "ResizeNearestNeighbor ResourceGather ReverseV2 Round Rsqrt Select SelectV2 Selu Shape Sigmoid Sign Sin Size "
    "Slice Snapshot Softmax Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference "
    "Squeeze StatefulPartitionedCall StopGradient StridedSlice Sub Sum Tanh Tile TopKV2 Transpose Unpack VarHandleOp "
    "ZerosLike".split()
)
_LOOPS = frozenset("While StatelessWhile TensorListReserve TensorListFromTensor TensorListStack".split())


def copy_saved_model(source: Path, folder: Path) -> Path:
    """A copy of the program and the variables of a SavedModel, and of nothing else in it, as `saved_model` in `folder`.

    Raises
    ------
    ModelError : no SavedModel, too large, a link in the place of a file.
    """
    if not (source / _PROGRAM).is_file():
        raise ModelError(f"{source.name}: a folder without {_PROGRAM}, so no SavedModel; give one, or a Keras file")
    shards = sorted((source / _VARIABLES).glob("variables.data-*"))[: _MAX_SHARDS + 1]
    parts = [source / _PROGRAM, source / _VARIABLES / "variables.index", *shards]
    parts = [part for part in parts if part.exists() or part.is_symlink()]
    copy, size = folder / "saved_model", 0
    try:
        for part in parts:
            if part.is_symlink() or part.parent.is_symlink() or not part.is_file():
                raise ModelError(f"{source.name}: {part.name[:60]} is a link or no file, which no program saves")
            size += part.stat().st_size
            if size > MAX_FILE_BYTES or len(shards) > _MAX_SHARDS:
                raise ModelError(
                    f"{source.name}: over {MAX_FILE_BYTES} bytes or {_MAX_SHARDS} parts, no model needs that"
                )
            target = copy / part.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(part, target, follow_symlinks=False)
    except OSError as error:
        raise ModelError(f"{source.name}: cannot be copied to be looked at ({error.strerror or error})") from error
    return copy


def load_signature(folder: Path, name: str) -> Any:
    """The signature of a copied SavedModel, as a function with its inputs by name, and the object that holds it.

    Raises
    ------
    ModelError : the program holds more than arithmetic, or has no one signature, or cannot be read.
    """
    import tensorflow

    chosen = _check_program(_parse(folder, name), name)
    try:
        loaded = tensorflow.saved_model.load(str(folder))
        return loaded.signatures[chosen], loaded
    except Exception as error:
        raise ModelError(f"{name}: this SavedModel cannot be loaded ({str(error)[:200]}); save it again") from error


def list_signature_inputs(signature: Any, name: str) -> dict[str, tuple[int | None, ...]]:
    """Name and shape without batch of each input of a signature; `ModelError` where one does not take float32."""
    specs = signature.structured_input_signature[1]
    for key, spec in specs.items():
        if spec.dtype.name != "float32" or spec.shape.rank is None:
            raise ModelError(
                f"{name}: input {key!r} takes {spec.dtype.name} {spec.shape}; export it with float32 inputs"
            )
    return {key: tuple(spec.shape.as_list()[1:]) for key, spec in specs.items()}


def _parse(folder: Path, name: str) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    program = saved_model_pb2.SavedModel()
    try:
        program.ParseFromString((folder / _PROGRAM).read_bytes())
    except Exception as error:  # protobuf's DecodeError, whichever of its implementations raises it
        raise ModelError(f"{name}: its {_PROGRAM} is damaged or truncated; save it again") from error
    graphs = program.meta_graphs
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        raise ModelError(f"{name}: a SavedModel of TensorFlow 1 or of several graphs; save it again with TensorFlow 2")
    return graphs[0]


def _check_program(graph: Any, name: str) -> str:
    """The signature to take, once nothing but arithmetic leads to its outputs and no object brings its own start."""
    kinds = {str(node.WhichOneof("kind")) for node in graph.object_graph_def.nodes}
    if strange := kinds - _OBJECTS:
        raise ModelError(f"{name}: holds a {min(strange)}, which TensorFlow would start; only arithmetic is loaded")
    known = {key: value for key, value in graph.signature_def.items() if value.outputs and value.inputs}
    chosen = next((key for key in _SIGNATURES if key in known), min(known) if len(known) == 1 else None)
    if chosen is None:
        listed = ", ".join(sorted(known)) or "none"
        raise ModelError(f"{name}: no signature serving_default (it has: {listed[:120]}); export it with model.export")
    ends = [output.name for output in known[chosen].outputs.values()]
    used = {node.op for node in _list_nodes(graph.graph_def, ends)}
    if used & _LOOPS:
        raise ModelError(
            f"{name}: its recurrent layers are exported as loops of open length, which do not convert\n"
            "save the model as .keras, from which they are rebuilt, or export it with unroll=True"
        )
    if strange := used - _OPERATORS:
        listed = ", ".join(sorted(strange)[:6])
        raise ModelError(
            f"{name}: its program holds {listed[:200]}; only arithmetic is loaded\n"
            "save the model as .keras, from which it is rebuilt, or leave these out"
        )
    return chosen


def _list_nodes(graph: Any, ends: list[str]) -> Iterator[Any]:
    """Every node that leads to the ends, those of the functions called on the way included."""
    nodes = {node.name: node for node in graph.node}
    functions = {one.signature.name: one for one in graph.library.function}
    waiting, seen = [_node_of(end) for end in ends], set[str]()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        found = functions[place[1:]].node_def if place.startswith("@") else [nodes[place]]
        for node in found:
            yield node
            called = [value.func.name for value in node.attr.values() if value.HasField("func")]
            called += [one.name for value in node.attr.values() for one in value.list.func]
            waiting += [f"@{one}" for one in called if one in functions]
            waiting += [] if place.startswith("@") else [_node_of(source) for source in node.input]


def _node_of(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]
