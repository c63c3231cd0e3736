"""The course as a static page: built, served, and run in a browser that reaches nothing but the page."""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browsing import (
    PANEL,
    PICTURES,
    SLIDER,
    WITH_CHROMIUM,
    barriers_of,
    cut_in,
    errors_of,
    first_panel,
    open_page,
    picture_of,
    run_all,
    serve,
    verdict_of,
    wait_until,
    write_notebook,
)
from tinykit.choose import studies
from tinykit.target.boards import boards
from tools.site import browser_packages
from tools.site.__main__ import main
from tools.site.browser_packages import Recipe
from tools.site.course import NEEDS, runs_in_browser

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN_THERE = [path.stem for path in NOTEBOOKS if runs_in_browser(path)]
MOST_BYTES = 110e6
NEAR = ("latency", "energy")
TOLD = ("advice", "reasons", "unasked")
"""What names the engines that were at hand."""
TABLE = """import json
import tinykit as tk
from tinykit.choose import find_study, studies
for study in map(find_study, studies()):
    for name in list(study.variants)[:2]:
        rows = [report.to_record() for report in tk.check_fit_all(tk.read(study.open().path(name)))]
        print(json.dumps([study.name, name, rows], sort_keys=True))"""
"""Models of each study on each board of the catalogue, the whole records."""
ITSELF = 'import os\nos.environ["TINYKIT_GUESS"] = "auto"'
"""The page has the participants' edition; with this before its cells the executed one can be compared."""

pytestmark = WITH_CHROMIUM


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as `make site` builds it."""
    out = tmp_path_factory.mktemp("site") / "page"
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the page is served, with room for the name of a notebook."""
    add_notebook(site, "table", TABLE)
    for stem in RUN_THERE:
        cells = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells
        add_notebook(site, f"answered_{stem}", ITSELF, *(one.source for one in cells if one.cell_type == "code"))
    with serve(site) as served:
        yield f"{served}/lab/index.html?path={{}}.ipynb&reset"


@pytest.fixture
def cut() -> Iterator[Any]:
    """A page of a browser that reaches this machine alone; nothing else may be asked for."""
    asked: list[str] = []

    def answer(route: Any) -> None:
        if route.request.url.startswith("http://127.0.0.1:"):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    with open_page() as page:
        page.context.route(re.compile("^https?:"), answer)
        yield page
    assert asked == []


def add_notebook(site: Path, name: str, *cells: str) -> None:
    """One more notebook into a page that is built: its file, and its line in the page's list of contents."""
    write_notebook(site / "files" / f"{name}.ipynb", *cells, kernel=("python", "Python (Pyodide)"))
    listing = site / "api" / "contents" / "all.json"
    content = json.loads(listing.read_text())
    content["content"].append({**content["content"][0], "name": f"{name}.ipynb", "path": f"{name}.ipynb"})
    listing.write_text(json.dumps(content))


def texts_of(page: Any) -> list[str]:
    """What the cells printed."""
    return list(page.locator('[data-mime-type="application/vnd.jupyter.stdout"]').all_inner_texts())


def printed_in(notebook: Path) -> list[str]:
    """What the committed notebook printed, cell by cell."""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = (output for cell in cells if cell.cell_type == "code" for output in cell.outputs)
    return [output.text for output in outputs if output.output_type == "stream" and output.name == "stdout"]


@pytest.mark.parametrize("stem", RUN_THERE)
def test_every_notebook_that_needs_no_engine_ends_as_it_was_committed(cut: Any, address: str, stem: str):
    run_all(cut, address.format(f"answered_{stem}"))
    assert errors_of(cut) == []
    assert [one.split() for one in texts_of(cut)] == [
        one.split() for one in printed_in(ROOT / "notebooks" / f"{stem}.ipynb")
    ]
    cut.screenshot(path=PICTURES / f"site_{stem}.png")


def test_sliders_move_by_mouse_and_by_keyboard(cut: Any, address: str):
    run_all(cut, address.format("00_start_here"))
    panel = first_panel(cut)
    slider = panel.locator(SLIDER).first
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown", "PageUp"):
        slider.focus()
        told, picture = slider.get_attribute("aria-valuetext"), picture_of(panel)
        slider.press(key)
        wait_until(lambda told=told: slider.get_attribute("aria-valuetext") != told, f"step by {key}")
        wait_until(lambda picture=picture: picture_of(panel) != picture, "change of the plot")
    verdict, picture, box = verdict_of(panel), picture_of(panel), slider.bounding_box()
    cut.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    wait_until(lambda: picture_of(panel) != picture and verdict_of(panel) != verdict, "change of plot and verdict")


@pytest.mark.parametrize("stem", ["00_start_here", "studio"])
def test_panels_of_the_page_are_open_to_all(cut: Any, address: str, stem: str):
    """Under axe-core, and whole in a small window."""
    run_all(cut, address.format(stem))
    first_panel(cut)
    assert barriers_of(cut) == []
    cut.set_viewport_size({"width": 760, "height": 1000})
    cut.wait_for_timeout(1500)
    assert cut_in(cut.locator(PANEL).first) == []


def test_boards_and_models_are_judged_as_elsewhere(cut: Any, address: str):
    """All to the bit, but times and energies: the exponential of a browser may round the other way in its last bit."""
    run_all(cut, address.format("table"))
    assert errors_of(cut) == []
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(compile(TABLE, "table", "exec"), {})
    ours, theirs = ([json.loads(line) for line in text.splitlines()] for text in (here.getvalue(), texts_of(cut)[0]))
    assert len(ours) == len(theirs) == sum(min(2, len(one.variants)) for one in studies().values())
    for (*name, rows), (*same, others) in zip(ours, theirs, strict=True):
        assert name == same
        assert len(rows) == len(others) == len(boards())
        for row, other in zip(rows, others, strict=True):
            near = {key for key, value in row.items() if isinstance(value, float) and key.startswith(NEAR)}
            told = {key for key in row if key.endswith("_source") or key in TOLD}
            alike = row.keys() - near - told
            assert {key: row[key] for key in alike} == {key: other[key] for key in alike}
            assert [row[key] for key in near] == pytest.approx([other[key] for key in near], rel=1e-14, abs=0)


def test_a_notebook_that_needs_an_engine_says_so_first(site: Path):
    for stem, needs in NEEDS.items():
        first = nbformat.read(site / "files" / f"{stem}.ipynb", as_version=4).cells[0]
        assert first.cell_type == "markdown"
        assert needs in first.source
        assert "make lab" in first.source


def test_the_page_is_small_and_carries_the_kits_own_wheel(site: Path):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST_BYTES
    (wheel,) = (site / "static" / "pyodide").glob("tinykit-*.whl")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in (wheel, site / "constraints.txt"):
        assert path.is_file()
        assert f"http://localhost:8000/{path.relative_to(site)}" in readme, "the way without a checkout"
    with zipfile.ZipFile(wheel) as archive:
        assert "tinykit/__init__.py" in archive.namelist()
    assert not list(site.rglob("*.map"))


def test_a_distribution_with_other_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def download(*arguments: object) -> None:
        (tmp_path / "fetched").mkdir()
        (tmp_path / "fetched" / "other-1-py3-none-any.whl").write_bytes(b"other")

    monkeypatch.setattr(browser_packages, "_pip", download)
    with pytest.raises(SystemExit, match="is pinned; nothing was built"):
        browser_packages.fetch(Recipe.read(), tmp_path)
