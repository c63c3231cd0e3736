"""Choices in panels: slow clock or race to sleep, edge or cloud, sparsity, clusters and precision."""

from collections.abc import Iterable

from tinykit.budget.assessment.chain import assess
from tinykit.budget.offload import SENSORS, UPLINKS, Offload, weigh_design
from tinykit.budget.power.dvfs import IDLES, ClockSweep
from tinykit.budget.power.radio import RADIOS
from tinykit.choose.design.studies import CLUSTERS, GRID, PRECISIONS, SPARSITIES, find_study, name_point
from tinykit.choose.ledger.table import Ledger
from tinykit.ground.quantity import DAY_S, format_quantity
from tinykit.ground.results import tell
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, Powered, choose, choose_board
from tinykit.show.plots import plot_clocks, plot_ledger, plot_offload
from tinykit.target.boards import AnyBoard


class ClockPanel(Powered[ClockSweep]):
    """Mean power over the clock, idle in SLEEP and in STOP.

    Parameters
    ----------
    graph : the model.
    board : to start from: id, path of a TOML, or `Board`.
    period_s : from one inference to the next [s].
    """

    plots = (plot_clocks,)

    def __init__(self, graph: GraphOrFile, *, board: AnyBoard = "stm32f407g-disc1", period_s: float = 0.1) -> None:
        self.graph = as_graph(graph)
        controls = {"board": choose_board(board), "period_s": Slider("period", period_s, 0.01, DAY_S)}
        super().__init__("Slow clock or race to sleep", self.graph.path, controls)

    def compute(self) -> ClockSweep:
        """The sweep for the controls."""
        return assess(self.graph, self.board.value, self.make_use(period_s=self.period_s.value)).sweep_clocks()

    def tell(self, result: ClockSweep) -> Iterable[tuple[str, str]]:
        """The best clock of each idle state."""
        for idle in IDLES:
            best = result.best(idle)
            said = f"{best.clock_hz / 1e6:.3g} MHz, {best.power_w[idle]}" if best else "idle current unknown"
            yield f"idle in {idle.upper()}", f"{result.verdict(idle)}: {said}"
        yield "too slow", ", ".join(f"{clock / 1e6:.3g} MHz" for clock in result.dropped) or "none"

    def summarise(self, result: ClockSweep) -> str:
        """Best clock and power of each idle state."""
        found = []
        for idle in IDLES:
            best = result.best(idle)
            power = best.power_w[idle] if best else None
            said = f"{best.clock_hz / 1e6:.3g} MHz {format_quantity(power.value, 'W')}" if best and power else "unknown"
            found.append(f"{idle} {said}")
        return ", ".join(found)


