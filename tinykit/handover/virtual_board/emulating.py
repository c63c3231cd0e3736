"""The parent's side: one firmware and its samples to the emulating child or to QEMU, and what they report back.

On a QEMU machine samples come from its memory and answers from its UART; there is no way to the host.
"""

import importlib.util
import os
import re
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tinykit.ground.child.process import Bounds, Child, ChildError, find_program, run_program
from tinykit.ground.errors import EngineError, MissingPackageError
from tinykit.ground.writing import scratch
from tinykit.handover.virtual_board import compilers
from tinykit.handover.virtual_board.building import Firmware
from tinykit.handover.virtual_board.disassembly import image_of
from tinykit.handover.virtual_board.planning import BoardPlan, MemoryMap

QEMU = "qemu-system-arm"

_QEMU_BYTES = 16 * 2**30
"""Its address space: QEMU reserves all that its machine could have, and touches little of it."""
_UART_BYTES = 64 * 2**20
HARNESS = ("tk_reset", "tk_main", "tk_ready", "tk_done")
OUTSIDE, MODEL, FIRST_OPERATOR = 0, 1, 2
"""Slots of the counter: the harness, the model's own function, then the operators in order."""

_WORKER = Path(__file__).with_name("child.py")
_COUNTER = Path(__file__).with_name("counter") / "counter.c"
_BOUNDS = Bounds(3 * 2**30, file_bytes=64 * 2**20)
_START_S = 30.0
_PROCESSORS = 4
"""Threads that may keep as many processors busy before the time that is allowed is over."""


@dataclass(frozen=True, slots=True)
class Emulation:
    """What the emulator saw of a firmware and its samples.

    `outputs` and `statuses` are of every sample that came to its end, `stack_bytes` is the most of the stack that was
    written. `classes` counts executed instructions of the first sample by slot and class; `trace` has each operator's
    output in it, where it was asked for. `fault` holds kind, address, pc, sp, slot and sample as the child gives them.
    """

    outputs: bytes = field(repr=False)
    statuses: tuple[int, ...]
    stack_bytes: int
    classes: dict[int, dict[str, int]] = field(hash=False)
    fault: dict[str, Any] | None = field(default=None, hash=False)
    trace: tuple[bytes, ...] = field(default=(), repr=False)


def emulate(
    plan: BoardPlan, firmware: Firmware, memory: MemoryMap, inputs: bytes, spans: Sequence[tuple[int, int]] = ()
) -> Emulation:
    """Run a firmware on all samples; `spans` (address, bytes) of operators' outputs are taken down, unicorn only."""
    engine, program, limits, sizes = plan.engine, plan.export, plan.limits, plan.sizes
    _check_installed(engine)
    at = {name: firmware.address_of(name) for name in (*HARNESS, "tk_inputs", "tk_outputs", "tk_status")}
    ranges = _find_ranges(firmware, f"{program.name}_invoke", [one.symbol for one in program.operators])
    samples = len(inputs) // sum(sizes[0])
    total_s = _START_S + limits.seconds * (1 if engine == "qemu" else samples + 1)
    request = {
        "engine": engine, "counter": "" if spans else str(counter_library(engine)),
        "ready": at["tk_ready"], "done": at["tk_done"],
        "inputs_at": at["tk_inputs"], "outputs_at": at["tk_outputs"], "status": at["tk_status"],
        "input_sizes": list(sizes[0]), "output_sizes": list(sizes[1]),
        "ranges": ranges, "slots": FIRST_OPERATOR + len(program.operators),
        "seconds": limits.seconds, "instructions": limits.instructions, "processor_seconds": _PROCESSORS * total_s,
    }  # fmt: skip
    if spans:
        stations = [(start, slot - FIRST_OPERATOR) for start, _, slot in ranges if slot >= FIRST_OPERATOR]
        request |= {"stations": [*stations, (at["tk_done"], len(spans))], "spans": list(spans)}
    if engine == "qemu":
        return _emulate_in_qemu(request, firmware, plan.toolchain, memory, inputs)
    request |= _for_unicorn(firmware, plan.toolchain, memory)
    reply, (outputs, *trace) = _ask(request, firmware.segments, inputs, total_s)
    return _read(reply, outputs, reply, tuple(trace))


