"""The archive in a real browser: nothing that keeps anybody from reading it."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.publishing.test_archive_build import build, dated
from tests.support.cli_fixtures import folder, plain_environment
from tests.support.web_fixtures import browser, fresh

__all__ = ["dated", "folder", "plain_environment"]
VIEWS: list[tuple[str, Literal["light", "dark"]]] = [("site", "light"), ("right", "dark")]
pytestmark = [pytest.mark.processes, pytest.mark.browser]


def test_pages_are_readable_by_everybody_in_light_and_dark_on_a_small_screen_and_from_the_right(
    dated,
):
    assert build(dated).code == 0
    dated.edit("newsletter.toml", 'language = "en"', 'language = "ar"')
    assert build(dated, out="right").code == 0
    found = []
    with browser() as opened:
        for out, scheme in VIEWS:
            # axe is a script, and the pages allow none.
            page = fresh(
                opened, color_scheme=scheme, viewport={"width": 320, "height": 640}, bypass_csp=True
            ).new_page()
            for name in ("index", "74/index"):
                page.goto(f"file://{dated.root}/{out}/{name}.html")
                wide = page.evaluate("document.documentElement.scrollWidth")
                found += [(out, name, "wider than the screen", wide)] if wide > 320 else []
                for one in Axe().run(page).response["violations"]:
                    found.append((out, name, one["id"], one["nodes"][0]["html"][:200]))
    assert found == []
