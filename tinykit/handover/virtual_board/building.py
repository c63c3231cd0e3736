"""From an exported model to a linked firmware, or to the fault of what does not fit; nothing is compiled twice.

Of the 32-bit little-endian ELF that is made only what is needed is read: segments, sections with sizes, symbols.
"""

import os
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import EngineError
from tinykit.ground.writing import scratch
from tinykit.handover.codegen.filling import fill
from tinykit.handover.virtual_board.compilers import call_compiler, check_folder, hash_of, keep, recall
from tinykit.handover.virtual_board.planning import BoardPlan, MemoryMap, Place

_OWN = Path(__file__).with_name("firmware")
_ALLOCATED, _LOADED, _SYMBOLS, _FUNCTION = 2, 1, 2, 2
_STRICT = ("-Wall", "-Wextra", "-Werror")
_OWN_FLAGS = ("-fno-builtin",)
_TEMPLATES = Path(__file__).with_name("templates")
_GNU = re.compile(r"region `(\w+)' overflowed by (\d+) bytes")
_LLD = re.compile(r"will not fit in region '(\w+)': overflowed by (\d+) bytes")
"""What GNU ld says once a region, and lld once a section: its last and largest figure is the region's."""
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.M)


@dataclass(frozen=True, slots=True)
class Firmware:
    """A linked program: the ELF file, (load address, bytes) of what is programmed, sections that take memory, symbols.

    A function's symbol starts at its address without the Thumb bit.
    """

    data: bytes = field(repr=False)
    segments: tuple[tuple[int, bytes], ...] = field(repr=False)
    sections: tuple[Place, ...]
    symbols: dict[str, Place] = field(repr=False, hash=False)

    def size_of(self, *names: str) -> int:
        """Bytes of the sections of these names."""
        return sum(section.total_bytes for section in self.sections if section.name in names)

    def address_of(self, name: str) -> int:
        """Address of a symbol, which has to be there."""
        if name not in self.symbols:
            raise EngineError(f"the linked program has no symbol {name!r}; build it again with an empty cache")
        return self.symbols[name].start


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


def build(plan: BoardPlan) -> Firmware | Overflow:
    """Compile and link, taking from the cache what was compiled before; for QEMU with samples in memory, not files."""
    export, target, compiler = plan.export, plan.toolchain, plan.compiler
    mailbox = plan.engine == "qemu"
    files = {**export.files, **_own_files()}
    units = _units(plan, mailbox)
    flags = (*compiler.compile_flags(target), *export.compiler_flags())
    includes = _list_includes(files)
    keys = [hash_of(str(compiler), flags, unit.flags, *_everything_in(unit.source, files, includes)) for unit in units]
    vectors = target.machine.vectors if mailbox and target.machine else None
    script = write_script(plan.memory, stack_bytes=plan.stack_bytes, vectors=vectors)
    linked = hash_of("link", str(compiler), compiler.link_flags(target), script, keys)
    kept = recall("firmware", linked)
    if kept is not None:
        return read_elf(kept)
    check_folder()
    with scratch("tk-") as folder:
        shop = _Workshop(folder, plan, flags, files)
        shop.compile(units, keys)
        result = shop.link([f"{unit.name}.o" for unit in units], script)
    if isinstance(result, Overflow):
        return result
    keep("firmware", linked, result)
    return read_elf(result)


