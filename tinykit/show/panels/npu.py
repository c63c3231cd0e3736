"""An Ethos-U in a panel: its size, its clock and where weights lie."""

from collections.abc import Iterable

from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.npu.compiling import ACCELERATORS, MEMORY_MODES, compile_for_npu
from tinykit.predict.npu.report import NpuReport
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, choose
from tinykit.show.plots import plot_npu


class NpuPanel(Panel[NpuReport]):
    """What Arm's compiler says of a model: cycles by pass, memory, and what stays on the CPU.

    Parameters
    ----------
    graph : an int8 or int16x8 model.
    accelerator, memory_mode, clock_mhz : to start from.
    """

    size_in = (7.2, 4.6)
    plots, left_in = (plot_npu,), 2.0

    def __init__(
        self, graph: GraphOrFile, *, accelerator: str = "ethos-u55-128", memory_mode: str = "Shared_Sram",
        clock_mhz: float = 400.0
    ) -> None:  # fmt: skip
        self.graph = as_graph(graph)
        controls = {
            "accelerator": choose("accelerator", ACCELERATORS, accelerator),
            "memory_mode": choose("memory mode", MEMORY_MODES, memory_mode),
            "clock_mhz": Slider("NPU clock [MHz]", clock_mhz, 25, 1000, 25),
        }
        super().__init__("Ethos-U", self.graph.path, controls)

    def compute(self) -> NpuReport:
        """The compiled model for the controls."""
        clock_hz, where = self.clock_mhz.value * 1e6, self.memory_mode.value
        return compile_for_npu(self.graph, accelerator=self.accelerator.value, memory_mode=where, clock_hz=clock_hz)

    def tell(self, result: NpuReport) -> Iterable[tuple[str, str]]:
        """Time, memories, and the operators that the NPU does not take."""
        yield "latency", str(result.latency)
        yield "SRAM", format_quantity(result.sram_bytes, "byte")
        kept = result.encoded_weight_bytes / max(1, result.weight_bytes)
        yield "weights", f"{format_quantity(result.encoded_weight_bytes, 'byte')} after compression ({kept:.0%})"
        yield "read from", result.constants_memory
        yield from ((f"operator {one.index} {one.name}", f"on the CPU: {one.reason}") for one in result.on_cpu)
        yield "configuration", result.system_config

    def summarise(self, result: NpuReport) -> str:
        """Cycles and SRAM."""
        return f"{result.cycles:,} cycles, SRAM {format_quantity(result.sram_bytes, 'byte')}"
