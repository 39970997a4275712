"""``python -m tests.web.pages.screenshots``: take the pictures of the pages that the README shows, anew."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.web.pages.conftest import CHROMIUM, served

_FOLDER = Path(__file__).parents[3] / "deploy" / "screenshots"
_SIZE = {"width": 1280, "height": 1000}


def main() -> None:
    """Write ``playground.png`` and ``reading.png``."""
    with sync_playwright() as playwright, served() as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=_SIZE, base_url=address, reduced_motion="reduce")
        page.goto("/")
        _first(page)
        _reading(page)
        browser.close()


def _first(page: Page) -> None:
    """The cards, with what the first of them rests on lit."""
    page.locator(".card h3").first.hover()
    page.screenshot(path=_FOLDER / "playground.png")


def _reading(page: Page) -> None:
    """The phase of care, the course and the words of a report, with what was read as denied."""
    page.locator("#patient").select_option("ileal-net-report-denies-liver-metastases")
    expect(page.locator("#texts")).to_contain_text("Mesenteric mass")
    page.mouse.move(0, 0)
    page.locator(".beside").screenshot(path=_FOLDER / "reading.png")


if __name__ == "__main__":
    main()
