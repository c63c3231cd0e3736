"""The parent's side: one firmware and its samples to the emulating child, and what it reports back."""

from __future__ import annotations

import base64
import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import EngineError, MissingPackageError, ParameterError
from tinykit.ground.isolation import NEUTRAL_FOLDER, child_environment, find_program, python_command
from tinykit.ground.results import Result
from tinykit.handover.codegen import CExport
from tinykit.handover.virtual_board.cache import cache_folder, check_folder, hash_of
from tinykit.handover.virtual_board.compilers import INSTALL, call_compiler, choose_compiler
from tinykit.handover.virtual_board.elf import Firmware
from tinykit.handover.virtual_board.memory import MemoryMap
from tinykit.handover.virtual_board.targets import Toolchain

QEMU = "qemu-system-arm"
HARNESS = ("tk_reset", "tk_main", "tk_ready", "tk_done")
OUTSIDE, MODEL, FIRST_OPERATOR = 0, 1, 2
"""Slots of the counter: the harness, the model's own function, then the operators in order."""

_CHILD = Path(__file__).with_name("child.py")
_COUNTER = Path(__file__).with_name("counter") / "counter.c"
_MEMORY_BYTES = {"unicorn": 3 * 2**30, "qemu": 16 * 2**30}
"""Address space of the child; QEMU reserves all that its machine could have, and touches little of it."""
_START_S = 30.0
_LEAST_S = 0.001
_PROCESSORS = 4
"""Threads that may keep as many processors busy before the time that is allowed is over."""


@dataclass(frozen=True, slots=True)
class Limits(Result):
    """How long a program may run.

    Parameters
    ----------
    seconds : for booting, and for each sample; for all of it in QEMU.
    instructions : of the first sample, which is the one that is counted.

    Raises
    ------
    ParameterError : less than a millisecond or an instruction, or no end at all: 0 would mean "for ever" to unicorn.
    """

    seconds: float = 120.0
    instructions: int = 20_000_000_000

    def __post_init__(self) -> None:
        if not (_LEAST_S <= self.seconds < math.inf and 1 <= self.instructions < math.inf):
            raise ParameterError(
                f"limits of {self.seconds} s and {self.instructions} instructions; "
                f"give {_LEAST_S} s and 1 instruction or more, and finite numbers"
            )


@dataclass(frozen=True, slots=True)
class Emulation:
    """What the emulator saw.

    Parameters
    ----------
    outputs : bytes of every sample that came to its end, one after the other.
    statuses : what the model's function returned, a sample each.
    stack_bytes : most of the stack that was written.
    classes : slot -> class of instruction -> how many were executed in the first sample.
    fault : None, or kind, address, pc, sp, slot and sample as the child gives them.
    trace : each operator's output in the first sample, where it was asked for.
    """

    outputs: bytes = field(repr=False)
    statuses: tuple[int, ...]
    stack_bytes: int
    classes: dict[int, dict[str, int]] = field(hash=False)
    fault: dict[str, Any] | None = field(default=None, hash=False)
    trace: tuple[bytes, ...] = field(default=(), repr=False)


def emulate(
    firmware: Firmware,
    target: Toolchain,
    memory: MemoryMap,
    *,
    engine: str,
    program: CExport,
    sizes: tuple[Sequence[int], Sequence[int]],
    inputs: bytes,
    limits: Limits,
    spans: Sequence[tuple[int, int]] = (),
) -> Emulation:
    """Run a firmware on all samples.

    Parameters
    ----------
    memory : all that is mapped.
    engine : "unicorn" or "qemu".
    program : the export the firmware was built from.
    sizes : bytes of each input, and of each output, of one sample.
    inputs : the samples' bytes, one after the other.
    spans : (address, bytes) of each operator's output, to be taken down when the operator is done; unicorn only.

    Raises
    ------
    MissingPackageError : unicorn, capstone or QEMU is not installed.
    EngineError : the emulator itself failed.
    """
    _check_installed(engine)
    at = {name: firmware.address_of(name) for name in (*HARNESS, "tk_inputs", "tk_outputs", "tk_status")}
    request = {
        "engine": engine,
        "counter": str(counter_library(engine)),
        "segments": [[address, _encode(data)] for address, data in firmware.segments],
        "ready": at["tk_ready"], "done": at["tk_done"],
        "inputs_at": at["tk_inputs"], "outputs_at": at["tk_outputs"], "status": at["tk_status"],
        "input_sizes": list(sizes[0]), "output_sizes": list(sizes[1]), "inputs": _encode(inputs),
        "ranges": find_ranges(firmware, f"{program.name}_invoke", [one.symbol for one in program.operators]),
        "slots": FIRST_OPERATOR + len(program.operators),
        "seconds": limits.seconds, "instructions": limits.instructions, "memory_limit": _MEMORY_BYTES[engine],
    }  # fmt: skip
    samples = len(inputs) // sum(sizes[0])
    if spans:
        ranges = find_ranges(firmware, f"{program.name}_invoke", [one.symbol for one in program.operators])
        stations = [(start, slot - FIRST_OPERATOR) for start, _, slot in ranges if slot >= FIRST_OPERATOR]
        request |= {"stations": [*stations, (at["tk_done"], len(spans))], "spans": list(spans), "counter": ""}
    own = _for_qemu(firmware, target, memory) if engine == "qemu" else _for_unicorn(firmware, target, memory)
    reply = _ask({**request, **own}, _START_S + limits.seconds * (1 if engine == "qemu" else samples + 1))
    classes = {int(slot): counts for slot, counts in reply["classes"].items()}
    statuses = tuple(int(status) for status in reply["statuses"])
    trace = tuple(base64.b64decode(text) for text in reply.get("trace", ()))
    outputs, stack = base64.b64decode(reply["outputs"]), int(reply["stack_bytes"])
    return Emulation(outputs, statuses, stack, classes, reply["fault"], trace)


