"""The other side of the pipe: a worker that runs a firmware in unicorn, and decodes what ran there or in QEMU.

It runs inside a `Child`, and imports nothing of tinykit but what starts it. unicorn (GPL-2) is imported here and
nowhere else, so that it shares no process with the kit. The emulated program has the memory it is given and nothing
more: no files, no semihosting, no network.
"""

import ctypes
import struct
from pathlib import Path
from typing import Any

from tinykit.ground.child.inside import load_script

PAGE_BYTES = 1024
PAINT = b"\xa5"
ROW_LIMIT = 400_000
Request = dict[str, Any]
Reply = dict[str, Any]

ACCESSES = {19: "read", 20: "write", 21: "fetch", 22: "write", 23: "read", 24: "fetch"}
"""unicorn's numbers of accesses to memory that is not there (19 to 21), or not for that (22 to 24)."""


class StopError(Exception):
    """The program did not come to its end; the fault is noted."""


class Unicorn:
    """The firmware in unicorn, with exactly the memory of the request."""

    def __init__(self, request: Request, inputs: bytes) -> None:
        import unicorn
        from unicorn import arm_const

        self.request, self.inputs = request, inputs
        self.fault: dict[str, Any] = {}
        self._const, self._arm = unicorn, arm_const
        # UC_MODE_MCLASS would silently make every core a Cortex-M33.
        self.engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        self.engine.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{request['cpu']}"))
        self._map()
        self.engine.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_memory)
        self.engine.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        self.counter = Counter(self, request) if request["counter"] else None
        self.trace: list[bytes] = []
        self.stations = dict(request.get("stations", ()))
        for address in self.stations:
            self.engine.hook_add(unicorn.UC_HOOK_CODE, self._on_station, begin=address, end=address)

    def _map(self) -> None:
        """All memory there is, and the program in it."""
        const = self._const
        for start, size, writable in self.request["memory"]:
            first, after = start // PAGE_BYTES * PAGE_BYTES, -(-(start + size) // PAGE_BYTES) * PAGE_BYTES
            rights = const.UC_PROT_READ | (const.UC_PROT_WRITE if writable else const.UC_PROT_EXEC)
            self.engine.mem_map(first, after - first, rights)
        for address, data in self.request["segments"]:
            self.engine.mem_write(address, data)

    def run(self) -> tuple[Reply, list[bytes]]:
        """Boot, run every sample, and report stack, counts, the fault, if there was one, outputs and traced tensors."""
        request, engine = self.request, self.engine
        base, top = request["stack"]
        there = min([top, *(start + size for start, size, _ in request["memory"] if start <= base < start + size)])
        engine.mem_write(base, PAINT * (there - base))
        outputs: list[bytes] = []
        statuses: list[int] = []
        try:
            stack, reset = struct.unpack("<II", engine.mem_read(request["vectors"], 8))
            engine.reg_write(self._arm.UC_ARM_REG_SP, stack)
            self._go(reset, request["ready"])
            self._run_samples(outputs, statuses)
        except StopError:
            self.fault["sample"] = len(statuses)
        painted = bytes(engine.mem_read(base, there - base))
        unused = len(painted) - len(painted.lstrip(PAINT))
        reply = {
            "statuses": statuses, "fault": self.fault or None, "stack_bytes": top - base - unused,
            "rows": self.counter.rows() if self.counter else [],
        }  # fmt: skip
        return reply, [b"".join(outputs), *self.trace]

    def _run_samples(self, outputs: list[bytes], statuses: list[int]) -> None:
        request, inputs = self.request, self.inputs
        for start in range(0, len(inputs), sum(request["input_sizes"])):
            self._write(inputs, start)
            self._go(request["ready"], request["done"])
            if self.counter:
                self.counter.freeze()
            for address, size in self._places("output"):
                self._reach(address, size)
                outputs.append(bytes(self.engine.mem_read(address, size)))
            statuses.append(struct.unpack("<i", self.engine.mem_read(request["status"], 4))[0])

    def _places(self, kind: str) -> list[tuple[int, int]]:
        """(address, bytes) of the model's inputs or outputs, as the program itself gives them."""
        sizes = self.request[f"{kind}_sizes"]
        table = self.engine.mem_read(self.request[f"{kind}s_at"], 4 * len(sizes))
        return list(zip(struct.unpack(f"<{len(sizes)}I", table), sizes, strict=True))

    def _write(self, inputs: bytes, start: int) -> None:
        for address, size in self._places("input"):
            self._reach(address, size)
            self.engine.mem_write(address, inputs[start : start + size])
            start += size

    def _reach(self, address: int, size: int) -> None:
        """A tensor of the model that lies outside the memory is a fault like any other."""
        spans = [(first, first + length) for first, length, _ in self.request["memory"]]
        for part in (address, address + size - 1):
            if not any(first <= part < after for first, after in spans):
                beyond = next((after for first, after in spans if first <= address < after), address)
                self._note("write", beyond)
                raise StopError

    def _on_station(self, engine: Any, address: int, _size: int, _data: Any) -> None:
        """An operator starts, or the model is done: what the operators before it wrote is taken down."""
        for start, size in self.request["spans"][len(self.trace) : self.stations[address]]:
            self.trace.append(bytes(engine.mem_read(start, size)))

    def _go(self, start: int, until: int) -> None:
        limit = int(self.request["seconds"] * 1e6)
        try:
            self.engine.emu_start(start | 1, until, timeout=limit)
        except self._const.UcError as error:
            if not self.fault:
                self._note("instruction" if error.errno == self._const.UC_ERR_INSN_INVALID else "exception")
            raise StopError from error
        if self.fault:
            raise StopError
        if self.engine.reg_read(self._arm.UC_ARM_REG_PC) & ~1 != until:
            over = self.counter is not None and self.counter.total() > self.request["instructions"]
            self._note("instructions" if over else "time")
            raise StopError

    def _note(self, kind: str, address: int | None = None) -> None:
        read = self.engine.reg_read
        pc, stack = read(self._arm.UC_ARM_REG_PC) & ~1, read(self._arm.UC_ARM_REG_SP)
        slot = self.counter.slot() if self.counter else 0
        self.fault.update(kind=kind, address=pc if address is None else address, pc=pc, sp=stack, slot=slot)

    def _on_memory(self, _engine: Any, access: int, address: int, *_rest: Any) -> bool:
        self._note(ACCESSES.get(access, "read"), address)
        return False

    def _on_exception(self, engine: Any, _number: int, _data: Any) -> None:
        self._note("exception")
        engine.emu_stop()


