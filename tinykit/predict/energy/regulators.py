"""Regulators: what the supply gives where a current is known behind an LDO or a step-down converter."""

import math
from typing import Any

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate, propagate
from tinykit.predict.energy.inputs import band, load_constants
from tinykit.target.boards.record import Board, RunPoint

_CONSTANTS = ("power", "run_current.toml")


def ldo_input_current(load_a: Any, quiescent_a: Any = 0.0) -> Any:
    """Input current of a linear regulator: I_in = I_load + I_q, whatever the input voltage.

    Scalars or arrays; returns [A]. Valid above drop-out; in ST's tables I(3.0 V)/I(1.8 V) of 1,189 LDO rows is 1.008
    in the median.

    >>> ldo_input_current(0.017)
    0.017

    Parameters
    ----------
    load_a, quiescent_a : [A].
    """
    return load_a + quiescent_a


def smps_input_current(load_a: Any, output_v: Any, input_v: Any, efficiency: Any = 0.85) -> Any:
    """Input current of a step-down converter: I_in = I_load V_out / (η V_in).

    Scalars or arrays; returns [A]. Valid for V_in > V_out in continuous load; left out is the fall of η at µA loads.
    ST's record of an external SMPS: 1.1 V out of 3.0 V at η 0.85 (power database, Smps.xml).

    >>> round(smps_input_current(18.5e-3, 1.1, 3.0) * 1e3, 2)
    7.98

    Parameters
    ----------
    load_a : [A].
    output_v, input_v : [V].
    efficiency : η [1].
    """
    return load_a * output_v / (efficiency * input_v)


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
