"""The lean pass: a .tflite without what no interpreter reads; and `Packed`, what every packing answers with."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.ground.writing import write_atomically
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import read
from tinykit.model.graph.tree import GraphNode, ModelTree, read_tree
from tinykit.model.graph.writing import write_tree
from tinykit.model.operators.table import row_of
from tinykit.predict.packing.cost import DecodeCost
from tinykit.predict.runtime.proving import SameProof, prove_same
from tinykit.predict.runtime.reference import find_reference


@dataclass(frozen=True, slots=True)
class CodedTensor(Result):
    """A weight tensor that is stored coded and decoded on the device before each operator that reads it.

    Parameters
    ----------
    tensor : index in the model before packing.
    operators : positions there of the operators that read it.
    method : "lookup table" (indices of 1–7 bits and the values) or "pruning" (a bit for each weight and the non-zeros).
    bits : of an index, 0 for pruning.
    tables : lookup tables: 1 shared by all, or one a channel; 0 for pruning.
    weights : number of them.
    raw_bytes, coded_bytes : in the file before and after, coded with tables and header.
    """

    JSON = ("tensor", "operators", "method", "bits", "tables", "raw_bytes", "coded_bytes")

    tensor: int
    operators: tuple[int, ...]
    method: str
    bits: int
    tables: int
    weights: int
    raw_bytes: int
    coded_bytes: int

    def __str__(self) -> str:
        how = self.method if not self.bits else f"{self.bits}-bit {self.method}" + ("" if self.tables == 1 else "s")
        return f"tensor {self.tensor}: {self.raw_bytes:,} -> {self.coded_bytes:,} bytes, {how}"


@dataclass(frozen=True, slots=True, eq=False)
class Packed(Result):
    """A model and the smaller file made of it.

    Parameters
    ----------
    before, graph : the model as it came, and as it is now; `graph.data` are its bytes.
    recipe : what was done: ("lean",) or ("lean", "decode").
    proof : both run on the same inputs, in TFLM or in what stands in for it; None where that was not asked for.
    coded : the tensors that are decoded on the device, empty without DECODE.
    cost : what decoding costs on the device; None without DECODE.
    """

    JSON = (
        *("recipe", "sha256_before=before.sha256", "sha256=graph.sha256"),
        *("flatbuffer_bytes_before=before.flatbuffer_bytes", "flatbuffer_bytes", "flash_bytes", "equal", "inputs"),
        "engine=proof.engine",
        *("faults=proof.faults", "faults_seen=proof.caught"),
        *("arena_head_bytes_before=proof.before.head_bytes", "arena_head_bytes=proof.after.head_bytes"),
        *("coded", "cost"),
    )

    before: ModelGraph
    graph: ModelGraph
    recipe: tuple[str, ...]
    proof: SameProof | None
    coded: tuple[CodedTensor, ...] = field(default=())
    cost: DecodeCost | None = None

    @property
    def data(self) -> bytes:
        """The packed file."""
        return self.graph.data

    @property
    def flatbuffer_bytes(self) -> int:
        """Size of the packed file [byte]: all of it lies in flash."""
        return self.graph.flatbuffer_bytes

    @property
    def saved_bytes(self) -> int:
        """Bytes of file won [byte], not counting the decoder's code; negative where it grew."""
        return self.before.flatbuffer_bytes - self.flatbuffer_bytes

    @property
    def flash_bytes(self) -> int:
        """File and, with DECODE, the decoder's code (`cost.code.value`) [byte]: what to compare with a plain file."""
        return self.flatbuffer_bytes + (round(self.cost.code.value) if self.cost else 0)

    @property
    def equal(self) -> bool | None:
        """Outputs byte-equal in the proof's engine on this host; None where that was not tried."""
        return self.proof.equal if self.proof else None

    @property
    def judge(self) -> str:
        """What the proof was made in: "TFLM", or "LiteRT's reference kernels"; empty without one."""
        return find_reference(self.proof.engine).name if self.proof else ""

    @property
    def inputs(self) -> int:
        """How many inputs the proof ran on, 0 without one."""
        return self.proof.n if self.proof else 0

    def save(self, path: str | Path) -> Path:
        """Write the file whole or not at all; OutputError where the folder cannot be written."""
        where = Path(path)
        write_atomically(where, self.data)
        return where

    def __str__(self) -> str:
        share = self.saved_bytes / self.before.flatbuffer_bytes
        proof = f"outputs {self.proof.verdict} in {self.judge}" if self.proof else "not run"
        code = f" + {self.cost.code.value:,.0f} of decoder code" if self.cost else ""
        return (
            f"{' + '.join(self.recipe)}: {self.before.flatbuffer_bytes:,} -> {self.flatbuffer_bytes:,} bytes "
            f"({share:.0%} less){code}; {proof}"
        )


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
    prove : run both files in TFLM, or in LiteRT's reference kernels where TFLM's interpreter is not installed, and
        refuse a result whose outputs differ in any byte.
    inputs : made-up inputs for the proof, over the whole range of their type.

    Raises
    ------
    ModelError : no .tflite, damaged, with parts TFLM cannot run; or, proving, the engine refuses it or outputs differ.
    EngineError : no interpreter is installed, or it took too long.
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
    """The proof that both give the same bytes; ModelError where they do not, or where no input would show it."""
    proof = prove_same(before.data, after.data, n=inputs)
    if proof.equal:
        return proof
    if proof.same:
        raise ModelError(
            f"{after.path}: not proven: whatever is changed, {inputs} inputs are answered alike ({proof.power});\n"
            "give more inputs, look for dead operators, or take lean(model, prove=False)"
        )
    raise ModelError(
        f"{after.path}: its outputs differ from the model's on {inputs} inputs, so it is not handed out; "
        "keep the file as it is and report the model"
    )


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
