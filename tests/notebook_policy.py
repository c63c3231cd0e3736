"""The rules of the course's notebooks, each a function from a notebook to its breaches in words.

`breaches(notebook)` runs them all. A rule sees one parsed notebook; what concerns the whole course is in the test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

Cell = Any
Notebook = Any
Rule = Callable[[Notebook], Iterator[str]]

RULES: list[Rule] = []
VIEW = "application/vnd.jupyter.widget-view+json"
FIXED = ["At a glance", "You will be able to", "Setup"]
CLOSING = ["Explore", "Checkpoint", "Exercises", "How far to trust this", "Summary", "Next", "References"]
MACHINE_PATH = re.compile(r"(?<![\w.:/])(?:/(?:home|root|tmp|Users|var|work|mnt|opt|usr|private)/|[A-Z]:\\)")
NETWORK = {"urllib", "requests", "http", "socket", "httpx", "aiohttp", "ftplib"}


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


def breaches(notebook: Notebook, rules: list[Rule] = RULES) -> list[str]:
    return [f"{function.__name__}: {text}" for function in rules for text in function(notebook)]


def code_cells(notebook: Notebook) -> list[Cell]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: Cell) -> list[str]:
    return list(cell.metadata.get("tags", []))


def tree_of(cell: Cell) -> ast.Module:
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module([], [])


def sections(notebook: Notebook) -> dict[str, list[Cell]]:
    """Cells by the `##` heading they stand under; a cell with two headings counts for both."""
    found: dict[str, list[Cell]] = {"": []}
    for cell in notebook.cells:
        headings = re.findall(r"^## (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else []
        for heading in headings or [list(found)[-1]]:
            found.setdefault(heading.strip(), []).append(cell)
    return found


def steps(notebook: Notebook) -> dict[str, list[Cell]]:
    return {name: cells for name, cells in sections(notebook).items() if re.match(r"\d+\. ", name)}


def output_texts(cell: Cell) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        yield from (str(data) for kind, data in output.get("data", {}).items() if kind.startswith("text/"))


def has_view(cell: Cell) -> bool:
    return any(VIEW in output.get("data", {}) for output in cell.outputs)


def prose_of(cell: Cell) -> str:
    """A markdown cell without headings, equations, tables and links' addresses."""
    text = re.sub(r"\$\$.*?\$\$|^#.*$|^\|.*$|\]\([^)]*\)", " ", cell.source, flags=re.S | re.M)
    return text.strip()


@rule
def opens_with_title_and_question(notebook: Notebook) -> Iterator[str]:
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not re.match(r"# \S", first.source):
        yield "the first cell is not `# Title`"
    elif "?" not in first.source:
        yield "the first cell asks no core question"
    if sum(len(re.findall(r"^# ", cell.source, re.M)) for cell in notebook.cells if cell.cell_type == "markdown") > 1:
        yield "more than one `# ` heading"


@rule
def headings_in_order(notebook: Notebook) -> Iterator[str]:
    found = [name for name in sections(notebook) if name]
    numbered = list(steps(notebook))
    wanted = FIXED + numbered + CLOSING
    if found != wanted:
        yield f"headings are {found}, not {wanted}"
    if [int(name.partition(".")[0]) for name in numbered] != list(range(1, len(numbered) + 1)):
        yield f"steps are not numbered 1…n: {numbered}"
    if not 3 <= len(numbered) <= 5:
        yield f"{len(numbered)} steps; three to five"


@rule
def says_time_and_goals(notebook: Notebook) -> Iterator[str]:
    found = sections(notebook)
    if "minute" not in "".join(cell.source for cell in found.get("At a glance", [])):
        yield "At a glance names no minutes"
    text = "".join(cell.source for cell in found.get("You will be able to", []))
    goals = re.findall(r"^[-*\d][.)]? (.+)$", text, re.M)
    if len(goals) != 3:
        yield f"{len(goals)} goals; three"
    if any(re.match(r"\W*(understand|know|learn)", goal, re.I) for goal in goals):
        yield "a goal that cannot be checked"


@rule
def setup_is_one_short_cell(notebook: Notebook) -> Iterator[str]:
    cells = [cell for cell in sections(notebook).get("Setup", []) if cell.cell_type == "code"]
    if len(cells) != 1 or len(cells[0].source.splitlines()) > 8:
        yield "Setup is one code cell of at most eight lines"


