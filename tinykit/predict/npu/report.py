"""What compiling for an NPU answers with."""

from dataclasses import dataclass, field

from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph


@dataclass(frozen=True, slots=True)
class NpuOperator(Result):
    """One operator of the model: where it runs, and why not on the NPU where it does not.

    Parameters
    ----------
    index, name, macs : as in the graph.
    target : "NPU" or "CPU".
    reason : Vela's words, "" on the NPU.
    """

    index: int
    name: str
    macs: int
    target: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NpuLayer(Result):
    """One pass as Vela schedules it: an operator of the model may be several, or part of one.

    Parameters
    ----------
    operator, executed : kind in the model, and what the hardware does.
    target : "NPU" or "CPU".
    cycles, macs : of the pass.
    sram_bytes : SRAM in use meanwhile.
    output : name of the tensor it makes.
    """

    operator: str
    executed: str
    target: str
    cycles: int
    macs: int
    sram_bytes: int
    output: str


@dataclass(frozen=True, slots=True)
class NpuReport(Result):
    """A model compiled for an Ethos-U.

    Parameters
    ----------
    graph, accelerator, system_config, memory_mode : what was asked.
    clock_hz : of the NPU [Hz].
    cycles : NPU cycles of one inference, without operators on the CPU.
    latency : cycles / clock as an `Estimate` [s], basis "compiled".
    sram_bytes : activations of the NPU, with its staging buffers [byte].
    dram_bytes : the same in DRAM, for Dedicated_Sram [byte].
    constants_bytes, constants_memory : compressed weights and commands [byte], and where they are read from.
    weight_bytes, encoded_weight_bytes : weights before and after Vela's compression [byte].
    operators, layers : where each operator runs; the schedule.
    model : the compiled .tflite, which holds the NPU's command stream.
    """

    JSON = (
        *("accelerator", "system_config", "memory_mode", "clock_hz", "cycles", "latency_s=latency", "sram_bytes"),
        *("dram_bytes", "constants_bytes", "constants_memory", "weight_bytes", "encoded_weight_bytes"),
        *("flatbuffer_bytes", "operators"),
    )

    graph: ModelGraph = field(repr=False)
    accelerator: str
    system_config: str
    memory_mode: str
    clock_hz: float
    cycles: int
    latency: Estimate
    sram_bytes: int
    dram_bytes: int
    constants_bytes: int
    constants_memory: str
    weight_bytes: int
    encoded_weight_bytes: int
    operators: tuple[NpuOperator, ...] = field(repr=False)
    layers: tuple[NpuLayer, ...] = field(repr=False)
    model: bytes = field(repr=False)

    @property
    def on_cpu(self) -> tuple[NpuOperator, ...]:
        """The operators that stay on the CPU."""
        return tuple(one for one in self.operators if one.target == "CPU")

    @property
    def flatbuffer_bytes(self) -> int:
        """Size of the compiled model in flash [byte]."""
        return len(self.model)

    def __str__(self) -> str:
        on_npu = len(self.operators) - len(self.on_cpu)
        return (
            f"{self.accelerator}, {self.system_config}, {self.memory_mode}: {self.cycles:,} cycles, {self.latency}, "
            f"{on_npu} of {len(self.operators)} operators on the NPU"
        )
