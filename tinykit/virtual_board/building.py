"""From an exported model to a linked firmware, or to the fault of what does not fit; nothing is compiled twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from tinykit.errors import EngineError
from tinykit.virtual_board.cache import hash_of, keep, load
from tinykit.virtual_board.compilers import Compiler, call_compiler
from tinykit.virtual_board.elf import Firmware, read_elf
from tinykit.virtual_board.linking import read_overflow, write_script
from tinykit.virtual_board.memory import MemoryMap
from tinykit.virtual_board.targets import Target

_OWN = Path(__file__).with_name("firmware")
_STRICT = ("-Wall", "-Wextra", "-Werror")
_OWN_FLAGS = ("-fno-builtin",)


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be compiled.

    Parameters
    ----------
    files : sources and headers of the exported model by relative path.
    kernels : paths among them that belong to the kernel library, not to the model.
    entry : the C function that runs the model.
    arena_section : input section of the arena.
    input_bytes, output_bytes : of one sample.
    flags : compiler flags the export asks for.
    """

    files: Mapping[str, bytes] = field(repr=False)
    kernels: frozenset[str]
    entry: str
    arena_section: str
    input_bytes: int
    output_bytes: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overflow:
    """The link failed: this region of the board is too small by this many bytes."""

    region: str
    overflow_bytes: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """One object: its name, its source, and the flags of its own."""

    name: str
    source: str
    flags: tuple[str, ...]


def build(
    program: Program, target: Target, memory: MemoryMap, *, compiler: Compiler, stack_bytes: int, mailbox: bool = False
) -> Firmware | Overflow:
    """Compile and link, taking from the cache what was compiled before.

    Parameters
    ----------
    memory : where the parts go.
    stack_bytes : room for the stack.
    mailbox : build for QEMU, which takes samples from memory and answers through a UART.

    Raises
    ------
    EngineError : the compiler refused the sources or failed. OutputError : the cache cannot be written.
    """
    files = {**program.files, **_own_files()}
    units = _units(program, target, mailbox)
    base = (str(compiler), compiler.compile_flags(target), program.flags)
    headers = [part for name in sorted(files) if not name.endswith(".c") for part in (name, files[name].decode("latin-1"))]
    keys = [hash_of(*base, unit.flags, unit.source, files[unit.source], headers) for unit in units]
    vectors = target.machine.vectors if mailbox and target.machine else None
    script = write_script(memory, stack_bytes=stack_bytes, arena_section=program.arena_section, vectors=vectors)
    linked = hash_of("link", str(compiler), compiler.link_flags(target), script, keys)
    kept = load("firmware", linked)
    if kept is not None:
        return read_elf(kept)
    with tempfile.TemporaryDirectory(prefix="tk-") as folder:
        shop = _Workshop(Path(folder), compiler, target, files)
        shop.compile(units, keys, program.flags)
        result = shop.link([f"{unit.name}.o" for unit in units], script, memory)
    if isinstance(result, Overflow):
        return result
    keep("firmware", linked, result)
    return read_elf(result)


@cache
def _own_files() -> dict[str, bytes]:
    return {f"tk_firmware/{path.relative_to(_OWN).as_posix()}": path.read_bytes() for path in _OWN.rglob("*.[ch]")}


def _units(program: Program, target: Target, mailbox: bool) -> list[_Unit]:
    sources = sorted(name for name in program.files if name.endswith(".c"))
    units = []
    for index, name in enumerate(sources):
        kernel = name in program.kernels
        units.append(_Unit(f"{'kernel' if kernel else 'model'}_{index}", name, () if kernel else _STRICT))
    about = (
        f"-DTK_RUN={program.entry}", f"-DTK_INPUT_BYTES={program.input_bytes}",
        f"-DTK_OUTPUT_BYTES={program.output_bytes}",
        f"-DTK_NEEDS_DSP={int(target.dsp)}", f"-DTK_NEEDS_MVE={int(target.mve)}",
    )  # fmt: skip
    machine = target.machine
    if mailbox and machine:
        about += (f"-DTK_MAILBOX={machine.mailbox:#x}", f"-DTK_UART={machine.uart:#x}")
    units.append(_Unit("start", "tk_firmware/start.c", (*_STRICT, *_OWN_FLAGS, *about)))
    units.append(_Unit("memory", "tk_firmware/memory.c", (*_STRICT, *_OWN_FLAGS)))
    return units


@dataclass(frozen=True, slots=True)
class _Workshop:
    folder: Path
    compiler: Compiler
    target: Target
    files: Mapping[str, bytes]

    def compile(self, units: Sequence[_Unit], keys: Sequence[str], flags: tuple[str, ...]) -> None:
        """Put every object into the folder, from the cache or from the compiler, two at a time."""
        missing = []
        for unit, key in zip(units, keys, strict=True):
            kept = load("objects", key)
            if kept is None:
                missing.append((unit, key))
            else:
                (self.folder / f"{unit.name}.o").write_bytes(kept)
        if not missing:
            return
        for name, data in self.files.items():
            path = self.folder / PurePosixPath(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            list(pool.map(lambda one: self._compile_one(*one, flags), missing))

    def _compile_one(self, unit: _Unit, key: str, flags: tuple[str, ...]) -> None:
        folders = sorted({str(PurePosixPath(name).parent) for name in self.files if name.endswith(".h")})
        includes = ["-Itk_firmware/include", *(f"-I{name}" for name in folders)]
        command = [*self.compiler.command, *self.compiler.compile_flags(self.target), *flags, *unit.flags, *includes]
        result = call_compiler([*command, "-c", "-o", f"{unit.name}.o", unit.source], self.folder)
        if result.returncode:
            raise EngineError(
                f"{self.compiler} refused {unit.source}:\n{_first_error(result.stderr)}\n"
                "generated code that does not compile is a fault of the kit: please report the model's operators"
            )
        keep("objects", key, (self.folder / f"{unit.name}.o").read_bytes())

    def link(self, objects: list[str], script: str, memory: MemoryMap) -> bytes | Overflow:
        (self.folder / "link.ld").write_text(script)
        flags = self.compiler.link_flags(self.target)
        command = [*self.compiler.command, "-T", "link.ld", *objects, *flags, "-o", "firmware.elf"]
        result = call_compiler(command, self.folder)
        if result.returncode == 0:
            return (self.folder / "firmware.elf").read_bytes()
        overflow = read_overflow(result.stderr, memory)
        if overflow is None:
            raise EngineError(f"{self.compiler} could not link the firmware: {_first_error(result.stderr)}")
        return Overflow(*overflow)


def _first_error(said: str) -> str:
    lines = [line for line in said.splitlines() if "error" in line or "undefined" in line] or said.splitlines()
    return "; ".join(lines[:2])[:400] or "it gave no reason"
