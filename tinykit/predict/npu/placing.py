"""Which accelerator a board has, in Vela's words."""

from __future__ import annotations

import re

from tinykit.target.boards import Board

_NAMED = re.compile(r"Ethos-U(55|65)(?:-(\d+))?")
_MACS = {"55": (32, 64, 128, 256), "65": (256, 512)}
_DEEP_EMBEDDED_HZ = 350e6


def accelerators_of(board: Board) -> tuple[str, ...]:
    """Vela's names of a board's Ethos-U55 and U65, the main core's first; empty where it has none.

    Where the board's text leaves the size open, `npu_macs_per_cycle` decides.

    >>> from tinykit.target.boards import board
    >>> accelerators_of(board("alif-ensemble-e7-devkit")), accelerators_of(board("nucleo-l4r5zi"))
    (('ethos-u55-256', 'ethos-u55-128'), ())
    """
    stated = int(board.npu_macs_per_cycle.value) if board.npu_macs_per_cycle else 0
    found = ((family, int(size or stated)) for family, size in _NAMED.findall(board.npu or ""))
    return tuple(dict.fromkeys(f"ethos-u{family}-{size}" for family, size in found if size in _MACS[family]))


def system_config_for(board: Board) -> str:
    """Arm's stock system configuration nearest to a board: by the clock of its NPU, 200 or 500 MHz."""
    if accelerators_of(board)[:1] and accelerators_of(board)[0].startswith("ethos-u65"):
        return "Ethos_U65_Embedded"
    slow = board.npu_clock is not None and board.npu_clock.value < _DEEP_EMBEDDED_HZ
    return "Ethos_U55_Deep_Embedded" if slow else "Ethos_U55_High_End_Embedded"
