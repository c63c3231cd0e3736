"""Cycles per modelled instruction: which effects multiply it, and how far each may stray before any row is seen.

log(cycles per instruction) of a kernel family is a sum of effects: runtime, core, board, version, the
system that was measured, and their combinations. Each has a normal prior; thin groups so borrow from rich ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinykit.latency.instructions import ASSUMED_SD, InstructionReport, counted_combinations

PROXIES = {
    "tflm-reference": ("tflm-reference", "cortex-m4"),
    "tflm-cmsis-nn": ("tflm-cmsis-nn", "cortex-m4"),
    "x-cube-ai": ("tflm-cmsis-nn", "cortex-m4"),
    "esp-nn": ("tflm-cmsis-nn", "cortex-m4"),
}
"""Whose instructions stand in where a runtime was not counted on a core (closed sources, other instruction sets)."""

POOLS = {"tflm-cmsis-nn": "tflm", "tflm-reference": "tflm", "x-cube-ai": "x-cube-ai", "esp-nn": "esp-nn"}
"""Runtimes fitted together."""

NOISE = 0.05
"""Log standard deviation of one row about the model of its architecture."""

ARCHITECTURE = {"tflm": 0.06, "x-cube-ai": 0.16, "esp-nn": 0.15}
"""Log standard deviation of an architecture on one core and runtime, by pool: what kernel shapes do not explain."""

_UNSEEN = {("x-cube-ai", "cortex-m4"): 0.22, ("x-cube-ai", "cortex-m33"): 0.10}
"""Further spread for a network never measured, where too many lay outside (leave-one-architecture-out)."""


def unseen_spread(runtime: str, core: str) -> float:
    """Log standard deviation to expect of a network that was never measured on this core and runtime."""
    return math.hypot(ARCHITECTURE[POOLS[runtime]], _UNSEEN.get((runtime, core), 0.0))

_VERSION_STEPS = ((7, 3), (8, 1), (9, 0))
_MEANS = {
    # Cortex-M4 TRM instruction costs give 1.2 (CMSIS-NN) and 1.42–1.54 (reference) cycles per instruction at -O3,
    # times a board factor of about 1.2 (flash wait states): facts of the counted builds.
    "tflm-cmsis-nn": math.log(1.2 * 1.2),
    "tflm-reference": math.log(1.48 * 1.2),
    "x-cube-ai": 0.0,
    "esp-nn": 0.0,
    # Loads, stores and taken branches of two cycles on Cortex-M0+ (assumed 1.45), times 0.90 measured on an RP2040
    # (person_detect total): 1.3 against the 1.44 of Cortex-M4.
    "cortex-m0plus": math.log(1.3 / 1.44),
}


@dataclass(frozen=True, slots=True)
class Case:
    """What a latency is asked for, or was measured on.

    Parameters
    ----------
    core, runtime : "cortex-m4", "tflm-cmsis-nn", …
    version : of the runtime, "" where unknown.
    board : catalogue id, "" where unknown.
    build : "-Os", "-O2", "-O3", "" where unknown.
    system : whose measurement it is, "" for a prediction.
    """

    core: str
    runtime: str
    version: str = ""
    board: str = ""
    build: str = ""
    system: str = ""


def proxy_of(case: Case) -> tuple[str, str, str]:
    """(runtime, core, build) whose counted instructions are the features of a case."""
    runtime, core = PROXIES[case.runtime]
    if f"{runtime} on {case.core}" in counted_combinations():
        core = case.core
    elif case.core == "cortex-m85":
        core = "cortex-m85"
    counted = case.runtime == runtime and case.core.startswith("cortex-")
    return runtime, core, case.build if counted else "-O3"


def effects_of(case: Case, family: str) -> tuple[tuple[str, float], ...]:
    """(effect, prior standard deviation) of a case and a kernel family, logarithmic.

    An effect with an empty name is there but unknown: its prior widens the interval.
    """
    runtime, core, closed = case.runtime, case.core, POOLS[case.runtime] != "tflm"
    step = version_step(case.version)
    effects = [
        (runtime, 1.5 if closed else 0.1),
        (core, 0.35 if core.startswith("cortex-") else 1.0),
        (f"{runtime}|{core}", 0.25),
        (f"{runtime}|{family}", 0.35 if closed else 0.15),
        (f"{runtime}|{core}|{family}", 0.15),
        (f"board {case.board}" if case.board else "", 0.10),
        (f"system {case.system}|{core}|{runtime}" if case.system else "", _system_spread(case)),
    ]
    if runtime == "x-cube-ai":
        effects += [(f"version {step}" if step else "", 0.25), (f"version {step}|{family}" if step else "", 0.25)]
    return tuple(effects)


def _system_spread(case: Case) -> float:
    """Builds and memory differ between ESP-IDF projects; X-CUBE-AI is one binary; TFLM is between."""
    if not case.core.startswith("cortex-"):
        return 0.15
    return 0.05 if POOLS[case.runtime] != "tflm" else 0.10


def row_noise(case: Case, macs: int, report: InstructionReport) -> float:
    """Log standard deviation of one latency about the model, given what is weak about it.

    An unknown build, kernels of assumed cost, and models so small that the fixed costs of a closed
    runtime weigh (below 100,000 MACs) add to `NOISE` in quadrature.
    """
    closed = POOLS[case.runtime] != "tflm"
    tiny = 0.3 * math.sqrt(1e5 / max(macs, 1e3)) if closed and macs < 1e5 else 0.0
    return math.hypot(NOISE, report.assumed_share * ASSUMED_SD, report.build_spread, tiny)


def prior_mean(effect: str) -> float:
    """Mean of an effect before any measurement, logarithmic."""
    return _MEANS.get(effect, 0.0)


def version_step(version: str) -> str:
    """The step of X-CUBE-AI's kernels a version belongs to: they changed at 7.3, 8.1 and 9.0.

    >>> version_step("8.0.0"), version_step("10.2"), version_step("")
    ('7.3', '9.0', '')
    """
    parts = version.lstrip("v").split(".")
    if not parts[0].isdigit():
        return ""
    number = (int(parts[0]), int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0)
    reached = [step for step in _VERSION_STEPS if number >= step]
    return "{}.{}".format(*reached[-1]) if reached else "7.1"
