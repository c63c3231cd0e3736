"""A board's accelerator in Vela's words, and `compile_for_npu`: what Arm's compiler says of cycles and memory."""

import math
import re
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tinykit.ground.caches import remember
from tinykit.ground.child.process import Bounds, Child, ChildError, WarmChild
from tinykit.ground.errors import (
    EngineError,
    MissingPackageError,
    ModelError,
    ParameterError,
    name_install,
    name_nearest,
)
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.limits import SETTINGS_BYTES, read_file
from tinykit.ground.quantity import Estimate, propagate, relabel
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph, read
from tinykit.model.operators.table import DECODE, NPU
from tinykit.predict.npu.report import NpuLayer, NpuOperator, NpuReport
from tinykit.target.boards.record import Board
from tinykit.target.runtimes import NPU_RUNTIME, refuse_int4

ACCELERATORS = (
    "ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256", "ethos-u65-256", "ethos-u65-512",
)  # fmt: skip
MEMORY_MODES = (
    "Shared_Sram", "Sram_Only", "Dedicated_Sram", "Dedicated_Sram_256KB", "Dedicated_Sram_384KB",
    "Dedicated_Sram_512KB",
)  # fmt: skip
SYSTEM_CONFIGS = (
    "Ethos_U55_Deep_Embedded", "Ethos_U55_High_End_Embedded", "Ethos_U55_High_End_Dram", "Ethos_U65_Embedded",
    "Ethos_U65_Mid_End", "Ethos_U65_High_End", "Ethos_U65_Client_Server",
)  # fmt: skip
"""Arm's stock configurations for the U55 and U65, and tinykit's own `Ethos_U55_High_End_Dram`."""

_OWN_CONFIG = "Ethos_U55_High_End_Dram"
_LONGEST_NAME = 256
_REASON = re.compile(r"^Warning \([^)]*\) operator: \w+, ofm: '([^\n]*)'\nReason: (.*?)\n\n", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"Ethos-U(55|65)(?:-(\d+))?")
_MACS = {"55": (32, 64, 128, 256), "65": (256, 512)}
_DEEP_EMBEDDED_HZ = 350e6
_LOW, _HIGH = 0.7, 1.7
_WORKER = Path(__file__).with_name("child.py")
_OPTION_ERRORS = ("CliOptionError", "ConfigOptionError", "InputFileError")
_FILE_BYTES = 2**30
_SOURCE = (
    'Vela 5.2.0 {config}, {mode}. Arm: its numbers "should not be taken as accurate representations of real '
    'performance", profile on an FPGA or FVP. Interval: three published RA8P1 runs (Ethos-U55, 500 MHz) took 0.96, '
    "1.24 and 1.61 of its Sram_Only estimate; where weights set the pace the memory they lie in matters more (ad: 0.33 "
    "of Shared_Sram)"
)


def accelerators_of(board: Board) -> tuple[str, ...]:
    """Vela's names of a board's Ethos-U55 and U65, the main core's first; empty where it has none.

    Where the board's text leaves the size open, `npu_macs_per_cycle` decides.

    >>> from tinykit.target.boards import board
    >>> accelerators_of(board("alif-ensemble-e7-devkit")), accelerators_of(board("nucleo-l4r5zi"))
    (('ethos-u55-256', 'ethos-u55-128'), ())
    """
    stated = int(board.npu_macs_per_cycle.value) if board.npu_macs_per_cycle else 0
    found = ((family, int(size or stated)) for family, size in _NAMED.findall(board.npu or ""))
    return tuple(dict.fromkeys(f"ethos-u{family}-{size}" for family, size in found if size in _MACS[family]))


def system_config_for(board: Board) -> str:
    """Arm's stock system configuration nearest to a board: by the clock of its NPU, 200 or 500 MHz."""
    if accelerators_of(board)[:1] and accelerators_of(board)[0].startswith("ethos-u65"):
        return "Ethos_U65_Embedded"
    slow = board.npu_clock is not None and board.npu_clock.value < _DEEP_EMBEDDED_HZ
    return "Ethos_U55_Deep_Embedded" if slow else "Ethos_U55_High_End_Embedded"


