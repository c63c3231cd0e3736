"""Numbers that say where they come from: `Estimate` for results, `Fact` for what is known.

A `Fact` is one sourced figure from `data/`; an `Estimate` is what the kit answers with: a value, an
interval, the basis it rests on, the runtime it speaks of and its source. `propagate` computes with
estimates and keeps all of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any

from tinykit.ground.errors import FactError, ParameterError, keywords


class Basis(StrEnum):
    """How a number was obtained, weakest first: a result is never of a stronger basis than its inputs.

    `VENDOR` (a headline, no table behind it), `MEASURED_BY_OTHERS` (someone's meter, whose, the source says) and
    `GIVEN` (the user's own word, no document named) are kinds of facts: what is computed from them is modelled at best.
    """

    ASSUMED = "assumed"
    MODELLED = "modelled"
    SIMULATED = "simulated"
    VENDOR = "vendor"
    MEASURED_BY_OTHERS = "measured_by_others"
    GIVEN = "given"
    DATASHEET = "datasheet"
    COMPILED = "compiled"
    MEASURED = "measured"


BASES = tuple(Basis)
"""Every basis, weakest first."""
_RANKS = {str(basis): rank for rank, basis in enumerate(BASES)}

Sources = str | Iterable[str]

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
_PREFIXED_UNITS = ("W", "J", "A", "V", "Hz", "C")
DAY_S = 86_400.0
YEAR_S = 365.25 * DAY_S
LONGEST_S = 366 * DAY_S
"""The longest time asked of anything that is repeated."""

_SPANS = ((2 * YEAR_S, YEAR_S, "years"), (DAY_S, DAY_S, "days"), (3600.0, 3600.0, "h"), (1.0, 1.0, "s"))
_SIZES = ((1024**2, 2, "MiB"), (1024, 1, "KiB"), (1, 0, "B"))
_PLAIN_FROM = 1e-3
_MOST = 1e100  # whatever is computed of figures up to it is a float
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def to_plain(value: Any) -> Any:
    """A value as JSON takes it: results by their own `to_json`, other records by field, keys as texts."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return [to_plain(one) for one in value] if isinstance(value, tuple | list) else value


@dataclass(frozen=True, slots=True, init=False)
class Estimate:
    """A number with its interval and its origin.

    Parameters
    ----------
    value, low, high : best value and the 80 % interval around it, in `unit`; low <= value <= high.
    unit : SI unit ("s", "J", "W", "A", "V", "Hz", "C"), "byte", "degC", "instruction" or "1".
    basis : a `Basis`, or its text.
    runtime : the inference runtime it speaks of, "" where none is involved.
    sources : where the number and its inputs come from, one text or several.

    Raises
    ------
    ParameterError : not finite, not ordered, or of an unknown basis.
    """

    value: float
    low: float
    high: float
    unit: str
    basis: Basis
    runtime: str
    sources: tuple[str, ...]

    def __init__(
        self, value: float, low: float, high: float, unit: str, basis: str, *, runtime: str = "", sources: Sources = ()
    ) -> None:
        if basis not in _RANKS:
            raise ParameterError(f"basis {basis!r} is unknown; allowed: {', '.join(BASES)}")
        if not (math.isfinite(low) and math.isfinite(value) and math.isfinite(high)):
            raise ParameterError(f"estimate {low}..{value}..{high} is not finite")
        if not low <= value <= high:
            raise ParameterError(f"estimate needs low <= value <= high, got {low}, {value}, {high}")
        plain = type(sources) is tuple and "" not in sources and len(set(sources)) == len(sources)
        keep = object.__setattr__
        keep(self, "value", value)
        keep(self, "low", low)
        keep(self, "high", high)
        keep(self, "unit", unit)
        keep(self, "basis", BASES[_RANKS[basis]])
        keep(self, "runtime", runtime)
        keep(self, "sources", sources if plain else unite(sources))

    @classmethod
    def exact(cls, value: float, unit: str, basis: str, sources: Sources, runtime: str = "") -> Estimate:
        """An estimate of no width: a count, or a figure the user gave."""
        return cls(value, value, value, unit, basis, runtime=runtime, sources=sources)

    @property
    def source(self) -> str:
        """The sources in one text, for people."""
        return "; ".join(self.sources)

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{format_quantity(self.value, self.unit)} ({self.basis})"
        low, high = format_quantity(self.low, self.unit), format_quantity(self.high, self.unit)
        return f"{format_quantity(self.value, self.unit)} [{low} … {high}] ({self.basis})"

    __repr__ = __str__

    def to_json(self) -> dict[str, Any]:
        """The estimate as a plain dict of JSON types; the sources in one text, `source`."""
        names = ("value", "low", "high", "unit", "basis", "runtime", "source")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure from a document: it cannot exist without its source.

    Parameters
    ----------
    value : the figure, in `unit`.
    unit : as in `Estimate`.
    kind : one of `BASES`; "datasheet" or "measured" where the document itself was read.
    source, locator, conditions : document, place inside it, and what the figure holds for.
    low, high : the range that the document gives around it, in `unit`; None where it gives one figure.
    """

    value: float
    unit: str
    kind: str
    source: str
    locator: str = ""
    conditions: str = ""
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise FactError(f"fact {self.value} {self.unit} has no source; a figure without a source is not a fact")
        if self.kind not in BASES:
            raise FactError(f"fact of kind {self.kind!r}; allowed: {', '.join(BASES)}")
        low, high = self.ends
        if any(isinstance(one, bool) for one in (self.value, low, high)) or not abs(self.value) <= _MOST:
            raise FactError(f"fact value {self.value!r} from {self.source!r} is not a finite number up to {_MOST:g}")
        if not -_MOST <= low <= self.value <= high <= _MOST:
            raise FactError(f"fact {self.value} {self.unit} has the range {low} to {high}; give low <= value <= high")

    @property
    def documented(self) -> bool:
        """Whether the source is a document that somebody read, and so one to refer to."""
        unread = any(said in self.source for said in ("no document read", "(not read)"))
        return self.kind != Basis.GIVEN and not unread

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the range that the document gives, each the value itself where it gives none."""
        return self.value if self.low is None else self.low, self.value if self.high is None else self.high

    def estimate(self, low_factor: float = 1.0, high_factor: float = 1.0) -> Estimate:
        """The fact as an `Estimate`, its range widened by the two factors (<= 1 and >= 1)."""
        ends = sorted((self.ends[0] * low_factor, self.ends[1] * high_factor))
        return Estimate(self.value, ends[0], ends[1], self.unit, self.kind, sources=self.source)


Estimate.__init__, Fact.__init__ = keywords(Estimate.__init__), keywords(Fact.__init__)  # type: ignore[method-assign]


def weakest(*bases: str) -> Basis:
    """The basis a result may claim at most, given the bases of what went into it.

    >>> weakest("measured", "modelled", "datasheet")
    <Basis.MODELLED: 'modelled'>
    """
    return BASES[min(map(_RANKS.__getitem__, bases))]


def propagate(
    function: Callable[..., float], *inputs: Estimate, unit: str, source: Sources = (), basis: str = "measured"
) -> Estimate:
    """Compute with estimates: the value at the values, the interval by independent errors.

    Each input is moved to its low and high end alone, and the resulting deviations are added in
    quadrature, upward and downward apart (GUM, JCGM 100:2008, 5.1.2, with finite differences), so
    that a monotonic function of one input maps its interval exactly. The sum never reaches beyond
    what all inputs give together, each at its worse end: a product of wide factors stays above 0.

    >>> wide = Estimate(1.0, 0.1, 1.0, "1", "assumed")
    >>> propagate(lambda a, b: a * b, wide, wide, unit="1", source="example").low
    0.010000000000000002

    Parameters
    ----------
    function : takes one float per input and returns a float.
    inputs : the estimates; the result's basis is the weakest of theirs and of `basis`.
    unit : of the result.
    source : what the result adds to the sources of the inputs, the law it is computed by.
    basis : the strongest basis that the method allows.
    """
    values = [estimate.value for estimate in inputs]
    centre = least = most = function(*values)
    up = down = 0.0
    best, worst = list(values), list(values)
    for place, estimate in enumerate(inputs):
        found = {end: function(*values[:place], end, *values[place + 1 :]) for end in (estimate.low, estimate.high)}
        found[values[place]] = centre
        best[place], worst[place] = max(found, key=lambda end: found[end]), min(found, key=lambda end: found[end])
        top, bottom = found[best[place]], found[worst[place]]
        up, down = up + (top - centre) ** 2, down + (centre - bottom) ** 2
        least, most = min(least, bottom), max(most, top)
    low = max(centre - math.sqrt(down), min(least, function(*worst)))
    high = min(centre + math.sqrt(up), max(most, function(*best)))
    runtime = next((estimate.runtime for estimate in inputs if estimate.runtime), "")
    lowest = weakest(basis, *(estimate.basis for estimate in inputs))
    sources = unite(source, *(estimate.sources for estimate in inputs))
    return Estimate(centre, low, high, unit, lowest, runtime=runtime, sources=sources)


def relabel(estimate: Estimate, **changes: Any) -> Estimate:
    """A copy of an estimate with some fields changed (`sources=…`, `runtime=…`)."""
    return replace(estimate, **changes)


def unite(*sources: Sources) -> tuple[str, ...]:
    """Sources one after another, each once, without empty ones.

    >>> unite("E = P t", ("datasheet", "MLPerf"), "datasheet", "")
    ('E = P t', 'datasheet', 'MLPerf')
    """
    found: dict[str, None] = {}
    for one in sources:
        found.update(dict.fromkeys((one,) if isinstance(one, str) else map(str, one)))
    found.pop("", None)
    return tuple(found)


def format_quantity(value: float, unit: str) -> str:
    """A number for people: three significant digits, a prefix or a power of ten, KiB for bytes, days for long times.

    >>> format_quantity(0.0123, "s"), format_quantity(23_552, "byte"), format_quantity(8e7, "s")
    ('12.3 ms', '23.0 KiB', '2.54 years')
    >>> format_quantity(1.33e-7, "1")
    '1.33 × 10⁻⁷'
    """
    if unit == "byte":
        size, digits, unit = next(step for step in _SIZES if abs(value) >= step[0] or step[0] == 1)
        return f"{value / size:.{digits}f} {unit}"
    if unit == "s":
        return _format_seconds(value)
    if unit == "degC":
        return f"{value:.1f} °C"
    if unit in _PREFIXED_UNITS and value:
        factor, prefix = _prefix_of(value)
        return f"{_three_digits(value / factor)} {prefix}{unit}"
    if unit in ("instruction", "cycle"):
        return f"{_three_digits(value)} {unit}s"
    return f"{_three_digits(value)} {unit}" if unit not in ("1", "") else _three_digits(value)


def _prefix_of(value: float) -> tuple[float, str]:
    magnitude = abs(value) * (1 + 1e-9)
    return next(((factor, name) for factor, name in _PREFIXES if magnitude >= factor), _PREFIXES[-1])


def _three_digits(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits, _, power = f"{value:.2e}".partition("e")
    value = float(f"{digits}e{power}")
    if abs(value) < _PLAIN_FROM:
        return f"{digits} × 10{str(int(power)).translate(_RAISED)}"
    decimals = 2 - math.floor(math.log10(abs(value) * (1 + 1e-9)))
    return f"{value:.{max(0, decimals)}f}"


def _format_seconds(value: float) -> str:
    for least, span, unit in _SPANS:
        if abs(value) >= least or (value == 0 and unit == "s"):
            return f"{_three_digits(value / span)} {unit}"
    factor, prefix = _prefix_of(value)
    return f"{_three_digits(value / factor)} {prefix}s"


def is_number(text: str) -> bool:
    """Whether a cell of a table is a number.

    >>> is_number(" 1e-3"), is_number("2 mA")
    (True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True
