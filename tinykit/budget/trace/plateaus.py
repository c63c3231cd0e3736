"""Active and sleep plateaus of a trace, in two passes over the file and bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinykit.budget.trace.header import TraceLayout
from tinykit.budget.trace.reading import find_layout, read_chunks
from tinykit.budget.trace.weighing import Piece, TimeLine
from tinykit.ground.errors import DataError
from tinykit.ground.results import Result

_DECADES = (-9.0, 1.0)
_BINS_A_DECADE = 50
_BINS = int((_DECADES[1] - _DECADES[0]) * _BINS_A_DECADE)
_APART = 2.0
_HYSTERESIS = 1.25
_MOST_A = 1000.0
_LEAST_S, _MOST_S = 1e-9, 1e12
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Trace(Result):
    """What a trace holds: means, shares and charge weigh the time that a sample stands for, not the samples.

    Parameters
    ----------
    path, kind : of the file.
    samples, duration_s, step_s : rows with a current; [s]; mean step between them [s].
    average_a, peak_a : [A].
    threshold_a : between the plateaus [A]; None where the trace has one only.
    sleep_a, active_a : mean current of the two plateaus [A]; without a threshold both are the average.
    active_share : time above the threshold, 0–1.
    bursts : whole stretches above it.
    burst_s, period_s : mean length of a burst and from one to the next [s]; None with too few of them.
    histogram : samples in 50 bins a decade from 1 nA.
    bridged_share : part of the time that is missing and was bridged, 0–1.
    notes : what is amiss with the recording and how it was taken, in sentences; empty for a clean one.
    """

    JSON = (
        *("path=name", "kind", "samples", "duration_s", "step_s", "average_a", "peak_a", "threshold_a", "sleep_a"),
        *("active_a", "active_share", "bursts", "burst_s", "period_s", "bridged_share", "notes"),
    )

    LINE = ("kind", "samples", "duration_s", "average_a", "peak_a", "bursts", "bridged")

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
    bridged_share: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def bridged(self) -> str:
        """How much of the time was bridged, in per cent; empty where nothing was."""
        return f"{self.bridged_share:.2%}" if self.bridged_share else ""

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

    The threshold parts the time on a logarithmic axis of current where the variance between the two sides is largest
    (Otsu, IEEE Trans. SMC 9, 1979); sides less than twice apart count as one plateau. Crossings within a
    quarter of it do not end a burst. Gaps and rows without a number are bridged up to 5 % of the time, and said.

    Parameters
    ----------
    path : a table (CSV, of a spreadsheet, a serial logger), a .ppk2 or a JLS.
    time_unit, current_unit : as in `find_layout`.

    Raises
    ------
    DataError : not a trace, too much of it missing, mixed units, fewer than two samples, or currents that no board has.
    """
    layout, name = find_layout(path, time_unit=time_unit, current_unit=current_unit), Path(path).name
    line, counted = TimeLine(name), _Counted()
    for piece in line.weigh(read_chunks(path, layout)):
        counted.add(piece, line.samples)
    _check_plausible(name, counted)
    threshold = _part(counted.lasting, -counted.lowest)
    bursts = _Bursts(threshold) if threshold is not None else None
    if bursts is not None:
        for piece in TimeLine(name).weigh(read_chunks(path, layout)):
            bursts.add(piece)
    return _trace(str(path), layout, line, counted, bursts)


def _check_plausible(name: str, counted: _Counted) -> None:
    """Refuse what only a wrong unit or swapped leads can give; noise around 0 is let through."""
    if not _LEAST_S < counted.duration_s < _MOST_S:
        raise DataError(f"{name}: lasts {counted.duration_s:.3g} s; the unit is wrong, give it yourself (ms, us)")
    mean, largest = counted.charge_c / counted.duration_s, max(counted.peak, -counted.lowest)
    if largest > _MOST_A:
        raise DataError(f"{name}: a current of {largest:.3g} A; the unit is wrong, give it yourself (mA, uA)")
    if mean < 0 and counted.peak < -counted.lowest:
        raise DataError(f"{name}: the mean current is {mean:.3g} A, it flows backwards; swap the leads")


