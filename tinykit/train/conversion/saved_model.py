"""SavedModel folders: a program of TensorFlow, of which only arithmetic is let through, and only its signature run.

The parent copies the three parts that a model needs. Before the child loads them, no object may stand in them that
TensorFlow would initialise or restore by the file's own functions (tables, files, savers). What it then looks at is the
very function that will run, with all that this calls, whatever else the file says of it: arithmetic and no more.
"""

import shutil
from pathlib import Path
from typing import Any

from tinykit.ground import limits
from tinykit.ground.errors import ModelError

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
            if size > limits.WEIGHTS_BYTES or len(shards) > _MAX_SHARDS:
                most = f"{limits.WEIGHTS_BYTES} bytes or {_MAX_SHARDS} parts"
                raise ModelError(f"{source.name}: over {most}, no model needs that")
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

    _check_objects(_parse(folder, name), name)
    try:
        loaded = tensorflow.saved_model.load(str(folder))
        known = {key: one for key, one in loaded.signatures.items() if one.inputs and one.outputs}
    except Exception as error:
        raise ModelError(f"{name}: this SavedModel cannot be loaded ({str(error)[:200]}); save it again") from error
    chosen = next((key for key in _SIGNATURES if key in known), min(known) if len(known) == 1 else None)
    if chosen is None:
        listed = ", ".join(sorted(known)) or "none"
        raise ModelError(f"{name}: no signature serving_default (it has: {listed[:120]}); export it with model.export")
    _check_operators(known[chosen].graph.as_graph_def(), name)
    return known[chosen], loaded


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


def _check_objects(graph: Any, name: str) -> None:
    """Nothing that TensorFlow would run in loading: what starts, and what saves or restores by the file's own code."""
    nodes = graph.object_graph_def.nodes
    strange = sorted({str(node.WhichOneof("kind")) for node in nodes} - _OBJECTS)
    strange += ["saver of its own" for node in nodes if node.saveable_objects or node.registered_saver]
    strange += [f"registered {node.registered_name[:60]}" for node in nodes if node.registered_name]
    if strange:
        raise ModelError(f"{name}: holds a {strange[0]}, which TensorFlow would start; only arithmetic is loaded")


def _check_operators(program: Any, name: str) -> None:
    """Nothing but arithmetic in what will run: the function itself as it was loaded, and all that it can call."""
    used = {node.op for node in program.node}
    used |= {node.op for function in program.library.function for node in function.node_def}
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
