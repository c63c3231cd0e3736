"""`python -m tests.fuzz run|replay|kinds|faults`: hostile inputs through every public reader and command.

run [--count 10000] [--seed 0] [--kind NAME ...] [--jobs 2]                a table; 1 where a fault was found
replay KIND:SEED:INDEX ...                                                       those cases again, told at length
faults [NAME ...]                                                                designs killed, or short of something
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.case import KINDS, ROOT, deal, load_kinds
from tests.fuzz.running import LIMIT_S, run_jobs
from tests.fuzz.telling import MEANINGS, list_faults, to_table
from tinykit.show.cli.main import main as command

OUT = ROOT / "build" / "fuzz"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    actions = parser.add_subparsers(required=True)
    run = actions.add_parser("run")
    run.set_defaults(act=fuzz)
    run.add_argument("--count", type=int, default=10_000)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--kind", action="append", default=[])
    run.add_argument("--jobs", type=int, default=2)
    run.add_argument("--out", type=Path, default=OUT)
    run.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for a case")
    run.add_argument("--minutes", type=float, default=float("inf"), help="after which no further file is begun")
    replay = actions.add_parser("replay")
    replay.set_defaults(act=again)
    replay.add_argument("cases", nargs="+", metavar="KIND:SEED:INDEX")
    kinds = actions.add_parser("kinds")
    kinds.set_defaults(act=lambda _: print("\n".join(KINDS)) or 0)
    faults = actions.add_parser("faults")
    faults.add_argument("names", nargs="*")
    faults.set_defaults(act=fail)
    load_kinds()
    options = parser.parse_args(arguments)
    return int(options.act(options))


def fuzz(options: argparse.Namespace) -> int:
    names = options.kind or [*KINDS]
    if unknown := set(names) - set(KINDS):
        sys.exit(f"no kind {', '.join(sorted(unknown))}; allowed: {', '.join(KINDS)}")
    jobs = [{"kind": name, "seed": options.seed, "index": index} for name, index in deal(names, options.count)]
    out = options.out.resolve()
    shutil.rmtree(out / "inputs", ignore_errors=True)
    command(["--version"])
    start = time.monotonic()

    def tell(done: int) -> None:
        if done % 500 == 0:
            print(f"{done:,} of {len(jobs):,} files, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)

    results = run_jobs(jobs, out, processes=options.jobs, limit_s=options.limit,
                       within_s=60 * options.minutes, tell=tell)  # fmt: skip
    seconds = time.monotonic() - start
    table, listed = to_table(results), list_faults(results)
    document = {"seed": options.seed, "seconds": round(seconds), "results": results}
    (out / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    peak = max((one.get("peak_mib", 0) for one in results), default=0)
    print(
        table,
        "",
        f"{len(results):,} of {len(jobs):,} files in {seconds:.0f} s; highest peak of a caller {peak} MiB",
        sep="\n",
    )
    print(*(f"{name}: {meaning}" for name, meaning in MEANINGS.items()), sep="; ")
    print(*listed, sep="\n")
    if listed:
        print(f"inputs: {out / 'inputs'}; again: python -m tests.fuzz replay KIND:SEED:INDEX")
    return 1 if listed else 0


def again(options: argparse.Namespace) -> int:
    """Cases once more, a pool of one; 1 where a fault is still there."""
    jobs = []
    for text in options.cases:
        name, seed, index = text.split(":")
        jobs.append({"kind": name, "seed": int(seed), "index": int(index)})
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        results = run_jobs(jobs, Path(folder), processes=1)
    print(json.dumps(results, indent=1))
    return 1 if any(one["faults"] for one in results) else 0


def fail(options: argparse.Namespace) -> int:
    from tests.fuzz.faults import run_faults

    return run_faults(options.names)


if __name__ == "__main__":
    sys.exit(main())