@rule
def each_step_predicts_runs_and_reads(notebook: Notebook) -> Iterator[str]:
    for name, cells in steps(notebook).items():
        prose = [cell for cell in cells if cell.cell_type == "markdown"]
        text = "\n".join(cell.source for cell in prose)
        guessed = any(cell.cell_type == "code" and re.search(r"\bguess\(", cell.source) for cell in cells)
        if not guessed and not re.search(r"\*\*Predict\W*\*\*[^?]*\?", text):
            yield f"{name}: no guess and no **Predict** with a question"
        if not any(cell.cell_type == "code" for cell in cells):
            yield f"{name}: no code"
        elif cells[-1].cell_type != "markdown":
            yield f"{name}: no prose after the code reads its output"
        if text.count("$$") > 2:
            yield f"{name}: more than one equation"
        for cell in prose:
            if (words := len(prose_of(cell).split())) > 120:
                yield f"{name}: {words} words in a cell; 120 at most"


@rule
def explores_with_a_panel_and_moves_it(notebook: Notebook) -> Iterator[str]:
    cells = [cell for cell in sections(notebook).get("Explore", []) if cell.cell_type == "code"]
    first = next((position for position, cell in enumerate(cells) if has_view(cell)), None)
    if first is None:
        yield "no panel under Explore"
    elif not any(re.search(r"\.value\s*=[^=]", cell.source) and cell.outputs for cell in cells[first + 1 :]):
        yield "no scripted cell moves the panel"


@rule
def panels_speak_in_one_line(notebook: Notebook) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "")
            if VIEW in output.get("data", {}) and (len(text) >= 110 or "\n" in text or "=" not in text):
                yield f"repr of a panel is not one line under 110 characters with its inputs: {text[:120]!r}"


@rule
def checkpoint_is_one_checked_cell(notebook: Notebook) -> Iterator[str]:
    cells = [cell for cell in sections(notebook).get("Checkpoint", []) if cell.cell_type == "code"]
    if len(cells) != 1 or not list(output_texts(cells[0])) or "nbval-ignore-output" in tags(cells[0]):
        yield "Checkpoint is one cell with an output that is compared"


@rule
def exercises_have_hidden_run_solutions(notebook: Notebook) -> Iterator[str]:
    solutions = [cell for cell in sections(notebook).get("Exercises", []) if "solution" in tags(cell)]
    if not 2 <= len(solutions) <= 3:
        yield f"{len(solutions)} solutions; two or three"
    for cell in solutions:
        if cell.cell_type != "code" or not cell.outputs:
            yield "a solution is no executed cell with an output"
        hidden = cell.metadata.get("jupyter", {})
        if not hidden.get("source_hidden"):
            yield "the source of a solution is not hidden"
        if not hidden.get("outputs_hidden"):
            yield "the output of a solution is not hidden"
    if any("solution" in tags(cell) and cell not in solutions for cell in notebook.cells):
        yield "a solution outside Exercises"


@rule
def asks_where_it_can_be_answered(notebook: Notebook) -> Iterator[str]:
    """A guess covers its result to the end of its cell, and participants get the check of a solution alone."""
    for cell in code_cells(notebook):
        last = tree_of(cell).body[-1:]
        if "guess(" in cell.source and "reveal(" not in cell.source:
            yield "a guess whose result is never revealed"
        if "guess(" in cell.source and any(isinstance(node, ast.Expr) and not printed(node) for node in last):
            yield "a result beside the cover of its guess"
        if re.search(r"\bcheck\(\"", cell.source):
            if "solution" not in tags(cell):
                yield "a check outside a solution"
            elif not re.search(r"^\d\d\.\d: right$", "\n".join(output_texts(cell)), re.M):
                yield "a solution that its own check does not take"


