"""TFLM's DECODE: weights coded in flash, decoded into the arena before each operator that reads them.

And which packing pays on a runtime: lean alone, or with DECODE, in the arena there is.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tinykit.ground.caches import remember
from tinykit.ground.errors import ModelError, UnknownRuntimeError
from tinykit.ground.results import Result
from tinykit.model.graph import schema
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.model.graph.tree import CodeNode, ModelTree, OperatorNode, TensorNode
from tinykit.model.graph.writing import write_tree
from tinykit.model.operators.table import DECODE, row_of
from tinykit.predict.arena.blocks import find_views
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.flash import decoder_code
from tinykit.predict.packing.coding import Coding, decode_coding, list_codings
from tinykit.predict.packing.cost import cost_of_decode, has_decode, refuse_decode
from tinykit.predict.packing.leaning import CodedTensor, Packed, check_equal, lean, lean_tree
from tinykit.predict.runtime.reference import TFLM, reference_engine, require_tflm
from tinykit.predict.runtime.session import Session
from tinykit.target.runtimes import refuse_int4

_WEIGHT_POSITION = 1
_CERTAIN_GAIN_BYTES = 600
_BYTE_TYPE = schema.TYPE_NAMES.index("uint8")


def code_weights(
    model: ModelGraph | bytes | str | Path,
    *,
    inputs: int = 4,
    least_gain_bytes: int = 64,
    most_decoded_bytes: int | None = None,
) -> Packed:
    """The lean model with every weight tensor coded that becomes smaller by it, proven equal in TFLM.

    Each weight tensor of a convolution, depthwise convolution or fully connected operator is tried as lookup table
    (one shared, and one a channel) and as pruned (bitmask and non-zeros); the smallest coding is taken where the whole
    file shrinks by `least_gain_bytes` for it, operator and tables included. Where nothing shrinks the result is the
    lean model, with `coded` empty. The decoder's own code (`cost.code`) is not in the file: compare `flash_bytes`.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph; of one subgraph, without DECODE.
    inputs : made-up inputs for the proof. The decoded weights themselves are compared in TFLM too, byte by byte.
    least_gain_bytes : what a tensor has to save in the file to be worth decoding at each inference.
    most_decoded_bytes : larger tensors stay as they are, as a decoded one lies whole in the arena; None for no limit.

    Raises
    ------
    ModelError : as `lean`, several subgraphs, DECODE in it already, or an outcome that is not byte-equal.
    EngineError : TFLM's interpreter is not installed, or took too long: without the proof no file is handed out.
    """
    require_tflm("a model with DECODE")
    graph = model if isinstance(model, ModelGraph) else read(model)
    _check(graph)
    tree = lean_tree(graph)
    chosen = choose_codings(graph, tree, least_gain_bytes, most_decoded_bytes)
    name = f"{graph.path} (lean + decode)" if chosen else f"{graph.path} (lean)"
    after = read(write_tree(insert_decode(graph, tree, chosen)), name)
    proof = check_equal(graph, after, inputs)
    if not chosen:
        return Packed(graph, after, ("lean",), proof)
    _check_weights(graph, tree, chosen)
    coded = tuple(_describe(graph, index, coding) for index, coding in sorted(chosen.items()))
    return Packed(graph, after, ("lean", "decode"), proof, coded, cost_of_decode(after))


def find_codings(graph: ModelGraph) -> dict[int, Coding]:
    """Smallest coding of each weight tensor that DECODE may write and that is smaller than its values."""
    found = {}
    for index in list_weights(graph):
        tensor, values = graph.tensors[index], graph.constant(index)
        for coding in list_codings(tensor, values)[:1]:
            if coding.nbytes < tensor.nbytes and decode_coding(coding, tensor).tobytes() == values.tobytes():
                found[index] = coding
    return found


def insert_decode(graph: ModelGraph, tree: ModelTree, chosen: Mapping[int, Coding]) -> ModelTree:
    """The tree with these weight tensors coded, and a DECODE before each operator that reads one.

    Each reader gets a decoded tensor of its own: it lives in the arena from its DECODE to that reader only.
    """
    if not chosen:
        return tree
    buffers, tensors = list(tree.buffers), list(tree.main.tensors)
    tables, operators = {}, []
    for index, coding in chosen.items():
        tables[index] = len(tensors)
        tensors.append(_bytes_tensor(buffers, coding.tables))
    for position, operator in enumerate(tree.main.operators):
        weights = weights_of(graph, position)
        if weights in chosen:
            decoded = len(tensors)
            tensors.append(replace(tree.main.tensors[weights], buffer=0))
            operators.append(OperatorNode(len(tree.codes), (weights, tables[weights]), (decoded,)))
            rewired = (operator.inputs[0], decoded, *operator.inputs[2:])
            operators.append(replace(operator, inputs=rewired))
        else:
            operators.append(operator)
    for index, coding in chosen.items():
        tensors[index] = _bytes_tensor(buffers, coding.codes)
    main = replace(tree.main, tensors=tuple(tensors), operators=tuple(operators))
    codes = (*tree.codes, CodeNode(schema.CUSTOM_CODE, DECODE.removeprefix("CUSTOM:").encode()))
    plans = tuple(_extend_plan(plan, len(tensors)) for plan in tree.plans)
    return replace(tree, codes=codes, graphs=(main,), buffers=tuple(buffers), plans=plans)


def _check(graph: ModelGraph) -> None:
    if graph.subgraphs != 1:
        raise ModelError(f"the model has {graph.subgraphs} subgraphs, DECODE is put into models of one; use lean alone")
    if DECODE in graph.operator_counts():
        raise ModelError(
            f"the model has {DECODE.removeprefix('CUSTOM:')} operators already; pack the model it was made from"
        )


def list_weights(graph: ModelGraph) -> tuple[int, ...]:
    """Constants that are the weights of some operator and nothing else; of stripes none, each would decode them."""
    others = set(graph.inputs) | set(graph.outputs)
    readers = Counter(weights_of(graph, operator.index) for operator in graph.operators)
    others |= {one for one, count in readers.items() if count > 1} if find_views(graph) else set()
    for operator in graph.operators:
        own = weights_of(graph, operator.index)
        others |= {one for at, one in enumerate(operator.inputs) if (at, one) != (_WEIGHT_POSITION, own)}
    weights = {weights_of(graph, operator.index) for operator in graph.operators} - others - {-1}
    plain = ("int8", "int16", "float32")
    return tuple(
        index for index in sorted(weights)
        if (one := graph.tensors[index]).is_constant and one.dtype in plain and one.data_bytes == one.nbytes
    )  # fmt: skip


def weights_of(graph: ModelGraph, position: int) -> int:
    """The tensor of an operator's weights, -1 where it has none that DECODE may write."""
    operator = graph.operators[position]
    held = row_of(operator.name).weights
    return operator.inputs[_WEIGHT_POSITION] if held and held.decodes else -1


