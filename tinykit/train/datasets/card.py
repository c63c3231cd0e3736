"""Data cards: what a dataset is, whose it is, whom it does not speak for, and the files it names, hashed.

The files travel inside packages of PyPI, which are found and never imported.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from tinykit.ground.errors import DataError, FactError, MissingPackageError, UnknownTaskError, name_nearest
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.results import Result


@dataclass(frozen=True, slots=True)
class DataCard(Result):
    """One `data/datasets/<id>.toml`.

    Parameters
    ----------
    id, title, task : the dataset and the question it poses.
    source, file, sha256, licence, reference : origin of the numbers, and under what terms.
    n, classes, input : samples in all, class names with a word of meaning, what one sample is.
    network : of the zoo, that a design trains for it.
    split : which groups are in which split, and why.
    represents, does_not_represent : what accuracy on it says, and what it does not.
    carrier : the package that brings the file, as pip installs it without its requirements; "" for this kit.
    """

    id: str
    title: str
    task: str
    source: str
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
    carrier: str = ""


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


def read_carried(task: str, *files: str) -> tuple[list[bytes], str]:
    """Contents of the files of a task (of the one its card names, if none is given) and their SHA-256, joined.

    `MissingPackageError` without the package or a file in it, `DataError` if they are not those of the card.
    """
    card = read_card(task)
    if not card.carrier:
        return read_verified(card.sha256, shipped_path("data", *card.file.split("/"))), card.sha256
    paths = [find_packaged_file(*file.split("/"), carrier=card.carrier) for file in files or (card.file,)]
    return read_verified(card.sha256, *paths), card.sha256


def find_packaged_file(package: str, *parts: str, carrier: str) -> Path:
    """Path of a file inside a package that is not imported; `carrier` is what pip calls it, "seglearn==1.2.5"."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            f"the package {package}, which holds the data, is not installed\npip install --no-deps {carrier}"
        )
    path = Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)
    if not path.is_file():
        raise MissingPackageError(
            f"{package} lacks {'/'.join(parts)}; pip install --no-deps --force-reinstall {carrier}"
        )
    return path


def read_verified(sha256: str, *paths: Path) -> list[bytes]:
    """Files whose hash, joined, is known; others are not opened, since a pickle in them could run code."""
    contents = [path.read_bytes() for path in paths]
    found = hashlib.sha256(b"".join(contents)).hexdigest()
    if found != sha256:
        names = " and ".join(path.name for path in paths)
        raise DataError(
            f"{names} has sha256 {found[:16]}…, expected {sha256[:16]}…: not the file this task was built on.\n"
            "It is not opened; reinstall the package in the pinned version"
        )
    return contents
