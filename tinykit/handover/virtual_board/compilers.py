"""The cross compilers: GCC where Debian's package is installed, else zig's clang from PyPI; each in a child process."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinykit.ground.caches import remember_table
from tinykit.ground.child import Bounds, Ended, find_program, run_program
from tinykit.ground.errors import EngineError, MissingPackageError, ParameterError, name_install
from tinykit.handover.virtual_board.cache import cache_folder
from tinykit.handover.virtual_board.targets import Toolchain

COMPILERS = ("gcc", "zig")
GCC = "arm-none-eabi-gcc"
INSTALL = name_install("virtual-board")

_COMMON = ("-std=c11", "-O3", "-ffunction-sections", "-fdata-sections", "-fno-common", "-fno-ident")
_TIMEOUT_S = 180
_BOUNDS = Bounds(6 * 2**30, file_bytes=256 * 2**20, answer_bytes=2**20, processor_s=_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Compiler:
    """A cross compiler.

    Parameters
    ----------
    name : "gcc" or "zig".
    version : as the compiler gives it.
    command : how it is started.
    """

    name: str
    version: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return f"{GCC} {self.version}" if self.name == "gcc" else f"zig cc {self.version}"

    def compile_flags(self, target: Toolchain) -> tuple[str, ...]:
        """Flags for every source."""
        own = ("-fno-sanitize=all", "-g0") if self.name == "zig" else ()
        return (*getattr(target, self.name), *_COMMON, *own)

    def link_flags(self, target: Toolchain) -> tuple[str, ...]:
        """Flags for the link, without script and objects."""
        libraries = ("-nostdlib", "-lgcc") if self.name == "gcc" else ("-nostartfiles",)
        return (*getattr(target, self.name), "-O3", "-static", "-Wl,--gc-sections", "-Wl,--build-id=none", *libraries)


def choose_compiler(wanted: str | None = None) -> Compiler:
    """The compiler of that name, or the first that is there.

    Raises
    ------
    ParameterError : no such compiler, or GCC is wanted and not installed.
    MissingPackageError : none is installed.
    """
    if wanted not in (None, *COMPILERS):
        raise ParameterError(f"compiler {wanted!r} is unknown; allowed: {', '.join(COMPILERS)}, or None for the first")
    path = find_program(GCC)
    if wanted == "gcc" and not path:
        raise ParameterError(f"{GCC} is not on PATH; install Debian's gcc-arm-none-eabi, or use compiler='zig'")
    if path and wanted != "zig":
        return _gcc(path)
    spec = importlib.util.find_spec("ziglang")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(f"the package ziglang, a cross compiler, is not installed\n{INSTALL}")
    program = Path(spec.submodule_search_locations[0]) / ("zig.exe" if sys.platform == "win32" else "zig")
    return Compiler("zig", importlib.metadata.version("ziglang"), (str(program), "cc"))


@remember_table
def _gcc(path: str) -> Compiler:
    try:
        done = run_program([path, "-dumpfullversion"], timeout_s=30, bounds=_BOUNDS)
    except EngineError as error:
        raise EngineError(f"{path} does not start ({error}); install it again, or use compiler='zig'") from error
    if done.status:
        raise EngineError(f"{path} does not start (status {done.status}); install it again, or use compiler='zig'")
    return Compiler("gcc", done.printed.decode(errors="replace").strip(), (path,))


def call_compiler(command: Sequence[str], folder: Path) -> Ended:
    """Run a compiler in a folder, with limits on time, memory and files.

    Raises
    ------
    EngineError : it took too long, or could not be started.
    """
    cache = str(cache_folder() / "zig")
    done = run_program(
        command, timeout_s=_TIMEOUT_S, bounds=_BOUNDS, folder=folder,
        ZIG_GLOBAL_CACHE_DIR=cache, ZIG_LOCAL_CACHE_DIR=cache,
    )  # fmt: skip
    if done.late:
        raise EngineError(f"{Path(command[0]).name} was stopped after {_TIMEOUT_S} s on {command[-1]}")
    return done
