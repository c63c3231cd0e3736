"""What is remembered: by content, within a bound, forgotten by one call, and never a failure."""

from __future__ import annotations

import gc
import inspect

import numpy as np
import pytest

import tinykit as tk
from tests.models import small_cnn
from tinykit.choose.ledger import forms
from tinykit.ground import caches
from tinykit.ground.caches import clear_caches, held_bytes, remember, weigh
from tinykit.ground.child.process import WarmChild
from tinykit.ground.errors import EngineError
from tinykit.model import ModelGraph, read
from tinykit.predict.runtime import refusal
from tinykit.target.boards import board

KIB = 1024


@pytest.fixture
def asked():
    """A remembered function, and the list of what it was really asked."""
    clear_caches()
    calls: list[object] = []

    @remember
    def answer(question, *, size: int = 10):
        calls.append(question)
        if question == "fail":
            raise EngineError("not today")
        return bytes(size)

    yield answer, calls
    clear_caches()


def test_an_answer_is_computed_once(asked):
    answer, calls = asked
    assert answer("a") is answer("a")
    assert answer("a", size=20) is not answer("a")
    assert calls == ["a", "a"]
    assert answer.cache_info() == (2, 2)


def test_a_remembered_function_keeps_its_name_signature_and_words():
    assert tk.predict_arena.__name__ == "predict_arena"
    assert list(inspect.signature(tk.predict_arena).parameters) == [
        "graph",
        "target",
        "runtime",
        "core",
        "runtime_version",
    ]
    assert inspect.getdoc(tk.predict_arena).startswith("The tensor arena")


def test_a_failure_is_asked_again(asked):
    answer, calls = asked
    for _ in range(2):
        with pytest.raises(EngineError, match="not today"):
            answer("fail")
    assert calls == ["fail", "fail"]


def test_the_same_file_read_twice_is_one_question(asked):
    answer, calls = asked
    first, again, other = (read(model) for model in (small_cnn(), small_cnn(), small_cnn("float32")))
    assert answer(first) is answer(again)
    assert answer(other) is not answer(first)
    assert len(calls) == 2


def test_what_is_remembered_stays_within_its_bound(asked, monkeypatch):
    answer, calls = asked
    monkeypatch.setattr(caches, "MOST_BYTES", 100 * KIB)
    for name in "abcdefgh":
        answer(name, size=30 * KIB)
        answer("a", size=30 * KIB)
        assert held_bytes() <= 100 * KIB
    assert calls.count("a") == 1, "what is asked often stays"
    answer("b", size=30 * KIB)
    assert calls.count("b") == 2, "what was asked long ago goes first"
    answer("huge", size=200 * KIB)
    assert held_bytes() == 0


def test_one_call_forgets_everything(asked):
    answer, calls = asked
    answer("a")
    answer.cache_clear()
    answer("a")
    tk.clear_caches()
    assert held_bytes() == 0
    answer("a")
    assert calls == ["a"] * 3


def test_the_shipped_tables_are_read_again_after_that_call():
    before = tk.boards()
    assert tk.boards() is before
    tk.clear_caches()
    assert tk.boards() is not before
    assert tk.boards() == before


def test_a_value_is_weighed_with_all_it_holds():
    graph = read(small_cnn())
    assert weigh(graph) > len(graph.data) + sum(map(weigh, graph.tensors[:1]))
    assert weigh(np.zeros(10_000)) >= 80_000
    shared = bytes(50_000)
    assert 50_000 < weigh((shared, shared)) < 51_000
    assert weigh({"a": [shared]}) > 50_000
    assert weigh(ModelGraph) == 0


def test_a_sweep_of_models_does_not_keep_them(monkeypatch):
    clear_caches()
    gc.collect()
    before = sum(isinstance(one, ModelGraph) for one in gc.get_objects())
    monkeypatch.setattr(caches, "MOST_BYTES", 4 * KIB * KIB)
    for seed in range(60):
        tk.check_fit(read(small_cnn(seed=seed)), board("nucleo-l4r5zi"), use_engine=False)
        assert held_bytes() <= 4 * KIB * KIB
    gc.collect()
    assert sum(isinstance(one, ModelGraph) for one in gc.get_objects()) - before < 20


def test_an_engine_that_failed_once_is_asked_again(monkeypatch):
    clear_caches()
    graph, calls = read(small_cnn()), []

    def fail(*_, **__):
        calls.append(1)
        raise EngineError("the interpreter took too long")

    monkeypatch.setattr(refusal, "measure_arena", fail)
    monkeypatch.setattr(forms, "lean", fail)
    for _ in range(2):
        tk.check_fit(graph, "nucleo-l4r5zi")
        found = forms.list_forms(graph, tk.Target("nucleo-l4r5zi"))
        assert found["lean"].note == "the interpreter took too long"
    assert len(calls) == 4


def test_clearing_ends_the_processes_that_are_kept():
    class Kept:
        alive, late, closed = True, False, False

        def close(self):
            self.closed = True

    warm = WarmChild(Kept)
    kept = warm.ask(lambda child: child)
    assert warm.ask(lambda child: child) is kept
    clear_caches()
    assert kept.closed
    assert warm.ask(lambda child: child) is not kept
    warm.close()
