"""Where arena, weights and code lie: what follows from a board's memories, and what a place costs that nobody timed.

Weights of a convolution beyond a core's own data cache come from flash again for every two pixels of its output.
An arena that no window of the chip holds lies outside, and is priced there. Weights and code read in place from
external flash take as long as their bytes over its port, code in ITCM no longer than elsewhere (priors.toml).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from tinykit.ground.caches import remember, remember_table
from tinykit.ground.errors import UnknownBoardError, UnknownRuntimeError
from tinykit.ground.quantity import Estimate, format_quantity, propagate, relabel
from tinykit.model.graph.model import ModelGraph
from tinykit.model.operators.table import row_of
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.latency.bounds import Arithmetic, arithmetic_of, is_float
from tinykit.predict.latency.effects import PRIORS, Case, proxy_of, version_number
from tinykit.predict.latency.instructions import InstructionReport, Model, Shapes as Network, count_operators, shapes_of
from tinykit.predict.latency.kernels import PARTS, refetched_bytes
from tinykit.predict.latency.shapes import OperatorShape, read_table
from tinykit.target.boards import board as board_of
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, Board
from tinykit.target.runtimes import planner_of

_PLACES, _XIP = PRIORS["places"], PRIORS["bounds"]["xip"]
Shapes = Sequence[OperatorShape]


def count_case(model: Model, case: Case, fpu: bool | None = None) -> InstructionReport:
    """The instructions that tell a case's cycles (`proxy_of`), in its parts those that wait for weights among them.

    Raises
    ------
    UnknownRuntimeError : as `count_operators`.
    """
    runtime, core, build = proxy_of(case)
    return _count_waiting(
        shapes_of(model), (core, runtime, build), arithmetic_of(case.core, case.runtime, fpu), _find_cache(case)
    )


@remember
def _count_waiting(model: Network, name: tuple[str, str, str], arithmetic: Arithmetic, cache: int) -> InstructionReport:
    """`count_operators`, and by family what fetching weights anew through a data cache [byte] takes besides."""
    report = count_operators(model, name, arithmetic)
    more = dict.fromkeys(PARTS, 0.0)
    for one, shape in zip(report.operators if cache else (), model.shapes, strict=False):
        more[one.family] += 0.0 if one.cycles else _PLACES["refetched"] * refetched_bytes(shape, cache)
    return replace(report, parts=tuple(map(sum, zip(report.parts, more.values(), strict=True))))


@remember_table
def _find_cache(case: Case) -> int:
    """Bytes of a core's own data cache: as the catalogue's board has it, else as most have it; 0 for cores without."""
    usual: int = _PLACES["data_cache"].get(case.core, 0)
    try:
        found = board_of(case.board).data_cache if usual and case.board else None
    except UnknownBoardError:
        found = None
    return round(found.value) if found else usual


def find_places(model: Model, case: Case, board: Board | None) -> tuple[tuple[Case, ...], str]:
    """The cases that one may be whose arena nobody placed, on the chip, outside or both, and what to say of it.

    ST's tool divides it over the chip's memories since 9.0, as published rows show; else it is one array.
    """
    windows = board.sram_windows() if board else ()
    rooms = [one.available_bytes for one in windows if one.kind not in EXTERNAL_RAM_KINDS]
    low, high = _arena_bytes(model, case) if 0 < len(rooms) < len(windows) else (0, 0)
    if high <= max(rooms, default=0):
        return (case,), ""
    number, divided = version_number(case.version), planner_of(case.runtime) == "st"
    most = sum(rooms) if divided and (number is None or number >= tuple(_PLACES["divided_from"])) else max(rooms)
    outside = replace(case, arena="external")
    told = "an arena of {} or more, on the chip are {}: ".format(*(format_quantity(one, "byte") for one in (low, most)))
    if low > most:
        return (outside,), told + "priced in external RAM"
    return (case, outside), told + "there and in external RAM, in equal parts; name its region to narrow this"


def _arena_bytes(model: Model, case: Case) -> tuple[float, float]:
    """The arena [byte], low and high; of shapes alone, whose lifetimes nobody knows, the widest operator's tensors."""
    divided = planner_of(case.runtime) == "st"
    if isinstance(model, ModelGraph):
        try:
            version = case.version or None if divided else None
            found = predict_arena(model, runtime=case.runtime, core=case.core, runtime_version=version)
            return found.low, found.high
        except UnknownRuntimeError:
            pass
    sides = (((4 if is_float(one) else 1), (one.input_shape, one.output_shape)) for one in shapes_of(model).shapes)
    ends = [[size * math.prod(side) for side in both] for size, both in sides] or [[0]]
    return max(map(max if divided else sum, ends)), max(map(sum, ends))


