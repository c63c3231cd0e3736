"""Active and sleep plateaus of a trace, in two passes over the file and bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinykit.budget.trace.reading import Chunk, TraceLayout, find_layout, read_chunks
from tinykit.ground.errors import DataError
from tinykit.ground.results import Result

_DECADES = (-9.0, 1.0)
_BINS_A_DECADE = 50
_BINS = int((_DECADES[1] - _DECADES[0]) * _BINS_A_DECADE)
_APART = 2.0
_HYSTERESIS = 1.25
_MOST_A = 1000.0


@dataclass(frozen=True, slots=True)
class Trace(Result):
    """What a trace holds.

    Parameters
    ----------
    path, kind : of the file.
    samples, duration_s, step_s : counted; [s].
    average_a, peak_a : [A].
    threshold_a : between the plateaus [A]; None where the trace has one only.
    sleep_a, active_a : mean current of the two plateaus [A]; without a threshold both are the average.
    active_share : time above the threshold, 0–1.
    bursts : whole stretches above it.
    burst_s, period_s : mean length of a burst and from one to the next [s]; None with too few of them.
    histogram : samples in 50 bins a decade from 1 nA.
    """

    JSON = (
        *("path=name", "kind", "samples", "duration_s", "step_s", "average_a", "peak_a", "threshold_a", "sleep_a"),
        *("active_a", "active_share", "bursts", "burst_s", "period_s"),
    )

    LINE = ("kind", "samples", "duration_s", "average_a", "peak_a", "bursts")

    path: str
    kind: str
    samples: int
    duration_s: float
    step_s: float
    average_a: float
    peak_a: float
    threshold_a: float | None
    sleep_a: float
    active_a: float
    active_share: float
    bursts: int
    burst_s: float | None
    period_s: float | None
    histogram: tuple[int, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """The file without its folder."""
        return Path(self.path).name

    @property
    def charge_c(self) -> float:
        """Charge of the whole trace [C]."""
        return self.average_a * self.duration_s


def read_trace(path: str | Path, *, time_unit: str | None = None, current_unit: str | None = None) -> Trace:
    """Read a trace twice in chunks: a histogram of the current for the threshold, then the bursts.

    The threshold parts the histogram on a logarithmic axis where the variance between the two sides is largest
    (Otsu, IEEE Trans. SMC 9, 1979); sides less than twice apart count as one plateau. Crossings within a
    quarter of it do not end a burst.

    Parameters
    ----------
    path : CSV or JLS.
    time_unit, current_unit : as in `find_layout`.

    Raises
    ------
    DataError : not a trace, a gap, mixed units, fewer than two samples, or currents that no board has.
    """
    layout = find_layout(path, time_unit=time_unit, current_unit=current_unit)
    counted = _count(path, layout)
    if counted.samples < 2:
        raise DataError(f"{Path(path).name}: {counted.samples} samples; a trace needs two at least")
    _check_plausible(Path(path).name, counted)
    threshold = _part(counted.histogram)
    bursts = _Bursts(threshold) if threshold is not None else None
    if bursts is not None:
        for chunk in read_chunks(path, layout):
            bursts.add(chunk)
    step = (counted.end_s - counted.start_s) / (counted.samples - 1)
    return _trace(str(path), layout, counted, step, bursts)


def _check_plausible(name: str, counted: _Counted) -> None:
    """Refuse what only a wrong unit or swapped leads can give; noise around 0 is let through."""
    mean, largest = counted.total / counted.samples, max(counted.peak, -counted.lowest)
    if largest > _MOST_A:
        raise DataError(f"{name}: a current of {largest:.3g} A; the unit is wrong, give it yourself (mA, uA)")
    if mean < 0 and counted.peak < -counted.lowest:
        raise DataError(f"{name}: the mean current is {mean:.3g} A, it flows backwards; swap the leads")


class _Counted:
    """The running sums of the first pass."""

    def __init__(self) -> None:
        self.histogram = np.zeros(_BINS, dtype=np.int64)
        self.samples = 0
        self.total, self.peak, self.lowest = 0.0, -np.inf, np.inf
        self.start_s = self.end_s = 0.0


def _count(path: str | Path, layout: TraceLayout) -> _Counted:
    found = _Counted()
    for times, currents in read_chunks(path, layout):
        if not found.samples:
            found.start_s = float(times[0])
        found.samples += times.size
        found.total += float(currents.sum())
        found.peak, found.lowest = max(found.peak, float(currents.max())), min(found.lowest, float(currents.min()))
        found.end_s = float(times[-1])
        logs = np.log10(np.clip(currents, 10.0 ** _DECADES[0], 10.0 ** _DECADES[1]))
        places = ((logs - _DECADES[0]) * _BINS_A_DECADE).astype(np.int64)
        found.histogram += np.bincount(np.minimum(places, _BINS - 1), minlength=_BINS)
    return found


def _part(histogram: NDArray[np.int64]) -> float | None:
    """The current between the plateaus [A], amid the widest empty stretch of equal variance; None with one plateau."""
    logs = _DECADES[0] + (np.arange(_BINS) + 0.5) / _BINS_A_DECADE
    below, moment = np.cumsum(histogram), np.cumsum(histogram * logs)
    above = below[-1] - below
    valid = (below > 0) & (above > 0)
    if not valid.any():
        return None
    low = moment / np.maximum(below, 1)
    high = (moment[-1] - moment) / np.maximum(above, 1)
    between = np.where(valid, below * (above / below[-1]) * (high - low) ** 2, -1.0)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    place = int(best[len(best) // 2])
    if high[place] - low[place] < np.log10(_APART):
        return None
    return float(10.0 ** (_DECADES[0] + (place + 1) / _BINS_A_DECADE))


class _Bursts:
    """The running sums of the second pass: what lies above and below a threshold, chunk by chunk."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.up: bool | None = None
        self.high_n = self.low_n = self.starts = self.whole = 0
        self.high_sum = self.low_sum = 0.0
        self.first_start_s = self.last_start_s = self.whole_s = 0.0

    def add(self, chunk: Chunk) -> None:
        """One chunk of times [s] and currents [A]."""
        times, currents = chunk
        high = self._states(currents)
        self.high_n += int(high.sum())
        self.high_sum += float(currents[high].sum())
        self.low_n += int((~high).sum())
        self.low_sum += float(currents[~high].sum())
        before = np.concatenate([[high[0] if self.up is None else self.up], high[:-1]])
        for place in np.flatnonzero(high != before):
            self._cross(float(times[place]), bool(high[place]))
        self.up = bool(high[-1])

    def _states(self, currents: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Above or below, the last clear state holding where the current is near the threshold."""
        marks = np.where(currents > self.threshold * _HYSTERESIS, 1, 0)
        marks[(currents >= self.threshold / _HYSTERESIS) & (marks == 0)] = -1
        if marks[0] == -1:
            marks[0] = int(self.up if self.up is not None else currents[0] > self.threshold)
        places = np.maximum.accumulate(np.where(marks >= 0, np.arange(marks.size), 0))
        states: NDArray[np.bool_] = marks[places] == 1
        return states

    def _cross(self, at_s: float, up: bool) -> None:
        if up:
            self.first_start_s = self.first_start_s if self.starts else at_s
            self.starts, self.last_start_s = self.starts + 1, at_s
        elif self.starts:
            self.whole, self.whole_s = self.whole + 1, self.whole_s + at_s - self.last_start_s


def _trace(path: str, layout: TraceLayout, counted: _Counted, step_s: float, bursts: _Bursts | None) -> Trace:
    mean = counted.total / counted.samples
    found = bursts if bursts is not None and bursts.high_n > 0 and bursts.low_n > 0 else None
    repeats = found.starts - 1 if found else 0
    return Trace(
        path=path, kind=layout.kind, samples=counted.samples, duration_s=counted.samples * step_s, step_s=step_s,
        average_a=mean, peak_a=counted.peak, histogram=tuple(counted.histogram.tolist()),
        threshold_a=found.threshold if found else None,
        sleep_a=found.low_sum / found.low_n if found else mean,
        active_a=found.high_sum / found.high_n if found else mean,
        active_share=found.high_n / counted.samples if found else 0.0,
        bursts=found.whole if found else 0,
        burst_s=found.whole_s / found.whole if found and found.whole else None,
        period_s=(found.last_start_s - found.first_start_s) / repeats if found and repeats > 0 else None,
    )  # fmt: skip
