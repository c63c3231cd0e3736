"""The catalogue of boards: `board(id)`, `boards()`, and `read_board(path)` for a board of one's own.

A board is one TOML file, `data/boards/<id>.toml`. A user's file has the same form, which `form.toml` beside this module
shows; leave out what is unknown. Further keys are the fields of the classes in `tinykit.target.boards.record`.
"""

import os
from pathlib import Path

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, ParameterError, UnknownBoardError, keywords, name_nearest
from tinykit.ground.facts import names_toml, shipped_path
from tinykit.ground.results import Rows
from tinykit.target.boards.reading import read_board
from tinykit.target.boards.record import Board

AnyBoard = Board | str | os.PathLike[str]
"""A board as all that takes one does: id of the catalogue, path of a TOML, or the board itself."""


@keywords
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
    if names_toml(target):
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
