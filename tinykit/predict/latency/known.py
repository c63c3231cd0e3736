"""What is known of a network by its measurements elsewhere: on other boards, cores and versions of the same kernels.

Kernels take the time that shapes ask for: what a network takes over the model on one board it takes on another, fully
by the same kernels on the same core, in part on other cores, versions and options.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.caches import remember, remember_table
from tinykit.predict.latency import effects
from tinykit.predict.latency.instructions import InstructionReport, Shapes
from tinykit.predict.latency.measured import Key, key_of, key_of_model, model_shapes
from tinykit.predict.latency.places import count_case
from tinykit.predict.latency.shapes import read_table
from tinykit.target.runtimes import find_runtime

_ELSEWHERE = 0.5
"""Of what the model leaves open, the part that other cores, versions or options of a runtime settle (assumed)."""


@dataclass(frozen=True, slots=True)
class Known:
    """One measured row of a network: log(measured / modelled), its log standard deviation, the share of 1×1 cycles."""

    case: effects.Case
    log: float
    noise: float
    pointwise: float = 0.0


@dataclass(frozen=True, slots=True)
class Carried:
    """What rows of a network say of a case.

    Log factor on its cycles; log standard deviation that stays open of its own; boards where the same kernels ran it on
    the same core; the share 0–1 that all rows settle of what the model leaves open.
    """

    log: float
    share: float
    spread: float
    boards: tuple[str, ...]


def carry_over(known: Sequence[Known], case: effects.Case, pointwise: float) -> Carried:
    """A network's own effect on a case given its measured rows: mean kᵀ (K + N)⁻¹ r, variance k₀ − kᵀ (K + N)⁻¹ k.

    K is what two rows share, N their noise, r their residuals, k what they share with the case, k₀ all that is open.
    """
    pool, asked = find_runtime(case.runtime).pool, Known(case, 0.0, 0.0, pointwise)
    open_all = _shared(asked, asked)
    here = [row for row in known if row.case.arena in ("", case.arena)]
    held = [(row, covariance) for row in here if (covariance := _shared(asked, row))]
    if not held:
        return Carried(0.0, 0.0, math.hypot(math.sqrt(open_all), effects.SYSTEM[pool]), ())
    rows, shared = tuple(row for row, _ in held), np.array([covariance for _, covariance in held])
    weights = np.linalg.solve(_covariance(rows, pool), shared)
    settled = float(weights @ shared)
    log = float(weights @ [row.log for row in rows])
    spread = math.sqrt(max(0.0, open_all - settled) + effects.SYSTEM[pool] ** 2)
    boards = dict.fromkeys(row.case.board for row in rows if kernel_set(row.case) == kernel_set(case))
    return Carried(log, settled / open_all * (1 if boards else _ELSEWHERE), spread, tuple(boards))


@remember_table
def _covariance(rows: tuple[Known, ...], pool: str) -> NDArray[np.float64]:
    """K + N of `carry_over`: what rows share, systems among it, and their noise."""
    systems = np.array(
        [[float(a.case.system == b.case.system) * effects.SYSTEM[pool] ** 2 for b in rows] for a in rows]
    )
    covariance: NDArray[np.float64] = np.array([[_shared(a, b) for b in rows] for a in rows]) + systems
    covariance += np.diag([row.noise**2 for row in rows])
    return covariance


def width_of(spread: float, noise: float, carried: Carried) -> float:
    """Log standard deviation of a case: of what the model leaves open, the network's own rows settle their share."""
    return math.hypot(spread * math.sqrt(1 - carried.share), noise, carried.spread)


def shipped_width(width: float, case: effects.Case, carried: Carried) -> float:
    """A width times the factor that made 80 % hold 80 % where rows were left out, never below what one row strays by.

    The factor is that of the core, else of the runtime, else of all.
    """
    pools = ((case.runtime, case.core), (case.runtime, "*"), ("*", "*"))
    factor = next((one for pool in pools if (one := _factors().get((*pool, new_of(carried))))), 1.0)
    return max(factor * width, float(effects.PRIORS["row"]))


def new_of(carried: Carried) -> str:
    """What is new of a case, as `conformal.csv` names it: the network, its kernels or core, or only where it runs."""
    return "place" if carried.boards else "kernels" if carried.share else "network"


@remember_table
def _factors() -> dict[tuple[str, str, str], float]:
    rows = read_table("conformal").rows
    return {(row["runtime"], row["core"], row["new"]): float(row["factor"]) for row in rows}


@remember
def find_known(model: Shapes) -> tuple[Known, ...]:
    """The measured rows of a network, held against the shipped model."""
    return tuple(map(_read_known, _numbers_by_key().get(key_of(model.shapes), ())))


def read_measured_row(row: dict[str, str]) -> tuple[effects.Case, InstructionReport, float]:
    """What a row of `measured.csv` was measured on, the modelled instructions of its network, the cycles it took."""
    system = "microTVM" if row["stack"].startswith("microTVM") else row["source_repo"]
    names = ("core", "runtime", "version", "board", "build", "arena", "option")
    case = effects.Case(**{name: row[name] for name in names}, system=system)
    report = count_case(model_shapes()[row["model"]], case)
    return case, report, float(row["latency_s"]) * float(row["clock_hz"])


@remember_table
def kernel_set(case: effects.Case) -> tuple[str, ...]:
    """What makes two cases run the same code: kernels and core; of X-CUBE-AI its step and option."""
    option = case.option if effects.has_options(case) else ""
    return (find_runtime(case.runtime).kernels, case.core, "".join(effects.steps_of(case.version)[-1:]), option)


def _shared(one: Known, other: Known) -> float:
    """Variance of a network's own effect that two rows share; of what the option gains, by their 1×1 convolutions."""
    (kernels, core, step, option), (others, *further) = kernel_set(one.case), kernel_set(other.case)
    if kernels != others:
        return 0.0
    everywhere, here = effects.ARCHITECTURE[find_runtime(one.case.runtime).pool]
    parts = [everywhere, here * (core == further[0])]
    if kernels == "x-cube-ai":
        parts.append(effects.PRIORS["architecture_version"] * (step == further[1]))
        timed = math.sqrt(one.pointwise * other.pointwise) if option == further[2] == "time" else 0.0
        parts.append(effects.PRIORS["architecture_option"] * timed)
    return math.fsum(part**2 for part in parts)


@remember_table
def _numbers_by_key() -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for number, row in enumerate(read_table("measured").rows):
        if row["part"] == "all":
            found.setdefault(key_of_model(row["model"]), []).append(number)
    return found


@remember_table
def _read_known(number: int) -> Known:
    case, report, cycles = read_measured_row(read_table("measured").rows[number])
    profile = effects.shipped_profile(replace(case, system=""))
    log = math.log(cycles / profile.cycles(report.parts)[0])
    return Known(case, log, effects.row_noise(case, report), profile.pointwise(report.parts))
