"""What packing a model answers with: the file before, the file after, what was done, and the proof."""

from dataclasses import dataclass, field
from pathlib import Path

from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.record import write_atomically
from tinykit.predict.packing.cost import DecodeCost
from tinykit.predict.runtime.verify import SameProof


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
    proof : both run in TFLM on the same inputs; None where that was not asked for.
    coded : the tensors that are decoded on the device, empty without DECODE.
    cost : what decoding costs on the device; None without DECODE.
    """

    JSON = (
        *("recipe", "sha256_before=before.sha256", "sha256=graph.sha256"),
        *("flatbuffer_bytes_before=before.flatbuffer_bytes", "flatbuffer_bytes", "flash_bytes", "equal", "inputs"),
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
        """Outputs byte-equal in TFLM on this host; None where that was not tried."""
        return self.proof.equal if self.proof else None

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
        proof = "not run" if self.proof is None else "outputs equal in TFLM" if self.proof.equal else "outputs DIFFER"
        code = f" + {self.cost.code.value:,.0f} of decoder code" if self.cost else ""
        return (
            f"{' + '.join(self.recipe)}: {self.before.flatbuffer_bytes:,} -> {self.flatbuffer_bytes:,} bytes "
            f"({share:.0%} less){code}; {proof}"
        )
