"""The firmware on a QEMU machine: samples in its memory, answers from its UART, no way to the host."""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tinykit.ground.child import Bounds, find_program, run_program
from tinykit.ground.errors import EngineError
from tinykit.handover.virtual_board.compilers import ask_version
from tinykit.handover.virtual_board.decoding import image_of

QEMU = "qemu-system-arm"

_MEMORY_BYTES = 16 * 2**30
"""Its address space: QEMU reserves all that its machine could have, and touches little of it."""
_FILE_BYTES = 64 * 2**20


@lru_cache(maxsize=1)
def plugin_version() -> int:
    """The plugin interface of the QEMU that is installed: 1 up to QEMU 8, 2 is taken by those after it."""
    command = [find_program(QEMU) or QEMU, "--version"]
    found = re.search(r"version (\d+)", ask_version(command, "install it again", bounds=Bounds(_MEMORY_BYTES)))
    return 2 if found and int(found[1]) >= 9 else 1


def run_in_qemu(
    request: dict[str, Any], elf: bytes, code: Sequence[tuple[int, bytes]], inputs: bytes
) -> dict[str, Any]:
    """Run all samples in one go; the plugin writes the counts of the first.

    `request` is as `emulate` makes it, `code` (address, bytes) of what is programmed into the firmware's flash.
    """
    count = len(inputs) // sum(request["input_sizes"])
    with tempfile.TemporaryDirectory(prefix="tk-") as folder:
        place = Path(folder)
        (place / "firmware.elf").write_bytes(elf)
        (place / "mailbox.bin").write_bytes(struct.pack("<IIII", count, 0, 0, 0) + inputs)
        ranges = request["ranges"]
        start, image = image_of(code)
        header = struct.pack("<5I", len(ranges), request["slots"], request["done"], start, len(image))
        rows = b"".join(struct.pack("<III", *row) for row in ranges)
        (place / "ranges.bin").write_bytes(header + rows + image)
        sent, late = _start(request, place)
        table = place / "rows.txt"
        text = table.read_bytes() if table.is_file() else b""
    if text.startswith(b"full"):
        raise EngineError("the emulator failed: the program has more blocks than the counter holds")
    return {**_read(request, sent, count, late), "rows": text}


def _start(request: dict[str, Any], place: Path) -> tuple[bytes, bool]:
    command = [
        request["program"], "-machine", request["machine"], "-nodefaults", "-no-user-config", "-display", "none",
        "-monitor", "none", "-serial", "stdio", "-no-reboot", "-kernel", "firmware.elf",
        "-device", f"loader,file=mailbox.bin,addr={request['mailbox']:#x},force-raw=on",
        "-plugin", f"{request['counter']},ranges=ranges.bin,out=rows.txt",
    ]  # fmt: skip
    bounds = Bounds(_MEMORY_BYTES, _FILE_BYTES, _FILE_BYTES, processor_s=int(request["processor_seconds"]))
    done = run_program(command, timeout_s=request["seconds"], bounds=bounds, folder=place)
    if done.status and not done.late and not done.printed:
        raise EngineError(f"the emulator failed: QEMU ended with status {done.status}: {done.said[-300:]}")
    return done.printed, done.late


def _read(request: dict[str, Any], sent: bytes, count: int, late: bool) -> dict[str, Any]:
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
