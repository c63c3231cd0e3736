"""The virtual board in a panel: a board, its kernels, and how much of its SRAM is there."""

import math
from collections.abc import Iterable
from typing import Any

from tinykit.ground.quantity import format_quantity
from tinykit.handover.codegen.export import KERNELS
from tinykit.handover.virtual_board import CORES, BoardRun, Fault, run, sample_codes
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, choose, choose_board, largest_kib
from tinykit.show.plots import plot_instructions
from tinykit.target.boards import AnyBoard, boards

_KIB = 1024
_STACK_BYTES = 1024
_SAMPLES = 3


class BoardRunPanel(Panel[BoardRun]):
    """Compile and run a model on a virtual board, with all of its SRAM or with less, until it faults.

    Each setting is run once; going back to it takes no time.

    Parameters
    ----------
    graph : an int8 model.
    board, kernels : to start from.
    ram_kib : of the memory that the arena lies in [KiB], None for as much as the slider goes.
    inputs : int8 [n, *shape], None for three random samples.
    compiler : "gcc", "zig", None for the first there is.
    """

    size_in = (7.2, 4.4)
    plots, left_in = (plot_instructions,), 1.9
    takes_long = True

    def __init__(
        self, graph: GraphOrFile, *, board: AnyBoard = "nucleo-wl55jc", kernels: str = "cmsis-nn",
        ram_kib: float | None = None, inputs: Any = None, compiler: str | None = None
    ) -> None:  # fmt: skip
        self.graph, self.compiler = as_graph(graph), compiler
        self.inputs = sample_codes(graph, _SAMPLES) if inputs is None else inputs
        self._runs: dict[tuple[Any, ...], BoardRun] = {}
        most = math.floor(largest_kib(board))
        controls = {
            "board": choose_board(board, _runnable()),
            "kernels": choose("kernels", KERNELS, kernels),
            "ram_kib": Slider("SRAM that is there [KiB]", most if ram_kib is None else ram_kib, 1, most, 1),
        }
        controls["ram_kib"].continuous_update = False
        super().__init__("Virtual board", self.graph.path, controls)

    def adapt(self, changed: Any) -> None:
        """Another board has another size of memory."""
        if changed is self.board:
            self.ram_kib.max = math.floor(largest_kib(self.board.value))

    def take_over(self, other: Any) -> None:
        """The runs that were made."""
        self._runs = other._runs

    def compute(self) -> BoardRun:
        """The run for the controls, from memory where it was done before: one that ended in less SRAM ends the same."""
        key = (self.board.value, self.kernels.value, self.ram_kib.value)
        if key not in self._runs:
            enough = [one for at, one in self._runs.items() if at[:2] == key[:2] and at[2] < key[2] and not one.fault]
            self._runs[key] = enough[0] if enough else run(
                self.graph, self.board.value, self.inputs, self.kernels.value, compiler=self.compiler,
                ram_bytes=round(self.ram_kib.value * _KIB), stack_bytes=_STACK_BYTES,
            )  # fmt: skip
        return self._runs[key]

    def tell(self, result: BoardRun) -> Iterable[tuple[str, str]]:
        """How it ended, and what it took; all of it simulated."""
        if result.fault:
            yield "fault", result.fault.kind
            yield "where", _place(result.fault)
            yield "operator", self._operator(result.fault)
            yield "in words", result.fault.text
        else:
            same = f"equal to {result.judge}'s"
            yield "outputs", f"{same}, byte for byte" if result.equal else f"NOT {same}"
            yield "instructions", f"{result.instructions:,}, counted in the emulator"
            yield "latency", str(result.latency_s or "unknown")
            yield "TFLM's latency", str(result.tflm.latency_s or "unknown") if result.tflm else "unknown"
            yield "stack", f"{result.stack_bytes} B of {_STACK_BYTES} B"
        yield "arena", f"{format_quantity(result.arena_bytes, 'byte')}, the exported program's own"
        yield "built by", f"{result.compiler}, run by {result.engine}"
        yield from (("note", text) for text in result.notes)

    def summarise(self, result: BoardRun) -> str:
        """Verdict and count, or the fault."""
        if result.fault:
            inside = "" if result.fault.kind == "link" else f", {self._operator(result.fault)}"
            return f"{result.fault.kind} fault, {_place(result.fault)}{inside}"
        return f"{'equal' if result.equal else 'NOT equal'}, {result.instructions:,} instructions"

    def _operator(self, fault: Fault) -> str:
        if fault.operator is None:
            return "no operator"
        return f"op {fault.operator} {self.graph.operators[fault.operator].name}"


def _place(fault: Fault) -> str:
    if fault.region is not None:
        return f"{fault.region} {format_quantity(fault.overflow_bytes or 0, 'byte')} too small"
    return "no address" if fault.address is None else f"{fault.address:#010x}"


def _runnable() -> list[str]:
    """Boards that an emulator here runs with less memory than they have; QEMU's machines cannot."""
    able = (board for board in boards() if board.core in CORES and board.core != "cortex-m55" and board.sram_windows())
    return [board.id for board in able if any(one.kind == "flash" or one.xip for one in board.flash_regions)]
