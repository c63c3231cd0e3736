"""The table of operators: what the kit knows of each, read by all that has to do with operators.

It is `data/operators.csv`, one row each, every cell filled or "-".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.model.operators.rules import MACS, PREPARED, SCRATCH, BytesRule, MacsRule, Shape

DECODE = "CUSTOM:TFLM_DECODE"
"""TFLM's operator that decodes stored weights into the arena."""

NPU = "CUSTOM:ethos-u"
"""What Arm's compiler leaves of the operators that it hands to an Ethos-U."""

ANY_RANK, LEFT_OUT = -1, -2
"""In `ranks`: an input of any rank, and one that may be left out."""


@dataclass(frozen=True, slots=True)
class Option:
    """Where an option stands in the file's table of options: slot, layout as in `struct`, and default."""

    slot: int
    layout: str
    default: int


@dataclass(frozen=True, slots=True)
class Weights:
    """The second input of an operator that holds weights.

    Parameters
    ----------
    last : a float kernel's output channels are its last axis, not its first.
    folds : a scale and an offset of each channel behind it can be folded into weights and bias.
    decodes : kernels look at the weights only when they run, so that DECODE may write them before.
    bias : "idle" where no TFLM kernel looks at the bias's scale, "compared" where TFLM compares it with those of input
        and weights if these have one, "" where the bias is left alone.
    """

    last: bool
    folds: bool
    decodes: bool
    bias: str


@dataclass(frozen=True, slots=True)
class Tail:
    """Bytes that a 32-bit target keeps for an operator.

    Parameters
    ----------
    options, wide_options : parsed (`TfLiteConvParams` and its like) where an enumeration takes one byte, as the Arm ABI
        packs them, and where it takes four, as on Xtensa and RISC-V.
    kernel, cmsis_kernel : a kernel's own data (`OpDataConv` and its like), of TFLM's reference and of CMSIS-NN's.
    """

    options: int
    wide_options: int
    kernel: int
    cmsis_kernel: int


@dataclass(frozen=True, slots=True)
class Rounding:
    """How two right kernels of an operator may differ, where that is not by one step of a requantisation.

    It hands numbers on as they are (`carries`), or rounds inside at each time step and feeds that back (`recurrent`).
    `steps`: by type of the output, the steps that right kernels may lie apart.
    """

    carries: bool
    recurrent: bool
    steps: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """One operator; a cell is None where there is nothing of the kind, or nothing is known.

    Parameters
    ----------
    name : as in the model file; custom operators as "CUSTOM:…".
    method : of TFLM's `MicroMutableOpResolver`, without "Add".
    role : "affine" (one operand times or plus the other), "quantise", "dequantise", "imitate" or "decode".
    ranks : of the inputs it cannot do without, `ANY_RANK` for any, `LEFT_OUT` for one that may be left out.
    outputs : how many it cannot do without: 0 for one that only changes a state.
    data : position of the input that holds the activations.
    macs : rule of its multiply-accumulates.
    weights : of an operator that holds weights.
    layers : Keras layers that become this operator.
    tail, prepared : bytes kept for it, and rule of what its kernel allocates for good.
    scratch : rule of the buffers its kernel asks for while it runs.
    latency : kind of kernel in the instruction model; convolutions go on to kinds by filter.
    lowering : kind of C the exporter writes for it.
    counted : kind of correction from the export's instructions to TFLM's.
    rounding : how its kernels may differ by right.
    options : by name.
    """

    name: str
    method: str | None
    role: str | None
    ranks: tuple[int, ...] | None
    outputs: int | None
    data: int | None
    macs: MacsRule | None
    weights: Weights | None
    layers: tuple[str, ...] | None
    tail: Tail | None
    prepared: BytesRule | None
    scratch: BytesRule | None
    latency: str | None
    lowering: str | None
    counted: str | None
    rounding: Rounding | None
    options: Mapping[str, Option] | None

    @property
    def changes_form(self) -> bool:
        """Whether only the form of numbers changes: no step of the computation that another model would share."""
        return self.role in ("quantise", "dequantise", "imitate", "decode")

    def takes(self, ranks: Sequence[int]) -> bool:
        """Whether inputs of these ranks, -1 for one left out, are all that the operator cannot do without."""
        wanted = self.ranks or ()
        pairs = zip(wanted, ranks, strict=False)
        fits = (want == LEFT_OUT or (have >= 0 and want in (ANY_RANK, have)) for want, have in pairs)
        return len(ranks) >= len(wanted) and all(fits)

    def count_macs(self, inputs: Sequence[Shape | None], output: Shape | None) -> int:
        """Multiply-accumulates of one invocation (1 MAC = 2 ops), 0 without the ranks needed; None for one left out."""
        fits = self.takes([-1 if shape is None else len(shape) for shape in inputs])
        return self.macs([shape or () for shape in inputs], output) if self.macs and output and fits else 0

    def arrange(self, data: Shape, weights: Shape) -> tuple[Shape, ...]:
        """Input shapes as the schema orders them, where only those of activations and weights are known."""
        return ((), weights, data) if self.data == 2 else (data, weights)


