"""Data cards: what a dataset is, whose it is, and whom it does not speak for."""

from __future__ import annotations

from dataclasses import dataclass

from tinykit.ground.errors import FactError, UnknownTaskError, name_nearest
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.results import Result


@dataclass(frozen=True, slots=True)
class DataCard(Result):
    """One `data/datasets/<id>.toml`.

    Parameters
    ----------
    id, title, task : the dataset and the question it poses.
    source, file, sha256, licence, reference : origin of the numbers, and under what terms.
    carrier : the package that brings the file, as pip installs it without its requirements.
    n, classes, input : samples in all, class names with a word of meaning, what one sample is.
    network : of the zoo, that a design trains for it.
    split : which groups are in which split, and why.
    represents, does_not_represent : what accuracy on it says, and what it does not.
    """

    id: str
    title: str
    task: str
    source: str
    carrier: str
    file: str
    sha256: str
    licence: str
    reference: str
    n: int
    classes: dict[str, str]
    input: str
    network: str
    split: str
    represents: tuple[str, ...]
    does_not_represent: tuple[str, ...]


def read_card(name: str) -> DataCard:
    """The data card of a task.

    Raises
    ------
    UnknownTaskError : no card of that name.
    FactError : the card misses a field or has one too many.
    """
    allowed = card_names()
    if name not in allowed:
        raise UnknownTaskError(f"no dataset {name!r}; {name_nearest(name, allowed)}; or bring your own with read_npz")
    table = read_toml(shipped_path("data", "datasets", f"{name}.toml"))
    try:
        table |= {key: tuple(table[key]) for key in ("represents", "does_not_represent")}
        return DataCard(**table)
    except (KeyError, TypeError) as error:
        raise FactError(f"data/datasets/{name}.toml: {error}; a card has exactly the fields of DataCard") from error


def card_names() -> tuple[str, ...]:
    """Names of the shipped data cards, sorted."""
    return tuple(sorted(path.stem for path in shipped_path("data", "datasets").glob("*.toml")))