def _find_ranges(firmware: Firmware, entry: str, operators: Sequence[str]) -> list[tuple[int, int, int]]:
    """(first, after, slot) of code that tells whose instructions follow; the first that holds an address counts."""
    ranges = []
    for position, name in enumerate(operators):  # what does nothing is left out, what is specialised has a suffix
        pattern = re.compile(rf"{re.escape(name)}(\.\w+)*$")
        starts = {symbol.start for text, symbol in firmware.symbols.items() if pattern.match(text)}
        ranges += [(start, start + 2, FIRST_OPERATOR + position) for start in sorted(starts)]
    for name, slot in ((entry, MODEL), *((name, OUTSIDE) for name in HARNESS)):
        if symbol := firmware.symbols.get(name):
            ranges.append((symbol.start, symbol.start + max(2, symbol.total_bytes), slot))
    return ranges


def counter_library(engine: str) -> Path:
    """The counter compiled for this machine, once, as a shared library in the cache."""
    flags = ["-O2", "-shared", "-fPIC"]
    flags += [f"-DTK_PLUGIN_VERSION={_plugin_version()}", "-DTK_QEMU"] if engine == "qemu" else []
    flags += [] if engine == "qemu" else ["-nostdlib", "-ffreestanding"]
    host = find_program("cc") or find_program("gcc")
    command = [host] if host else [*compilers.choose_compiler("zig").command, "-fno-sanitize=all"]
    where, key = compilers.cache_folder() / "counter", compilers.hash_of(*command, *flags, _COUNTER.read_bytes())[:32]
    for path in where.glob(f"{key}-*.so"):
        if path.name == _name_counter(key, path):
            return path
    compilers.check_folder()
    where.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=where) as folder:
        made = Path(folder) / "counter.so"
        result = compilers.call_compiler([*command, *flags, "-o", made.name, str(_COUNTER)], made.parent)
        if result.status:
            raise EngineError(f"{command[0]} could not compile the counter: {result.said.strip()[-300:]}")
        path = where / _name_counter(key, made)
        os.replace(made, path)
    return path


def _name_counter(key: str, library: Path) -> str:
    """A name that holds the library's own hash, so that a damaged one is not taken for it."""
    return f"{key}-{compilers.hash_of(library.read_bytes())[:32]}.so"


def _for_unicorn(firmware: Firmware, target: compilers.Toolchain, memory: MemoryMap) -> dict[str, Any]:
    places = [[memory.flash.start, memory.flash.total_bytes, 0]]
    places += [[place.start, place.total_bytes, 1] for place in memory.ram]
    stack = [firmware.address_of("tk_stack_base"), firmware.address_of("tk_stack_top")]
    return {"cpu": target.unicorn, "memory": places, "vectors": memory.flash.start, "stack": stack}


def _emulate_in_qemu(
    request: dict[str, Any], firmware: Firmware, target: compilers.Toolchain, memory: MemoryMap, inputs: bytes
) -> Emulation:
    """Run all samples in one go; the plugin writes the counts of the first."""
    machine = target.machine
    if machine is None:
        raise EngineError(f"QEMU has no machine for {target.core}; use engine='unicorn'")
    code = [(at, data) for at, data in firmware.segments if memory.flash.start <= at < memory.flash.end]
    count, ranges = len(inputs) // sum(request["input_sizes"]), request["ranges"]
    start, image = image_of(code)
    header = struct.pack("<5I", len(ranges), request["slots"], request["done"], start, len(image))
    with scratch("tk-") as place:
        (place / "firmware.elf").write_bytes(firmware.data)
        (place / "mailbox.bin").write_bytes(struct.pack("<IIII", count, 0, 0, 0) + inputs)
        (place / "ranges.bin").write_bytes(header + b"".join(struct.pack("<III", *row) for row in ranges) + image)
        sent, late = _start_qemu(request, machine, place)
        table = place / "rows.txt"
        rows = table.read_bytes() if table.is_file() else b""
    if rows.startswith(b"full"):
        raise EngineError("the emulator failed: the program has more blocks than the counter holds")
    done = _read_uart(request, sent, count, late)
    reply, _ = _ask({"engine": "qemu"}, code, rows, _START_S)
    return _read(done, done["outputs"], reply)


