"""From predictions and places to a verdict with its reasons."""

from __future__ import annotations

from tinykit.arena import ArenaEstimate
from tinykit.boards import EXTERNAL_RAM_KINDS
from tinykit.fit.verdict import DOES_NOT_FIT, FITS, TIGHT, TIGHT_MARGIN, UNKNOWN, RegionUse
from tinykit.quantity import Estimate, format_quantity


def judge(
    arena: ArenaEstimate | None, ram: tuple[RegionUse, ...], flash: Estimate | None, code: tuple[RegionUse, ...]
) -> tuple[str, tuple[str, ...]]:
    """The worse of the verdicts on RAM and flash, with the reasons of both.

    Parameters
    ----------
    arena, flash : what is needed, None where unknown.
    ram, code : where it would lie, empty where the board's memory is unknown.
    """
    on_ram = _judge_ram(arena, ram)
    on_flash = _judge_flash(flash, code)
    order = (FITS, TIGHT, UNKNOWN, DOES_NOT_FIT)
    worse = max(on_ram[0], on_flash[0], key=order.index)
    return worse, (on_ram[1], on_flash[1])


def _judge_ram(arena: ArenaEstimate | None, ram: tuple[RegionUse, ...]) -> tuple[str, str]:
    if arena is None:
        return UNKNOWN, "arena unknown: this runtime's planner is not TFLM's and no figure was published"
    need = format_quantity(arena.to_start, "byte")
    if not ram:
        return UNKNOWN, f"arena of {need}, but no contiguous memory of this board is known"
    use, worst = ram[0], min(ram, key=lambda use: use.margin)
    if worst.margin_bytes < 0:
        short = format_quantity(-worst.margin_bytes, "byte")
        return DOES_NOT_FIT, f"arena of {need}: {worst.name} is {short} too small"
    left = format_quantity(worst.margin_bytes, "byte")
    if use.kind in EXTERNAL_RAM_KINDS:
        return TIGHT, f"arena of {need} only in external {use.name}: slower, by how much is not known for this board"
    where = f"{use.name}:" if worst.name == use.name else f"{use.name}, stack and application in {worst.name}:"
    if worst.margin < TIGHT_MARGIN or arena.high - arena.value > use.margin_bytes:
        return TIGHT, f"arena of {need} in {where} only {left} left in {worst.name}"
    return FITS, f"arena of {need} in {where} {left} left in {worst.name}"


def _judge_flash(flash: Estimate | None, code: tuple[RegionUse, ...]) -> tuple[str, str]:
    if flash is None:
        return UNKNOWN, "flash of this runtime unknown: nothing linked was published for this core"
    need = format_quantity(flash.value, "byte")
    if not code:
        return UNKNOWN, f"model and runtime take {need}, but where this board keeps its code is not known"
    use = code[0]
    if use.margin_bytes < 0:
        short = format_quantity(-use.margin_bytes, "byte")
        return DOES_NOT_FIT, f"model and runtime take {need} of flash: {use.name} is {short} too small"
    left = format_quantity(use.margin_bytes, "byte")
    tight = use.margin < TIGHT_MARGIN or flash.high - flash.value > use.margin_bytes
    return (TIGHT if tight else FITS), f"model and runtime take {need} of {use.name}: {left} left"