def _list_includes(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """For each file, the files it may mean by its #include lines: all of that base name, whatever the path."""
    named: dict[str, list[str]] = {}
    for name in sorted(files):
        named.setdefault(name.rpartition("/")[2], []).append(name)
    wanted = {name: {one.decode().rpartition("/")[2] for one in _INCLUDE.findall(text)} for name, text in files.items()}
    return {name: [path for base in sorted(bases) for path in named.get(base, [])] for name, bases in wanted.items()}


def _everything_in(source: str, files: Mapping[str, bytes], includes: Mapping[str, list[str]]) -> list[bytes]:
    """Names and contents of a source and of all files it includes, in a fixed order."""
    pending, seen = [source], {source}
    while pending:
        found = set(includes[pending.pop()]) - seen
        pending += sorted(found)
        seen |= found
    return [part for name in (source, *sorted(seen - {source})) for part in (name.encode(), files[name])]


@remember_table
def _own_files() -> dict[str, bytes]:
    return {f"tk_firmware/{path.relative_to(_OWN).as_posix()}": path.read_bytes() for path in _OWN.rglob("*.[ch]")}


def _units(plan: BoardPlan, mailbox: bool) -> list[_Unit]:
    export, target = plan.export, plan.toolchain
    units = []
    for index, name in enumerate(export.sources):
        library = "/" in name
        kind = "kernel" if library or name.startswith("kernels") else "model"
        flags = export.gcc_flags(name, target.core) if plan.compiler.name == "gcc" else ()
        units.append(_Unit(f"{kind}_{index}", name, flags if library else _STRICT))
    about: tuple[str, ...] = (
        f"-DTK_MODEL(what)={export.name}_##what", f"-DTK_NEEDS_DSP={int(target.dsp)}",
        f"-DTK_NEEDS_MVE={int(target.mve)}", f"-DTK_INPUTS={export.name.upper()}_INPUTS",
        f"-DTK_OUTPUTS={export.name.upper()}_OUTPUTS", f"-DTK_KEEPS_STATE={int(export.state_bytes > 0)}",
    )  # fmt: skip
    machine = target.machine
    if mailbox and machine:
        about += (f"-DTK_MAILBOX={machine.mailbox:#x}", f"-DTK_UART={machine.uart:#x}")
        about += tuple(
            f"-DTK_{kind}_SIZES={','.join(str(size) for size in sizes)}"
            for kind, sizes in zip(("INPUT", "OUTPUT"), plan.sizes, strict=True)
        )
    units.append(_Unit("start", "tk_firmware/start.c", (*_STRICT, *_OWN_FLAGS, *about)))
    units.append(_Unit("memory", "tk_firmware/memory.c", (*_STRICT, *_OWN_FLAGS)))
    return units


@dataclass(frozen=True, slots=True)
class _Workshop:
    folder: Path
    plan: BoardPlan
    flags: tuple[str, ...]
    files: Mapping[str, bytes]

    def compile(self, units: Sequence[_Unit], keys: Sequence[str]) -> None:
        """Put every object into the folder, from the cache or from the compiler, two at a time."""
        missing = []
        for unit, key in zip(units, keys, strict=True):
            kept = recall("objects", key)
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
            list(pool.map(lambda one: self._compile_one(*one), missing))

    def _compile_one(self, unit: _Unit, key: str) -> None:
        compiler = self.plan.compiler
        command = [*compiler.command, *self.flags, *unit.flags, "-Itk_firmware/include"]
        result = call_compiler([*command, "-c", "-o", f"{unit.name}.o", unit.source], self.folder)
        if result.status:
            raise EngineError(
                f"{compiler} refused {unit.source}:\n{_first_error(result.said)}\n"
                "generated code that does not compile is a fault of the kit: please report the model's operators"
            )
        keep("objects", key, (self.folder / f"{unit.name}.o").read_bytes())

    def link(self, objects: list[str], script: str) -> bytes | Overflow:
        (self.folder / "link.ld").write_text(script)
        compiler = self.plan.compiler
        flags = compiler.link_flags(self.plan.toolchain)
        command = [*compiler.command, "-T", "link.ld", *objects, *flags, "-o", "firmware.elf"]
        result = call_compiler(command, self.folder)
        if result.status == 0:
            return (self.folder / "firmware.elf").read_bytes()
        overflow = read_overflow(result.said, self.plan.memory)
        if overflow is None:
            raise EngineError(f"{compiler} could not link the firmware: {_first_error(result.said)}")
        return Overflow(*overflow)


def _first_error(said: str) -> str:
    lines = [line for line in said.splitlines() if "error" in line or "undefined" in line] or said.splitlines()
    return "; ".join(lines[:2])[:400] or "it gave no reason"


def write_script(memory: MemoryMap, *, stack_bytes: int, vectors: int | None = None) -> str:
    """The linker script for a memory map, with the stack at the base of `memory.data`, so that an overflow leaves RAM.

    Vectors may lie apart from the start of flash. The sections tell what takes the room: `.weights` (constants of
    model_*.o), `.kernels` (kernel_*.o), `.text` (all other code), `.stack`, `.data`, `.bss` and `.arena`.
    """
    split, apart = memory.arena != memory.data, vectors is not None and vectors != memory.flash.start
    places = [("FLASH", "rx", memory.flash), ("DATA", "rw", memory.data)] + [("ARENA", "rw", memory.arena)] * split
    regions = [(name, rights, place.start, place.total_bytes) for name, rights, place in places]
    regions += [("VECTORS", "rx", vectors or 0, 0x400)] * apart
    return fill(_TEMPLATES, "memory.ld", regions=regions, split=split, apart=apart, stack_bytes=stack_bytes)


def read_overflow(said: str, memory: MemoryMap) -> tuple[str, int] | None:
    """(name of the board's region, bytes too many) from a linker's text, None where it failed for another reason."""
    found: dict[str, int] = {}
    for name, count in (*_GNU.findall(said), *_LLD.findall(said)):
        found[name] = max(found.get(name, 0), int(count))
    if not found:
        return None
    region, overflow = max(found.items(), key=lambda item: item[1])
    names = {"FLASH": memory.flash.name, "DATA": memory.data.name, "ARENA": memory.arena.name}
    return names.get(region, region), overflow


def read_elf(data: bytes) -> Firmware:
    """Read a linked program; EngineError where it is not an ELF of this kind, or damaged."""
    try:
        if data[:6] != b"\x7fELF\x01\x01":
            raise ValueError("not a 32-bit little-endian ELF")
        return _read_sections(data)
    except (struct.error, ValueError, IndexError) as error:
        raise EngineError(
            f"the compiled program cannot be read ({error}); build it again with an empty cache"
        ) from error


def _read_sections(data: bytes) -> Firmware:
    programs, headers = struct.unpack_from("<II", data, 28)
    program_size, program_count, header_size, header_count, names_at = struct.unpack_from("<5H", data, 42)
    rows = [struct.unpack_from("<10I", data, headers + header_size * index) for index in range(header_count)]
    segments = []
    for index in range(program_count):
        kind, offset, _, load_address, stored = struct.unpack_from("<5I", data, programs + program_size * index)
        if kind == _LOADED and stored:
            segments.append((load_address, data[offset : offset + stored]))
    names = rows[names_at][4] if rows else 0
    sections = tuple(Place(_text_at(data, names + row[0]), row[3], row[5]) for row in rows if row[2] & _ALLOCATED)
    symbols = {symbol.name: symbol for row in rows if row[1] == _SYMBOLS for symbol in _symbols(data, row, rows)}
    return Firmware(data, tuple(segments), sections, symbols)


def _symbols(data: bytes, table: tuple[int, ...], rows: list[tuple[int, ...]]) -> Iterator[Place]:
    strings = rows[table[6]][4]
    for offset in range(table[4], table[4] + table[5], 16):
        name, address, size, info = struct.unpack_from("<IIIB", data, offset)
        text = _text_at(data, strings + name)
        if text and not text.startswith("$"):
            yield Place(text, address & ~1 if info & 15 == _FUNCTION else address, size)


def _text_at(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode("latin-1")
