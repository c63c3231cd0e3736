"""Mutations of bytes, of text, of trees of plain values and of zip archives, from a dictionary of hostile values."""

from __future__ import annotations

import functools
import io
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from tests.fuzz.case import Draw

NUMBERS = (
    "0", "-1", "1", "-0.0", "255", "65536", "2147483647", "2147483648", "-2147483649", "4611686018427387904",
    "9223372036854775808", "1" + "0" * 400, "nan", "inf", "-inf", "1e-300", "1e-320", "1e300", "1e999", "0x7f", "1_000",
    "1,5", "", "true", "9" * 5000,
)  # fmt: skip
NAMES = (
    "\x1b[2J\x1b]0;owned\x07", "$(touch owned)", "`touch owned`", "'; touch owned; '", '"quoted"', "a\nb\r\nc", "\0",
    "<script>alert(1)</script>", "$\\frac{1}{0}$", "{x}%s%n{0.__class__}", "../../owned", "/etc/passwd", "\u202e\u2066",
    "*/ int x; /*", "#include </etc/passwd>", "-rf", "", " ", ".", "𝔘\u0301" * 9, "A" * 100_000, "CON", "\ud800",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**62, -(2**63), 2**64, float("nan"), float("inf"), 1e-300, 1e300, "", [], {}, [[]],
    [0] * 1000, {"": {"": {}}}, "x" * 100_000,
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_QUOTED = re.compile(r'"[^"\n]*"|\'[^\'\n]*\'')


# bytes


def mutate_bytes(draw: Draw, data: bytes) -> bytes:
    """Flipped, overwritten, cut, repeated or stretched somewhere."""
    if not data:
        return bytes(draw.rng.integers(0, 256, 40, dtype="uint8"))
    content = bytearray(data)
    act = draw.below(7)
    place = draw.below(len(content))
    if act == 0:
        for _ in range(draw.choose((1, 2, 8, 64))):
            content[draw.below(len(content))] ^= 1 << draw.below(8)
    elif act == 1:
        word = draw.choose((0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**62, 2**64 - 1))
        size = draw.choose((1, 2, 4, 8))
        content[place : place + size] = struct.pack("<Q", word)[:size]
    elif act == 2:
        del content[place:]
    elif act == 3:
        del content[place : place + draw.choose((1, 4, 100, 4096))]
    elif act == 4:
        content[place:place] = content[place : place + draw.choose((1, 4, 100, 4096))]
    elif act == 5:
        content[place:place] = draw.choose((b"\0", b"\xff" * 64, b"\0" * 65536, b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"))
    else:
        other = draw.below(len(content))
        content[place : place + 32], content[other : other + 32] = (
            content[other : other + 32],
            content[place : place + 32],
        )
    return bytes(content)


# text


def mutate_text(draw: Draw, text: str) -> bytes:
    """One to three of: a number, a name, a line, a cell changed; sometimes its encoding or its bytes."""
    for _ in range(draw.choose((1, 1, 2, 3))):
        text = draw.choose(_TEXT)(draw, text)
    data = text.encode("utf-8", "surrogatepass")
    if draw.chance(0.1):
        data = draw.choose((_bom, _utf16, _latin, _null))(text)
    return mutate_bytes(draw, data) if draw.chance(0.15) else data


def _replace(draw: Draw, text: str, pattern: re.Pattern[str], new: str) -> str:
    places = [match.span() for match in pattern.finditer(text)]
    if not places:
        return text + new
    start, end = draw.choose(places)
    return text[:start] + new + text[end:]


def _number(draw: Draw, text: str) -> str:
    return _replace(draw, text, _NUMBER, draw.choose(NUMBERS))


def _name(draw: Draw, text: str) -> str:
    name = draw.choose(NAMES)
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c) & 0xFFFF:04x}" for c in name)
    return _replace(draw, text, _QUOTED, f'"{escaped if draw.chance(0.7) else name}"')


def _cell(draw: Draw, text: str) -> str:
    return _replace(draw, text, re.compile(r"[^,;\t\n]+"), draw.choose((*NUMBERS, *NAMES)))


def _line(draw: Draw, text: str) -> str:
    lines = text.split("\n")
    place = draw.below(len(lines))
    act = draw.below(6)
    if act == 0:
        del lines[place]
    elif act == 1:
        lines.insert(place, lines[draw.below(len(lines))])
    elif act == 2:
        lines[place] = lines[place][: draw.below(len(lines[place]) + 1)]
    elif act == 3:
        lines[place] += draw.choose((",", ";1;2", '"', "," * 1000, "\t\0", "x" * 200_000))
    elif act == 4:
        lines[place] = draw.choose(("[" * 3000, "a = " + "[" * 2000, "{" * 500, "a.b" + ".c" * 2000 + " = 1", "[[x]]"))
    else:
        lines = lines[: place + 1] * draw.choose((2, 20))
    return "\n".join(lines)


_TEXT: tuple[Callable[[Draw, str], str], ...] = (_number, _number, _number, _name, _cell, _line, _line)


def _bom(text: str) -> bytes:
    return b"\xef\xbb\xbf" + text.encode("utf-8", "replace")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16", "replace")


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace") + b"\xb5\xff"


def _null(text: str) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\n", b"\n\0", 1)


# trees of plain values


def mutate_tree(draw: Draw, tree: Any) -> Any:
    """A JSON value with one place changed: a value, a key that goes or comes, a list that grows, a deep nest."""
    places = [*_walk(tree)]
    if not places:
        return draw.choose(VALUES)
    holder, key = draw.choose(places)
    act = draw.below(6)
    if act < 2:
        holder[key] = draw.choose(VALUES)
    elif act == 2:
        holder[key] = draw.choose(NAMES)
    elif act == 3:
        del holder[key]
    elif act == 4 and isinstance(holder[key], list):
        holder[key] = holder[key] * draw.choose((0, 2, 50))
    elif act == 4:
        holder[key] = [holder[key]]
    else:
        holder[key] = functools.reduce(lambda inner, _: [inner], range(draw.choose((3, 90, 900))), holder[key])
    return tree


def _walk(tree: Any) -> list[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in pairs for found in ((tree, key), *_walk(value))]


# archives

MEMBERS = ("../../owned", "/tmp/owned", "config.json", "model.weights.h5", "x.npy", "a\\..\\owned", "CON", "x" * 60_000)


def unzip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack_zip(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


@functools.cache
def bomb() -> bytes:
    return bytes(96 * 2**20)


def mutate_zip(draw: Draw, members: dict[str, bytes], mutate: Callable[[Draw, str, bytes], bytes]) -> bytes:
    """An archive with one member mutated, or with its list of members, its method or its claims changed."""
    listed = list(members.items())
    act = draw.below(12)
    place = draw.below(len(listed))
    if act < 6:
        listed[place] = (listed[place][0], mutate(draw, *listed[place]))
    elif act == 6:
        del listed[place]
    elif act == 7:
        listed.append((draw.choose((*MEMBERS, listed[place][0])), draw.choose((b"", b"x", listed[place][1]))))
    elif act == 8:
        listed[place] = (draw.choose(MEMBERS), listed[place][1])
    elif act == 9 and draw.chance(0.15):
        listed[place] = (listed[place][0], bomb())
    elif act == 10 and draw.chance(0.3):
        listed += [(f"m{index}", b"") for index in range(3000)]
    method = draw.choose((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA), (6, 6, 1, 1))
    data = pack_zip(listed, method)
    if act == 11:
        data = _forge(draw, data)
    return mutate_bytes(draw, data) if draw.chance(0.1) else data


def _forge(draw: Draw, data: bytes) -> bytes:
    """Claims in the central directory: sizes, method, flags (encrypted), the offset of a member."""
    content, start = bytearray(data), data.find(b"PK\x01\x02")
    offset, size = draw.choose(((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)))
    word = draw.choose((0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, len(data)))
    content[start + offset : start + offset + size] = struct.pack("<I", word)[:size]
    return bytes(content)