@remember_table
def doubt_outside(case: Case) -> tuple[float, float]:
    """Log standard deviation down and up of external RAM's cost; wide up where no row of the board has it so."""
    rows = [row for row in read_table("measured").rows if row["arena"] and row["board"] == case.board]
    least, most = _PLACES["outside"] if case.arena else (0.0, 0.0)
    return least, least if rows else most


def add_code(
    found: Estimate, shapes: Shapes, board: Board | None, *, core: str, asked: str | None, clock_hz: float
) -> Estimate:
    """The latency [s] with what a place of code and weights other than flash on the chip may add or spare."""
    region = next((one for one in board.regions if one.name == asked), None) if board else None
    if region is not None and region.kind == "itcm":
        told = "code in ITCM spares wait states and cache misses of flash, up to a fifth (assumed): nobody timed it"
        return replace(found, low=found.low * _PLACES["itcm"], sources=(*found.sources, told))
    if board and all(one.kind != "flash" for one in board.flash_regions):
        small = "XIP cache" in (board.cache or "") and core not in _XIP["measured"]
        more = _fetched(shapes, 0)[1] / _XIP["slowest_bytes_per_s"] if small else 0.0
        told = f"weights read in place from external flash may add {format_quantity(more, 's')}: nobody measured it"
        high = found.value + math.hypot(found.high - found.value, more)
        return replace(found, high=high, sources=(*found.sources, f"{told} (priors.toml)")) if more else found
    if board is None or region is None or region.kind == "flash":
        return found
    delays = fetch_weights(shapes, board), _fetch_code(found.value * clock_hz, board)
    return relabel(propagate(lambda *seconds: sum(seconds), found, *delays, unit="s"), runtime=found.runtime)


def _fetch_code(cycles: float, board: Board) -> Estimate:
    """Seconds that code in external flash costs: its kernels once where a cache keeps loops, else each instruction."""
    cached = board.data_cache is not None or (bool(board.cache) and "ART" not in (board.cache or ""))
    slow, usual, _ = _PLACES["fetch_bytes_per_s"]
    fetched = _PLACES["kernel_bytes"] if cached else _PLACES["bytes_per_cycle"] * cycles
    source = f"code fetched in place, up to {fetched:,.0f} bytes, {'' if cached else 'no '}cache on record (assumed)"
    return Estimate(0.0 if cached else fetched / usual / 4, 0.0, fetched / slow, "s", "assumed", sources=source)


def fetch_weights(shapes: Shapes, board: Board) -> Estimate:
    """Seconds that the weights in external flash cost beside internal flash.

    Bytes fetched: each weight once where an operator's weights stay in the data cache while it runs; else once for each
    pair of output pixels (CMSIS-NN computes two at a time). Without a known data cache between both.
    """
    cache = round(board.data_cache.value) if board.data_cache else 0
    once, again = _fetched(shapes, cache)
    low, value, high = (once, again, again) if cache else (once, math.sqrt(once * again), again)
    slow, usual, fast = _PLACES["fetch_bytes_per_s"]
    source = f"{value:,.0f} bytes of weights fetched at {usual / 1e6:.0f} MB/s, assumed; 15 to 200 MB/s"
    return Estimate(value / usual, low / fast, high / slow, "s", "assumed", sources=source)


def _fetched(shapes: Shapes, cache: int) -> tuple[float, float]:
    """Bytes of weights and biases, and those fetched: a 1 × 1 convolution goes through them once, row by row."""
    once = again = 0.0
    for one in (one for one in shapes if row_of(one.name).weights is not None and one.weight_shape):
        size = (4 if is_float(one) else 1) * math.prod(one.weight_shape) + 4 * one.output_shape[-1]
        kept = size <= cache or (cache and one.weight_shape[1:3] == (1, 1))
        kept = kept or row_of(one.name).latency not in ("conv", "depthwise")
        once, again = once + size, again + size * (1.0 if kept else max(1.0, math.prod(one.output_shape[:-1]) / 2))
    return once, again
