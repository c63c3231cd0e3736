"""Mutations of bytes, text, plain values, zip archives and protocol buffers, from a dictionary of hostile values."""

from __future__ import annotations

import functools
import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
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


# protocol buffers, as their wire format has them: no schema is needed

Field = tuple[int, int, Any]
"""Number, wire type, and value: an int, bytes, or the fields of a message."""
_LEAVES, _MESSAGES = (b"", b"x", b"\0" * 64, b"\xff" * 64), 2
_MOST_DEEP = 40


def parse_wire(data: bytes, depth: int = 0) -> list[Field]:
    """The fields of a message, those that read as messages themselves parsed too; ValueError where it is none."""
    fields: list[Field] = []
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if not number or wire not in (0, 1, 2, 5):
            raise ValueError("no message")
        if wire == 0:
            value, place = _varint(data, place)
            fields.append((number, wire, value))
            continue
        size, place = _varint(data, place) if wire == _MESSAGES else ({1: 8, 5: 4}[wire], place)
        if place + size > len(data):
            raise ValueError("no message")
        content, place = data[place : place + size], place + size
        fields.append((number, wire, _inner(content, depth) if wire == _MESSAGES else content))
    return fields


def _inner(content: bytes, depth: int) -> Any:
    """The fields of what is a message and no text, else its bytes."""
    if not content or depth > _MOST_DEEP or (content.isascii() and all(32 <= one < 127 for one in content)):
        return content
    try:
        return parse_wire(content, depth + 1)
    except ValueError:
        return content


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte, place = data[place], place + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("no number")


def _to_varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def pack_wire(fields: list[Field]) -> bytes:
    found = bytearray()
    for number, wire, value in fields:
        found += _to_varint(number << 3 | wire)
        if wire == 0:
            found += _to_varint(value)
            continue
        content = pack_wire(value) if isinstance(value, list) else value
        found += (_to_varint(len(content)) if wire == _MESSAGES else b"") + content
    return bytes(found)


def mutate_wire(draw: Draw, data: bytes, names: tuple[str, ...] = NAMES) -> bytes:
    """One to three fields changed: a number, a text, a field that goes, comes twice, or nests without end."""
    tree = parse_wire(data)
    for _ in range(draw.choose((1, 1, 2, 3))):
        places = [*_walk_wire(tree)]
        holder, index = draw.choose(places)
        number, wire, value = holder[index]
        act = draw.below(7)
        if act == 0:
            del holder[index]
        elif act == 1:
            holder.insert(draw.below(len(holder) + 1), holder[index])
        elif act == 2 and isinstance(value, list):
            deep = functools.reduce(
                lambda inner, _: [(number, _MESSAGES, inner)], range(draw.choose((3, 90, 300))), value
            )
            holder[index] = (number, _MESSAGES, deep)
        elif wire == 0:
            holder[index] = (number, 0, draw.choose((0, 1, 2, 127, 2**31 - 1, 2**31, 2**63, 2**64 - 1, value + 1)))
        elif wire == _MESSAGES:
            text = draw.choose(names).encode("utf-8", "replace")
            holder[index] = (number, wire, draw.choose((text, text, text, draw.choose(_LEAVES), value)))
        else:
            holder[index] = (number, wire, draw.choose((b"\0", b"\xff", b"\x7f")) * (8 if wire == 1 else 4))
        if not tree:
            break
    return pack_wire(tree)


def _walk_wire(fields: list[Field]) -> Iterator[tuple[list[Field], int]]:
    for index, (_, _, value) in enumerate(fields):
        yield fields, index
        if isinstance(value, list):
            yield from _walk_wire(value)