def _read(done: dict[str, Any], outputs: bytes, reply: dict[str, Any], trace: tuple[bytes, ...] = ()) -> Emulation:
    classes = {int(slot): counts for slot, counts in reply["classes"].items()}
    statuses = tuple(int(status) for status in done["statuses"])
    return Emulation(outputs, statuses, int(done["stack_bytes"]), classes, done["fault"], trace)


def _check_installed(engine: str) -> None:
    wanted = ("unicorn", "capstone") if engine == "unicorn" else ("capstone",)
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingPackageError(f"the package {' and '.join(missing)} is not installed\n{compilers.INSTALL}")
    if engine == "qemu" and not find_program(QEMU):
        raise MissingPackageError(
            f"{QEMU}, which runs this core, is not on PATH\ninstall Debian's or Ubuntu's package qemu-system-arm"
        )


def _ask(
    request: dict[str, Any], segments: Sequence[tuple[int, bytes]], content: bytes, seconds: float
) -> tuple[dict[str, Any], list[bytes]]:
    bounds = replace(_BOUNDS, processor_s=int(_PROCESSORS * seconds))
    asked = {**request, "segments": [address for address, _ in segments]}
    parts = [*(data for _, data in segments), content]
    try:
        with Child("the emulator process", _WORKER, bounds=bounds) as child:
            reply, results = child.exchange(asked, *parts, timeout_s=seconds)
    except ChildError as error:
        if error.late:
            raise EngineError(f"the emulator was stopped after {seconds:g} s; allow more with limits") from error
        said = error.said[-300:] or "it gave no reason; it may lack memory: run fewer samples at a time"
        raise EngineError(f"the emulator ended ({error.how}): {said}") from error
    if kind := reply.get("error"):
        raise EngineError(f"the emulator failed: {kind}: {reply.get('text')}")
    return reply, results


@lru_cache(maxsize=1)
def _plugin_version() -> int:
    """The plugin interface of the QEMU that is installed: 1 up to QEMU 8, 2 is taken by those after it."""
    command = [find_program(QEMU) or QEMU, "--version"]
    found = re.search(r"version (\d+)", compilers.ask_version(command, "install it again", bounds=Bounds(_QEMU_BYTES)))
    return 2 if found and int(found[1]) >= 9 else 1


def _start_qemu(request: dict[str, Any], machine: compilers.Machine, place: Path) -> tuple[bytes, bool]:
    command = [
        find_program(QEMU) or QEMU, "-machine", machine.name, "-nodefaults", "-no-user-config", "-display", "none",
        "-monitor", "none", "-serial", "stdio", "-no-reboot", "-kernel", "firmware.elf",
        "-device", f"loader,file=mailbox.bin,addr={machine.mailbox:#x},force-raw=on",
        "-plugin", f"{request['counter']},ranges=ranges.bin,out=rows.txt",
    ]  # fmt: skip
    bounds = Bounds(_QEMU_BYTES, _UART_BYTES, _UART_BYTES, processor_s=int(request["processor_seconds"]))
    done = run_program(command, timeout_s=request["seconds"], bounds=bounds, folder=place)
    if done.status and not done.late and not done.printed:
        raise EngineError(f"the emulator failed: QEMU ended with status {done.status}: {done.said[-300:]}")
    return done.printed, done.late


def _read_uart(request: dict[str, Any], sent: bytes, count: int, late: bool) -> dict[str, Any]:
    """What the UART gave: outputs, statuses, fault, stack."""
    each = 4 + sum(request["output_sizes"])
    whole = sent[: count * each]
    answers = [whole[start : start + each] for start in range(0, len(whole) - each + 1, each)]
    rest = sent[len(answers) * each :]
    fault, where = None, {"pc": 0, "sp": 0, "slot": 0, "sample": len(answers)}
    if late:
        fault = {"kind": "time", "address": 0, **where}
    elif rest[:4] == b"\xad\xde\xad\xde" and len(rest) >= 12:
        fault = {"kind": "exception", "address": struct.unpack("<I", rest[8:12])[0], **where}
    elif len(rest) != 4 or len(answers) != count:
        raise EngineError(f"the emulator failed: QEMU's UART gave {len(sent)} bytes for {count} samples")
    return {
        "outputs": b"".join(answer[4:] for answer in answers),
        "statuses": [struct.unpack("<i", answer[:4])[0] for answer in answers],
        "fault": fault, "stack_bytes": 0 if fault else struct.unpack("<I", rest)[0],
    }  # fmt: skip