def compile_for_npu(
    graph: GraphOrFile, *,
    accelerator: str = "ethos-u55-128", system_config: str | None = None, memory_mode: str = "Shared_Sram",
    config_file: str | Path | None = None, clock_hz: float | None = None, timeout_s: float = 60.0
) -> NpuReport:  # fmt: skip
    """Compile a model for an Ethos-U and report cycles, memory, and which operators stay on the CPU.

    Parameters
    ----------
    graph : an int8 or int16x8 model.
    accelerator : one of `ACCELERATORS`.
    system_config : one of `SYSTEM_CONFIGS`, or a section of `config_file`; None takes Arm's for the accelerator.
    memory_mode : one of `MEMORY_MODES`. Shared_Sram reads weights from flash; in Sram_Only they share the AXI port of
        the SRAM; Dedicated_Sram keeps activations in DRAM behind a small SRAM.
    config_file : Vela .ini of your own board.
    clock_hz : of the NPU; None takes the configuration's. Memories are stated relative to it.
    timeout_s : limit; about 0.4 s cold, 10–30 ms warm.

    Raises
    ------
    ParameterError : unknown accelerator, configuration, mode or clock. ModelError : float model, or one Vela refuses.
    MissingPackageError : Vela is not installed. EngineError : it took too long.
    """
    _check_choice("accelerator", accelerator, ACCELERATORS)
    _check_choice("memory mode", memory_mode, MEMORY_MODES)
    if config_file is None and system_config is not None:
        _check_choice("system configuration", system_config, SYSTEM_CONFIGS)
    if clock_hz is not None and not 0 < clock_hz < math.inf:
        raise ParameterError(f"NPU clock {clock_hz} Hz; give hertz above 0, such as 400e6")
    graph = as_graph(graph)
    _check_model(graph)
    config = system_config or _default_config(accelerator, memory_mode)
    path = str(_find_config(config, config_file))
    content = b"" if config_file is None else read_file(Path(path), SETTINGS_BYTES, ParameterError, "give an .ini file")
    report = _compile(graph, accelerator, config, memory_mode, path, content=content, timeout_s=timeout_s)
    report = replace(report, graph=graph)  # it may have been compiled for a file of the same bytes elsewhere
    if clock_hz is None:
        return report
    # the same cycles at another clock: Vela never sees it, its memories being relative to it
    return replace(report, clock_hz=clock_hz, latency=_latency(report.cycles, clock_hz, report.latency.source))


def _latency(cycles: int, clock_hz: float, source: str) -> Estimate:
    time = cycles / clock_hz
    return Estimate(time, _LOW * time, _HIGH * time, "s", "compiled", runtime=NPU_RUNTIME, sources=source)


def predict_npu_latency(compiled: NpuReport, place: str) -> Estimate:
    """Seconds on the NPU, modelled: Vela's estimate times what published runs took of such (data/npu/measured.toml).

    The weights' place: "outside" the chip, "on_chip" or "unknown"; but for outside Vela is asked again, with the
    weights in SRAM, which comes nearer.
    """
    base, config = compiled, compiled.system_config
    if place != "outside":
        asked = partial(compile_for_npu, compiled.graph, accelerator=compiled.accelerator, system_config=config)
        base = asked(memory_mode="Sram_Only", clock_hz=compiled.clock_hz)
    row = "ethos_u65" if "u65" in compiled.accelerator and place == "on_chip" else place
    factor = to_fact(read_toml(shipped_path("data", "npu", "measured.toml"))[row]["factor"], row).estimate()
    time = Estimate.exact(base.latency.value, "s", "compiled", base.latency.sources)
    return relabel(propagate(lambda t, k: t * k, time, factor, unit="s"), runtime=NPU_RUNTIME)


def _check_choice(what: str, name: str, allowed: tuple[str, ...]) -> None:
    if name not in allowed:
        raise ParameterError(f"{what} {name!r} is unknown; {name_nearest(name, allowed, limit=6)}")


def _check_model(graph: ModelGraph) -> None:
    if graph.precision in ("float32", "hybrid"):
        raise ModelError(
            f"a {graph.precision} model runs on the CPU alone: Ethos-U computes int8 and int16 only\n"
            "convert to int8 with a representative dataset (tinykit.train.convert), then compile again"
        )
    if refusal := refuse_int4(graph, NPU_RUNTIME):
        raise ModelError(refusal)
    if any(operator.name == DECODE for operator in graph.operators):
        raise ModelError(
            "the model decodes its weights on the device: Vela compresses weights itself, and takes constants alone\n"
            "compile the model it was packed from"
        )


def _default_config(accelerator: str, memory_mode: str) -> str:
    if accelerator.startswith("ethos-u65"):
        return "Ethos_U65_Mid_End" if memory_mode.startswith("Dedicated") else "Ethos_U65_Embedded"
    return _OWN_CONFIG if memory_mode.startswith("Dedicated") else "Ethos_U55_High_End_Embedded"


def _find_config(config: str, given: str | Path | None) -> Path:
    if given is None:
        return shipped_path("data", "npu", "ethos_u55_dram.ini") if config == _OWN_CONFIG else Path("Arm/vela.ini")
    path = Path(given).expanduser().resolve()
    if path.suffix != ".ini" or not path.is_file():
        raise ParameterError(f"{path} is no Vela configuration; give the path of an .ini file")
    return path


