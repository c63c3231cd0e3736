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
from tinykit.predict.latency.kernels import FIXED, PARTS
from tinykit.predict.latency.shapes import read_table
from tinykit.target.runtimes import find_runtime, list_runtimes

RUNTIMES = tuple(runtime.name for runtime in list_runtimes() if runtime.pool)
"""Those whose latency can be predicted."""

_COUNTED_CORE = "cortex-m4"
"""Whose instructions stand in for a core where a runtime was not counted (closed sources, other instruction sets)."""

Effect = tuple[str, float]

PRIORS = read_toml(shipped_path("data", "latency", "priors.toml"))
_SPREADS, SYSTEM, ARCHITECTURE = PRIORS["spread"], PRIORS["system"], PRIORS["architecture"]
_MEANS: dict[str, float] = PRIORS["mean"] | {
    name: math.log(math.prod(parts)) for name, parts in PRIORS["factor"].items()
}
VERSION_STEPS = tuple((int(one), round(one % 1 * 10)) for one in PRIORS["versions"]["steps"])
_MEASURED_VERSIONS = tuple(map(tuple, PRIORS["versions"]["measured"]))
KERNEL_VERSIONS = ("7.1", *("{}.{}".format(*step) for step in VERSION_STEPS))
_POINTWISE = [number for number, part in enumerate(PARTS) if part.startswith("conv_1x1")]
_OPTIONS_FROM, _FIRST_CUBE = (8, 1), 5


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
    option: str = ""  # what ST's tool optimised for


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
    family, outside, few = part.partition(" ")[0], part.endswith(" outside"), " few" in part
    place = "family" if arm else "other family"
    effects = [
        (runtime if arm else f"{runtime} elsewhere", _SPREADS["counted runtime" if tflm else "closed runtime"]),
        (core, _SPREADS["core" if arm else "other core"]),
        (f"{runtime}|{core}", _SPREADS["runtime|core"]),
        (f"{'arm' if arm else 'other'}|{family}", _SPREADS["calls" if family in FIXED else place]),
        (f"{runtime}|{family}", _SPREADS.get(f"{runtime}|{family}", _SPREADS["runtime|family"])),
        (f"board {case.board}" if case.board else "", _SPREADS["board"]),
        (f"system {case.system}|{core}|{case.runtime}" if case.system else "", SYSTEM[known.pool]),
    ]
    if family in FIXED:
        effects.append((f"system {case.system}|{core}|{case.runtime}|{family}" if case.system else "", SYSTEM[family]))
    if few and f"{runtime}|few" in _SPREADS:
        effects.append((f"{runtime}|few", _SPREADS[f"{runtime}|few"]))
    further = _version_effects(case, family, outside) if runtime == "x-cube-ai" else []
    return (*effects, *_special_effects(case, runtime, family, outside), *further)


def _special_effects(case: Case, runtime: str, family: str, outside: bool) -> list[Effect]:
    """Effects that only some parts, builds or memories have, and those of a runtime that calls another's kernels."""
    effects, fixed = [], family in FIXED
    if outside:
        effects.append((f"{runtime}|outside", _SPREADS["outside"]))
    if case.runtime != runtime:
        own = (f"{case.runtime}|{family}", "other calls") if fixed else (case.runtime, "counted runtime")
        effects.append((own[0], _SPREADS[own[1]]))
    if case.arena:
        effects.append((f"arena {case.arena}", _SPREADS["arena"]))
    if runtime != "x-cube-ai" and case.core.startswith("cortex-") and not fixed:
        effects.append((f"{case.core}|{family}", _SPREADS["core|family"]))
        effects.append((f"build {case.build}|{family}" if case.build else "", _SPREADS["build|family"]))
    return effects


def _version_effects(case: Case, family: str, outside: bool) -> list[Effect]:
    """Every step of the kernels up to a version's adds to the one before: one that nobody measured is as the last."""
    effects: list[Effect] = []
    for step in steps_of(case.version):
        names = {
            "version": f"version {step}",
            "version|family": f"version {step}|{family}",
            "version|core": f"version {step}|{case.core}",
            "version|core|family": f"version {step}|{case.core}|{family}",
        }
        effects += [
            (name, _SPREADS[kind]) for kind, name in names.items() if family not in FIXED or "family" not in kind
        ]
        if outside:
            effects.append((f"version {step}|outside", _SPREADS["version|outside"]))
    if outside:
        effects.append((f"x-cube-ai|{case.core}|outside", _SPREADS["outside"]))
    if not is_measured_version(case.version):
        effects.append(("", _SPREADS["newer version"]))
    if case.option not in ("", "balanced") and has_options(case):
        name = f"option {case.option}|{family}"
        effects.append((name, _SPREADS.get(name, _SPREADS["option"])))
    return effects


def unseen_spread(runtime: str) -> float:
    """Log standard deviation of a network never measured on a runtime, on a system never measured."""
    pool, version = find_runtime(runtime).pool, PRIORS["architecture_version"] if runtime == "x-cube-ai" else 0.0
    return math.hypot(*ARCHITECTURE[pool], SYSTEM[pool], version)


def row_noise(case: Case, report: InstructionReport) -> float:
    """Log standard deviation of one latency about the model; parts add in quadrature.

    Unknown builds, assumed kernels and, falling smoothly with the work, fixed costs that closed runtimes do not tell.
    """
    fixed = PRIORS["fixed"][find_runtime(case.runtime).pool]
    small = fixed / (fixed + sum(report.parts)) if fixed else 0.0
    return math.hypot(PRIORS["row"], report.assumed_share * ASSUMED_SD, report.build_spread, small)


def prior_mean(effect: str) -> float:
    """Mean of an effect before any measurement, logarithmic."""
    return _MEANS.get(effect, 0.0)


def version_number(version: str) -> tuple[int, int] | None:
    """X-CUBE-AI's number of a version, or of ST Edge AI Core's, which counts the same tools from 1; None for no number.

    >>> version_number("v8.1.0"), version_number("2.2"), version_number("4.0.0"), version_number("1.0")
    ((8, 1), (10, 2), (12, 0), (9, 1))
    """
    parts = version.lstrip("v").split(".")
    if not parts[0].isdigit():
        return None
    major, minor = int(parts[0]), int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
    return (major, minor) if major >= _FIRST_CUBE else (major + 8, minor + (major == 1))


def steps_of(version: str) -> tuple[str, ...]:
    """The steps of X-CUBE-AI's kernels (priors.toml) up to a version's own, beyond the oldest; unknown: all of them.

    >>> steps_of("7.1.0"), steps_of("8.0.0"), steps_of("2.2")
    ((), ('7.3',), ('7.3', '8.1', '9.0'))
    """
    number = version_number(version)
    return tuple("{}.{}".format(*step) for step in VERSION_STEPS if number is None or number >= step)


def is_measured_version(version: str) -> bool:
    """Whether a version lies between the oldest and the newest of X-CUBE-AI that anyone measured."""
    number = version_number(version)
    return number is not None and _MEASURED_VERSIONS[0] <= number <= _MEASURED_VERSIONS[1]


def has_options(case: Case) -> bool:
    """Whether ST's optimisation option changes a case's kernels: since 8.1."""
    number = version_number(case.version) if case.runtime == "x-cube-ai" else None
    return number is not None and number >= _OPTIONS_FROM


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

    def pointwise(self, work: Sequence[float]) -> float:
        """Of the cycles of these instructions, the fraction in 1×1 convolutions."""
        parts = np.asarray(work) * np.exp(self.log_cycles)
        return float(sum(parts[number] for number in _POINTWISE) / (parts.sum() or 1.0))


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
