"""Known vulnerabilities of everything installed: `make audit`. "Not checked" is never "none".

pip-audit, which uv runs in an environment of its own, asks the index for advisories. Beside what is installed it is
asked about one that is known to be vulnerable: where nothing is known even of that, no advisory was read.
Exit status: 0 all were checked and none is known, 1 some are known, 3 not checked, or not all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tools.lock import name_in_index

FOLDER = Path("build/audit")
CANARY = ("jinja2", "2.10")
"""CVE-2019-10906, a way out of its sandbox: known since 2019, so whoever reads advisories knows it."""
OWN = "tinykit"
Report = Mapping[str, Sequence[Mapping[str, Any]]]
Ask = Callable[[Path], Report | str]


def list_installed() -> dict[str, str]:
    """Version by package of this environment, the kit itself left out."""
    found = {name_in_index(one.metadata["Name"]): one.version for one in metadata.distributions()}
    return {name: version for name, version in sorted(found.items()) if name != OWN}


def ask_pip_audit(requirements: Path) -> Report | str:
    """What pip-audit reports of a list of pinned packages, or why it reports nothing."""
    command = ["build/uv/bin/uv", "tool", "run", "--quiet", "pip-audit", "--requirement", str(requirements)]
    command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "30"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        return dict(json.loads(done.stdout))
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"pip-audit could not be run: {error}"
    except ValueError:
        return f"pip-audit reported nothing: {(done.stderr.strip().splitlines() or ['no reason'])[-1][:300]}"


def find_advisories(installed: Mapping[str, str], ask: Ask) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Advisories by package, and why a package was not checked.

    Parameters
    ----------
    installed : version by package. ask : takes a file of requirements.
    """
    canary = _ask_of(dict([CANARY]), ask)
    if isinstance(canary, str):
        return {}, dict.fromkeys(installed, canary)
    seen = canary.get(CANARY[0], {})
    if not seen.get("vulns"):
        reason = seen.get("skip_reason", "nothing is known even of a package known to be vulnerable")
        return {}, dict.fromkeys(installed, f"no advisory data could be read ({reason})")
    rows = _ask_of(installed, ask)
    if isinstance(rows, str):
        return {}, dict.fromkeys(installed, rows)
    told = {name: rows.get(name, {"skip_reason": "pip-audit says nothing of it"}) for name in installed}
    skipped = {name: str(row["skip_reason"]) for name, row in told.items() if "skip_reason" in row}
    known = {name: [*map(_tell_one, row["vulns"])] for name, row in told.items()
             if name not in skipped and row.get("vulns")}  # fmt: skip
    return known, skipped


def _ask_of(pins: Mapping[str, str], ask: Ask) -> dict[str, Mapping[str, Any]] | str:
    """What is reported of each of some packages, or why nothing is."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "requirements.txt"
    path.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")
    report = ask(path)
    if isinstance(report, str):
        return report
    return {name_in_index(row["name"]): row for row in report.get("dependencies", ())}


def _tell_one(advisory: Mapping[str, Any]) -> str:
    return f"{advisory['id']} (mended in {', '.join(advisory.get('fix_versions', ())) or 'no version'})"


def tell(
    installed: Mapping[str, str], known: Mapping[str, Sequence[str]], skipped: Mapping[str, str]
) -> tuple[int, list[str]]:
    """Exit status and lines."""
    lines = [f"{name} {installed[name]}: {'; '.join(found)}" for name, found in known.items()]
    checked = len(installed) - len(skipped)
    if skipped:
        reason = next(iter(skipped.values()))
        lines.append(f"NOT CHECKED: {len(skipped)} of {len(installed)} packages, the first because: {reason}")
        lines += [f"  {name} {installed[name]}" for name in skipped] if checked else []
    if known:
        return 1, [*lines, f"known vulnerabilities in {len(known)} of {checked} packages that were checked"]
    return (3, lines) if skipped else (0, [f"no vulnerability is known of any of {checked} packages"])


def main() -> int:
    installed = list_installed()
    status, lines = tell(installed, *find_advisories(installed, ask_pip_audit))
    print(*lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
