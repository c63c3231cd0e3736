"""A participant's path: the cover lies over the result, the keyboard answers, the result comes, and stays known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import PICTURES, WITH_CHROMIUM, barriers_of, errors_of, open_lab, open_page, run_all, wait_until
from tinykit.show.course import strip_answers

COURSE = Path(__file__).resolve().parents[1] / "notebooks"
QUESTION = ".tinykit-guess"
HIDDEN = "verdict: fits"

pytestmark = WITH_CHROMIUM


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab that serves the participants' edition of the first notebook."""
    book = COURSE / "00_start_here.ipynb"
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / book.name).write_bytes(strip_answers(book.read_bytes()))
    with open_lab(tmp_path, tmp_path / "course") as address:
        yield address.format(book.name)


@pytest.fixture
def page() -> Iterator[Any]:
    with open_page() as page:
        yield page


def ask(page: Any, legend: str) -> Any:
    """The question with this legend."""
    return page.locator(QUESTION, has=page.get_by_role("group", name=legend)).first


def test_a_guess_is_answered_by_keyboard_before_its_result_is_seen(lab: str, page: Any):
    run_all(page, lab)
    assert errors_of(page) == []
    assert HIDDEN not in page.inner_text("body")
    flash = ask(page, "flash for network and runtime together")
    flash.scroll_into_view_if_needed()
    flash.locator(".tinykit-cover").wait_for()
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "covered.png")
    assert barriers_of(page, QUESTION) == []
    field = flash.get_by_label("your guess [KiB]")
    field.focus()
    field.press("Enter")
    assert flash.get_by_role("alert").inner_text() == "Write a number, or skip."
    field.press_sequentially("12 ms")
    field.press("Enter")
    flash.get_by_role("alert").get_by_text("'12 ms' is not understood; write a number, as in 12 KiB").wait_for()
    assert page.evaluate("document.activeElement.value") == "12 ms"
    assert HIDDEN not in page.inner_text("body")
    field.fill("0.02 MiB")
    field.press("Enter")
    flash.get_by_text(HIDDEN).wait_for()
    told = flash.get_by_role("status").inner_text()
    assert told.startswith("you: 20.5 KiB · truth: 73.9 KiB")
    assert told.endswith("off by a factor of 3.6")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "status"
    assert "nucleo-l4r5zi: fits" in flash.locator("img").get_attribute("alt")
    assert flash.locator("input:enabled, button:enabled").count() == 0
    page.screenshot(path=PICTURES / "revealed.png")
    assert barriers_of(page, QUESTION) == []


def test_a_choice_an_interval_and_a_skip_are_kept_for_the_next_run(lab: str, page: Any):
    run_all(page, lab)
    macs, life = ask(page, "one inference"), ask(page, "the watch on the nRF52840")
    macs.get_by_label("200 MACs", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    macs.get_by_text("you: 200,000 MACs · truth: 199,904 MACs · right").wait_for()
    life.get_by_label("at least [days]").fill("100")
    life.get_by_label("at most [days]").fill("50")
    life.get_by_role("button", name="Answer").press("Enter")
    life.get_by_role("alert").get_by_text("the lower one first").wait_for()
    life.get_by_label("at least [days]").fill("20")
    life.get_by_role("button", name="Answer").press("Enter")
    wait_until(lambda: "held" in life.get_by_role("status").inner_text(), "interval judged")
    page.screenshot(path=PICTURES / "interval.png")
    ask(page, "silicon above the air").get_by_role("button", name="Skip").press("Enter")
    ask(page, "silicon above the air").get_by_text("truth: 2.36 K · skipped").wait_for()
    run_all(page, lab)
    macs, life = ask(page, "one inference"), ask(page, "the watch on the nRF52840")
    macs.get_by_text("Answered before. you: 200,000 MACs").wait_for()
    assert "20 days to 50 days" in life.get_by_role("status").inner_text()
