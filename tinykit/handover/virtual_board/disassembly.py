"""Which classes of instructions a program executed: blocks decoded with capstone, once each.

`child.py` loads this file by its path, in the process of the emulator; for the rest of the kit it joins segments.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

CLASSES = (
    ("it", re.compile(r"it[te]{0,3}$|vpst")),
    ("load_multiple", re.compile(r"ldm|pop|vldm|vpop|ldrd|ldrexd")),
    ("store_multiple", re.compile(r"stm|push|vstm|vpush|strd|strexd")),
    ("load", re.compile(r"v?ldr|vld")),
    ("store", re.compile(r"v?str|vst")),
    ("multiply", re.compile(r"mul|mla|mls|smul|smla|smml|smua|smus|umul|umla|umaa|vmul|vmla|vfma|vnmul")),
    ("divide", re.compile(r"udiv|sdiv|vdiv")),
    ("branch", re.compile(r"(b|bl|blx|bx)(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)?$|cbn?z|tb[bh]")),
)


def classify(rows: list[list[int]], segments: Sequence[tuple[int, bytes]]) -> dict[str, Counter[str]]:
    """Executed instructions by slot and class, decoded with capstone, each block once.

    Besides the classes: `instructions` (all), `taken` (branches), `load_following` (loads straight after a load, also
    where an emulator cuts between the two) and `words` (words that multiple loads and stores move). `rows` are slot,
    address, bytes, instructions, executed, taken, fallen; `segments` (address, bytes) of what is programmed.
    """
    import capstone

    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB + capstone.CS_MODE_MCLASS + capstone.CS_MODE_V8)
    start, image = image_of(segments)
    spans = {(row[1], row[2]) for row in rows}
    names = {
        span: decode(decoder, image[span[0] - start : span[0] - start + span[1]], span[0]) for span in sorted(spans)
    }
    after_load = {sum(span) for span, found in names.items() if found and found[-1][0] == "load"}
    result: dict[str, Counter[str]] = {}
    for slot, address, nbytes, instructions, executed, taken, fallen in rows:
        found, sums = names[address, nbytes], result.setdefault(str(slot), Counter())
        sums["instructions"] += instructions * executed
        sums["taken"] += taken
        for name, number in _count(found).items():
            sums[name] += number * executed
        if fallen and found and found[0][0] == "load" and address in after_load:
            sums["load"] -= fallen
            sums["load_following"] += fallen
    return result


def decode(decoder: Any, code: bytes, address: int) -> list[tuple[str, int]]:
    """(class, words moved) of the instructions of one block; what capstone does not know (MVE) is "unknown"."""
    found = []
    offset = 0
    while offset + 1 < len(code):
        one = next(decoder.disasm_lite(code[offset : offset + 4], address + offset, 1), None)
        name = name_class(one[2]) if one else "unknown"
        found.append((name, count_words(one[2], one[3]) if one and name.endswith("multiple") else 0))
        offset += 4 if code[offset + 1] >> 3 >= 0x1D else 2
    return found


def count_words(mnemonic: str, operands: str) -> int:
    """Words that a multiple load or store moves.

    >>> count_words("push", "{r4, r5, lr}"), count_words("ldm.w", "r0!, {r1, r2}"), count_words("ldrd", "r0, r1, [r2]")
    (3, 2, 2)
    """
    return 2 if mnemonic.startswith(("ldrd", "strd")) else operands.partition("{")[2].count(",") + 1


def name_class(mnemonic: str) -> str:
    """The class of a mnemonic.

    >>> [name_class(text) for text in ("ldrb.w", "bne", "adds", "bics", "smlad", "itet", "pop", "udiv")]
    ['load', 'branch', 'other', 'other', 'multiply', 'it', 'load_multiple', 'divide']
    """
    plain = mnemonic.partition(".")[0]
    return next((name for name, pattern in CLASSES if pattern.match(plain)), "other")


def image_of(segments: Sequence[tuple[int, bytes]]) -> tuple[int, bytes]:
    """(start, bytes) of what is programmed, gaps filled with zeros."""
    start = min(address for address, _ in segments)
    image = bytearray(max(address + len(data) for address, data in segments) - start)
    for address, data in segments:
        image[address - start : address - start + len(data)] = data
    return start, bytes(image)


def _count(found: list[tuple[str, int]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (name, words), (previous, _) in zip(found, [("", 0), *found], strict=False):
        counts["load_following" if name == previous == "load" else name] += 1
        counts["words"] += words
    return counts
