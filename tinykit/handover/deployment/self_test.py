"""What a board's self-test wrote to its serial port, read back as measurements.

The lines, one record each, keys in any order, anything else on the port ignored::

    TINYKIT selftest v1 model=<12 hex digits> target=c kernels=portable vectors=3 arena=16000 clock_hz=120000000
    TINYKIT selftest v1 model=<12 hex digits> vector=0 equal=1 cycles=123456
    TINYKIT selftest v1 model=<12 hex digits> failed=0

`kernels`, `arena`, `clock_hz` and `cycles` are left out, or 0, where the board does not know them.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tinykit.ground import limits
from tinykit.ground.errors import DataError, UnknownFactError
from tinykit.ground.quantity import Estimate, propagate
from tinykit.ground.results import Result
from tinykit.handover.readback.report import ToolReport

_LINE = re.compile(r"TINYKIT selftest v(\d+) model=([0-9a-f]{12})((?: [a-z_]+=[\w.+-]+)*)")
_PAIR = re.compile(r" ([a-z_]+)=([\w.+-]+)")
_VERSION = "1"
_LONGEST_NUMBER = 15


@dataclass(frozen=True, slots=True)
class VectorResult(Result):
    """One golden vector on the board: whether the output was TFLM's, and the core's cycles (None: not counted)."""

    vector: int
    equal: bool
    cycles: int | None = None


@dataclass(frozen=True, slots=True)
class SelfTestLog(Result):
    """The last complete self-test in a log.

    Parameters
    ----------
    model : first 12 hex digits of the model's sha256.
    vectors : a result for each golden vector, in order.
    target, kernels : "c" or "tflm", and the kernel set; "" where the board did not say.
    arena_bytes, clock_hz : None where the board did not say.
    """

    model: str
    vectors: tuple[VectorResult, ...]
    target: str = ""
    kernels: str = ""
    arena_bytes: int | None = None
    clock_hz: int | None = None

    @property
    def equal(self) -> bool:
        """True if every vector came out as TFLM has it."""
        return all(one.equal for one in self.vectors)

    def cycles(self) -> Estimate:
        """Cycles of one inference, measured: the mean, from the least to the most; UnknownFactError if the board
        counted none.
        """
        counted = [one.cycles for one in self.vectors if one.cycles is not None]
        if not counted:
            raise UnknownFactError("the log has no cycles: this core has no cycle counter, or it was not started")
        runtime = " ".join(part for part in (self.target, self.kernels) if part)
        source = f"self-test on the board, {len(counted)} vectors, model {self.model}"
        mean = sum(counted) / len(counted)
        return Estimate(mean, min(counted), max(counted), "cycle", "measured", runtime=runtime, sources=source)

    def latency(self, clock_hz: float | None = None) -> Estimate:
        """Time of one inference in s, measured: cycles over the core's clock (as logged, if not given here).

        Raises
        ------
        UnknownFactError : no cycles, or no clock.
        """
        clock = clock_hz or self.clock_hz
        if not clock:
            raise UnknownFactError("the log has no clock_hz; build with -DTINYKIT_CLOCK_HZ=… or pass clock_hz")
        return propagate(lambda count: count / clock, self.cycles(), unit="s")


def read_self_test_log(text: str, *, model_sha256: str = "") -> SelfTestLog:
    """Read a serial log; of several runs the last complete one counts.

    Parameters
    ----------
    text : everything the port received; noise and other lines are passed over.
    model_sha256 : the model it ought to be; its first 12 digits are compared. "" takes any.

    Raises
    ------
    DataError : no self-test in it, none complete, an unknown version, or another model.
    """
    records = [(version, model, dict(_PAIR.findall(rest))) for version, model, rest in _LINE.findall(text)]
    if not records:
        raise DataError("no line 'TINYKIT selftest v1 …' in the log; capture the serial port from before the reset")
    wrong = sorted({version for version, _, _ in records} - {_VERSION})
    if wrong:
        raise DataError(f"the log is of self-test version {wrong[0]}; this reads version {_VERSION}")
    found = _last_run([(model, fields) for _, model, fields in records])
    if model_sha256 and not model_sha256.startswith(found.model):
        raise DataError(f"the board ran model {found.model}, not {model_sha256[:12]}; flash the export of this model")
    return found


def open_log(path: Path) -> ToolReport | None:
    """A log in a file as a report, to be held against a model and kept; None where the file is none of a self-test.

    Raises DataError: as `read_self_test_log`. UnknownFactError: the board counted no cycles.
    """
    text = "\n".join(limits.read_lines(path, "give a log or a report"))
    if "TINYKIT selftest v" not in text:
        return None
    log = read_self_test_log(text)
    figures = {"cycles": log.cycles()} | ({"latency_s": log.latency()} if log.clock_hz else {})
    runtime = (
        {"cmsis-nn": "tflm-cmsis-nn", "portable": "tflm-reference"}.get(log.kernels, "") if log.target == "tflm" else ""
    )
    told = ("not every output was TFLM's",) * (not log.equal)
    return ToolReport(
        str(path), "self-test", _VERSION, None, runtime, figures, "", log.model, clock_hz=log.clock_hz, notes=told
    )


def _last_run(records: list[tuple[str, dict[str, str]]]) -> SelfTestLog:
    complete: SelfTestLog | None = None
    head: tuple[str, dict[str, str]] | None = None
    vectors: dict[int, dict[str, str]] = {}
    for model, fields in records:
        if "vectors" in fields:
            head, vectors = (model, fields), {}
        elif head is not None and model == head[0] and "vector" in fields:
            if (number := _count(fields, "vector")) is not None:
                vectors[number] = fields
        elif head is not None and model == head[0] and "failed" in fields:
            if sorted(vectors) == list(range(_count(head[1], "vectors") or 0)):
                complete = _to_log(head, vectors) or complete
            head = None
    if complete is None:
        raise DataError("no complete self-test in the log: lines are missing; lower the baud rate or run it again")
    return complete


def _to_log(head: tuple[str, dict[str, str]], vectors: dict[int, dict[str, str]]) -> SelfTestLog | None:
    model, fields = head
    rows = tuple(
        VectorResult(number, vectors[number].get("equal") == "1", _count(vectors[number], "cycles") or None)
        for number in sorted(vectors)
    )
    arena, clock = _count(fields, "arena") or None, _count(fields, "clock_hz") or None
    return SelfTestLog(model, rows, fields.get("target", ""), fields.get("kernels", ""), arena, clock) if rows else None


def _count(fields: dict[str, str], key: str) -> int | None:
    text = fields.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else None
