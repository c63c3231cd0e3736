"""Memory in panels: what a board's regions hold, and where TFLM's greedy plan and the offline one put each tensor."""

from collections.abc import Iterable
from typing import Any

from tinykit.budget.fit.check import check_fit
from tinykit.budget.fit.verdict import FitReport
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.arena.blocks import least_head
from tinykit.predict.arena.plan import Buffer
from tinykit.predict.arena.predict import ArenaComparison, compare_plans, plan_offline
from tinykit.predict.latency.prediction import known_runtimes
from tinykit.predict.striping.search import find_stripes
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, choose, choose_board, largest_kib
from tinykit.show.plots import KitFigure, lay_axes, plot_fit, plot_plans
from tinykit.target.boards import AnyBoard, find_board
from tinykit.target.runtimes import default_runtime
from tinykit.target.target import Reserve

_KIB = 1024


class FitPanel(Panel[FitReport]):
    """Which regions hold arena, application and code, and what stays free.

    Parameters
    ----------
    graph : the model.
    board : to start from: id, path of a TOML, or `Board`.
    reserve_kib : SRAM that stack and application take [KiB].
    """

    size_in = (7.2, 2.9)
    plots, left_in = (plot_fit,), 0.2
    rests = (
        ("reserve_kib", lambda panel: not panel.result.regions and panel.result.flash_bytes is None,
         "no memory of this board is known, nor the flash of this runtime"),
    )  # fmt: skip

    def __init__(self, graph: GraphOrFile, *, board: AnyBoard = "nucleo-l4r5zi", reserve_kib: float = 16.0) -> None:
        self.graph = as_graph(graph)
        runtimes = _runtimes(board)
        controls = {
            "board": choose_board(board),
            "runtime": choose("runtime", runtimes, default_runtime(find_board(board).core)),
            "reserve_kib": Slider("SRAM reserve [KiB]", reserve_kib, 0, largest_kib(board), 1),
        }
        super().__init__("Fit", self.graph.path, controls)

    def adapt(self, changed: Any) -> None:
        """Another board has other runtimes and another size of memory."""
        if changed is self.board:
            kept = self.runtime.value
            runtimes = _runtimes(self.board.value)
            self.runtime.options = runtimes
            self.runtime.value = kept if kept in runtimes else default_runtime(find_board(self.board.value).core)
            self.reserve_kib.max = largest_kib(self.board.value)

    def compute(self) -> FitReport:
        """The fit check for the controls."""
        reserve = Reserve(sram_bytes=round(self.reserve_kib.value * _KIB))
        return check_fit(self.graph, self.board.value, runtime=self.runtime.value, reserve=reserve)

    def tell(self, result: FitReport) -> Iterable[tuple[str, str]]:
        """Verdict, reasons, figures and advice."""
        yield "verdict", result.verdict.words
        yield from (("because", reason) for reason in result.reasons)
        yield "arena", str(result.arena_bytes or "unknown")
        yield "flash", str(result.flash_bytes or "unknown")
        yield from (("advice", advice) for advice in result.advice)

    def summarise(self, result: FitReport) -> str:
        """Verdict and what is left."""
        words = [result.verdict.words]
        for use in result.regions[:1]:
            left = "left" if use.margin_bytes >= 0 else "missing"
            words.append(f"{format_quantity(abs(use.margin_bytes), 'byte')} {left} in {use.name}")
        return ", ".join(words)


def _runtimes(board: AnyBoard) -> list[str]:
    core = find_board(board).core
    return sorted({default_runtime(core), *known_runtimes(core)})


_STRIPES: tuple[tuple[str, Any], ...] = (
    ("none", ""),
    *((f"{share:.0%} more instructions", share) for share in (0.02, 0.05, 0.1, 0.15, 0.3)),
)
_CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
_RUNTIMES = ("tflm-cmsis-nn", "tflm-reference")