def find_ranges(firmware: Firmware, entry: str, operators: Sequence[str]) -> list[tuple[int, int, int]]:
    """(first, after, slot) of code that says whose instructions follow; the first range that holds an address counts.

    The compiler may rename a function it has specialised ("conv_3.constprop.0"), and leaves out one that does nothing.
    """
    ranges = []
    for position, name in enumerate(operators):
        pattern = re.compile(rf"{re.escape(name)}(\.\w+)*$")
        starts = {symbol.address for text, symbol in firmware.symbols.items() if pattern.match(text)}
        ranges += [(start, start + 2, FIRST_OPERATOR + position) for start in sorted(starts)]
    for name, slot in ((entry, MODEL), *((name, OUTSIDE) for name in HARNESS)):
        symbol = firmware.symbols.get(name)
        if symbol:
            ranges.append((symbol.address, symbol.address + max(2, symbol.total_bytes), slot))
    return ranges


def counter_library(engine: str) -> Path:
    """The counter compiled for this machine, once, as a shared library in the cache.

    Raises
    ------
    EngineError : it cannot be compiled. OutputError : the cache cannot be written.
    """
    flags = ["-O2", "-shared", "-fPIC"]
    flags += [f"-DTK_PLUGIN_VERSION={_plugin_version()}", "-DTK_QEMU"] if engine == "qemu" else []
    flags += [] if engine == "qemu" else ["-nostdlib", "-ffreestanding"]
    host = find_program("cc") or find_program("gcc")
    command = [host] if host else [*choose_compiler("zig").command, "-fno-sanitize=all"]
    where, key = cache_folder() / "counter", hash_of(*command, *flags, _COUNTER.read_bytes())[:32]
    for path in where.glob(f"{key}-*.so"):
        if path.name == _name_counter(key, path):
            return path
    check_folder()
    where.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=where) as folder:
        made = Path(folder) / "counter.so"
        result = call_compiler([*command, *flags, "-o", made.name, str(_COUNTER)], made.parent)
        if result.returncode:
            raise EngineError(f"{command[0]} could not compile the counter: {result.stderr.strip()[-300:]}")
        path = where / _name_counter(key, made)
        os.replace(made, path)
    return path


def _name_counter(key: str, library: Path) -> str:
    """A name that holds the library's own hash, so that a damaged one is not taken for it."""
    return f"{key}-{hash_of(library.read_bytes())[:32]}.so"


def _for_unicorn(firmware: Firmware, target: Toolchain, memory: MemoryMap) -> dict[str, Any]:
    places = [[memory.flash.start, memory.flash.total_bytes, 0]]
    places += [[place.start, place.total_bytes, 1] for place in memory.ram]
    stack = [firmware.address_of("tk_stack_base"), firmware.address_of("tk_stack_top")]
    return {"cpu": target.unicorn, "memory": places, "vectors": memory.flash.start, "stack": stack}


def _for_qemu(firmware: Firmware, target: Toolchain, memory: MemoryMap) -> dict[str, Any]:
    machine = target.machine
    if machine is None:
        raise EngineError(f"QEMU has no machine for {target.core}; use engine='unicorn'")
    code = [[at, _encode(data)] for at, data in firmware.segments if memory.flash.start <= at < memory.flash.end]
    return {
        "program": find_program(QEMU), "machine": machine.name, "mailbox": machine.mailbox,
        "elf": _encode(firmware.data), "segments": code,
    }  # fmt: skip


def _check_installed(engine: str) -> None:
    wanted = ("unicorn", "capstone") if engine == "unicorn" else ("capstone",)
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingPackageError(f"the package {' and '.join(missing)} is not installed\n{INSTALL}")
    if engine == "qemu" and not find_program(QEMU):
        raise MissingPackageError(
            f"{QEMU}, which runs this core, is not on PATH\ninstall Debian's or Ubuntu's package qemu-system-arm"
        )


@remember_table
def _plugin_version() -> int:
    """The plugin interface of the QEMU that is installed: 1 up to QEMU 8, 2 is taken by those after it."""
    try:
        said = subprocess.run(
            [find_program(QEMU) or QEMU, "--version"], cwd=NEUTRAL_FOLDER, env=child_environment(),
            capture_output=True, text=True, timeout=30, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{QEMU} does not start ({error}); install it again") from error
    found = re.search(r"version (\d+)", said)
    return 2 if found and int(found[1]) >= 9 else 1


def _ask(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    asked = json.dumps({**request, "processor_seconds": _PROCESSORS * seconds})
    try:
        done = subprocess.run(
            python_command(_CHILD), cwd=NEUTRAL_FOLDER, env=child_environment(),
            input=asked, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"the emulator was stopped after {seconds:g} s; allow more with limits") from error
    except OSError as error:
        raise EngineError(f"the emulator process could not be started ({error})") from error
    try:
        reply: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise EngineError(f"the emulator ended {_describe_end(done.returncode, done.stderr.strip())}") from error
    if reply.get("error"):
        raise EngineError(f"the emulator failed: {reply['error']}")
    return reply


def _describe_end(status: int, said: str) -> str:
    """Whether it left or was stopped, and its last words."""
    names = {int(one): one.name for one in signal.Signals}
    how = f"status {status}" if status >= 0 else f"stopped by {names.get(-status, f'signal {-status}')}"
    return f"({how}): {said[-300:] or 'it gave no reason; it may lack memory: run fewer samples at a time'}"


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
