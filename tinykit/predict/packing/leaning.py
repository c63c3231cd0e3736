"""The lean pass: a .tflite without what no interpreter reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import read
from tinykit.model.operators.table import row_of
from tinykit.predict.packing.packed import Packed
from tinykit.predict.packing.tree import GraphNode, ModelTree, read_tree
from tinykit.predict.packing.writing import write_tree
from tinykit.predict.runtime.verify import SameProof, prove_same

_BIAS_POSITION = 2
_LARGEST_MULTIPLIER = 0.01


def lean(model: ModelGraph | bytes | str | Path, *, prove: bool = True, inputs: int = 4) -> Packed:
    """The model without names, signatures, description, ranges, symbolic shapes, unused buffers and other metadata.

    Equal vectors, tables and constants are stored once, constants begin on 16-byte boundaries, and int32 biases lose
    their quantisation, which no TFLM kernel uses (it is kept where TFLM compares it: fully connected operators with
    one scale and a multiplier above 0.01). An offline memory plan stays. Works on any model TFLM can run, float too.

    Parameters
    ----------
    model : a .tflite file, its bytes or its graph.
    prove : run both files in TFLM and refuse a result whose outputs differ in any byte.
    inputs : made-up inputs for the proof, over the whole range of their type.

    Raises
    ------
    ModelError : no .tflite, damaged, with parts TFLM cannot run; or, proving, TFLM refuses it or the outputs differ.
    EngineError : the interpreter is not installed, or took too long.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    packed = read(write_tree(lean_tree(graph)), f"{graph.path} (lean)")
    return Packed(graph, packed, ("lean",), check_equal(graph, packed, inputs) if prove else None)


def lean_tree(graph: ModelGraph) -> ModelTree:
    """The model's tree without the quantisation of its biases; errors as `lean`."""
    tree = read_tree(graph.data)
    dropped = find_idle_biases(graph)
    tensors = tuple(
        replace(tensor, scales=b"", zero_points=b"", dimension=0) if index in dropped else tensor
        for index, tensor in enumerate(tree.main.tensors)
    )
    main: GraphNode = replace(tree.main, tensors=tensors)
    return replace(tree, graphs=(main, *tree.graphs[1:]))


def find_idle_biases(graph: ModelGraph) -> frozenset[int]:
    """Bias tensors whose quantisation no TFLM kernel looks at."""
    uses: dict[int, list[bool]] = {}
    for operator in graph.operators:
        held = row_of(operator.name).weights
        for position, index in enumerate(operator.inputs):
            idle = position == _BIAS_POSITION and held is not None and _is_idle(graph, operator, held.bias)
            uses.setdefault(index, []).append(idle)
    used = {index for index, idle in uses.items() if all(idle)} - {-1, *graph.outputs}
    return frozenset(
        index for index in used if graph.tensors[index].is_constant and graph.tensors[index].dtype in ("int32", "int64")
    )


def check_equal(before: ModelGraph, after: ModelGraph, inputs: int) -> SameProof:
    """The proof that both give the same bytes; ModelError where they do not."""
    proof = prove_same(before.data, after.data, n=inputs)
    if not proof.equal:
        raise ModelError(
            f"{after.path}: its outputs differ from the model's on {inputs} inputs, so it is not handed out; "
            "keep the file as it is and report the model"
        )
    return proof


def _is_idle(graph: ModelGraph, operator: Operator, bias: str) -> bool:
    """TFLM checks input x weight scale against the bias scale where an operator has one scale for all weights."""
    data, weights, output = (graph.tensors[one] for one in (*operator.inputs[:2], operator.outputs[0]))
    if not bias or data.dtype not in ("int8", "int16"):
        return False
    if bias == "idle" or len(weights.scales) > 1:
        return True
    if not (data.scales and weights.scales and output.scales):
        return False
    with np.errstate(all="ignore"):
        multiplier = np.float64(data.scales[0]) * np.float64(weights.scales[0]) / np.float64(output.scales[0])
    return bool(multiplier <= _LARGEST_MULTIPLIER)
