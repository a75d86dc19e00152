"""The report in a real browser: its pictures are there, and it asks nobody for anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from replayed import Replayed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
INCOMES = 1, 30, 100, 400, 1000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on PATH: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(replayed: Replayed, browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The report of a change, opened without a network."""
    ids = replayed.decide(*INCOMES * 3, words="<b>대출</b> & more words than that are there")
    for decision_id, outcome in zip(ids, ("deny", "deny", "ask", "pay", "pay"), strict=False):
        replayed.label(decision_id, outcome, weight=3.0)
    path = tmp_path / "report.html"
    done = replayed.run("--set", "risk_deny=0.7", "--set", "words_max=10", "--output", str(path))
    assert done.exit_code == 0, done.output
    context = browser.new_context(offline=True, viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    opened.problems = []
    opened.on("request", lambda request: opened.problems.append(request.url))
    opened.on("console", lambda message: opened.problems.append(message.text))
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.goto(path.as_uri())
    yield opened
    context.close()


def test_it_asks_nobody_for_anything(page: Any) -> None:
    assert [url for url in page.problems if not url.startswith("file://")] == []


def test_what_it_says_first(page: Any) -> None:
    assert page.title() == page.locator("h1").inner_text()
    assert page.locator("h1").inner_text().startswith("15 decisions of loan_check replayed: ")
    assert "risk_deny 0.8 → 0.7" in page.locator("header").inner_text()


def test_its_pictures_are_drawn(page: Any) -> None:
    captions = page.locator("figcaption").all_inner_texts()
    assert captions[:2] == ["Flips over time", "By reason, of those that flip"]
    assert [caption.partition(" would")[0] for caption in captions[2:]] == [
        "What each value of risk_deny",
        "What each value of words_max",
    ]
    for number in range(len(captions)):
        box = page.locator("figure svg").nth(number).bounding_box()
        assert box["width"] > 400 and box["height"] > 80
    words = page.locator("figure svg text").all_text_contents()  # text, not outlines: it can be read and searched
    assert "ask → deny" in words and "present 0.8" in words and "recall[deny]" in words


def test_tables_that_the_pictures_show_are_folded(page: Any) -> None:
    day = page.locator("details table")
    assert not day.is_visible()
    page.locator("summary").click()
    assert day.is_visible()


def test_nothing_is_wider_than_the_window(page: Any) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_a_screenshot_shows_something(page: Any, tmp_path: Path) -> None:
    from PIL import Image

    page.screenshot(path=tmp_path / "page.png", full_page=True)
    with Image.open(tmp_path / "page.png") as picture:
        colors = picture.convert("RGB").getcolors(1_000_000)
    assert len(colors) > 50  # bars, bands and lines, not a white page
