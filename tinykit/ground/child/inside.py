"""The half of a supervised process that runs inside it: its limits, its frames, and an answer to every question.

`Child` starts this file by its path as `python -I inside.py WORKER SETUP`, so it works from a wheel and from a checkout
alike, and for that reason it imports nothing of tinykit. The worker is a file too: its `answer(request, parts)` gives
reply and parts. A worker may import this module by its full name, and no other of the kit, unless it asked to adopt it.
A frame is a little-endian uint32, that many bytes of JSON, then the parts the JSON lists: data only, so that a process
upset by a hostile file cannot make its parent run anything.
"""

import contextlib
import json
import os
import signal
import struct
import sys
import threading
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

HEADER_LIMIT_BYTES = 8 * 2**20
PARTS_LIMIT_BYTES = 2**31
_TEXT_LIMIT = 2000
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
GAPS_ASKED = {"tell": "gaps"}
_gaps: list[str] = []

Header = dict[str, Any]


def write_frame(stream: BinaryIO, header: Header, parts: Sequence[Any] = ()) -> None:
    """Send a JSON header and the parts after it: bytes, or arrays that lie in one piece."""
    views = [memoryview(part) for part in parts]
    text = json.dumps({**header, "parts": [view.nbytes for view in views]}).encode()
    stream.write(struct.pack("<I", len(text)) + text)
    for view in views:
        stream.write(view)
    stream.flush()


def read_frame(stream: BinaryIO, limit_bytes: int = PARTS_LIMIT_BYTES) -> tuple[Header, list[bytes]]:
    """Receive what `write_frame` sent; EOFError where the stream ends inside, ValueError where it is no frame."""
    (length,) = struct.unpack("<I", _read_exactly(stream, 4))
    if length > HEADER_LIMIT_BYTES:
        raise ValueError(f"frame header of {length} bytes")
    try:
        header = json.loads(_read_exactly(stream, length))
    except RecursionError as error:
        raise ValueError("frame header nested too deep") from error
    if not isinstance(header, dict):
        raise ValueError("frame header is not a JSON object")
    sizes = header.pop("parts", None)
    if not isinstance(sizes, list) or any(type(size) is not int or size < 0 for size in sizes):
        raise ValueError(f"frame with parts of {str(sizes)[:200]} bytes")
    if sum(sizes) > limit_bytes:
        raise ValueError(f"frame of {sum(sizes)} bytes, over its limit of {limit_bytes}")
    return header, [_read_exactly(stream, size) for size in sizes]


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count) if count else b""
    if len(data) < count:
        raise EOFError(f"stream ended {count - len(data)} bytes early")
    return data


def limit(wanted: dict[str, int], pid: int = 0) -> None:
    """Bound a process, this one by default, by the resources named, where the system can."""
    if not sys.platform.startswith("linux"):
        _gaps.append("its memory and files have no limit that this system is known to keep; its time has")
    try:
        import resource
    except ImportError:  # not a Unix: the limit is on time alone
        return
    for name, value in wanted.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            which = getattr(resource, name)
            if pid:
                resource.prlimit(pid, which, (value, value + (name == "RLIMIT_CPU")))  # type: ignore[attr-defined,unused-ignore]
            else:
                resource.setrlimit(which, (value, value + (name == "RLIMIT_CPU")))


def leave_network() -> None:
    """Take this process, which has one thread yet, into a network with nobody in it, where the kernel allows."""
    try:
        import ctypes

        unshare = ctypes.CDLL(None).unshare
        alone = not unshare(_NEW_NETWORK) or not unshare(_NEW_USER | _NEW_NETWORK)
    except (ImportError, OSError, AttributeError, TypeError):
        alone = False
    if not alone:
        _gaps.append("it is not kept from the network: this system does not allow that")


def load_script(path: Path) -> ModuleType:
    """A module by its path, none of whose neighbours an isolated process could import."""
    return _execute(path.stem, path)


def adopt_package(home: Path) -> None:
    """Make the package in `home` importable, wherever it lies, and nothing that lies beside it."""
    _execute(home.name, home / "__init__.py", [str(home)])


def _execute(name: str, path: Path, folders: list[str] | None = None) -> ModuleType:
    spec = spec_from_file_location(name, path, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = module_from_spec(spec)
    if folders:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def die_at_the_end_of(lifeline: int) -> None:
    """Watch a pipe whose other end the parent holds: when it ends, so does this process, whatever it is doing."""

    def watch() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def serve(answer: Any) -> None:
    """Answer frames on stdin until it closes; anything printed lands on stderr, never between frames."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            request, parts = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        try:
            reply, results = ({"gaps": _gaps}, ()) if request == GAPS_ASKED else answer(request, parts)
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever a hostile file sets off becomes a reply
            reply, results = {"error": type(error).__name__, "text": str(error)[:_TEXT_LIMIT]}, ()
        write_frame(out, reply, results)


def main(worker: str, setup: Header) -> None:
    """Limit this process as `setup` says, then let the worker answer."""
    limit(setup["limits"])
    leave_network()
    if setup["lifeline"] is not None:
        die_at_the_end_of(setup["lifeline"])
    sys.modules["tinykit.ground.child.inside"] = sys.modules["__main__"]
    if setup["adopt"]:
        adopt_package(Path(__file__).resolve().parents[2])
    serve(getattr(load_script(Path(worker)), "answer", None))  # None: asked of its limits alone


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
