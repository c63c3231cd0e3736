"""Text in other languages (C, C++, CMake, Markdown, linker scripts): template files, filled with a program's values.

Names from strangers (file and tensor names) are made safe for it: as identifiers, and inside comments.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

_LIMIT = 40
_RESERVED = frozenset(
    "alignas alignof and asm auto bitand bitor bool break case catch char class compl concept const constexpr continue "
    "decltype default delete do double else enum explicit export extern false float for friend goto if import inline "
    "int long main module mutable namespace new noexcept not nullptr operator or private protected public register "
    "requires restrict return short signed sizeof static std struct switch template this throw true try typedef typeid "
    "typename union unsigned using virtual void volatile while xor tflite unix linux errno".split()
)


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


def to_identifier(name: str) -> str:
    """A lower-case C++ identifier that reminds of a name: letters, digits and single underscores, 40 at most.

    >>> to_identifier("Watch <script> v2.tflite"), to_identifier("class"), to_identifier("7"), to_identifier("*/")
    ('watch_script_v2_tflite', 'class_model', 'model_7', 'model')
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower())[:_LIMIT].strip("_")
    if not plain:
        return "model"
    if plain[0].isdigit():
        return f"model_{plain}"
    return f"{plain}_model" if plain in _RESERVED else plain


def to_comment(text: str) -> str:
    """One line of plain ASCII that can end no comment and continue no line: `*/`, backslashes, `<`, `?` become `_`.

    >>> to_comment("a */ b " + chr(10) + "c <script>")
    'a __ b _c _script_'
    """
    return re.sub(r"[^A-Za-z0-9 .,:;=+%()\[\]'_-]", "_", text.replace("…", ".."))[:200]
