"""Regulators: what the supply gives where a current is known behind an LDO or a step-down converter."""

import math

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate, propagate
from tinykit.predict.energy.inputs import band, load_constants
from tinykit.target.boards.record import Board, RunPoint

_CONSTANTS = ("power", "run_current.toml")


def like_reference(board: Board) -> tuple[RunPoint, ...]:
    """The stated run points that differ from the board's first by the supply only."""
    first = board.run_points[0]
    wanted = (first.clock.value, first.regulator, first.workload, first.peripherals_on)
    return tuple(p for p in board.run_points if (p.clock.value, p.regulator, p.workload, p.peripherals_on) == wanted)


def scale_supply(
    current_a: Estimate, from_v: float, to_v: float, regulator: str | None, board: Board | None = None
) -> Estimate:
    """An input current [A] known at one supply [V], at another: as it is for an LDO, I (V0/V)^x for an SMPS.

    x comes from two stated points of the board where it has them (±20 %), else x = 0.76 [0.42, 1.41]
    from 502 rows of ST's tables, where the ideal converter has 1; with the regulator unknown (None)
    x = 0 [0, 1], assumed.

    Parameters
    ----------
    current_a : at `from_v` [A].
    from_v, to_v : supplies [V].
    regulator : "ldo", "smps", or None where it is not known.
    board : whose stated points say more than the prior.

    Raises
    ------
    ParameterError : the regulator is neither "ldo", "smps" nor None.
    """
    if regulator not in ("ldo", "smps", None):
        raise ParameterError(f"regulator {regulator!r} is unknown; allowed: ldo, smps, None for not known")
    if regulator == "ldo" or math.isclose(from_v, to_v):
        return current_a
    group = load_constants(*_CONSTANTS)["smps" if regulator else "unknown_regulator"]
    exponent = band(group, "exponent", "exponent_low", "exponent_high")
    if regulator == "smps" and board is not None:
        exponent = _own_exponent(board) or exponent
    source = f"from {from_v:g} to {to_v:g} V"
    return propagate(lambda i, x: i * (from_v / to_v) ** x, current_a, exponent, unit="A", source=source)


def _own_exponent(board: Board) -> Estimate | None:
    """x of `scale_supply` from the board's own points at its lowest and highest stated supply."""
    alike = like_reference(board) if board.run_points else ()
    stated = {point.supply.value: point.current for point in alike if point.supply is not None}
    if len(stated) < 2:
        return None
    low, high = min(stated), max(stated)
    exponent = math.log(stated[low].value / stated[high].value) / math.log(high / low)
    spread = load_constants(*_CONSTANTS)["smps"]["own_spread"].value
    ends = sorted((exponent * (1 - spread), exponent * (1 + spread)))
    source = f"{stated[low].source}, {low:g} and {high:g} V"
    return Estimate(exponent, ends[0], ends[1], "1", "modelled", sources=source)
