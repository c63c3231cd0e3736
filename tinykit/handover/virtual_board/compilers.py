"""Cores that can be compiled for and emulated; compilers, each in a child process; the folder of what they made.

GCC is taken where Debian's package is installed, else zig's clang from PyPI.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinykit.ground.caches import remember_table
from tinykit.ground.child.process import Bounds, Ended, find_program, run_program
from tinykit.ground.errors import (
    EngineError,
    MissingPackageError,
    OutputError,
    ParameterError,
    UnknownRuntimeError,
    name_install,
    name_lack,
)
from tinykit.target.boards.record import Board, Core

COMPILERS = ("gcc", "zig")
GCC = "arm-none-eabi-gcc"
INSTALL = name_install("virtual-board")

_COMMON = ("-std=c11", "-O3", "-ffunction-sections", "-fdata-sections", "-fno-common", "-fno-ident")
_TIMEOUT_S = 180
_LIMIT_BYTES = 512 * 2**20
"""Of each kind of what is kept."""
_BOUNDS = Bounds(6 * 2**30, file_bytes=256 * 2**20, answer_bytes=2**20, processor_s=_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Machine:
    """A QEMU machine: start of its vectors, (start, bytes) of flash and RAM, addresses of samples and of the UART."""

    name: str
    vectors: int
    flash: tuple[int, int]
    ram: tuple[int, int]
    mailbox: int
    uart: int


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A core as compilers and emulators name it; `dsp` and `mve` are what the compiler must have been told of."""

    core: str
    gcc: tuple[str, ...]
    zig: tuple[str, ...]
    unicorn: str
    machine: Machine | None
    dsp: bool = False
    mve: bool = False


_MIB = 2**20
_AN386 = Machine("mps2-an386", 0, (0, 4 * _MIB), (0x20000000, 4 * _MIB), 0x21000000, 0x40004000)
_AN500 = Machine("mps2-an500", 0, (0, 4 * _MIB), (0x20000000, 4 * _MIB), 0x60000000, 0x40004000)
_AN547 = Machine("mps3-an547", 0, (0x70000000, 16 * _MIB), (0x31000000, 4 * _MIB), 0x72000000, 0x59303000)
_SOFT = ("-mfloat-abi=soft",)
_CORES = {
    # core: (GCC float, zig CPU, zig FPU feature, unicorn model, QEMU machine)
    "cortex-m0plus": (_SOFT, "cortex_m0plus", "", "CORTEX_M0", None),
    "cortex-m4": (("-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"), "cortex_m4", "+vfp4d16sp", "CORTEX_M4", _AN386),
    "cortex-m7": (("-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"), "cortex_m7", "+fp_armv8d16sp", "CORTEX_M7", _AN500),
    "cortex-m33": (("-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"), "cortex_m33", "+fp_armv8d16sp", "CORTEX_M33", None),
    "cortex-m55": (("-mfloat-abi=hard",), "cortex_m55", "", "", _AN547),
}
CORES = tuple(_CORES)
"""Cores with a virtual board."""


def toolchain_of(board: Board) -> Toolchain:
    """How to compile for and emulate a board's main core; UnknownRuntimeError where nothing emulates it."""
    core = board.cores[0]
    if core.name not in _CORES:
        raise UnknownRuntimeError(
            f"{board.id} has a {core.name}, which no emulator here runs\nallowed: {', '.join(CORES)}\n"
            "choose a board of one of these cores, or measure on the board itself"
        )
    if core.name == "cortex-m55" and core.mve is False:
        raise UnknownRuntimeError(
            f"{board.id} has a cortex-m55 without MVE, which no emulator here runs\n"
            f"allowed: {', '.join(CORES)}, the last with MVE; choose another board"
        )
    return _describe(core)


def _describe(core: Core) -> Toolchain:
    floats, cpu, fpu, model, machine = _CORES[core.name]
    hard = floats is not _SOFT and core.fpu is not False
    dsp = core.name in ("cortex-m4", "cortex-m7", "cortex-m55") or (core.name == "cortex-m33" and core.dsp is not False)
    mve = core.name == "cortex-m55"
    features = [fpu] if hard and fpu else []
    features += ["+dsp"] if dsp and core.name == "cortex-m33" else []
    features += ["+mve"] if mve else []
    gcc_cpu = core.name + ("+nodsp" if core.name == "cortex-m33" and not dsp else "")
    gcc = (f"-mcpu={gcc_cpu}", "-mthumb", *(floats if hard else _SOFT))
    zig = ("-target", f"thumb-freestanding-{'eabihf' if hard else 'eabi'}", "-mcpu=" + cpu + "".join(features))
    return Toolchain(core.name, gcc, zig, model, machine, dsp, mve)


