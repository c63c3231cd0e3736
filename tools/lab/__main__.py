"""`make lab`: JupyterLab on a reader's own copy of the course, `lab/NAME`; the checkout stays as it is.

Its root shows course, data and report, and the workspace that notebooks share. A second start brings what is new and
leaves what the reader wrote; a file that was deleted comes again as it was. Options after `--` are JupyterLab's.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shutil
import sys
from pathlib import Path

from tinykit.ground.errors import TinykitError
from tools.lab.copying import Brought, bring, editions, forget

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).parent / "config"
FIRST = "course/00_start_here.ipynb"
REMOTE = ("--ip", "--ServerApp.ip", "--no-browser", "--ServerApp.open_browser")


def main(arguments: list[str] | None = None) -> int | None:
    """Copy, say what was kept, and become JupyterLab; with --clean, remove all copies but what was edited."""
    parser = argparse.ArgumentParser(prog="tools.lab", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help=f"the copy (default: {ROOT / 'lab'}, then the user's name)")
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "design", help="what `make design` left")
    parser.add_argument("--clean", action="store_true", help="remove the copies, but for what was edited")
    parser.add_argument("options", nargs="*", help="JupyterLab's, after --")
    chosen = parser.parse_args(arguments)
    if chosen.clean:
        for folder in sorted((ROOT / "lab").glob("*/")):
            if folder.stat().st_uid == os.getuid():
                _clean(folder)
        return 0
    folder = (chosen.folder or ROOT / "lab" / user_name()).resolve()
    try:
        brought = prepare(folder, chosen.report.resolve())
    except (OSError, TinykitError) as error:
        print(f"no copy of the course in {folder}: {error}\n`make lab LAB=FOLDER` takes another", file=sys.stderr)
        return 3
    print("\n".join([*brought.tell(), *hints(chosen.options)]), flush=True)
    os.chdir(folder)
    return os.execve(sys.executable, command(folder, chosen.options), environment(folder))


def user_name() -> str:
    """A name for this person's folder: two who share a checkout share neither notebooks nor a workspace."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user id without an account, as in many containers
        name = str(os.getuid())
    return re.sub(r"[^\w-]", "_", name) or "reader"


def prepare(folder: Path, report: Path) -> Brought:
    """Bring course and samples up to date, and show the report if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = folder / "report"
    if report.is_dir() and not os.path.lexists(shown):
        shown.symlink_to(os.path.relpath(report, folder), target_is_directory=True)
    return bring(editions(), folder)


def hints(options: list[str]) -> list[str]:
    """What someone at another machine has to know."""
    if not os.environ.get("SSH_CONNECTION") and not any(one.split("=")[0] in REMOTE for one in options):
        return []
    return [
        "From another machine: ssh -L 8888:localhost:8888 HOST (the port below); then open the address below, with its",
        "token. The token is the key: whoever has it runs code as you.",
    ]


def command(folder: Path, options: list[str]) -> list[str]:
    """JupyterLab, at the first notebook; as root only where one is root."""
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    first = [f"--LabApp.default_url=/lab/tree/{FIRST}"]
    return [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *first, *root, *options]


def environment(folder: Path) -> dict[str, str]:
    """The reader's own, with one workspace for all notebooks and the settings of the lab below their own."""
    paths = os.pathsep.join(filter(None, [os.environ.get("JUPYTER_CONFIG_PATH"), str(CONFIG)]))
    workspace = os.environ.get("TINYKIT_WORKSPACE") or str(folder / "workspace")
    return {**os.environ, "JUPYTER_CONFIG_PATH": paths, "TINYKIT_WORKSPACE": workspace}


def _clean(folder: Path) -> None:
    kept = forget(folder)
    for made in (folder / "workspace", *folder.rglob(".ipynb_checkpoints")):
        shutil.rmtree(made, ignore_errors=True)
    if (folder / "report").is_symlink():
        (folder / "report").unlink()
    for path in sorted((one for one in (folder, *folder.rglob("*")) if one.is_dir()), reverse=True):
        if not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    if kept:
        print(f"kept in {folder}, as you edited them: {', '.join(kept)}")


if __name__ == "__main__":
    sys.exit(main())