@remember
def _compile(
    graph: ModelGraph, accelerator: str, config: str, memory_mode: str, path: str, *, content: bytes, timeout_s: float
) -> NpuReport:
    """`content` is a configuration of one's own: a changed file is another question."""
    options = ["--accelerator-config", accelerator, "--config", path]
    options += ["--system-config", config, "--memory-mode", memory_mode]
    reply, compiled = compile_warm(graph.data, options, timeout_s=timeout_s)
    summary = reply["summary"]
    clock, cycles = float(summary["core_clock"]), int(float(summary["cycles_total"]))
    source = _SOURCE.format(config=config, mode=memory_mode)
    off_chip, on_chip = (_bytes_of(summary, f"{place}_flash_memory_used") for place in ("off_chip", "on_chip"))
    area = str(summary["weights_storage_area"])
    return NpuReport(
        graph=graph, accelerator=accelerator, system_config=config, memory_mode=memory_mode, clock_hz=clock,
        cycles=cycles,
        latency=_latency(cycles, clock, source), sram_bytes=_bytes_of(summary, "sram_memory_used"),
        dram_bytes=_bytes_of(summary, "dram_memory_used"), constants_bytes=off_chip + on_chip,
        constants_memory="SRAM, or memory on its AXI port" if area == "On-chip Flash" else area,
        weight_bytes=int(float(summary["total_original_weights"])),
        encoded_weight_bytes=int(float(summary["total_npu_encoded_weights"])),
        operators=_split(graph, compiled, str(reply["log"])),
        layers=tuple(_to_layer(row) for row in reply["layers"]), model=compiled,
    )  # fmt: skip


def _bytes_of(summary: dict[str, Any], name: str) -> int:
    return round(float(summary[name]) * 1024)


def _to_layer(row: dict[str, str]) -> NpuLayer:
    return NpuLayer(
        row["Original Operator"], row["NNG Operator"], row["Target"], int(float(row["Op Cycles"])),
        int(float(row["MAC Count"])), int(float(row["Staging Usage"])), row["Name"],
    )  # fmt: skip


def _split(graph: ModelGraph, compiled: bytes, log: str) -> tuple[NpuOperator, ...]:
    """Where each operator runs: what the compiled model still holds beside the NPU's command streams is the CPU's."""
    result = read(compiled, name="compiled")
    left: dict[str, list[str]] = defaultdict(list)
    for operator in result.operators:
        if operator.name != NPU and operator.outputs:
            left[result.tensors[operator.outputs[0]].name].append(operator.name)
    reasons = {name[:_LONGEST_NAME]: " ".join(reason.split()) for name, reason in _REASON.findall(log + "\n\n")}
    rows = []
    for operator in graph.operators:
        output = graph.tensors[operator.outputs[0]].name if operator.outputs else ""
        on_cpu = operator.name in left.get(output, ())
        if on_cpu:
            left[output].remove(operator.name)
        reason = reasons.get(output, "Vela gives no reason") if on_cpu else ""
        rows.append(NpuOperator(operator.index, operator.name, operator.macs, "CPU" if on_cpu else "NPU", reason))
    return tuple(rows)


class Compiler(Child):
    """A child process that compiles models, with a limit on its address space [byte] where the system can limit it."""

    def __init__(self, *, memory_bytes: int = 4 * 2**30) -> None:
        bounds = Bounds(memory_bytes, file_bytes=_FILE_BYTES, answer_bytes=_FILE_BYTES)
        settings = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        super().__init__("the compiler process", _WORKER, bounds=bounds, environment=settings)

    def compile(self, model: bytes, options: list[str], *, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        """Vela's summary, layers and log, and the compiled model.

        ModelError where Vela refused the model or crashed on it, ParameterError where it refused a configuration,
        MissingPackageError where it is not installed, EngineError where it took longer than `timeout_s`.
        """
        try:
            reply, compiled = self.exchange({"options": options}, model, timeout_s=timeout_s)
        except ChildError as error:
            if error.late:
                raise EngineError(f"Vela was stopped after {timeout_s:g} s; allow more with timeout_s") from error
            raise ModelError(
                f"Vela ended (status {error.status}) on this model: it is damaged or needs too much memory; "
                "convert it again"
            ) from error
        if error_name := reply.get("error"):
            raise explain(str(error_name), str(reply.get("text", "")))
        return reply, b"".join(compiled)


def explain(kind: str, text: str) -> ModelError | ParameterError | MissingPackageError:
    """What Vela raised, as the error a person can act on."""
    if kind in ("ModuleNotFoundError", "ImportError"):
        return MissingPackageError(f"Arm's compiler Vela is not installed ({text}); {name_install('npu')}")
    said = " ".join(text.split())[:300] or kind
    if kind in _OPTION_ERRORS:
        return ParameterError(f"Vela refuses the configuration: {said}")
    return ModelError(f"Vela cannot compile this model ({kind}: {said})\nit is damaged, or built in a way Vela lacks")


_WARM = WarmChild(Compiler)
"""The child that is kept for the next model; Vela keeps a database of what it has seen, which would grow for ever."""


def compile_warm(model: bytes, options: list[str], *, timeout_s: float) -> tuple[dict[str, Any], bytes]:
    """`Compiler.compile` in a child that is kept for the next call, one call at a time."""
    return _WARM.ask(lambda compiler: compiler.compile(model, options, timeout_s=timeout_s))
