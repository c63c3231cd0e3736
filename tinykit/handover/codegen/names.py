"""Names from strangers (file and tensor names) made safe for C++: as identifiers, and inside comments."""

from __future__ import annotations

import re

_LIMIT = 40
_RESERVED = frozenset(
    "alignas alignof and asm auto bitand bitor bool break case catch char class compl concept const constexpr continue "
    "decltype default delete do double else enum explicit export extern false float for friend goto if import inline "
    "int long main module mutable namespace new noexcept not nullptr operator or private protected public register "
    "requires restrict return short signed sizeof static std struct switch template this throw true try typedef typeid "
    "typename union unsigned using virtual void volatile while xor tflite unix linux errno".split()
)


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