def printed(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in ("print", "tk.decide")


@rule
def says_how_far_to_trust_it(notebook: Notebook) -> Iterator[str]:
    text = "\n".join(cell.source for cell in sections(notebook).get("How far to trust this", []))
    head = r"\s*\|\s*".join(("^", "quantity", "basis", "typical error", "what would settle it", ""))
    if not re.search(head, text, re.M | re.I):
        yield "no table quantity | basis | typical error | what would settle it"


@rule
def ends_with_its_sources(notebook: Notebook) -> Iterator[str]:
    last = notebook.cells[-1]
    if last.cell_type != "code" or not list(output_texts(last)):
        yield "the last cell does not print the sources of the facts used"


@rule
def keeps_its_size(notebook: Notebook) -> Iterator[str]:
    code = code_cells(notebook)
    if len(notebook.cells) > 40:
        yield f"{len(notebook.cells)} cells; 40 at most"
    if len(code) > 20:
        yield f"{len(code)} code cells; 20 at most"
    for cell in code:
        lines = cell.source.splitlines()
        if len(lines) > 15:
            yield f"a cell of {len(lines)} lines; 15 at most"
        if any(len(line) > 88 for line in lines):
            yield f"a line over 88 columns: {max(lines, key=len)[:60]!r}…"


@rule
def leaves_code_to_the_package(notebook: Notebook) -> Iterator[str]:
    nodes = [node for cell in code_cells(notebook) for node in ast.walk(tree_of(cell))]
    if sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in nodes) > 1:
        yield "more than one def"
    if any(isinstance(node, ast.ClassDef) for node in nodes):
        yield "a class"
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    yield from (f"imports {name}" for name in names if name.partition(".")[0] in NETWORK)
    for cell in code_cells(notebook):
        if re.search(r"^\s*[!%]", cell.source, re.M):
            yield "a shell or magic line"
        if re.search(r"\b(Output|interact\w*|clear_output)\s*\(", cell.source):
            yield "Output, interact or clear_output, which nbval cannot follow"


@rule
def names_no_place_of_a_machine(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.cells:
        texts = [cell.source, *(output_texts(cell) if cell.cell_type == "code" else [])]
        yield from (f"a path: {found[0]}…" for found in map(MACHINE_PATH.search, texts) if found)
    for cell in code_cells(notebook):
        for node in ast.walk(tree_of(cell)):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and re.match(r"[/~]\w|\.{1,2}/", value):
                yield f"a path: {value!r}"


@rule
def is_committed_as_a_clean_run_leaves_it(notebook: Notebook) -> Iterator[str]:
    code = code_cells(notebook)
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "kernelspec is not python3"
    if "widgets" in notebook.metadata:
        yield "widget state is saved"
    if (counts := [cell.execution_count for cell in code]) != list(range(1, len(code) + 1)):
        yield f"counts are {counts}, not 1…{len(code)}"
    if 2 * sum(bool(cell.outputs) for cell in code) < len(code):
        yield "most code cells have no output"
    if any("print(" in cell.source and not cell.outputs for cell in code):
        yield "a cell prints, but its output is missing"


@rule
def runs_quietly(notebook: Notebook) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                yield f"an error: {output.ename}"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"on stderr: {output.text[:60]!r}"
        yield from (f"a warning: {text[:60]!r}" for text in output_texts(cell) if re.search(r"\w*Warning\b", text))


@rule
def compares_what_it_shows(notebook: Notebook) -> Iterator[str]:
    code = code_cells(notebook)
    ignored = [cell for cell in code if "nbval-ignore-output" in tags(cell)]
    if len(ignored) > 3:
        yield f"{len(ignored)} cells are not compared; three at most"
    if any(re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source) for cell in code):
        yield "an NBVAL comment; use a tag"
    if any({"nbval-skip"} & set(tags(cell)) for cell in code):
        yield "a cell is skipped"
    for cell, after in pairwise([*code, None]):
        if "nbval-ignore-output" not in tags(cell):
            continue
        if after is None or "nbval-ignore-output" in tags(after) or not list(output_texts(after)):
            yield "a cell that is not compared is not followed by one that prints a bound"


def opens_with_a_panel_whose_code_is_hidden(notebook: Notebook) -> Iterator[str]:
    """Of a page that is used, not read: one view of a panel, which stands alone where its code is folded."""
    code = code_cells(notebook)
    if len(code) != 1 or not has_view(code[0]):
        yield f"{len(code)} cells of code; one, with a view of a panel"
    if any(not cell.metadata.get("jupyter", {}).get("source_hidden") for cell in code):
        yield "code that is not hidden"
    if any("image/png" not in output.get("data", {}) for cell in code for output in cell.outputs):
        yield "no picture for pages without widgets"


OF_A_PAGE: list[Rule] = [
    opens_with_title_and_question, panels_speak_in_one_line, keeps_its_size, leaves_code_to_the_package,
    names_no_place_of_a_machine, is_committed_as_a_clean_run_leaves_it, runs_quietly, compares_what_it_shows,
    opens_with_a_panel_whose_code_is_hidden,
]  # fmt: skip
"""The rules of a notebook that is no chapter."""
