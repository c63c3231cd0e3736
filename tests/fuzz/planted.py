"""Kinds whose doors die, sleep and hold memory, for the test of the pool; a job names this module to have them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.fuzz.case import Case, Draw, kind


def die(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def sleep(path: Path) -> None:
    time.sleep(60)


def hold(path: Path) -> None:
    bytearray(2**31 + 2**28)


@kind(die)
def dying(draw: Draw) -> Case:
    return Case(b"x", "a")


@kind(sleep)
def sleeping(draw: Draw) -> Case:
    return Case(b"x", "a")


@kind(hold)
def holding(draw: Draw) -> Case:
    return Case(b"x", "a")