class _Counted:
    """The running sums of the first pass: `lasting` and `histogram` hold seconds and samples by their current."""

    def __init__(self) -> None:
        self.histogram, self.lasting = np.zeros(_BINS, dtype=np.int64), np.zeros(_BINS)
        self.samples = 0
        self.charge_c = self.duration_s = 0.0
        self.peak, self.lowest = -np.inf, np.inf

    def add(self, piece: Piece, samples: int) -> None:
        """One piece, and how many samples there are with it."""
        _, currents, weights = piece
        self.charge_c += float(currents @ weights)
        self.duration_s += float(weights.sum())
        self.peak, self.lowest = max(self.peak, float(currents.max())), min(self.lowest, float(currents.min()))
        logs = np.log10(np.clip(currents, 10.0 ** _DECADES[0], 10.0 ** _DECADES[1]))
        places = np.minimum(((logs - _DECADES[0]) * _BINS_A_DECADE).astype(np.intp), _BINS - 1)
        self.lasting += np.bincount(places, weights=weights, minlength=_BINS)
        self.histogram += np.bincount(places[places.size - (samples - self.samples) :], minlength=_BINS)
        self.samples = samples


def _part(lasting: NDArray[np.float64], noise_a: float) -> float | None:
    """The current between the plateaus [A], amid the widest empty stretch of equal variance; None with one plateau.

    How far a meter reads below 0 is its noise [A]: whatever lies below that counts as one current, since the decades
    beneath it hold noise alone and would part noise from noise.
    """
    logs = _DECADES[0] + (np.arange(_BINS) + 0.5) / _BINS_A_DECADE
    if noise_a > 10.0 ** _DECADES[0]:
        floor = min(int((np.log10(noise_a) - _DECADES[0]) * _BINS_A_DECADE), _BINS - 1)
        lasting = np.concatenate([np.zeros(floor), [lasting[: floor + 1].sum()], lasting[floor + 1 :]])
    below, moment = np.cumsum(lasting), np.cumsum(lasting * logs)
    above = below[-1] - below
    valid = (below > 0) & (above > below[-1] * _ROUNDING)
    if not valid.any():
        return None
    low = moment / np.where(valid, below, 1.0)
    high = (moment[-1] - moment) / np.where(valid, above, 1.0)
    between = np.where(valid, below * (above / below[-1]) * (high - low) ** 2, -1.0)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    place = int(best[len(best) // 2])
    if high[place] - low[place] < np.log10(_APART):
        return None
    return float(10.0 ** (_DECADES[0] + (place + 1) / _BINS_A_DECADE))


class _Bursts:
    """The running sums of the second pass: what lies above and below a threshold, piece by piece."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.up: bool | None = None
        self.high_s = self.low_s = self.high_c = self.low_c = 0.0
        self.starts = self.whole = 0
        self.first_start_s = self.last_start_s = self.whole_s = 0.0

    def add(self, piece: Piece) -> None:
        """One piece; a burst begins and ends amid the step over the threshold."""
        times, currents, weights = piece
        high = self._states(currents)
        self.high_s, self.low_s = self.high_s + float(weights[high].sum()), self.low_s + float(weights[~high].sum())
        self.high_c += float(currents[high] @ weights[high])
        self.low_c += float(currents[~high] @ weights[~high])
        places = np.flatnonzero(high[1:] != high[:-1])
        amid = (times[places] + times[places + 1]) / 2
        orphan = int(high[0]) if self.starts == self.whole else 0
        self._cross(amid[high[places + 1]], amid[high[places]][orphan:])
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

    def _cross(self, ups: NDArray[np.float64], downs: NDArray[np.float64]) -> None:
        """Add bursts by the times at which they begin and end, one after the other."""
        if not self.starts and ups.size:
            self.first_start_s = float(ups[0])
        begun = np.concatenate([[self.last_start_s] * (self.starts - self.whole), ups])
        self.whole, self.whole_s = self.whole + downs.size, self.whole_s + float((downs - begun[: downs.size]).sum())
        self.starts += ups.size
        self.last_start_s = float(ups[-1]) if ups.size else self.last_start_s


def _trace(path: str, layout: TraceLayout, line: TimeLine, counted: _Counted, bursts: _Bursts | None) -> Trace:
    mean = counted.charge_c / counted.duration_s
    found = bursts if bursts is not None and bursts.high_s > 0 and bursts.low_s > 0 else None
    repeats = found.starts - 1 if found else 0
    return Trace(
        path=path, kind=layout.kind, samples=line.samples, duration_s=counted.duration_s,
        step_s=(line.end_s - line.start_s) / (line.samples - 1),
        average_a=mean, peak_a=counted.peak, histogram=tuple(counted.histogram.tolist()),
        threshold_a=found.threshold if found else None,
        sleep_a=found.low_c / found.low_s if found else mean,
        active_a=found.high_c / found.high_s if found else mean,
        active_share=found.high_s / counted.duration_s if found else 0.0,
        bursts=found.whole if found else 0,
        burst_s=found.whole_s / found.whole if found and found.whole else None,
        period_s=(found.last_start_s - found.first_start_s) / repeats if found and repeats > 0 else None,
        bridged_share=line.share if line.bridged_s else 0.0, notes=line.notes,
    )  # fmt: skip
