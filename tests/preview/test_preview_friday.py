"""An author's Friday in a real browser: the first page, a rehearsal, a slip in the front matter."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.cli_fixtures import ISSUE, folder, plain_environment, ready
from tests.support.preview_browser import WORDS, chromium, letter, look, preview, tab

__all__ = ["chromium", "folder", "plain_environment", "ready", "tab"]

pytestmark = pytest.mark.browser

LONG = f"https://example.org/{'very-long-path/' * 30}"
SIZES = ((390, 844), (1280, 800))
# Whether something of a part lies outside its box, or the box outside the window.
OUTSIDE = """() => [...document.querySelectorAll(
  "#panel, #panel .sheet, #panel pre, #overview, #summary, .card, .shelf, main"
)].filter((one) => getComputedStyle(one).visibility === "visible" && one.getClientRects().length)
  .filter((one) => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > innerWidth)
  .map((one) => one.id || one.className)"""


def expect_readable(tab: Page) -> None:
    """Nothing sticks out, and axe finds nothing."""
    assert tab.evaluate(OUTSIDE) == []
    found = (
        Axe()
        .run(tab, options={"iframes": False, "resultTypes": ["violations"]})
        .response["violations"]
    )
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_friday_from_the_first_page_to_a_rehearsal(ready, tab):
    ready.edit(ISSUE, WORDS, f"<{LONG}> TODO {WORDS}")
    assert ready.send().code == 0
    with preview(ready.root, "--port", "7890") as running:
        tab.goto(running.url)
        expect(tab.get_by_role("heading", name="Slack Water")).to_be_visible()
        expect(tab.locator("#cards")).to_contain_text("25 +25 joined in 30 days")
        tab.set_viewport_size({"width": 390, "height": 844})
        tab.emulate_media(color_scheme="dark")
        expect_readable(tab)
        tab.set_viewport_size({"width": 1280, "height": 800})
        tab.emulate_media(color_scheme="light")
        expect_readable(tab)
        tab.keyboard.press("Tab")
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        expect(tab).to_have_url(re.compile(r"/issues/74\?tab=send$"))
        expect(tab.locator("#summary")).to_contain_text("was rehearsed on")
        expect(tab.locator("#summary dl")).to_contain_text("recipients25")
        expect(tab.locator("#summary")).to_contain_text("newsletter send --issue 74 --again")
        for part in ("send", "text", "html", "mjml", "links", "headers", "checks"):
            tab.goto(f"{running.url}issues/74?tab={part}")
            for width, height in SIZES:
                tab.set_viewport_size({"width": width, "height": height})
                assert tab.evaluate(OUTSIDE) == [], (part, width)
        for part in ("send", "html"):
            tab.goto(f"{running.url}issues/74?tab={part}")
            expect_readable(tab)


def test_a_finding_leads_to_its_check_and_the_filler_unfolds(ready, tab):
    ready.edit(ISSUE, WORDS, f"![](images/none.png) [here](http://example.org/x) TODO {WORDS}")
    with preview(ready.root, "--issue", "74", "--port", "7900") as running:
        look(tab, running.url)
        tab.set_viewport_size({"width": 1280, "height": 260})
        last = tab.locator("#overview .brief li").nth(3).get_by_role("link")
        words = (last.text_content() or "").partition(": ")[2]
        last.click()
        expect(tab.locator("#finding-4 .message")).to_have_text(words)
        expect(tab.locator("#finding-4 .message")).to_be_in_viewport()
        expect(tab.locator("#tab-checks")).to_have_attribute("aria-current", "true")
        tab.locator("#tab-mjml").click()
        filler = tab.locator("#mjml .filler")
        expect(filler).to_have_js_property("open", value=False)
        filler.locator("summary").press("Enter")
        expect(filler).to_have_js_property("open", value=True)
        # On a phone the strip of parts shows that there is more of it.
        tab.set_viewport_size({"width": 390, "height": 844})
        strip = tab.locator("#tabs")
        assert strip.evaluate("(one) => one.scrollWidth > one.clientWidth")
        expect(strip).to_have_css("background-attachment", "local, local, scroll, scroll, scroll")


def test_a_slip_in_the_front_matter_turns_ready_off_and_on_again(ready, tab):
    with preview(ready.root, "--issue", "74", "--port", "7910") as running:
        look(tab, running.url)
        expect(tab.locator("#head .state")).to_have_text("ready")
        ready.edit(ISSUE, "status: ready", "status: [ready")
        expect(tab.locator("#head .state")).to_have_text("cannot be shown")
        expect(tab.locator("#following")).to_have_text("Shows the last good version")
        expect(tab.locator("#overview")).to_contain_text("No: it cannot be shown.")
        expect(tab.locator("#overview .fine")).to_have_count(0)
        expect(letter(tab).get_by_text(WORDS)).to_have_count(1)
        expect_readable(tab)
        ready.edit(ISSUE, "status: [ready", "status: ready")
        expect(tab.locator("#head .state")).to_have_text("ready")
        expect(tab.locator("#overview")).to_contain_text("No check blocks it")
