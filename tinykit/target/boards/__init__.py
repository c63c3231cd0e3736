"""The catalogue of boards: `board(id)`, `boards()`, and `read_board(path)` for a board of one's own.

A board is one TOML file, `data/boards/<id>.toml`. A user's file has the same form; leave out what is unknown:

    id = "my-board"                     # small letters, digits, '-'
    name = "My board rev B"
    vendor = "Me"
    mcu = "STM32L432KC"
    current_scope = "mcu"               # or "board": currents of the whole board, at its input

    [sources]                           # documents, once; facts below name the key
    ds = "STM32L432KC datasheet DS11451"

    [as_sold]                           # the whole board, where current_scope is "mcu"
    sleep_current = {value = 5e-3, unit = "A", kind = "measured", source = "ds", conditions = "my meter"}
    mode = "stop"                       # what the chip was in; or "standby"
    draws = "power LED"                 # what else draws, and in `cut` what cuts it

    [[cores]]                           # the one that runs the model has main = true where there are several
    name = "cortex-m4"
    dsp = true
    fpu = true
    clock_max = {value = 80e6, unit = "Hz", kind = "datasheet", source = "ds"}
    # clocks = [{…}, {…}]               # where it runs at these only, rising

    [[regions]]                         # kind: sram dtcm tcm ccm itcm psram sdram flash external_flash backup …
    name = "SRAM1"
    kind = "sram"
    start = 0x20000000
    window = "SRAM1-2"                  # regions of one window follow each other without a gap
    total = {value = 49152, unit = "byte", kind = "datasheet", source = "ds"}
    # reserved = {…}                    # bytes taken by a boot loader or a radio stack
    # arena = false                     # not for a tensor arena: another core's, or not known to be contiguous

    [[run_points]]                      # the first is the reference
    current = {value = 10e-3, unit = "A", kind = "measured", source = "ds", conditions = "my network"}
    clock = {value = 80e6, unit = "Hz", kind = "datasheet", source = "ds"}

Every figure is an inline table `{value, unit, kind, source, locator, conditions, low, high}`, the last four optional;
`low` and `high` are the range that the document gives. `kind` is one of `tinykit.ground.quantity.BASES`. Without a
[sources] table `source` is the document's full text. For a trial `{value, unit}` will do: kind "given", your own word.
Further keys are the fields of `Board`, `Core`, `Region`, `RunPoint` and `PowerRange` in `tinykit.target.boards.record`.
"""

import os
from pathlib import Path

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, ParameterError, UnknownBoardError, name_nearest
from tinykit.ground.facts import shipped_path
from tinykit.ground.results import Rows
from tinykit.target.boards.reading import read_board
from tinykit.target.boards.record import Board

AnyBoard = Board | str | os.PathLike[str]
"""A board as all that takes one does: id of the catalogue, path of a TOML, or the board itself."""


def board(name: str) -> Board:
    """The board of that id.

    Raises
    ------
    UnknownBoardError : no board of that id is in the catalogue; the message names the nearest.
    """
    if name not in _ids():
        raise UnknownBoardError(
            f"board {name!r} is not one of the {len(_ids())} in the catalogue\n{name_nearest(str(name), _ids())}\n"
            "`tinykit boards` lists them all; a board of your own is a TOML file for `read_board` or --board-file"
        )
    return _load(name)


def find_board(target: AnyBoard) -> Board:
    """The board itself, the catalogue's of that id, or that of a TOML: what every function that takes a board accepts.

    Parameters
    ----------
    target : a board, an id, or the path of a file that ends in ".toml".

    Raises
    ------
    UnknownBoardError : no board of that id. FactError : a file that is no board.
    ParameterError : neither a board nor an id nor a path.
    """
    if isinstance(target, Board):
        return target
    if isinstance(target, os.PathLike) or (isinstance(target, str) and target.lower().endswith(".toml")):
        return read_board(Path(target))
    if isinstance(target, str):
        return board(target)
    raise ParameterError(f"board {target!r}: give a catalogue id, such as 'nucleo-l4r5zi', or a Board")


@remember_table
def boards() -> Rows[Board]:
    """All boards of the catalogue, sorted by id; read once."""
    return Rows(_load(name) for name in _ids())


@remember_table
def _ids() -> tuple[str, ...]:
    folder = shipped_path("data", "boards")
    names = tuple(sorted(path.stem for path in folder.glob("*.toml")))
    if not names:
        raise FactError(f"no board files in {folder}; the installation is incomplete, install tinykit again")
    return names


@remember_table
def _load(name: str) -> Board:
    return read_board(shipped_path("data", "boards", f"{name}.toml"))