def choose_codings(
    graph: ModelGraph, tree: ModelTree, least_gain_bytes: int, most_decoded_bytes: int | None = None
) -> dict[int, Coding]:
    """The codings that pay: all, then without each one whose absence costs less than `least_gain_bytes`."""
    chosen = find_codings(graph)
    if most_decoded_bytes is not None:
        chosen = {index: one for index, one in chosen.items() if graph.tensors[index].nbytes <= most_decoded_bytes}
    contents = [tree.buffers[tensor.buffer] for tensor in tree.main.tensors]
    gains = {index: graph.tensors[index].nbytes - coding.nbytes for index, coding in chosen.items()}
    size = len(write_tree(insert_decode(graph, tree, chosen)))
    for index in sorted(chosen, key=gains.__getitem__):
        if gains[index] > max(_CERTAIN_GAIN_BYTES, 4 * least_gain_bytes) and contents.count(contents[index]) == 1:
            continue
        fewer = {one: coding for one, coding in chosen.items() if one != index}
        without = len(write_tree(insert_decode(graph, tree, fewer)))
        if without < size + least_gain_bytes:
            chosen, size = fewer, without
    return chosen


def _bytes_tensor(buffers: list[bytes], content: bytes) -> TensorNode:
    buffers.append(content)
    return TensorNode((len(content),), _BYTE_TYPE, len(buffers) - 1)


def _extend_plan(plan: bytes, tensors: int) -> bytes:
    """An offline plan that leaves the new tensors to TFLM's planner."""
    words = np.frombuffer(plan, "<i4")
    offsets = np.full(tensors, -1, "<i4")
    known = words[3 : 3 + min(int(words[2]), tensors)]
    offsets[: len(known)] = known
    return np.concatenate([words[:2], [tensors], offsets]).astype("<i4").tobytes()


def _check_weights(graph: ModelGraph, tree: ModelTree, chosen: Mapping[int, Coding]) -> None:
    """Let TFLM decode every tensor as an output of the model, and compare it with the weights it came from."""
    coded = insert_decode(graph, tree, chosen)
    code = len(tree.codes)
    pairs = [(one.inputs[0], one.outputs[0]) for one in coded.main.operators if one.code == code]
    outputs = tuple(decoded for _, decoded in pairs)
    probe = write_tree(replace(coded, graphs=(replace(coded.main, outputs=outputs),)))
    with Session(probe) as session:
        given = tuple(np.zeros((1, *one.sample_shape), one.dtype) for one in session.inputs)
        results = session.run_all(given)
    for (index, _), values in zip(pairs, results, strict=True):
        if values.tobytes() != graph.constant(index).tobytes():
            raise ModelError(
                f"tensor {index} is not decoded to the weights it was coded from, so the file is not handed out;\n"
                "use lean alone and report the model"
            )


def _describe(graph: ModelGraph, index: int, coding: Coding) -> CodedTensor:
    readers = tuple(one.index for one in graph.operators if weights_of(graph, one.index) == index)
    tensor = graph.tensors[index]
    method = "lookup table" if coding.bits else "pruning"
    return CodedTensor(
        index, readers, method, coding.bits, coding.table_count, tensor.elements, tensor.nbytes, coding.nbytes
    )


