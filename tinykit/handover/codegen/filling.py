"""Text in other languages (C, C++, CMake, Markdown, linker scripts): template files, filled with a program's values."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def fill(folder: Path, template: str, /, **values: object) -> str:
    """One template of a folder with its values; a value that it names and does not get is an error."""
    return _templates(folder).get_template(template).render(values)


def fill_all(folder: Path, /, **values: object) -> dict[str, str]:
    """Relative path -> text of every template below a folder, in alphabetical order."""
    return {path: fill(folder, path, **values) for path in _templates(folder).list_templates()}


@lru_cache(maxsize=8)
def _templates(folder: Path) -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
