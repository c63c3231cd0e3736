"""The journal of a study: JSON lines in its folder, from which it goes on after whatever ended it.

One driver writes at a time. Optuna adds nothing to a trial that has ended: what it came to later stands among the
attributes of the study.
"""

import contextlib
import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinykit.ground.errors import MissingPackageError, OutputError, RecordError, name_install
from tinykit.ground.limits import open_file
from tinykit.ground.writing import refuse_other

FILE, TPE, RANDOM = "journal.jsonl", "tpe", "random"
_MOST_BYTES = 2**28
_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, AssertionError)


def load_optuna() -> Any:
    """Optuna, quiet; MissingPackageError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise MissingPackageError(f"a search needs the package optuna\n{name_install('explore')}") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class Journal:
    """An open study: an Optuna study for each sampler, and what is kept beside them by a key."""

    def __init__(self, path: Path, *, write: bool) -> None:
        optuna = load_optuna()
        self._path, self._failed = path, optuna.trial.TrialState.FAIL
        self._storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        known = {one.study_name for one in self._storage.get_all_studies()}
        for name in {TPE, RANDOM} - known if write else ():
            optuna.create_study(storage=self._storage, study_name=name, directions=["maximize", "minimize"])
        every = [TPE, *({RANDOM} if write else {RANDOM} & known)]
        self.studies = {name: optuna.load_study(study_name=name, storage=self._storage) for name in every}

    def trials(self, sampler: str, *states: str) -> list[Any]:
        """The trials of a sampler in some states, such as "COMPLETE"; in any if none is named."""
        found = self.studies[sampler].get_trials(deepcopy=False)
        return [one for one in found if not states or one.state.name in states]

    def list_ended(self) -> list[tuple[str, Any]]:
        """The trials that ended, of every sampler, by name."""
        return [(f"{name} {one.number}", one) for name in self.studies for one in self.trials(name, "COMPLETE")]

    def keep(self, key: str, value: Any) -> None:
        """Write plain values under a key; the last ones count."""
        with self.writing():
            self.studies[TPE].set_user_attr(key, value)

    def recall(self, key: str) -> Any:
        """What was kept under a key, None if nothing."""
        return self._storage.get_study_user_attrs(self._storage.get_study_id_from_name(TPE)).get(key)

    def fail(self, sampler: str, trial: Any) -> None:
        """End a trial without a result."""
        self.studies[sampler].tell(trial.number, state=self._failed)

    def revive(self, sampler: str) -> int:
        """Enqueue again what a killed driver left running, and say how many trials had ended."""
        with self.writing():
            for trial in self.trials(sampler, "RUNNING"):
                self.fail(sampler, trial)
                self.studies[sampler].enqueue_trial(trial.params)
        return len(self.trials(sampler, "COMPLETE"))

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """OutputError where the journal cannot be written."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self._path}: the journal cannot be written ({error.strerror or error})\n"
                "what had ended is kept; make room, and start the study again"
            ) from error

    def claim(self, identity: Mapping[str, Any]) -> None:
        """Make the journal that of a study, or hold it against the one it is of; RecordError for another."""
        wanted, known = json.loads(json.dumps(identity)), self.recall("identity")
        if known is None and not any(self.trials(name) for name in self.studies):
            return self.keep("identity", wanted)
        known = known if isinstance(known, dict) else {}
        for name in (name for name in {**wanted, **known} if known.get(name) != wanted.get(name)):
            was, now = (f"{json.dumps(own.get(name)):.100}" for own in (known, wanted))
            raise RecordError(
                f"{self._path}: the journal of another study; its {name} was {was}, this one has {now}\n"
                "choose another folder, or remove that one to start again"
            )
        return None


@contextlib.contextmanager
def open_journal(folder: Path, identity: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of a study in a folder, for one driver at a time.

    RecordError: damaged, of another study, or another driver is at work. OutputError: it cannot be written.
    """
    import fcntl

    path = folder / FILE
    refuse_other(folder, stat.S_IFDIR)
    refuse_other(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = path.open("ab+")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecordError(f"{path}: another search is at work in this folder; wait for it, or end it") from error
        path.with_name(f"{FILE}.lock").unlink(missing_ok=True)  # of a driver that was killed
        stream.seek(0)
        content = stream.read(_MOST_BYTES + 1)
        with telling_damage(folder):
            if not b'{"op_code"'.startswith(content[:10]) or len(content) > _MOST_BYTES:
                raise ValueError("no journal of a study")
        stream.truncate(content.rfind(b"\n") + 1)  # what it was writing when it ended
        journal = read_journal(folder, write=True)
        journal.claim(identity)
        yield journal


def read_journal(folder: Path, *, write: bool = False) -> Journal:
    """The journal in a folder, to be read alone unless it is held; RecordError: there is none, or it is damaged."""
    path, cure = folder / FILE, f"make one with `tinykit explore --study {folder}`"
    try:
        open_file(path, _MOST_BYTES, RecordError, cure).close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RecordError(f"{folder}: no study ({FILE}) in it; {cure}") from error
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); {cure}") from error
    with telling_damage(folder):
        return Journal(path, write=write)


@contextlib.contextmanager
def telling_damage(folder: Path) -> Iterator[None]:
    """RecordError for whatever a journal that is none leads to."""
    try:
        yield
    except _DAMAGE as error:
        raise RecordError(f"{folder / FILE}: a damaged journal ({error!r:.80}); remove it to start again") from error
