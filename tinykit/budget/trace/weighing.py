"""A trace's rows as pieces of time: each stands for the halves of the steps to its neighbours (trapezoidal rule).

So uneven samples weigh what they lasted, a repeated stamp lasts nothing, and a gap is bridged by a straight line. What
was bridged is counted in time and said; too much of it is refused.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError

Floats = NDArray[np.float64]
Rows = tuple[Floats, Floats]
"""Times [s] and currents [A], NaN where a row lacks one."""
Piece = tuple[Floats, Floats, Floats]
"""Times [s], currents [A] and how long each stands [s]."""

MOST_BRIDGED = 0.05
"""Share of a trace's time that may be bridged: below the spread of a budget's own figures; 0–1."""
_GAP = 5.0
_MOST_HELD = 1 << 21


class TimeLine:
    """Weighs the chunks of one trace, and keeps count of what it bridged.

    `samples` are the rows with a current, `typical_s` the median step, `start_s` and `end_s` their first and last time,
    `outside` the rows without a time before the first that has one or after the last.
    """

    def __init__(self, name: str) -> None:
        self.samples = self.missing = self.outside = self.repeats = self.turned = self.gaps = 0
        self.typical_s = self.bridged_s = self.longest_s = self.longest_at_s = self.start_s = self.end_s = 0.0
        self._name = name
        self._rows: Rows = (np.empty(0), np.empty(0))
        self._last: Rows = (np.empty(0), np.empty(0))
        self._pending = np.zeros(1), np.zeros(1)

    def weigh(self, chunks: Iterable[Rows]) -> Iterator[Piece]:
        """The pieces of a trace; a row where two chunks meet comes in both.

        Raises DataError: fewer than two samples, a time that goes back or stands still, or more than `MOST_BRIDGED`
        bridged.
        """
        for times, currents in self._begin(chunks):
            before, lost = self._rows[0].size, ~np.isfinite(currents)
            joined = self._rise(times), np.concatenate([self._rows[1], currents])
            self._count_lost(joined[0], ~np.isfinite(joined[1]))
            self._rows = joined[0][-1:], joined[1][-1:]
            kept = joined[0][before:][~lost], currents[~lost]
            if not kept[0].size:
                continue
            piece = np.concatenate([self._last[0], kept[0]]), np.concatenate([self._last[1], kept[1]])
            weights = _halves(piece[0])
            if not self.samples:
                first = piece[0] == piece[0][0]
                self.start_s = float(piece[0][0])
                weights[first] += self.typical_s / 2 / np.count_nonzero(first)
            self.samples += kept[0].size
            self._last = kept[0][-1:], kept[1][-1:]
            self.end_s = float(self._last[0][0])
            end = np.full(1, piece[1][piece[0] == self.end_s].mean())
            yield *piece, weights
        self._judge(np.zeros(1), np.zeros(1))
        self._check()
        yield self._last[0], end, np.full(1, self.typical_s / 2)

    @property
    def share(self) -> float:
        """Bridged part of the time, 0–1."""
        return min(self.bridged_s / (self.end_s - self.start_s), 1.0) if self.end_s > self.start_s else 1.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was bridged or counted otherwise, in sentences; empty for a clean trace."""
        said = []
        if self.bridged_s:
            said.append(f"{self.share:.2%} of the time is missing and was bridged by straight lines: {self._lost}")
        if self.outside:
            said.append(f"{self.outside} rows without a time before the first time or after the last: left out")
        if self.repeats:
            said.append(f"{self.repeats} of {self.samples} rows repeat a time: they share what it lasts, 0 % is lost")
        if self.turned:
            said.append(f"{self.turned} of {self.samples} rows step back in time: taken at the time before them")
        return tuple(said)

    @property
    def _lost(self) -> str:
        longest = f", the longest {self.longest_s:.3g} s after {self.longest_at_s:.6g} s"
        counts = {f"gap%s{longest}": self.gaps, "row%s without a number": self.missing}
        return ", ".join(f"{n} {what % ('s' * (n > 1))}" for what, n in counts.items() if n)

    def _begin(self, chunks: Iterable[Rows]) -> Iterator[Rows]:
        """The rows from the first that has a time to the last; held back until a step between two is known."""
        held: Rows = (np.empty(0), np.empty(0))
        for times, currents in chunks:
            held = self._drop(np.concatenate([held[0], times]), np.concatenate([held[1], currents]))
            timed = np.flatnonzero(np.isfinite(held[0]))
            if not self.typical_s:
                steps = np.diff(held[0][timed])
                if not (steps > 0).any():
                    if held[0].size > _MOST_HELD:
                        break
                    continue
                self.typical_s = float(np.median(steps[steps > 0]))
            if timed.size:
                end = timed[-1] + 1
                yield self._place(held[0][:end], held[1][:end])
                held = held[0][end:], held[1][end:]
        known = held[0][np.isfinite(held[0])]
        self.outside += held[0].size - known.size
        if known.size > 1:
            raise DataError(f"{self._name}: time does not rise after {known[0]:.6g} s; sort the rows, drop repeats")
        self.samples = self.samples or known.size

    def _drop(self, times: Floats, currents: Floats) -> Rows:
        """The rows without those that no time stands before, and of a stretch without times no more than is held."""
        begun, timed = self._rows[0].size, np.flatnonzero(np.isfinite(times))
        cut = max(0, (int(timed[0]) if timed.size else times.size) - begun * _MOST_HELD)
        self.missing, self.outside = self.missing + cut * begun, self.outside + cut * (1 - begun)
        return times[cut:], currents[cut:]

    def _place(self, times: Floats, currents: Floats) -> Rows:
        """The rows, those without a time at the usual steps from the one before, where there is room; they are lost."""
        joined, at = np.concatenate([self._rows[0], times]), np.arange(self._rows[0].size + times.size)
        known = np.flatnonzero(np.isfinite(joined))
        if known.size == at.size:
            return times, currents
        before, after = known[np.searchsorted(known, at, "right") - 1], known[np.searchsorted(known, at)]
        room = np.maximum(joined[after] - joined[before], 0.0) / np.maximum(after - before, 1)
        placed = joined[before] + (at - before) * np.minimum(room, self.typical_s)
        return placed[self._rows[0].size :], np.where(np.isfinite(times), currents, np.nan)

    def _rise(self, times: Floats) -> Floats:
        """The times after the last one of the chunk before, none of them below an earlier one."""
        joined = np.concatenate([self._rows[0], times])
        rising = np.maximum.accumulate(joined)
        back = rising - joined
        worst = int(np.argmax(back))
        if back[worst] > _GAP * self.typical_s:
            raise DataError(
                f"{self._name}: time goes back by {back[worst]:.3g} s after {rising[worst]:.6g} s\n"
                "sort the rows, or cut the trace where its clock was set back or its counter began anew"
            )
        turned = int((back > 0).sum())
        self.turned += turned
        self.repeats += int((np.diff(rising) == 0).sum()) - turned
        return rising

    def _count_lost(self, times: Floats, lost: NDArray[np.bool_]) -> None:
        """Add what the rows without a current and the gaps of these rows lasted."""
        self.missing += int(lost[self._rows[0].size :].sum())
        if lost.any():
            near = np.concatenate([[0.0], steps := np.diff(times), [0.0]])
            usual = np.maximum(np.maximum(near[:-2], near[2:]), self.typical_s)
            plain = np.where(steps > _GAP * usual, usual, steps)  # the rest of such a step is counted as a gap
            self.bridged_s += float(_halves(np.concatenate([[0.0], np.cumsum(plain)]))[lost].sum())
        self._judge(np.diff(times), times[:-1])

    def _judge(self, steps: Floats, starts: Floats) -> None:
        """Count the gaps: steps of more than five times the median and of both their neighbours."""
        steps, starts = np.concatenate([self._pending[0], steps]), np.concatenate([self._pending[1], starts])
        self._pending = steps[-2:], starts[-2:]
        if steps.size < 3:
            return
        usual = np.maximum(np.maximum(steps[:-2], steps[2:]), self.typical_s)
        lost = np.where(steps[1:-1] > _GAP * usual, steps[1:-1] - usual, 0.0)
        worst = int(np.argmax(lost))
        self.gaps += int(np.count_nonzero(lost))
        self.bridged_s += float(lost.sum())
        if lost[worst] > self.longest_s:
            self.longest_s, self.longest_at_s = float(lost[worst]), float(starts[1 + worst])

    def _check(self) -> None:
        if self.samples < 2:
            raise DataError(f"{self._name}: {self.samples} samples; a trace needs two at least")
        if self.share > MOST_BRIDGED:
            raise DataError(
                f"{self._name}: {self.share:.1%} of the time is missing: {self._lost}\n"
                f"allowed: {MOST_BRIDGED:.0%}; cut the trace there, or export it without lost samples"
            )


def _halves(times: Floats) -> Floats:
    """For each of these rows the halves of the steps to its neighbours among them [s]; rows of one time share alike."""
    steps, weights = np.diff(times) / 2, np.zeros(times.size)
    weights[:-1] += steps
    weights[1:] += steps
    if steps.size and not steps.all():
        groups = np.concatenate([[0], np.cumsum(steps > 0)])
        weights = (np.bincount(groups, weights) / np.bincount(groups))[groups]
    return weights