class ArenaPanel(Panel[ArenaComparison]):
    """Which tensor lies where and when, and what another order of placing them would save.

    Parameters
    ----------
    graph : the model.
    core, runtime : whose scratch buffers to plan with.
    """

    size_in = (7.2, 5.8)

    def __init__(self, graph: GraphOrFile, *, core: str = "cortex-m4", runtime: str = "tflm-cmsis-nn") -> None:
        self.graph = as_graph(graph)
        blocks = _list_blocks(compare_plans(graph, runtime=runtime, core=core))
        controls = {
            "core": choose("core", _CORES, core),
            "runtime": choose("runtime", _RUNTIMES, runtime),
            "stripes": choose("stripes, cost at most", _STRIPES, ""),
            "block": choose("block", blocks, blocks[0][1] if blocks else None),
        }
        super().__init__("Arena", self.graph.path, controls)

    def adapt(self, changed: Any) -> None:
        """Another core or runtime has other scratch buffers."""
        if changed is not self.block:
            kept = self.block.value
            blocks = _list_blocks(self.compute())
            self.block.options = blocks
            self.block.value = kept if any(kept == place for _, place in blocks) else blocks[0][1]

    def compute(self) -> ArenaComparison:
        """TFLM's plan of the arena and an offline one, for the controls as they stand."""
        graph = self.graph
        if self.stripes.value:
            found = find_stripes(graph, self.runtime.value, self.core.value, _STRIPES[-1][1])
            graph = next((one.graph for one in found.front if one.latency <= self.stripes.value), graph)
        return compare_plans(graph, runtime=self.runtime.value, core=self.core.value)

    def draw(self, result: ArenaComparison, figure: KitFigure) -> None:
        """Both plans on one scale, the block marked in both."""
        plot_plans(result, axes=lay_axes(figure, 1.0, 1.0), picked=self.block.value)

    def tell(self, result: ArenaComparison) -> Iterable[tuple[str, str]]:
        """The block, and what the offline plan saves."""
        if self.block.value is not None:
            yield from _describe(result, self.block.value)
        yield "greedy", f"{result.greedy.head_bytes:,} bytes"
        least = least_head(result.graph, result.offline)
        yield "offline", f"{result.offline.head_bytes:,} bytes; no plan can take less than {least:,}"
        if self.stripes.value:
            whole = plan_offline(self.graph, runtime=self.runtime.value, core=self.core.value).head_bytes
            cut = "none of that cost take less" if result.graph is self.graph else "not proven here"
            yield "stripes", f"{cut}; whole {whole:,} bytes: tinykit plan MODEL --stripes"
        elif result.saved_bytes:
            yield "so", f"{format_quantity(result.saved_bytes, 'byte')} less: tinykit plan MODEL --out FILE"

    def summarise(self, result: ArenaComparison) -> str:
        """Bytes of the head by both plans."""
        return f"head {result.greedy.head_bytes:,} B, offline {result.offline.head_bytes:,} B"


def _list_blocks(result: ArenaComparison) -> list[tuple[str, int]]:
    """(label, position in the plan) of every block, the largest first."""
    placed = result.greedy.placed
    order = sorted(range(len(placed)), key=lambda place: (-placed[place].buffer.nbytes, place))
    return [(_label(result.graph, placed[place].buffer), place) for place in order]


def _label(graph: ModelGraph, buffer: Buffer) -> str:
    size = format_quantity(buffer.nbytes, "byte")
    if buffer.tensor < 0:
        return f"scratch of operator {int(buffer.first) - 1}: {size}"
    return f"tensor {buffer.tensor}, {'×'.join(map(str, graph.tensors[buffer.tensor].shape))}: {size}"


def _describe(result: ArenaComparison, place: int) -> Iterable[tuple[str, str]]:
    greedy, offline = result.greedy.placed[place], result.offline.placed[place]
    buffer, operators = greedy.buffer, result.graph.operators
    yield "block", _label(result.graph, buffer)
    if buffer.tensor >= 0:
        yield "name", result.graph.tensors[buffer.tensor].name
    first, last = int(buffer.first), int(buffer.last)
    made = f"operator {first - 1} {operators[first - 1].name}" if first > 0 else "nowhere" if first else "the input"
    last_name = operators[max(last, 1) - 1].name
    alone = f"as {made} alone" if first >= 0 else "never: nothing writes or reads it"
    yield "lives", f"from {made} to operator {last - 1} {last_name}" if last > 0 else alone
    yield "address", f"{greedy.offset:,} in the greedy plan, {offline.offset:,} in the offline one"