class CloudPanel(Powered[Offload]):
    """Think on the device, or send the raw data.

    Parameters
    ----------
    graph : the model.
    board : to start from: id, path of a TOML, or `Board`.
    sensor : of `SENSORS`.
    radio : of `RADIOS`.
    period_s : between inferences [s].
    uplink : of `UPLINKS`.
    """

    size_in = (7.2, 2.2)
    plots = (plot_offload,)

    def __init__(
        self, graph: GraphOrFile, *, board: AnyBoard = "nucleo-l4r5zi", sensor: str = "motion", radio: str = "ble",
        period_s: float = 10.0, uplink: str = "raw"
    ) -> None:  # fmt: skip
        self.graph = as_graph(graph)
        controls = {
            "board": choose_board(board),
            "sensor": choose("sensor", [(one.name, name) for name, one in SENSORS.items()], sensor),
            "radio": choose("radio", list(RADIOS), radio),
            "uplink": choose("sent to the cloud", UPLINKS, uplink),
            "sent": Slider("answers sent [1]", 1.0, 0.0, 1.0, 0.01),
            "period_s": Slider("period", period_s, 0.1, DAY_S),
        }
        super().__init__("Edge or cloud", self.graph.path, controls)

    def compute(self) -> Offload:
        """Energy on the edge and over the radio, for the controls as they stand."""
        design = assess(self.graph, self.board.value, self.make_use(period_s=self.period_s.value))
        sent = {"radio": self.radio.value, "message_rate": self.sent.value, "uplink": self.uplink.value}
        return weigh_design(design, sensor=self.sensor.value, **sent)

    def tell(self, result: Offload) -> Iterable[tuple[str, str]]:
        """Verdict and what it turns on, network, energies, latencies, bytes."""
        even = result.break_even_bytes
        yield "verdict", f"{result.verdict}, the network is {result.network}"
        yield "turns on", "; ".join(result.turns) or "no input alone"
        yield "edge", f"{result.edge_j or 'unknown'} a day, {result.edge_latency_s}, {result.edge_bytes:,.0f} bytes"
        yield "cloud", f"{result.cloud_j or 'unknown'} a day, {result.cloud_latency_s}, {result.cloud_bytes:,.0f} bytes"
        yield "break-even", "unknown" if even is None else f"{even:,.0f} raw bytes an inference"
        yield from (("look out", finding) for finding in result.findings)

    def summarise(self, result: Offload) -> str:
        """Verdict and both energies."""
        if result.edge_j is None or result.cloud_j is None:
            return result.verdict
        return f"{result.verdict}, {tell(result.edge_j)} / {tell(result.cloud_j)}"


class VariantPanel(Panel[Ledger]):
    """The watch network at a sparsity, with some clusters, in a precision, against plain int8 on the same board.

    Nothing is trained: every variant is shipped, made by the recipe its record holds, scored in TFLM when it was made.

    Parameters
    ----------
    sparsity, clusters, precision : of the grid, to start from.
    board : of the target: id, path of a TOML, or `Board`.
    """

    size_in = (7.4, 3.7)
    plots, left_in = (plot_ledger,), 2.0

    def __init__(
        self, *, sparsity: float = 0.75, clusters: int = 0, precision: str = "int8", board: AnyBoard = "nucleo-l4r5zi"
    ) -> None:
        self.study = find_study(GRID)
        name_point(sparsity, clusters, precision)
        counts = [("as many as there are" if count == 0 else str(count), count) for count in CLUSTERS]
        controls = {
            "sparsity": choose("sparsity [1]", SPARSITIES, sparsity),
            "clusters": choose("values a channel", counts, clusters),
            "precision": choose("precision", PRECISIONS, precision),
            "board": choose_board(board),
        }
        super().__init__("Sparsity, clusters and precision", self.study.task, controls)

    def compute(self) -> Ledger:
        """The ledger of the variant chosen, the baseline above it."""
        name = name_point(self.sparsity.value, self.clusters.value, self.precision.value)
        return self.study.ledger(self.board.value, name)

    def tell(self, result: Ledger) -> Iterable[tuple[str, str]]:
        """Bytes and times of the variant, and the accuracy it keeps."""
        row = result.rows[-1]
        yield "variant", row.variant.note
        if row.chosen is None:
            yield "in flash", "unknown: the runtime makes a form of its own"
        else:
            yield "in flash", f"{row.flash_bytes:,} bytes, {row.chosen.name}: {row.verdict}"
        counted = row.weights
        yield "weights", f"{counted.non_zero:,} of {counted.parameters:,} not zero, at most {counted.distinct} values"
        yield "accuracy in TFLM", str(row.variant.accuracy)
        if row.against is not None:
            yield "less plain int8, paired", str(row.against)
        yield "arena", str(row.arena or "unknown")
        yield "latency", str(row.latency or "unknown")

    def summarise(self, result: Ledger) -> str:
        """Bytes in flash and accuracy."""
        row = result.rows[-1]
        size = f"{row.flash_bytes:,} B" if row.flash_bytes is not None else "unknown"
        return f"{size}, {100 * row.variant.accuracy.fraction:.1f} %"
