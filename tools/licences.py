"""Licences of everything installed, as declared and as their files read: `make licences`.

A package may declare another licence than its code has, so the texts in it are looked at too. Status 1 where a GPL is
found that `APART` does not tell of.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from tools.lock import name_in_index

APART = {
    "unicorn": "GPL-2.0 by its code, though it declares BSD. It comes with the extra virtual-board alone; only "
    "handover/virtual_board/child.py imports it, a process of its own, asked through a pipe; nothing of it is shipped",
    "numpy": "GCC's runtime library under its runtime library exception, which leaves what uses it free; in the wheel",
    "scipy": "GCC's runtime library under its exception, libquadmath under LGPL-2.1, in the wheel; not imported here",
    "tensorflow": "ducc0 is BSD-3-Clause or GPL-2.0-or-later: taken under BSD, in a wheel that is not shipped here",
    "setuptools": "autocommand (LGPL-3.0) lies in its _vendor folder; a tool of installation, not imported here",
    "autocommand": "LGPL-3.0, carried by setuptools; a tool of installation, not imported here",
    "pillow": "the text of XZ Utils lists the GPL of its scripts; the library in the wheel is not under it",
}
"""Pieces under a GPL or LGPL, by package, and how they are kept apart or why they bind nothing here."""
_GPL = re.compile(r"GNU (?:LESSER |LIBRARY |AFFERO )?GENERAL PUBLIC LICENSE\s+Version \d", re.IGNORECASE)
_DECLARED_GPL = re.compile(r"\b[AL]?GPL|GNU .*General Public", re.IGNORECASE)
_TEXTS = re.compile(r"(?:^|/)(?:LICEN[CS]E|COPYING|NOTICE)[^/]*$", re.IGNORECASE)
_MOST_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Licence:
    """What a package declares, the licence texts in it that are a GPL, and how it is kept apart."""

    name: str
    version: str
    declared: str
    gpl_texts: tuple[str, ...] = ()

    @property
    def is_gpl(self) -> bool:
        """Whether anything in it is under a GPL, whatever it declares."""
        return bool(_DECLARED_GPL.search(self.declared) or self.gpl_texts or self.name in APART)

    @property
    def accounted(self) -> bool:
        """Whether it is no GPL, or its place is told."""
        return not self.is_gpl or self.name in APART


def declared_by(found: metadata.Distribution) -> str:
    """The licence in a package's metadata: its expression, else its first line, else its classifiers."""
    told = found.metadata
    if expression := told.get("License-Expression"):
        return str(expression)
    rows = [row.rpartition(" :: ")[2] for row in told.get_all("Classifier") or () if row.startswith("License ::")]
    line = (told.get("License") or "").strip().split("\n")[0]
    text = line if line and len(line) <= _MOST_CHARACTERS else "; ".join(rows)
    return text or line[:_MOST_CHARACTERS] or "none declared"


def read_licence(found: metadata.Distribution) -> Licence:
    texts = [path for path in found.files or () if _TEXTS.search(str(path))]
    gpl = [str(path) for path in texts if _GPL.search(_read(found, path))]
    return Licence(name_in_index(found.metadata["Name"]), found.version, declared_by(found), tuple(gpl))


def _read(found: metadata.Distribution, path: metadata.PackagePath) -> str:
    try:
        return found.locate_file(path).read_text(encoding="utf-8", errors="replace")  # type: ignore[attr-defined]
    except OSError:
        return ""


def tell(licences: Iterable[Licence]) -> tuple[int, list[str]]:
    """Exit status and lines."""
    listed = sorted(licences, key=lambda one: one.name)
    lines = [f"{one.name:32} {one.version:20} {one.declared}" for one in listed]
    gpl = [one for one in listed if one.is_gpl]
    lines += [
        "",
        f"{len(listed)} packages; none declared: {_names(one for one in listed if one.declared == 'none declared')}",
    ]
    for one in gpl:
        why = APART.get(one.name) or "NOT TOLD OF: name it in tools/licences.py, with how it is kept apart"
        texts = f" (texts: {', '.join(one.gpl_texts[:3])})" if one.gpl_texts else ""
        lines.append(f"GPL: {one.name} {one.version}, declares {one.declared}{texts}: {why}")
    return (0 if all(one.accounted for one in listed) else 1), lines


def _names(found: Iterable[Licence]) -> str:
    return ", ".join(one.name for one in found) or "-"


def main() -> int:
    status, lines = tell(read_licence(one) for one in metadata.distributions())
    print(*lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
