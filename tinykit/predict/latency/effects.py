"""Cycles of one inference: modelled instructions times the effects that published measurements settled.

log(cycles per instruction) of a kernel family is a sum of effects: runtime, core, board, version, the system that was
measured, and their combinations. Each has a normal prior, how far it may stray before any row is seen; thin groups so
borrow from rich ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.caches import remember_table
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.predict.latency.instructions import ASSUMED_SD, InstructionReport, counted_combinations
from tinykit.predict.latency.kernels import PARTS
from tinykit.predict.latency.shapes import read_table
from tinykit.target.runtimes import find_runtime, list_runtimes

RUNTIMES = tuple(runtime.name for runtime in list_runtimes() if runtime.pool)
"""Those whose latency can be predicted."""

_COUNTED_CORE = "cortex-m4"
"""Whose instructions stand in for a core where a runtime was not counted (closed sources, other instruction sets)."""

Effect = tuple[str, float]

PRIORS = read_toml(shipped_path("data", "latency", "priors.toml"))
_SPREADS, _SYSTEM, ARCHITECTURE = PRIORS["spread"], PRIORS["system"], PRIORS["architecture"]
_MEANS: dict[str, float] = PRIORS["mean"] | {
    name: math.log(math.prod(parts)) for name, parts in PRIORS["factor"].items()
}
_VERSION_STEPS = ((7, 3), (8, 1), (9, 0))


@dataclass(frozen=True, slots=True)
class Case:
    """What a latency is asked for, or was measured on; "" where it is not known."""

    core: str
    runtime: str
    version: str = ""
    board: str = ""
    build: str = ""
    system: str = ""  # whose measurement it is, "" for a prediction
    arena: str = ""  # "external" where it lies in SDRAM or PSRAM


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


def unseen_spread(runtime: str, core: str) -> float:
    """Log standard deviation of a network never measured on this core and runtime, on a system never measured."""
    pool, version = find_runtime(runtime).pool, PRIORS["architecture_version"] if runtime == "x-cube-ai" else 0.0
    return math.hypot(*ARCHITECTURE[pool], _SYSTEM[pool], version, PRIORS["unseen"].get(f"{runtime}|{core}", 0.0))


def row_noise(case: Case, macs: int, report: InstructionReport) -> float:
    """Log standard deviation of one latency about the model.

    Unknown builds, assumed kernels, and below 100,000 MACs a closed runtime's fixed costs add to it in quadrature.
    """
    closed = find_runtime(case.runtime).pool != "tflm"
    tiny = 0.3 * math.sqrt(1e5 / max(macs, 1e3)) if closed and macs < 1e5 else 0.0
    return math.hypot(PRIORS["row"], report.assumed_share * ASSUMED_SD, report.build_spread, tiny)


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


@dataclass(frozen=True, slots=True)
class Posterior:
    """Effects with mean and covariance, logarithmic; effects that are not listed have their prior."""

    effects: tuple[str, ...]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a posterior says of one case: log(cycles per instruction) by part, and its covariance."""

    log_cycles: NDArray[np.float64]  # (parts,)
    covariance: NDArray[np.float64]  # (parts, parts), of what was measured
    unknown: NDArray[np.float64]  # (parts,), variance of what was not

    def cycles(self, work: Sequence[float]) -> tuple[float, float]:
        """(Σ instructions × exp(log_cycles) over parts, log standard deviation, each part weighed by its cycles)."""
        parts = np.asarray(work) * np.exp(self.log_cycles)
        total = float(parts.sum())
        if total == 0:
            return 0.0, 0.0
        share = parts / total
        return total, math.sqrt(float(share @ self.covariance @ share + share @ self.unknown))


def profile_of(posterior: Posterior, case: Case) -> Profile:
    """The cycles per instruction of a case by part, with their uncertainty."""
    index = {name: number for number, name in enumerate(posterior.effects)}
    design = np.zeros((len(PARTS), len(index)))
    missing = np.zeros((2, len(PARTS)))
    for number, part in enumerate(PARTS):
        for name, spread in effects_of(case, part):
            if name in index:
                design[number, index[name]] = 1.0
            else:
                missing[:, number] += prior_mean(name), spread**2
    return Profile(design @ posterior.mean + missing[0], design @ posterior.covariance @ design.T, missing[1])


@remember_table
def shipped_profile(case: Case) -> Profile:
    """`profile_of` a case under the shipped posterior."""
    return profile_of(_shipped(), case)


@remember_table
def _shipped() -> Posterior:
    rows = read_table("cycles").rows
    covariance = np.zeros((len(rows), len(rows)))
    for number, row in enumerate(rows):
        covariance[number, : number + 1] = np.array(row["covariance"].split(), dtype=float)
    covariance += np.tril(covariance, -1).T
    return Posterior(tuple(row["effect"] for row in rows), np.array([float(row["mean"]) for row in rows]), covariance)
