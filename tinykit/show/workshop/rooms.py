"""A room of learners: a workspace for the next group, a folder served to all, and a bundle where no network is."""

import contextlib
import datetime
import os
import platform
import socket
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any

from tinykit.ground.child.process import Bounds, run_program
from tinykit.ground.errors import EngineError, OutputError, ParameterError, look_up
from tinykit.ground.facts import shipped_path
from tinykit.ground.writing import refuse_other, write_atomically, write_folder
from tinykit.show.course import list_course
from tinykit.show.workshop.checking import list_lacks, read_room
from tinykit.train.datasets.card import read_card

_TEMPLATES = Path(__file__).with_name("templates")
_ROUTES = ("10.255.255.255", "172.31.255.255", "192.168.255.255", "203.0.113.1")
_BOUNDS = Bounds(16 * 2**30, file_bytes=8 * 2**30, answer_bytes=2**16)
_SETTINGS = ("PIP_", "HOME", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


def reset_workspace(folder: Path) -> Path | None:
    """Rename a workspace to one of the date, beside it, so that the next is made anew; None where there is nothing.

    OutputError: a link, a file, or a folder with what is no workspace's in it.
    """
    refuse_other(folder := folder.absolute(), stat.S_IFDIR)
    held = [*folder.iterdir()] if folder.exists() else []
    for one in held:
        known = any(fnmatch(one.name, name) for name in read_room()["workspace"])
        if not known and not (one / "record.toml").is_file():
            raise OutputError(f"{folder} is a folder that is no workspace: it holds {one.name}\nmove that out first")
    return folder.rename(f"{folder}-{datetime.datetime.now():%Y-%m-%d-%H%M%S-%f}") if held else None


class _Handler(SimpleHTTPRequestHandler):
    """Files below a folder; a link leads nowhere else, and who asks for what is not told."""

    timeout = 30

    def send_head(self) -> Any:
        path, root = Path(self.translate_path(self.path)), Path(self.directory).resolve()
        with contextlib.suppress(ValueError, RuntimeError):  # a zero in a name, a circle of links
            if all(one.resolve().is_relative_to(root) for one in (path, path / "index.html", path / "index.htm")):
                return super().send_head()
        return self.send_error(404)

    def log_message(self, format: str, *arguments: Any) -> None: ...


def serve(folder: Path, ip: str, port: int, *, tell: Callable[[str], None]) -> None:
    """Serve a folder until it is interrupted; `tell` is given its addresses. EngineError: one that cannot be had."""
    try:
        server = ThreadingHTTPServer((ip, port), lambda *given: _Handler(*given, directory=str(folder)))
    except (OSError, OverflowError) as error:
        raise EngineError(f"{ip}, port {port}: cannot be served at ({error}); --port 0 takes a free one") from error
    found = {ip if ip != "0.0.0.0" else "127.0.0.1"}
    for route in _ROUTES if ip == "0.0.0.0" else ():
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect((route, 9))  # sends nothing: by which address it would
            found.add(one.getsockname()[0])
    with server:
        for address in sorted(found, key="127.0.0.1".__eq__):
            tell(f"http://{address}:{server.server_port}/")
        server.serve_forever()


def make_bundle(out: Path, profile: str, pythons: Sequence[str] = (), *, wheel: str = "") -> None:
    """Gather wheels by the lock, course, install script and checksums: whole, or `OUT.unfinished` to go on from.

    `pythons` are such as "3.12" (none: this one), `wheel` the kit's, where it is no checkout. ParameterError: no such
    profile or Python, or no wheel. OutputError: the place is taken. EngineError: pip found not everything.
    """
    room, own = read_room(), f"{sys.version_info[0]}.{sys.version_info[1]}"
    chosen = look_up(profile, room["profiles"], f"no profile {profile!r}", ParameterError)
    for python in pythons:
        look_up(python, room["pythons"], f"the kit has no packages for Python {python!r}", ParameterError)
    if not wheel and not shipped_path("pyproject.toml").is_file():
        raise ParameterError("this kit is no checkout that its wheel can be made of; name the wheel with --wheel")
    refuse_other(out := out.absolute(), stat.S_IFDIR)
    refuse_other(work := out.with_name(f"{out.name}.unfinished"), stat.S_IFDIR)
    if out.exists():
        raise OutputError(f"{out}: exists already; choose another name, or remove it")
    write_folder(work / "course", list_course())
    write_atomically(work / "README.md", _describe(profile, pythons or [own], list_lacks(chosen["extras"])).encode())
    carriers = " ".join(read_card(task).carrier for task in chosen["tasks"])
    line = ["sh", _TEMPLATES / "bundle.sh", work, shipped_path(), wheel, ",".join(chosen["extras"]), carriers]
    line += [sys.executable, own, *(pythons or [own])]
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(_SETTINGS)}
    done = run_program([*map(str, line)], timeout_s=3600, bounds=_BOUNDS, TMPDIR=str(work), **kept)
    if done.status:
        said = "; ".join(done.said.strip().splitlines()[-2:])
        raise EngineError(f"the bundle is not whole ({said})\nwhat was fetched is kept; run it again to go on")
    work.rename(out)


def _describe(profile: str, pythons: Sequence[str], lacks: Mapping[str, Sequence[str]]) -> str:
    """The README of a bundle."""
    told = {"profile": profile, "pythons": ", ".join(pythons), "system": f"{platform.system()}, {platform.machine()}"}
    told["served"] = "\n".join(f"- `{stem}`" for stem, lack in lacks.items() if not lack)
    told["unserved"] = "\n".join(f"- `{stem}`: {', '.join(lack)}" for stem, lack in lacks.items() if lack) or "- none"
    return Template((_TEMPLATES / "README.md").read_text(encoding="utf-8")).substitute(told)
