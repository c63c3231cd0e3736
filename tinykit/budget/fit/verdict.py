"""What a fit check answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tinykit.ground.quantity import Estimate, pick
from tinykit.ground.results import Result
from tinykit.model.graph import ModelGraph
from tinykit.predict.npu import NpuReport
from tinykit.target.boards import Board
from tinykit.target.target import Reserve, Target


class Verdict(StrEnum):
    """Does a model run on a board; tight is a margin under `TIGHT_MARGIN`."""

    FITS = "fits"
    TIGHT = "tight"
    DOES_NOT_FIT = "does_not_fit"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """The verdict as a person says it: "does not fit"."""
        return self.replace("_", " ")


TIGHT_MARGIN = 0.10
"""Fraction of a region that must stay free for a verdict of "fits"."""

ARENA, ARENA_HEAD, ARENA_TAIL, APPLICATION = "arena", "arena head", "arena tail", "stack and application"
"""What a RAM region may hold; head and tail where TFLM is given two arrays."""


@dataclass(frozen=True, slots=True)
class RegionUse(Result):
    """One memory region, or contiguous window of regions, and what the design puts in it; sizes in bytes."""

    name: str
    kind: str
    total_bytes: int
    reserved_bytes: int
    used_bytes: int
    holds: tuple[str, ...]

    @property
    def margin_bytes(self) -> int:
        """Bytes left; negative where it does not fit."""
        return self.total_bytes - self.reserved_bytes - self.used_bytes

    @property
    def margin(self) -> float:
        """Bytes left as a fraction of the total."""
        return self.margin_bytes / self.total_bytes

    def to_json(self) -> dict[str, Any]:
        """As plain JSON types."""
        return pick(self, "name kind total_bytes reserved_bytes used_bytes margin_bytes holds")


@dataclass(frozen=True, slots=True)
class FitReport(Result):
    """Does this model run on this board: verdict, figures and reasons.

    Parameters
    ----------
    graph, target : what was asked.
    verdict : does it run there.
    arena_bytes, flash_bytes, latency_s, energy_per_inference_j : estimates, None where unknown.
    regions : the memories it would lie in.
    reasons, advice : why, and what would help.
    npu : what Arm's compiler reported, for runtime "ethos-u".
    unknown : (figure, why) of each figure that is None.
    """

    LINE = ("board", "runtime", "verdict", "arena_bytes", "flash_bytes", "latency_s")

    graph: ModelGraph = field(repr=False)
    target: Target
    verdict: Verdict
    arena_bytes: Estimate | None
    flash_bytes: Estimate | None
    latency_s: Estimate | None
    energy_per_inference_j: Estimate | None
    regions: tuple[RegionUse, ...]
    reasons: tuple[str, ...]
    advice: tuple[str, ...]
    npu: NpuReport | None = field(default=None, repr=False)
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def board(self) -> Board:
        """The target's board."""
        return self.target.board

    @property
    def core(self) -> str:
        """Name of the core that runs the model."""
        return self.target.core

    @property
    def clock_hz(self) -> float | None:
        """Clock of that core [Hz], None where unknown."""
        return self.target.clock_hz

    @property
    def runtime(self) -> str:
        """Name of the runtime."""
        return self.target.runtime

    @property
    def reserve(self) -> Reserve:
        """What stack and application take."""
        return self.target.reserve

    def to_record(self) -> dict[str, Any]:
        """The fields as one flat row of plain values, those of the target in front."""
        told = {"board": self.board.id, "core": self.core, "clock_hz": self.clock_hz, "runtime": self.runtime}
        return told | Result.to_record(self)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON types; unknown figures are None."""
        figures = "arena_bytes flash_bytes latency_s energy_per_inference_j"
        names = f"core clock_hz runtime verdict {figures} regions reasons advice{' npu' if self.npu else ''}"
        return {"board": self.board.id, **pick(self, names), "assumed": dict(self.target.assumed)}
