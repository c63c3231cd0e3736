"""The course keeps the rules of its notebooks, and each rule can fail."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebook_policy import OF_A_PAGE, RULES, VIEW, Notebook, breaches, code_cells

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
PAGES = sorted(set((ROOT / "notebooks").glob("*.ipynb")) - set(NOTEBOOKS))
"""No chapters: they are used, not read, and the template does not bind them."""

HIDDEN = {"jupyter": {"source_hidden": True}}
Change = Callable[[Notebook], None]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_rules(path: Path):
    found = breaches(nbformat.read(path, as_version=4))
    assert found == []


def page_of() -> Notebook:
    """A page that keeps its rules."""
    shown_so = {"text/plain": "StudioPanel(network=a): fits", "image/png": "x", VIEW: {"model_id": "a"}}
    output = new_output("execute_result", data=shown_so, execution_count=1)
    cells = [
        new_markdown_cell("# Studio\n\nWhich one binds?"),
        new_code_cell("StudioPanel()", execution_count=1, outputs=[output], metadata=copy.deepcopy(HIDDEN)),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_keeps_its_rules(path: Path):
    assert breaches(nbformat.read(path, as_version=4), OF_A_PAGE) == []


def test_there_is_one_page_and_it_keeps_the_template_of_none():
    assert [path.stem for path in PAGES] == ["studio"]
    assert breaches(page_of(), OF_A_PAGE) == []
    assert any(one.startswith("headings_in_order") for one in breaches(page_of()))


@pytest.mark.parametrize(
    ("breach", "change"),
    [
        ("code that is not hidden", lambda cell: cell.metadata.clear()),
        ("1 cells of code; one, with a view", lambda cell: cell.outputs[0].data.pop(VIEW)),
        ("no picture for pages", lambda cell: cell.outputs[0].data.pop("image/png")),
        ("counts are", lambda cell: cell.update(execution_count=None)),
    ],
)
def test_each_rule_of_a_page_can_fail(breach: str, change: Callable[[Notebook], None]):
    page = page_of()
    change(code_cells(page)[0])
    assert any(breach in one for one in breaches(page, OF_A_PAGE))


def test_notebooks_are_numbered_and_named_in_one_way():
    names = [path.name for path in NOTEBOOKS]
    assert all(re.fullmatch(r"\d\d_[a-z][a-z0-9_]+\.ipynb", name) for name in names)
    assert [name[:2] for name in names] == [f"{number:02d}" for number in range(len(names))]


def test_cells_of_the_course_are_short():
    lengths = [len(cell.source.splitlines()) for path in NOTEBOOKS for cell in code_cells(nbformat.read(path, 4))]
    assert sum(length > 10 for length in lengths) <= 0.05 * len(lengths)


def said(text: str) -> list[Notebook]:
    return [new_output("stream", name="stdout", text=text)]


def shown(text: str) -> list[Notebook]:
    return [new_output("execute_result", data={"text/plain": text, VIEW: {"model_id": "a"}}, execution_count=1)]


def step(number: int) -> list[Notebook]:
    asked = f"## {number}. Measure\n\nA sentence. $$a = b$$\n\n**Predict**: which is larger, and why?"
    return [new_markdown_cell(asked), new_code_cell("print(2)", outputs=said("2")), new_markdown_cell("It is 2.")]


def good_notebook() -> Notebook:
    hidden = {"tags": ["solution"], "jupyter": {"source_hidden": True, "outputs_hidden": True}}
    ignored = {"tags": ["nbval-ignore-output"]}
    trust = "## How far to trust this\n\n| quantity | basis | typical error | what would settle it |\n|-|-|-|-|\n"
    cells = [
        new_markdown_cell("# Fit a network\n\nOne sentence. Does it fit?"),
        new_markdown_cell("## At a glance\n\n10 minutes to read, 1 minute to run.\n"),
        new_markdown_cell("## You will be able to\n\n- quantify a\n- predict b\n- choose c\n"),
        new_markdown_cell("## Setup"),
        new_code_cell("import tinykit as tk"),
        *step(1),
        *step(2),
        *step(3),
        new_markdown_cell("## Explore"),
        new_code_cell("panel", outputs=shown("FitPanel(board='a') fits")),
        new_code_cell("panel.duty.value = 0.2; panel", outputs=shown("FitPanel(board='a') tight")),
        new_code_cell("curve()", outputs=said("0.91234"), metadata=ignored),
        new_code_cell("print(True)", outputs=said("True")),
        new_markdown_cell("## Checkpoint"),
        new_code_cell("print('ok')", outputs=said("ok")),
        new_markdown_cell("## Exercises"),
        new_code_cell("print(1)", outputs=said("1"), metadata=copy.deepcopy(hidden)),
        new_code_cell("print(1)", outputs=said("1"), metadata=copy.deepcopy(hidden)),
        new_markdown_cell(trust),
        new_markdown_cell("## Summary\n\nIt fits.\n\n## Next\n\n06.\n\n## References"),
        new_code_cell("print(sources)", outputs=said("DS1")),
    ]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for count, cell in enumerate(code_cells(notebook), 1):
        cell.execution_count = count
    return notebook


def code(notebook: Notebook, beginning: str) -> Notebook:
    return next(cell for cell in code_cells(notebook) if cell.source.startswith(beginning))


def text(notebook: Notebook, beginning: str) -> Notebook:
    return next(cell for cell in notebook.cells if cell.source.startswith(beginning))


def source(beginning: str, after: str) -> Change:
    return lambda notebook: text(notebook, beginning).update(source=after)


def outputs(beginning: str, after: list[Notebook]) -> Change:
    return lambda notebook: code(notebook, beginning).update(outputs=after)


def more(*cells: Notebook) -> Change:
    return lambda notebook: notebook.cells.extend(copy.deepcopy(list(cells)))


def without(beginning: str) -> Change:
    return lambda notebook: notebook.cells.remove(text(notebook, beginning))


def tagged(beginning: str, *tags: str) -> Change:
    return lambda notebook: code(notebook, beginning).metadata.update(tags=list(tags))


ASKING = "with tk.guess('a') as reveal:\n    reveal(2)"
ERROR = [new_output("error", ename="ValueError", evalue="x", traceback=[])]
BAD: list[tuple[str, Change]] = [
    ("opens_with_title_and_question: the first cell is not", source("# Fit", "Fit")),
    ("opens_with_title_and_question: the first cell asks no", source("# Fit", "# Fit\n\nIt fits.")),
    ("opens_with_title_and_question: more than one", source("It is 2.", "# Again")),
    ("headings_in_order: headings are", source("## Setup", "## Preparation")),
    ("headings_in_order: headings are", lambda notebook: notebook.cells.insert(3, notebook.cells.pop(1))),
    ("headings_in_order: steps are not numbered", source("## 2. M", "## 4. M\n\n**Predict** a?")),
    ("headings_in_order: 2 steps", source("## 3. M", "**Predict** a?")),
    ("says_time_and_goals: At a glance", source("## At a", "## At a glance\n\nquick")),
    ("says_time_and_goals: 2 goals", source("## You", "## You will be able to\n\n- quantify\n- predict\n")),
    ("says_time_and_goals: a goal", source("## You", "## You will be able to\n\n- understand\n- predict\n- choose\n")),
    ("setup_is_one_short_cell", source("import tinykit", "import tinykit as tk\n" * 9)),
    (
        "each_step_predicts_runs_and_reads: 1. Measure: no guess and no \\*\\*Predict",
        source("## 1. M", "## 1. Measure"),
    ),
    ("each_step_predicts_runs_and_reads: .* no code", without("print(2)")),
    ("each_step_predicts_runs_and_reads: .* no prose after", without("It is 2.")),
    ("each_step_predicts_runs_and_reads: .* more than one equation", source("It is 2.", "$$a$$ and $$b$$")),
    ("each_step_predicts_runs_and_reads: .* 121 words", source("It is 2.", "word " * 121)),
    (
        "explores_with_a_panel_and_moves_it: no panel",
        lambda notebook: [
            cell.update(outputs=said("x")) for cell in code_cells(notebook) if cell.source.startswith("panel")
        ],
    ),
    ("explores_with_a_panel_and_moves_it: no scripted", source("panel.duty", "panel")),
    ("panels_speak_in_one_line", outputs("panel.duty", shown("Panel(board=" + "x" * 110 + ")"))),
    ("panels_speak_in_one_line", outputs("panel.duty", shown("VBox(children=(\n))"))),
    ("checkpoint_is_one_checked_cell", outputs("print('ok')", [])),
    ("checkpoint_is_one_checked_cell", tagged("print('ok')", "nbval-ignore-output")),
    ("exercises_have_hidden_run_solutions: 1 solutions", tagged("print(1)")),
    ("exercises_have_hidden_run_solutions: a solution is no", outputs("print(1)", [])),
    (
        "exercises_have_hidden_run_solutions: the source",
        lambda notebook: code(notebook, "print(1)").metadata.update(jupyter={}),
    ),
    (
        "exercises_have_hidden_run_solutions: the output",
        lambda notebook: code(notebook, "print(1)").metadata.update(jupyter={"source_hidden": True}),
    ),
    ("asks_where_it_can_be_answered: a guess whose", source("print(2)", "with tk.guess('a') as reveal:\n    print(2)")),
    ("asks_where_it_can_be_answered: a result beside", source("print(2)", f"{ASKING}\nfigure")),
    ("asks_where_it_can_be_answered: a check outside", source("print(2)", 'tk.check("02.1", 3)')),
    ("asks_where_it_can_be_answered: a solution that", source("print(1)", 'print(1)\ntk.check("02.1", 3)')),
    ("exercises_have_hidden_run_solutions: a solution outside", tagged("print(2)", "solution")),
    ("says_how_far_to_trust_it", source("## How far", "## How far to trust this\n\nFully.")),
    ("ends_with_its_sources", outputs("print(sources)", [])),
    ("ends_with_its_sources", more(new_markdown_cell("The end."))),
    ("keeps_its_size: 4[1-9] cells", more(*[new_markdown_cell("more")] * 15)),
    ("keeps_its_size: 2[1-9] code cells", more(*[new_code_cell("1", outputs=said("1"))] * 12)),
    ("keeps_its_size: a cell of 16 lines", source("print(2)", "print(2)\n" * 16)),
    ("keeps_its_size: a line over 88", source("print(2)", "print(2)  # " + "x" * 80)),
    ("leaves_code_to_the_package: more than one def", source("print(2)", "def f(): ...\ndef g(): ...")),
    ("leaves_code_to_the_package: a class", source("print(2)", "class A: ...")),
    ("leaves_code_to_the_package: imports urllib", source("print(2)", "from urllib.request import urlopen")),
    ("leaves_code_to_the_package: a shell", source("print(2)", "!ls")),
    ("leaves_code_to_the_package: a shell", source("print(2)", "%pip install x")),
    ("leaves_code_to_the_package: Output", source("print(2)", "widgets.Output()")),
    ("leaves_code_to_the_package: Output", source("print(2)", "interact(f, x=1)")),
    ("names_no_place_of_a_machine: a path: /home", outputs("print(2)", said("saved to /home/me/model.tflite"))),
    ("names_no_place_of_a_machine: a path: '../data'", source("print(2)", "print(open('../data'))")),
    ("is_committed_as_a_clean_run_leaves_it: kernelspec", lambda notebook: notebook.metadata.pop("kernelspec")),
    ("is_committed_as_a_clean_run_leaves_it: widget state", lambda notebook: notebook.metadata.update(widgets={})),
    (
        "is_committed_as_a_clean_run_leaves_it: counts are",
        lambda notebook: code(notebook, "print(2)").update(execution_count=None),
    ),
    (
        "is_committed_as_a_clean_run_leaves_it: most code cells",
        lambda notebook: [cell.update(outputs=[]) for cell in code_cells(notebook)],
    ),
    ("is_committed_as_a_clean_run_leaves_it: a cell prints", outputs("print(2)", [])),
    ("runs_quietly: an error: ValueError", outputs("print(2)", ERROR)),
    ("runs_quietly: on stderr", outputs("print(2)", [new_output("stream", name="stderr", text="cudart_stub")])),
    ("runs_quietly: a warning", outputs("print(2)", said("UserWarning: x"))),
    (
        "compares_what_it_shows: 4 cells",
        lambda notebook: [
            cell.metadata.update(tags=["nbval-ignore-output"]) for cell in code_cells(notebook) if "(2)" in cell.source
        ],
    ),
    ("compares_what_it_shows: an NBVAL comment", source("print(2)", "# NBVAL_IGNORE_OUTPUT\nprint(2)")),
    ("compares_what_it_shows: a cell is skipped", tagged("print(2)", "nbval-skip")),
    ("compares_what_it_shows: a cell that is not compared", outputs("print(True)", [])),
    ("compares_what_it_shows: a cell that is not compared", tagged("print(sources)", "nbval-ignore-output")),
]


def test_a_good_notebook_passes_every_rule():
    notebook = good_notebook()
    nbformat.validate(notebook)
    assert breaches(notebook) == []


def test_a_guess_stands_for_a_question_to_predict():
    notebook = good_notebook()
    source("## 1. M", "## 1. Measure")(notebook)
    source("print(2)", f"{ASKING}\nprint(2)")(notebook)
    assert breaches(notebook) == []


def test_an_error_on_purpose_is_allowed_where_it_is_tagged():
    notebook = good_notebook()
    outputs("curve()", ERROR)(notebook)
    tagged("curve()", "raises-exception")(notebook)
    assert breaches(notebook) == []


@pytest.mark.parametrize(("expected", "change"), BAD, ids=[name.partition(":")[0] for name, _ in BAD])
def test_each_rule_can_fail(expected: str, change: Change):
    notebook = good_notebook()
    change(notebook)
    found = breaches(notebook)
    assert any(re.match(expected, breach) for breach in found), found


def test_no_rule_is_without_a_notebook_that_breaks_it():
    assert {function.__name__ for function in RULES} == {expected.partition(":")[0] for expected, _ in BAD}