NONE = "-"
COLUMNS = tuple(field.name for field in fields(OperatorRow))
_RANKS = {"*": ANY_RANK, "?": LEFT_OUT}
_OPTIONS = {
    "padding": ("<b", 0), "activation": ("<b", 0), "beta": ("<f", 0), "dilation_h": ("<i", 1), "dilation_w": ("<i", 1),
    "align_corners": ("<b", 0), "half_pixel_centers": ("<b", 0), "offset": ("<b", 0), "time_major": ("<b", 0),
    "adj_x": ("<b", 0), "adj_y": ("<b", 0), "mode": ("<b", 0), "alpha": ("<f", 0), "cell_clip": ("<f", 0),
    "proj_clip": ("<f", 0),
}  # fmt: skip
"""Layout and default of the options that are no 32-bit integers of 0."""
_WEIGHT_WORDS = ("folds", "decodes", "idle", "compared")


@remember_table
def list_rows() -> Mapping[str, OperatorRow]:
    """Every operator the kit knows something of, by name."""
    rows = read_csv(shipped_path("data", "operators.csv")).rows
    return MappingProxyType({row.name: row for row in map(read_row, rows)})


@remember_table
def row_of(name: str) -> OperatorRow:
    """The row of an operator; of one the kit knows nothing of, a row of none."""
    return list_rows().get(name) or read_row(dict.fromkeys(COLUMNS, NONE) | {"name": name})


def read_row(cells: Mapping[str, str]) -> OperatorRow:
    """A row from its cells by column; FactError where one is missing, empty, unknown, or cannot be read."""
    empty = [column for column in COLUMNS if not cells.get(column)]
    if empty or len(cells) != len(COLUMNS):
        found = f"empty: {', '.join(empty)}" if empty else f"{len(cells)} columns for {len(COLUMNS)}"
        raise FactError(f"operators.csv, {cells.get('name')}: {found}; every cell is filled, '{NONE}' for none")
    read: dict[str, Any] = dict.fromkeys(COLUMNS)
    for column, cell in cells.items():
        try:
            read[column] = None if cell == NONE else _READERS.get(column, str)(cell)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise FactError(f"operators.csv, {cells['name']}: {column} {cell!r} cannot be read ({error!r})") from error
    return OperatorRow(**read)


def _read_weights(cell: str) -> Weights:
    words = cell.split()
    if words[0] not in ("first", "last") or not set(words[1:]) <= set(_WEIGHT_WORDS):
        raise ValueError(f"first or last, and of {', '.join(_WEIGHT_WORDS)}")
    bias = next((word for word in ("idle", "compared") if word in words), "")
    return Weights(words[0] == "last", "folds" in words, "decodes" in words, bias)


def _read_rounding(cell: str) -> Rounding:
    words = cell.split()
    pairs = (word.split(":") for word in words if ":" in word)
    steps = {kind: float(count) for kind, count in pairs}
    if len(steps) + ("carries" in words) + ("recurrent" in words) != len(words):
        raise ValueError("carries, recurrent, or TYPE:STEPS")
    return Rounding("carries" in words, "recurrent" in words, MappingProxyType(steps))


def _read_options(cell: str) -> Mapping[str, Option]:
    pairs = (word.split(":") for word in cell.split())
    return {name: Option(int(slot), *_OPTIONS.get(name, ("<i", 0))) for name, slot in pairs}


_READERS: dict[str, Callable[[str], Any]] = {
    "ranks": lambda cell: tuple(_RANKS.get(word) or int(word) for word in cell.split()),
    "outputs": int,
    "data": int,
    "macs": MACS.__getitem__,
    "weights": _read_weights,
    "rounding": _read_rounding,
    "layers": lambda cell: tuple(cell.split()),
    "tail": lambda cell: Tail(*map(int, cell.split())),
    "prepared": PREPARED.__getitem__,
    "scratch": SCRATCH.__getitem__,
    "options": _read_options,
}
"""How a cell becomes a value, by column; a text where nothing stands here."""
