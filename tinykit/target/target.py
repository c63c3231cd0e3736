"""Where and how a network runs: a board with the runtime, its version and build, the clock and the memory set aside."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Self

from tinykit.ground.errors import ParameterError, keywords
from tinykit.ground.quantity import format_quantity
from tinykit.ground.results import Result, Through
from tinykit.target.boards import find_board
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, FLASH_KINDS, Board
from tinykit.target.runtimes import default_runtime, find_runtime, platform_flash

BUILDS = ("-Os", "-O2", "-O3")
"""Optimisation levels whose sizes and times are known."""


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

    def __str__(self) -> str:
        sram, flash = (format_quantity(nbytes, "byte") for nbytes in (self.sram_bytes, self.flash_bytes))
        return f"{sram} of SRAM and {flash} of flash for stack and application"


_SCOPES = {
    "mcu": "currents of the chip alone, without the regulator, LED, sensors, debugger and USB of the board as sold",
    "board": "currents of the whole board",
}


@dataclass(frozen=True, slots=True, init=False)
class Target(Result):
    """Where and how a network runs. What is left out is filled in, and `assumed` says with what.

    Parameters
    ----------
    board : id of the catalogue, path of a TOML of one's own, or a `Board`.
    runtime : one of `list_runtimes()`; None for the core's default.
    runtime_version : such as "8.1.0"; None where unknown.
    runtime_option : what ST's tool optimises for: "time", "balanced" or "ram"; x-cube-ai only.
    build : "-Os", "-O2" or "-O3"; None where unknown.
    platform : "bare", "arduino-mbed", "zephyr" or "esp-idf", counted in the flash as a linker's total has it; None for
        model and runtime alone.
    clock_hz : of the core [Hz]; None for the highest on record.
    reserve : what stack and application take; None for `Reserve()`.
    arena_region, code_region : name of the region, window or kind of memory for the arena, and of the flash or ITCM
        that code and model are read from; None where the kit may choose.
    as_sold : the board with all that is soldered on it, as a multimeter reads it; False for the bare chip on a board
        of one's own.

    Raises
    ------
    UnknownBoardError, FactError : no such board, or a file that is none.
    UnknownRuntimeError : no runtime of that name.
    ParameterError : a clock, version, option, build or platform out of range, or a region that the board has not.
    """

    board: Board
    runtime: str
    runtime_version: str | None
    runtime_option: str | None
    build: str | None
    platform: str | None
    clock_hz: float | None
    reserve: Reserve
    arena_region: str | None
    code_region: str | None
    as_sold: bool
    _left_out: frozenset[str] = field(init=False, compare=False, repr=False)

    @partial(keywords, strict=True)
    def __init__(
        self, board: Board | str | os.PathLike[str], *, runtime: str | None = None,
        runtime_version: str | None = None, runtime_option: str | None = None, build: str | None = None,
        platform: str | None = None, clock_hz: float | None = None, reserve: Reserve | None = None,
        arena_region: str | None = None, code_region: str | None = None, as_sold: bool = False
    ) -> None:  # fmt: skip
        found = find_board(board)
        filled = {
            "board": found, "runtime": runtime or default_runtime(found.core), "runtime_version": runtime_version,
            "runtime_option": runtime_option, "build": build, "platform": platform,
            "clock_hz": clock_hz if clock_hz is not None else found.clock_hz, "reserve": reserve or Reserve(),
            "arena_region": arena_region, "code_region": code_region, "as_sold": as_sold,
        }  # fmt: skip
        for name, value in filled.items():
            object.__setattr__(self, name, value)
        given = {"runtime": runtime, "clock_hz": clock_hz, "reserve": reserve}
        object.__setattr__(self, "_left_out", frozenset(name for name, value in given.items() if value is None))
        _check(self)

    @property
    def assumed(self) -> tuple[tuple[str, str], ...]:
        """(parameter, what was taken) for each that was left out, and what of the board is counted."""
        clock = f"{format_quantity(self.clock_hz, 'Hz')}, its highest" if self.clock_hz else "not on record"
        told = {
            "runtime": f"{self.runtime}, the default on {self.core}",
            "clock_hz": clock,
            "reserve": str(self.reserve),
            "as_sold": self.scope,
        }
        return tuple((name, said) for name, said in told.items() if name in self._left_out or name == "as_sold")

    @property
    def scope(self) -> str:
        """Whose currents a budget counts, in words."""
        if not self.as_sold or self.board.current_scope == "board":
            return _SCOPES[self.board.current_scope]
        sold = self.board.as_sold
        return f"currents of the board as sold, {sold.feed}".rstrip(", ") if sold else "as sold, which nobody measured"

    def is_assumed(self, name: str) -> bool:
        """Whether a parameter was left out, and filled in with what the field uses."""
        return name in self._left_out

    def turned(self) -> Self:
        """The same with the other face of the board: as sold where it was the bare chip, and the other way round."""
        return type(self)(**{**_list_given(self), "as_sold": not self.as_sold})

    core = Through[str]("board.core", "Name of the core that runs the model.")

    @property
    def largest_arena_bytes(self) -> int | None:
        """The largest internal window (external where there is none) less the reserve; None where none is known."""
        windows = self.board.sram_windows()
        return max(0, windows[0].available_bytes - self.reserve.sram_bytes) if windows else None

    def __str__(self) -> str:
        return f"{self.board.id} with {self.runtime}"

    def __repr__(self) -> str:
        given = {name: value for name, value in _list_given(self).items() if value not in (None, False)}
        words = [f"{name}={value!r}" for name, value in given.items() if name != "board"]
        return f"Target({', '.join([repr(self.board.id), *words])})"

    def __hash__(self) -> int:
        return hash((self.board.id, self.runtime, self.runtime_version, self.build, self.clock_hz, self.reserve))


def as_target(
    where: Target | Board | str | os.PathLike[str], *, runtime: str | None = None,
    runtime_version: str | None = None, runtime_option: str | None = None, build: str | None = None,
    platform: str | None = None, clock_hz: float | None = None, reserve: Reserve | None = None
) -> Target:  # fmt: skip
    """A target as it is, or one made of a board; what is given besides wins.

    Parameters
    ----------
    where : a target, or a board as `Target` takes it.
    runtime, runtime_version, runtime_option, build, platform, clock_hz, reserve : as for `Target`; None leaves it.
    """
    named: dict[str, Any] = {
        "runtime": runtime, "runtime_version": runtime_version, "runtime_option": runtime_option, "build": build,
        "platform": platform, "clock_hz": clock_hz, "reserve": reserve,
    }  # fmt: skip
    given = {name: value for name, value in named.items() if value is not None}
    if not isinstance(where, Target):
        return Target(where, **given)
    return Target(**{**_list_given(where), **given}) if given else where


def fill_in(target: Target | None, **given: Any) -> Iterator[Any]:
    """The parameters as they were given; with a target, its own where nothing was."""
    return (value if target is None else value or getattr(target, name) for name, value in given.items())


def _list_given(target: Target) -> dict[str, Any]:
    """The parameters of a target that were not assumed."""
    return {
        one.name: getattr(target, one.name) for one in fields(target) if one.init and one.name not in target._left_out
    }


def check_build(build: str | None) -> None:
    """Refuse an optimisation level that is none of `BUILDS`; None is unknown and passes."""
    if build is not None and build not in BUILDS:
        raise ParameterError(f"build {build!r} is unknown; allowed: {', '.join(BUILDS)} or None")


def check_version(version: str | None) -> None:
    """Refuse a version of a runtime that does not start with a number."""
    if version and not re.match(r"v?\d", version):
        raise ParameterError(f"runtime version {version!r} is no number; give it as '8.1.0', or leave it out")


def check_option(option: str | None, runtime: str) -> None:
    """Refuse an option that the runtime, one of `list_runtimes()`, has not."""
    allowed = find_runtime(runtime).options
    if option is not None and option not in allowed:
        hint = f"allowed: {', '.join(allowed)}" if allowed else f"{runtime} has none; leave it out"
        raise ParameterError(f"runtime option {option!r} is unknown for {runtime}; {hint}")


def is_external(board: Board | None, region: str | None) -> bool:
    """Whether a region or window of the board (no other is taken) or a kind ("psram") is RAM outside; None is not."""
    if region is None:
        return False
    kinds = {item.name: item.kind for item in board.regions} if board else {}
    windows = {window.name: window.kind for window in board.sram_windows()} if board else {}
    kind = kinds.get(region) or windows.get(region) or region.lower()
    known = {*kinds, *windows, *kinds.values(), *EXTERNAL_RAM_KINDS}
    if board and region not in known and kind not in known:
        raise ParameterError(f"{board.id} has no region {region!r}; its regions: {', '.join(kinds)}")
    return kind in EXTERNAL_RAM_KINDS


def _check(target: Target) -> None:
    find_runtime(target.runtime)
    check_build(target.build)
    check_version(target.runtime_version)
    check_option(target.runtime_option, target.runtime)
    if target.platform is not None:
        platform_flash(target.platform)
    clock_hz = target.clock_hz
    if clock_hz is not None and (isinstance(clock_hz, bool | str) or not 0 < clock_hz < 1e30):
        raise ParameterError(f"clock {clock_hz} Hz; give hertz above 0, such as 120e6, or leave it out")
    is_external(target.board, target.arena_region)
    code = [region.name for region in target.board.regions if region.kind in (*FLASH_KINDS, "itcm")]
    if target.code_region is not None and target.code_region not in code:
        own = ", ".join(code) or "none on record"
        raise ParameterError(f"{target.board.id} has no flash or ITCM region {target.code_region!r}; its own: {own}")
