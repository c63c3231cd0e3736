"""Cycles per modelled instruction: which effects multiply it, and how far each may stray before any row is seen.

log(cycles per instruction) of a kernel family is a sum of effects: runtime, core, board, version, the
system that was measured, and their combinations. Each has a normal prior; thin groups so borrow from rich ones.
"""

import math
from dataclasses import dataclass

from tinykit.ground.facts import read_toml, shipped_path
from tinykit.predict.latency.instructions import ASSUMED_SD, InstructionReport, counted_combinations
from tinykit.target.runtimes import find_runtime, list_runtimes

RUNTIMES = tuple(runtime.name for runtime in list_runtimes() if runtime.pool)
"""Those whose latency can be predicted."""

_COUNTED_CORE = "cortex-m4"
"""Whose instructions stand in for a core where a runtime was not counted (closed sources, other instruction sets)."""

Effect = tuple[str, float]

_PRIORS = read_toml(shipped_path("data", "latency", "priors.toml"))
_SPREADS, _SYSTEM, _ARCHITECTURE = _PRIORS["spread"], _PRIORS["system"], _PRIORS["architecture"]
_MEANS: dict[str, float] = _PRIORS["mean"] | {
    name: math.log(math.prod(parts)) for name, parts in _PRIORS["factor"].items()
}
_VERSION_STEPS = ((7, 3), (8, 1), (9, 0))


@dataclass(frozen=True, slots=True)
class Case:
    """What a latency is asked for, or was measured on; "" where it is not known.

    `system` is whose measurement it is ("" for a prediction), `arena` "external" where it lies in SDRAM or PSRAM.
    """

    core: str
    runtime: str
    version: str = ""
    board: str = ""
    build: str = ""
    system: str = ""
    arena: str = ""


def proxy_of(case: Case) -> tuple[str, str, str]:
    """(runtime, core, build) whose counted instructions are the features of a case."""
    runtime, core = find_runtime(case.runtime).counted, _COUNTED_CORE
    if f"{runtime} on {case.core}" in counted_combinations():
        core = case.core
    elif case.core == "cortex-m85":
        core = "cortex-m85"
    counted = case.runtime == runtime and case.core.startswith("cortex-")
    return runtime, core, case.build if counted else "-O3"


def effects_of(case: Case, part: str) -> tuple[Effect, ...]:
    """(effect, prior standard deviation) of a case and a part of its instructions (`PARTS`), logarithmic.

    An effect with an empty name is there but unknown: its prior widens the interval.
    """
    known, core, arm = find_runtime(case.runtime), case.core, case.core.startswith("cortex-")
    runtime, tflm = known.kernels, known.pool == "tflm"
    family, outside = part.removesuffix(" outside"), part.endswith(" outside")
    place = "family" if arm else "other family"
    effects = [
        (runtime if arm else f"{runtime} elsewhere", _SPREADS["counted runtime" if tflm else "closed runtime"]),
        (core, _SPREADS["core" if arm else "other core"]),
        (f"{runtime}|{core}", _SPREADS["runtime|core"]),
        (f"{'arm' if arm else 'other'}|{family}", _SPREADS["calls" if family == "calls" else place]),
        (f"{runtime}|{family}", _SPREADS.get(f"{runtime}|{family}", _SPREADS["runtime|family"])),
        (f"board {case.board}" if case.board else "", _SPREADS["board"]),
        (f"system {case.system}|{core}|{case.runtime}" if case.system else "", _SYSTEM[known.pool]),
    ]
    further = _version_effects(case, family, outside) if runtime == "x-cube-ai" else []
    return (*effects, *_special_effects(case, runtime, family, outside), *further)


def _special_effects(case: Case, runtime: str, family: str, outside: bool) -> list[Effect]:
    """Effects that only some parts, builds or memories have, and those of a runtime that calls another's kernels."""
    effects, calls = [], family == "calls"
    if outside:
        effects.append((f"{runtime}|outside", _SPREADS["outside"]))
    if case.runtime != runtime:
        own = (f"{case.runtime}|calls", "other calls") if calls else (case.runtime, "counted runtime")
        effects.append((own[0], _SPREADS[own[1]]))
    if case.arena:
        effects.append((f"arena {case.arena}", _SPREADS["arena"]))
    if find_runtime(runtime).pool == "tflm" and case.core.startswith("cortex-") and not calls:
        effects.append((f"build {case.build}|{family}" if case.build else "", _SPREADS["build|family"]))
    return effects


def _version_effects(case: Case, family: str, outside: bool) -> list[Effect]:
    step = version_step(case.version)
    names = {
        "version": f"version {step}",
        "version|family": f"version {step}|{family}",
        "version|core": f"version {step}|{case.core}",
        "version|core|family": f"version {step}|{case.core}|{family}",
    }
    if family == "calls":
        names = {kind: name for kind, name in names.items() if "family" not in kind}
    effects = [(name if step else "", _SPREADS[kind]) for kind, name in names.items()]
    if outside:
        effects.append((f"x-cube-ai|{case.core}|outside", _SPREADS["outside"]))
        effects.append((f"version {step}|outside" if step else "", _SPREADS["outside"]))
    return effects


def architecture_effects(architecture: str, case: Case) -> tuple[Effect, ...]:
    """Effects of a measured network: ten runs of one network do not count as ten networks."""
    known = find_runtime(case.runtime)
    everywhere, here = _ARCHITECTURE[known.pool]
    name = f"architecture {architecture}|{known.kernels}"
    effects = [(name, everywhere), (f"{name}|{case.core}", here)]
    if case.runtime == "x-cube-ai":
        effects.append((f"{name}|version {version_step(case.version)}", _PRIORS["architecture_version"]))
    return tuple(effects)


def unseen_spread(runtime: str, core: str) -> float:
    """Log standard deviation of a network never measured on this core and runtime, on a system never measured."""
    pool, version = find_runtime(runtime).pool, _PRIORS["architecture_version"] if runtime == "x-cube-ai" else 0.0
    return math.hypot(*_ARCHITECTURE[pool], _SYSTEM[pool], version, _PRIORS["unseen"].get(f"{runtime}|{core}", 0.0))


def row_noise(case: Case, macs: int, report: InstructionReport) -> float:
    """Log standard deviation of one latency about the model, given what is weak about it.

    An unknown build, kernels of assumed cost, and models so small that the fixed costs of a closed
    runtime weigh (below 100,000 MACs) add to it in quadrature.
    """
    closed = find_runtime(case.runtime).pool != "tflm"
    tiny = 0.3 * math.sqrt(1e5 / max(macs, 1e3)) if closed and macs < 1e5 else 0.0
    return math.hypot(_PRIORS["row"], report.assumed_share * ASSUMED_SD, report.build_spread, tiny)


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
