"""What a fit check answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph import ModelGraph
from tinykit.predict.npu import NpuReport
from tinykit.target.boards import Board


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
class Reserve(Result):
    """What stack and application take beside the model: an assumption, to be edited.

    Parameters
    ----------
    sram_bytes : stack, heap, drivers and the application's own data, in bytes.
    flash_bytes : the application's code, in bytes.
    """

    sram_bytes: int = 16 * 1024
    flash_bytes: int = 32 * 1024

    def __post_init__(self) -> None:
        for name, nbytes in (("sram_bytes", self.sram_bytes), ("flash_bytes", self.flash_bytes)):
            if not 0 <= nbytes <= 2**40:
                raise ParameterError(f"reserve {name} = {nbytes}; give bytes from 0 up, such as 16384")


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
        return {
            "name": self.name,
            "kind": self.kind,
            "total_bytes": self.total_bytes,
            "reserved_bytes": self.reserved_bytes,
            "used_bytes": self.used_bytes,
            "margin_bytes": self.margin_bytes,
            "holds": list(self.holds),
        }


@dataclass(frozen=True, slots=True)
class FitReport(Result):
    """Does this model run on this board: verdict, figures and reasons.

    Parameters
    ----------
    graph, board, core, clock_hz, runtime, reserve : what was asked.
    verdict : does it run there.
    arena_bytes, flash_bytes, latency_s, energy_per_inference_j : estimates, None where unknown.
    regions : the memories it would lie in.
    reasons, advice : why, and what would help.
    npu : what Arm's compiler reported, for runtime "ethos-u".
    unknown : the reasons that say why a figure is not known.
    """

    LINE = ("board", "runtime", "verdict", "arena_bytes", "flash_bytes", "latency_s")

    graph: ModelGraph = field(repr=False)
    board: Board = field(repr=False)
    core: str
    clock_hz: float | None
    runtime: str
    reserve: Reserve
    verdict: Verdict
    arena_bytes: Estimate | None
    flash_bytes: Estimate | None
    latency_s: Estimate | None
    energy_per_inference_j: Estimate | None
    regions: tuple[RegionUse, ...]
    reasons: tuple[str, ...]
    advice: tuple[str, ...]
    npu: NpuReport | None = field(default=None, repr=False)
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON types; unknown figures are None."""
        figures = {
            "arena_bytes": self.arena_bytes,
            "flash_bytes": self.flash_bytes,
            "latency_s": self.latency_s,
            "energy_per_inference_j": self.energy_per_inference_j,
        }
        return {
            "board": self.board.id,
            "core": self.core,
            "clock_hz": self.clock_hz,
            "runtime": self.runtime,
            "verdict": self.verdict,
            **{name: figure.to_json() if figure else None for name, figure in figures.items()},
            "regions": [region.to_json() for region in self.regions],
            "reasons": list(self.reasons),
            "advice": list(self.advice),
            **({"npu": self.npu.to_json()} if self.npu else {}),
        }