_LEAST_GAIN_BYTES = 64


@dataclass(frozen=True, slots=True, eq=False)
class PackChoice(Result):
    """What packing a model for a runtime comes to.

    Parameters
    ----------
    graph, runtime : what was asked.
    plain : the lean model.
    coded : the lean model with DECODE; None where the runtime cannot run it, or where no tensor shrinks by it.
    chosen : the one of both that takes less flash, the decoder's code counted in.
    reason : why.
    """

    graph: ModelGraph = field(repr=False)
    runtime: str
    plain: Packed
    coded: Packed | None
    chosen: Packed
    reason: str

    @property
    def saves(self) -> bool:
        """Whether fewer bytes reach flash than with the model as it came."""
        return self.chosen.flash_bytes < self.graph.flatbuffer_bytes


def pack(
    model: ModelGraph | bytes | str | Path,
    *,
    runtime: str = "tflm-cmsis-nn",
    core: str = "cortex-m4",
    arena_limit_bytes: int | None = None,
    inputs: int = 4,
) -> PackChoice:
    """The smallest proven packing of a model for a runtime.

    Parameters
    ----------
    model, inputs : as for `lean`.
    runtime, core : as in a fit check; what cannot run DECODE gets the lean model.
    arena_limit_bytes : the arena may grow to this: decoded weights lie in it, so the largest tensors stay raw where
        they would not fit; None for no limit, of a model in stripes for the head that they leave.

    Raises
    ------
    ModelError, EngineError : as `lean` and `code_weights`.
    UnknownRuntimeError : a limit, and no arena known for the runtime; or int4 weights that it does not run.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    if refusal := refuse_int4(graph, runtime):
        raise UnknownRuntimeError(refusal)
    plain = lean(graph, inputs=inputs)
    why = _why_not(graph, runtime)
    if why:
        return PackChoice(graph, runtime, plain, None, plain, f"no DECODE: {why}")
    striped = bool(find_views(graph))
    limited = arena_limit_bytes is not None or striped
    largest = _find_largest(graph, runtime, core, arena_limit_bytes) if limited else None
    coded = code_weights(graph, inputs=inputs, least_gain_bytes=_LEAST_GAIN_BYTES, most_decoded_bytes=largest)
    if not coded.coded:
        where = " in the head that its stripes leave" if striped else ""
        where = where if arena_limit_bytes is None else f" in an arena of {arena_limit_bytes:,} bytes"
        return PackChoice(graph, runtime, plain, None, plain, f"no DECODE: no weight tensor shrinks by it{where}")
    return _compare(graph, runtime, plain, coded)


@remember
def foresee_flash(graph: ModelGraph, *, runtime: str = "tflm-cmsis-nn") -> int:
    """Bytes of file and decoder code that `pack` would come to, in milliseconds: nothing is proven or handed out.

    Raises
    ------
    ModelError : as `lean`.
    """
    tree = lean_tree(graph)
    plain = len(write_tree(tree))
    chosen = {} if _why_not(graph, runtime) else choose_codings(graph, tree, _LEAST_GAIN_BYTES)
    if not chosen:
        return plain
    return min(plain, len(write_tree(insert_decode(graph, tree, chosen))) + round(decoder_code().value))


def _why_not(graph: ModelGraph, runtime: str) -> str:
    if refuse_decode(runtime):
        return refuse_decode(runtime)
    if graph.subgraphs != 1:
        return "the model has several subgraphs"
    if has_decode(graph):
        return "the model has DECODE operators already"
    return "" if reference_engine() is TFLM else "not proven: TFLM alone runs it, which is not installed here"


def _compare(graph: ModelGraph, runtime: str, plain: Packed, coded: Packed) -> PackChoice:
    gain, code = plain.flash_bytes - coded.flash_bytes, coded.flash_bytes - coded.flatbuffer_bytes
    if gain > 0:
        reason = f"DECODE saves {gain:,} bytes more, its code of {code:,} bytes counted in"
        return PackChoice(graph, runtime, plain, coded, coded, reason)
    reason = f"no DECODE: it saves {gain + code:,} bytes of file, less than its code of {code:,}"
    return PackChoice(graph, runtime, plain, coded, plain, reason)


def _find_largest(graph: ModelGraph, runtime: str, core: str, limit_bytes: int | None) -> int:
    """Size of the largest tensors that may be decoded with the arena still inside the limit [byte]; 0 for none.

    Without a limit: with the head still as it is.
    """
    tree, head = lean_tree(graph), predict_arena(graph, runtime=runtime, core=core).head_bytes
    every = choose_codings(graph, tree, _LEAST_GAIN_BYTES)
    for largest in sorted({graph.tensors[index].nbytes for index in every}, reverse=True):
        chosen = {index: one for index, one in every.items() if graph.tensors[index].nbytes <= largest}
        trial = read(write_tree(insert_decode(graph, tree, chosen)))
        arena = predict_arena(trial, runtime=runtime, core=core)
        if arena.head_bytes <= head if limit_bytes is None else arena.to_start <= limit_bytes:
            return largest
    return 0
