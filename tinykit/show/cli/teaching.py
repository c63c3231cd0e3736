"""Commands for a room of learners: `workshop check`, `reset`, `bundle`, `serve`."""

from pathlib import Path

from tinykit.ground.writing import scratch, write_folder
from tinykit.model.record import workspace_folder
from tinykit.show.cli.models import Options
from tinykit.show.cli.text import say, say_json, say_table
from tinykit.show.course import list_course
from tinykit.show.workshop.checking import MISSING, check_machine
from tinykit.show.workshop.rooms import make_bundle, reset_workspace, serve


def check(options: Options) -> int:
    """`tinykit workshop check`: 1 where something is missing that a notebook needs."""
    found = check_machine(options.notebooks)
    ready = all(one.state != MISSING for one in found)
    if options.json:
        say_json({"ready": ready, "checks": [one._asdict() for one in found]})
        return int(not ready)
    rows = [(f"[{one.state}]", one.name, one.found, " ".join(name[:2] for name in one.notebooks)) for one in found]
    say_table(("", "what", "found", "notebooks"), rows)
    say("", *(f"{one.name}: {one.cure}" for one in found if one.cure))
    return int(not ready)


def reset(options: Options) -> int:
    """`tinykit workshop reset`."""
    folder = Path(options.workspace or workspace_folder())
    saved = reset_workspace(folder)
    say(f"{folder}: reset; what was in it is kept in {saved}" if saved else f"{folder}: nothing is in it")
    return 0


def bundle(options: Options) -> int:
    """`tinykit workshop bundle`."""
    say("fetching every package; some minutes the first time")
    make_bundle(Path(options.out), options.profile, options.python, wheel=options.wheel)
    say(f"{options.out}: whole; its README.md says how it is installed and what it serves")
    return 0


def serve_room(options: Options) -> int:
    """`tinykit workshop serve`: until it is interrupted."""
    folder = Path(options.folder)
    with scratch("tinykit-course-") as place:
        if not folder.is_dir():
            say(f"{folder} is not there (make site builds build/site): here are the notebooks, to take away")
            write_folder(folder := place / "course", list_course())
        if options.ip == "127.0.0.1":
            say("for this machine alone; for a room: --ip 0.0.0.0")
        serve(folder, options.ip, options.port, tell=lambda address: print(address, flush=True))
    return 0