def engine_of(toolchain: Toolchain, wanted: str | None) -> str:
    """The emulator that is wanted, which has to have the core, or unicorn where it can, else QEMU."""
    able = [name for name, has in (("unicorn", toolchain.unicorn), ("qemu", toolchain.machine)) if has]
    if wanted is not None and wanted not in able:
        raise ParameterError(
            f"engine {wanted!r} does not run {toolchain.core}; allowed for it: {', '.join(able)}, or None for the first"
        )
    return wanted or able[0]


@dataclass(frozen=True, slots=True)
class Compiler:
    """A cross compiler: "gcc" or "zig", its version as it gives it, and how it is started."""

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
    """The compiler of that name, or the first that is there."""
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
    printed = ask_version([path, "-dumpfullversion"], "install it again, or use compiler='zig'", bounds=_BOUNDS)
    return Compiler("gcc", printed.strip(), (path,))


def ask_version(command: Sequence[str], cure: str, *, bounds: Bounds) -> str:
    """What a program of this computer prints of its version; EngineError with the cure where it does not start."""
    try:
        done = run_program(command, timeout_s=30, bounds=bounds)
    except EngineError as error:
        raise EngineError(f"{command[0]} does not start ({error}); {cure}") from error
    if done.status:
        lack = name_lack(done.said) or f"status {done.status}"
        raise EngineError(f"{command[0]} does not start ({lack}); {cure}")
    return done.printed.decode(errors="replace")


def call_compiler(command: Sequence[str], folder: Path) -> Ended:
    """Run a compiler in a folder, with limits on time, memory and files."""
    cache = str(cache_folder() / "zig")
    done = run_program(
        command, timeout_s=_TIMEOUT_S, bounds=_BOUNDS, folder=folder,
        ZIG_GLOBAL_CACHE_DIR=cache, ZIG_LOCAL_CACHE_DIR=cache, LC_ALL="C",
    )  # fmt: skip
    name = Path(command[0]).name
    if done.late:
        raise EngineError(f"{name} was stopped after {_TIMEOUT_S} s on {command[-1]}")
    lack = name_lack(done.said, folder, cache) if done.status else ""
    if lack or done.status < 0:
        lack = lack or f"No space left or no memory (signal {-done.status})"
        raise EngineError(f"{name} could not work: {lack}\nfree some, or set TMPDIR and TINYKIT_CACHE to other folders")
    return done


def cache_folder() -> Path:
    """Where compiled objects are kept: `TINYKIT_CACHE`, else `tinykit` in the user's cache folder."""
    own = os.environ.get("TINYKIT_CACHE")
    if own:
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).absolute() if base else Path.home() / ".cache") / "tinykit"


def hash_of(*parts: str | bytes | Iterable[str]) -> str:
    """SHA-256 over the parts, each with its length, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        text = part if isinstance(part, str | bytes) else hash_of(*part)
        data = text.encode() if isinstance(text, str) else text
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def recall(kind: str, key: str) -> bytes | None:
    """What was kept under a key, None where nothing (whole) was."""
    try:
        data = (cache_folder() / kind / key).read_bytes()
    except OSError:
        return None
    digest, body = data[:64], data[64:]
    return body if hashlib.sha256(body).hexdigest().encode() == digest else None


def check_folder() -> None:
    """Make the cache folder; OutputError where it cannot be written."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise _refuse(folder, error) from error


def keep(kind: str, key: str, data: bytes) -> None:
    """Keep bytes under a key; another process sees them whole or not at all."""
    folder = cache_folder() / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as file:
            file.write(hashlib.sha256(data).hexdigest().encode() + data)
        os.replace(file.name, folder / key)
    except OSError as error:
        raise _refuse(folder, error) from error


def _refuse(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"{folder}: cannot be written ({error.strerror}); name a folder of yours in TINYKIT_CACHE")


def _make_room(folder: Path) -> None:
    """Drop the oldest entries of a folder that has grown over its limit, to half of it."""
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):  # another process has just named its file, or dropped it
                entries.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    if total <= _LIMIT_BYTES:
        return
    for _, size, path in sorted(entries):
        if total <= _LIMIT_BYTES // 2:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
