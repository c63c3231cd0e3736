"""What comes into a prediction: the user's numbers, checked, and constants from the shelf."""

import math
import numbers
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ParameterError
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import Estimate, Fact


def as_estimate(
    number: Estimate | float, unit: str, name: str, *, low: float = 0.0, high: float = math.inf
) -> Estimate:
    """A plain number or an `Estimate` as a checked `Estimate`: the gate every input passes.

    A plain number is taken as the user's own measurement; pass an `Estimate` to say otherwise.

    Parameters
    ----------
    number : value in `unit`, within low..high.
    unit, name : of the quantity, for the estimate and for the error message.
    low : the least that is taken, in `unit`.
    high : the most.

    Raises
    ------
    ParameterError : not a number, NaN, infinite, out of range or of another unit.
    """
    if isinstance(number, Estimate):
        if number.unit != unit:
            raise ParameterError(f"{name} is in {number.unit!r}; give it in {unit!r}")
        low_end, high_end = number.low, number.high
    elif isinstance(number, bool) or not isinstance(number, numbers.Real):
        raise ParameterError(f"{name} {number!r} is not a number; give it in {unit}")
    else:
        low_end = high_end = math.inf if isinstance(number, int) and abs(number) > 1e300 else float(number)
    if not (math.isfinite(low_end) and low <= low_end and high_end <= high):
        raise ParameterError(f"{name} {number!r} is outside {low:g} to {high:g} {unit}; give it in {unit}")
    if isinstance(number, Estimate):
        return number
    return Estimate.exact(low_end, unit, "measured", f"{name} given by the user")


@remember_table
def load_constants(*parts: str) -> dict[str, dict[str, Fact]]:
    """A TOML of `[group] key = {fact}` below `data/`, as group -> key -> `Fact`.

    Raises
    ------
    FactError : a leaf is not a sourced fact.
    """
    path = shipped_path("data", *parts)
    constants: dict[str, dict[str, Fact]] = {}
    _collect(read_toml(path), "", path.name, constants)
    return constants


def _collect(table: dict[str, Any], group: str, where: str, into: dict[str, dict[str, Fact]]) -> None:
    for key, entry in table.items():
        if isinstance(entry, dict) and "value" not in entry:
            _collect(entry, f"{group}.{key}".lstrip("."), where, into)
        else:
            into.setdefault(group, {})[key] = to_fact(entry, f"{where}: {group}.{key}")


def band(group: dict[str, Fact], point: str, low: str, high: str) -> Estimate:
    """Three facts of one group of constants, the value and the ends of its interval, as one `Estimate`.

    Parameters
    ----------
    group : facts by name.
    point, low, high : names of the value and of its two ends.
    """
    fact = group[point]
    return Estimate(fact.value, group[low].value, group[high].value, fact.unit, fact.kind, sources=fact.source)


def stated(fact: Fact, low: float = 1.0, high: float = 1.0) -> Estimate:
    """A figure of a document as an `Estimate`: over the range given with it, else as wide as its kind is in doubt.

    The kind is one of `data/power/kinds.toml`, or one that is taken as it stands. `low` and `high` are further factors
    down and up, of parts among each other; independent, so that the logarithms add in quadrature.
    """
    doubt = load_constants("power", "kinds.toml").get(fact.kind)
    if doubt is None or fact.ends != (fact.value, fact.value):
        return fact.estimate(low, high)
    down, up = (math.hypot(math.log(f), math.log(doubt[end].value)) for f, end in ((low, "low"), (high, "high")))
    return fact.estimate(math.exp(-down), math.exp(up))
