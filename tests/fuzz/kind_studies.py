"""What goes with a search: journals of studies, tables of prices, lists of classes."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

from tests.exploring import make_space
from tests.fuzz.case import Case, Draw, kind, rarely
from tests.fuzz.kind_data import list_windows
from tests.fuzz.mutating import mutate_text, mutate_tree, pack_zip
from tinykit.budget.assessment.budgets import Budgets
from tinykit.choose.exploration.journal import FILE, TPE, open_journal
from tinykit.choose.exploration.judging import read_prices
from tinykit.choose.exploration.search import STORED
from tinykit.choose.exploration.study import find_trial, read_study
from tinykit.choose.exploration.training_job import load_source
from tinykit.target.boards import boards
from tinykit.train.datasets.own import read_classes

SOURCE = {"npz": "data.npz", "classes": ["rest", "walk"], "rate_hz": 50.0}
BESIDE = {"data.npz": pack_zip(list(list_windows().items()))}
PRICES = "board,price\nnucleo-l4r5zi,19.5\nnrf52840dk,45\nmicrobit-v2,14.9\n"


@functools.cache
def write_journal() -> str:
    """A journal of three candidates: one refused, one trained a little, one a finalist that was tested."""
    space = make_space()
    own = [space.candidate(places).to_json() for places in space.draw(3, 0)]
    energy = {
        "value": 1e-5,
        "low": 8e-6,
        "high": 2e-5,
        "unit": "J",
        "basis": "modelled",
        "runtime": None,
        "source": "x",
    }
    hits = [{"fold": fold, "seed": 1, "seconds": 1.0, "groups": [fold, fold + 3], "right": [7, 8], "n": [9, 9]}
            for fold in range(3)]  # fmt: skip
    accuracy = {"fraction": 0.8, "low": 0.7, "high": 0.9, "n": 40, "n_clusters": 5, "method": "made up"}
    tested = {
        "accuracy": accuracy,
        "recordings": [0, 1],
        "shares": [0.8, 0.8],
        "judged": {},
        "opened": "now",
        "seed": 1,
    }
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        identity = {"source": SOURCE, "boards": ["nucleo-l4r5zi"], "budgets": Budgets().to_json()}
        with open_journal(place, identity) as journal:
            for number, candidate in enumerate(own):
                trial = journal.studies[TPE].ask()
                trial.set_user_attr("candidate", candidate)
                attributes = {"judged": {"energy_j": energy}, "short": hits[0]} if number else {"refused": "too large"}
                for name, value in attributes.items():
                    trial.set_user_attr(name, value)
                journal.studies[TPE].tell(trial, [0.8, 1e-5])
            journal.keep("unseen", {"groups": 4, "samples": 40})
            journal.keep(f"{TPE} 2: {STORED}", hits)
            journal.keep(f"{TPE} 2: test", tested)
            journal.keep("made", {"chosen": f"{TPE} 2"})
        return (place / FILE).read_text()


def read_a_study(path: Path) -> None:
    json.dumps(read_study(path.parent).to_json(), allow_nan=False)


def find_a_trial(path: Path) -> None:
    study, name = find_trial(f"study:{path.parent}:2", "digits")
    str(study.find(name))


def load_its_data(path: Path) -> None:
    """Whatever the journal says that they are."""
    load_source(read_study(path.parent).source)


@kind(read_a_study, rarely(find_a_trial, 2), load_its_data, share=3)
def study(draw: Draw) -> Case:
    text = write_journal()
    if draw.chance(0.3):  # what `design --model study:TRIAL` and a study that goes on read
        told = json.dumps(SOURCE, separators=(",", ":"))
        changed = json.dumps(mutate_tree(draw, json.loads(told)), separators=(",", ":"))
        text = text.replace(told, changed, 1)
        return Case(text.encode(), FILE, BESIDE)
    return Case(mutate_text(draw, text), FILE, BESIDE)


def read_price_table(path: Path) -> None:
    read_prices(path, [one.id for one in boards()])


@kind(read_price_table, rarely("explore --task digits --board all --flash 1 --trials 1 --prices {file}", 20), share=2)
def prices(draw: Draw) -> Case:
    return Case(mutate_text(draw, PRICES), "prices.csv")


@kind(read_classes, share=1)
def classes(draw: Draw) -> Case:
    return Case(mutate_text(draw, "walk\nrun\nsit still\nStufen hinauf\n"), "classes.txt")
