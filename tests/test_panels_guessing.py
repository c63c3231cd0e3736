"""A question over the result of a cell, driven without a browser: covered, answered, skipped, answered before."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import tinykit as tk
from tinykit.ground.errors import ParameterError
from tinykit.show import KitFigure
from tinykit.show.course import recall
from tinykit.show.panels import guessing

TRUTH = tk.Estimate(2.0, 1.0, 3.0, "s", "modelled")


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYKIT_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("TINYKIT_GUESS", raising=False)


@pytest.fixture
def shown(monkeypatch) -> list[Any]:
    """What is displayed; a kernel runs."""
    things: list[Any] = []
    monkeypatch.setattr(guessing, "display", lambda *found: things.extend(found))
    monkeypatch.setattr(guessing, "get_ipython", lambda: SimpleNamespace(kernel=1))
    return things


def ask(reveals: Callable[[Any], Any] = lambda reveal: reveal(TRUTH), **named: Any) -> None:
    with tk.guess("how long", unit="ms", **named) as reveal:
        sys.stdout.write("it takes <2 s>\n")
        reveals(reveal)


def test_the_result_stays_in_python_until_it_is_answered(shown, capsys):
    ask()
    (question,) = shown
    assert capsys.readouterr().out == ""
    assert {"answer", "result"}.isdisjoint(question.state)
    assert "2.00 s" not in str(question.get_state())
    question.typed = ["4 s"]
    assert question.state["answer"] == {"kind": "number", "mark": 2.0, "said": "4,000 ms", "truth": str(TRUTH)}
    assert question.state["result"] == "<pre>it takes &lt;2 s&gt;\n</pre>"
    assert question.state["problem"] == ""
    assert [*recall("guess")[0]] == ["how long"]


def test_what_is_not_understood_leaves_the_cover_on_and_can_be_said_again(shown):
    ask()
    for _ in range(2):
        shown[0].typed = ["soon"]
        assert "'soon' is not understood" in shown[0].state["problem"]
        assert shown[0].typed is None
        assert "result" not in shown[0].state
    shown[0].typed = ["2000"]
    assert (shown[0].state["problem"], shown[0].state["answer"]["mark"]) == ("", 1.0)


def test_an_answer_stands(shown):
    ask()
    shown[0].typed = ["1"]
    shown[0].typed = ["2000"]
    assert shown[0].state["answer"]["said"] == "1 ms"


def test_a_skipped_question_shows_its_result_and_says_so(shown):
    ask(interval=True)
    shown[0].typed = []
    assert shown[0].state["answer"]["kind"] == "skipped"
    assert "it takes" in shown[0].state["result"]


def test_the_same_question_to_the_same_truth_lies_open_and_to_another_is_asked_anew(shown):
    ask()
    shown[0].typed = ["1"]
    ask()
    assert shown[1].state["answer"]["said"] == "1 ms"
    assert "it takes" in shown[1].state["result"]
    ask(lambda reveal: reveal(3.0))
    assert "answer" not in shown[2].state


def test_an_answer_that_cannot_be_kept_is_shown_and_told(shown, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TINYKIT_WORKSPACE", str(tmp_path / "file"))
    ask()
    shown[0].typed = ["1"]
    assert shown[0].state["problem"].startswith("not kept: ")
    assert "it takes" in shown[0].state["result"]


def test_figures_tables_and_texts_lie_under_the_cover(shown):
    figure = KitFigure((2, 1))
    report = tk.check_fit_all  # no result: shown as its text, escaped
    ask(lambda reveal: reveal(2.0, figure, TRUTH, report))
    shown[0].typed = ["1"]
    result = shown[0].state["result"]
    assert '<img class="tinykit-picture" alt="figure 200 × 100' in result
    assert f"<pre>{TRUTH}</pre>" in result
    assert "&lt;function" in result


def test_choices_are_shown_in_the_unit(shown):
    ask(choices=(1, 2000))
    assert shown[0].state["choices"] == ["1 ms", "2,000 ms"]
    shown[0].typed = ["2,000 ms"]
    assert shown[0].state["answer"]["mark"] == 1


def test_where_guesses_answer_themselves_one_line_comes_before_the_result(shown, monkeypatch, capsys):
    monkeypatch.setenv("TINYKIT_GUESS", "auto")
    ask(lambda reveal: reveal(TRUTH, "figure"))
    assert capsys.readouterr().out == f"guess: how long: {TRUTH}\nit takes <2 s>\n"
    assert shown == ["figure"]
    assert recall("guess") == ({}, "")


def test_without_a_kernel_it_answers_itself(capsys):
    ask()
    assert capsys.readouterr().out.startswith("guess: how long: 2.00 s")


def test_a_block_that_fails_fails_as_it_would_without_a_question(shown):
    with pytest.raises(ZeroDivisionError):
        ask(lambda reveal: 1 / 0)
    shown[0].typed = ["1"]
    assert "answer" not in shown[0].state


def test_a_block_that_never_says_the_truth_is_refused(shown):
    with pytest.raises(ParameterError, match="guess 'how long' never heard the truth; call what `with` gives you"):
        ask(lambda reveal: None)


def test_a_question_has_a_state_that_a_page_can_take(shown):
    ask(interval=True)
    assert shown[0].state == {"question": "how long", "unit": "ms", "choices": [], "interval": True}