class Counter:
    """The compiled block hook, called by unicorn without Python between them."""

    def __init__(self, board: Unicorn, request: Request) -> None:
        from unicorn.unicorn_py3 import unicorn as binding

        self._binding, self._engine = binding, board.engine
        self._library = library = ctypes.CDLL(request["counter"])
        library.tk_total.restype = ctypes.c_uint64
        start, image = _disassembly().image_of(request["segments"])
        self._image = (ctypes.c_uint8 * len(image)).from_buffer_copy(image)
        table = [number for row in request["ranges"] for number in row]
        stop = ctypes.cast(binding.uclib.uc_emu_stop, ctypes.c_void_p)
        library.tk_configure(
            (ctypes.c_uint32 * len(table))(*table), len(request["ranges"]), request["slots"], self._image,
            ctypes.c_uint32(start), len(image), ctypes.c_uint64(request["instructions"]), stop,
        )  # fmt: skip
        self._hook = ctypes.c_size_t()
        status = binding.uclib.uc_hook_add(
            board.engine._uch, ctypes.byref(self._hook), board._const.UC_HOOK_BLOCK,
            ctypes.cast(library.tk_on_block, ctypes.c_void_p), None, ctypes.c_uint64(1), ctypes.c_uint64(0),
        )  # fmt: skip
        if status:
            raise RuntimeError(f"unicorn refused the block hook ({status})")

    def freeze(self) -> None:
        """Count no further: the hook goes, and with it what calls it in the translated code."""
        if self._hook.value:
            self._binding.uclib.uc_hook_del(self._engine._uch, self._hook)
            self._engine.ctl_flush_tb()
            self._hook.value = 0

    def slot(self) -> int:
        """Whose instructions are running."""
        return int(self._library.tk_current())

    def total(self) -> int:
        """Instructions so far."""
        return int(self._library.tk_total())

    def rows(self) -> list[list[int]]:
        """Slot, address, bytes, instructions, executed, taken, fallen: one row for each block and slot."""
        if self._library.tk_full():
            raise RuntimeError("the program has more blocks than the counter holds")
        room = (ctypes.c_uint64 * (7 * ROW_LIMIT))()
        count = min(self._library.tk_rows(room, ROW_LIMIT), ROW_LIMIT)
        return [list(room[7 * index : 7 * index + 7]) for index in range(count)]


def answer(request: Request, parts: list[bytes]) -> tuple[Reply, list[bytes]]:
    """What a firmware did, by class of instructions; parts: segments, then unicorn's samples or QEMU's counts."""
    request["segments"] = list(zip(request["segments"], parts, strict=False))
    results: list[bytes] = []
    if request["engine"] == "unicorn":
        reply, results = Unicorn(request, parts[-1]).run()
        rows = reply.pop("rows")
    else:
        reply, rows = {}, [[int(number) for number in line.split()] for line in parts[-1].splitlines()]
    return {**reply, "classes": _disassembly().classify(rows, request["segments"])}, results


def _disassembly() -> Any:
    return load_script(Path(__file__).with_name("disassembly.py"))
