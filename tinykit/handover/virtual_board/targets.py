"""Which cores can be compiled for and emulated, and with what flags and machines."""

from __future__ import annotations

from dataclasses import dataclass

from tinykit.ground.errors import ParameterError, UnknownRuntimeError
from tinykit.target.boards import Board, Core


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
