"""The fit check with an Ethos-U: Arm's compiler for cycles and memory, the rest as for TFLM on the CPU."""

from dataclasses import replace

from tinykit.budget.fit.placing import place_in_flash, place_in_ram
from tinykit.budget.fit.verdict import FitReport, Verdict, judge
from tinykit.ground.errors import EngineError, ModelError, UnknownRuntimeError
from tinykit.ground.quantity import Estimate, propagate, relabel
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.arena.plan import ALIGNMENT_BYTES
from tinykit.predict.arena.predict import ArenaEstimate, predict_arena
from tinykit.predict.flash import predict_flash
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.latency.shapes import from_graph
from tinykit.predict.npu.compiling import accelerators_of, compile_for_npu, predict_npu_latency, system_config_for
from tinykit.predict.npu.report import NpuReport
from tinykit.target.runtimes import NPU_RUNTIME as RUNTIME
from tinykit.target.target import Target

_NO_ENERGY = "the run currents on record are the CPU's"


def check_on_npu(graph: ModelGraph, target: Target) -> FitReport:
    """The report for "ethos-u", by Vela: the board's first Ethos-U, Shared_Sram, its NPU's clock; energy unknown."""
    board = target.board
    accelerators = accelerators_of(board)
    if not accelerators:
        return refuse(graph, target, (Verdict.UNKNOWN, f"{board.id} has no Ethos-U55 or U65 on record"))
    try:
        clock_hz, config = board.npu_clock.value if board.npu_clock else None, system_config_for(board)
        compiled = compile_for_npu(graph, accelerator=accelerators[0], system_config=config, clock_hz=clock_hz)
    except ModelError as error:
        return refuse(graph, target, (Verdict.DOES_NOT_FIT, str(error)))
    except EngineError as error:
        return refuse(graph, target, (Verdict.UNKNOWN, str(error)))
    return _judge(compiled, target)


def _judge(compiled: NpuReport, target: Target) -> FitReport:
    result = read(compiled.model, name="compiled")
    arena = _arena(compiled, result, target.core)
    flash = predict_flash(result, target=target, runtime="tflm-cmsis-nn").total
    driver = "compiled model; the NPU's driver taken as one more kernel"
    flash = relabel(flash, runtime=RUNTIME, sources=(*flash.sources, driver))
    ram = place_in_ram(target, arena)
    code = place_in_flash(target, int(flash.value))
    place = {"flash": "on_chip", "": "unknown"}.get(code[0].kind if code else "", "outside")
    verdict, reasons = judge(arena, ram, flash, code, target=target)
    stay = (f"operator {one.index} {one.name} stays on the CPU: {one.reason}" for one in compiled.on_cpu)
    return FitReport(
        graph=compiled.graph, target=target, verdict=verdict, arena_bytes=arena.used, flash_bytes=flash,
        latency_s=_latency(compiled, target, place), energy_per_inference_j=None, regions=(*ram, *code),
        reasons=(*reasons, str(compiled), *stay, f"energy unknown: {_NO_ENERGY}"), advice=(), npu=compiled,
        unknown=(("energy", _NO_ENERGY),),
    )  # fmt: skip


def _arena(compiled: NpuReport, result: ModelGraph, core: str) -> ArenaEstimate:
    """Vela's activations as the head, TFLM's structures for the compiled graph as the tail."""
    tflm = predict_arena(result, runtime="tflm-cmsis-nn", core=core)
    head = max(tflm.head_bytes, compiled.sram_bytes)
    more = head - tflm.head_bytes
    sources = (f"activations by Vela, {compiled.system_config}, {compiled.memory_mode}", *tflm.used.sources)
    ends = {end: getattr(tflm, end) + more for end in ("value", "low", "high")}
    used = replace(tflm.used, **ends, runtime=RUNTIME, sources=sources)
    to_start = tflm.tail_bytes + head + ALIGNMENT_BYTES
    return replace(tflm, used=used, head_bytes=head, to_start=to_start, runtime=RUNTIME)


def _latency(compiled: NpuReport, target: Target, place: str) -> Estimate | None:
    """NPU time, and the CPU's for the operators that stay there; None where that is not known."""
    own = predict_npu_latency(compiled, place)
    if not compiled.on_cpu:
        return own
    if target.clock_hz is None:
        return None
    shapes = from_graph(compiled.graph)
    rest = [shapes[one.index] for one in compiled.on_cpu]
    try:
        cpu = predict_latency(rest, core=target.core, clock_hz=target.clock_hz, board=target.board)
    except UnknownRuntimeError:
        return None
    on_cpu = f"{len(rest)} operators on the CPU: {cpu.source}"
    total = propagate(lambda npu, other: npu + other, own, cpu, unit="s")
    return relabel(total, runtime=RUNTIME, sources=(*own.sources, on_cpu))


def refuse(graph: ModelGraph, target: Target, answer: tuple[Verdict, str]) -> FitReport:
    """A report without figures: its verdict and its one reason are the answer."""
    return FitReport(
        graph=graph, target=target, verdict=answer[0], arena_bytes=None, flash_bytes=None, latency_s=None,
        energy_per_inference_j=None, regions=(), reasons=(answer[1],), advice=(), unknown=(("latency", answer[1]),),
    )  # fmt: skip
