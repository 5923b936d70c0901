"""From the setting to the figures: mails that ask, a reader in a real browser, and what the author sees."""

from __future__ import annotations

import csv
import email.policy
import io
import json
import re
import select
from email import message_from_bytes
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.commands import started
from tests.support.ports import free_port
from tests.support.preview_browser import chromium
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.web_fixtures import fresh

__all__ = ["chromium", "folder", "plain_environment", "ready"]

pytestmark = pytest.mark.browser

HOST = "https://letters.slackwater.example.org"
LINK = re.compile(rf"{HOST}(/v/[\w-]+)")
ANSWERS = ("good", "fine", "bad")
SMALL: ViewportSize = {"width": 320, "height": 640}


def parts(data):
    mail = message_from_bytes(data, policy=email.policy.default)
    found = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return mail["to"].addresses[0].addr_spec, *(
        part.get_content() for part in found if part is not None
    )


@pytest.fixture
def sent(ready):
    """Sent through a mail server, and a test mail first; the mails, that one in front."""
    ready.edit("newsletter.toml", "[sender]", "[ratings]\nask = true\n[sender]")
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(ready, port)
        assert ready.run("test", "--issue", "74", "--to", "wren@example.org").code == 0
        ran = ready.run("send", "--issue", "74", "--confirm", "74")
        assert ran.code == 0, ran.err
    return [parts(data) for _, _, data in keeper.mails]


def expect_heading(page: Page, words: str) -> None:
    """The page that says so is there, or comes; a busy machine takes its time."""
    expect(page.locator("h1")).to_have_text(words)


def audit(page: Page, tab: Page, kept) -> None:
    """Axe finds nothing and nothing is wider than a small phone, in light and in dark."""
    tab.set_content(page.content())
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        tab.emulate_media(color_scheme=scheme)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320
        found = [one["id"] for one in Axe().run(tab).response["violations"]]
        assert found == [], f"{page.url}, {scheme}: {found}"
        tab.screenshot(path=kept / f"{len(page.content())}-{scheme}.png", full_page=True)


def test_a_reader_answers_without_mouse_or_script_and_changes_it(
    ready, sent, chromium: Browser, tmp_path_factory
):
    (_, _, tested), (reader, text, html), *_ = sent
    [path] = set(LINK.findall(text))
    assert re.findall(rf'href="{HOST}{path}/(\w+)"', html) == list(ANSWERS)
    with started(ready.root, "serve", "--port", str(free_port())) as process:
        assert select.select([process.stderr], [], [], 120)[0]
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found
        plain = fresh(chromium, java_script_enabled=False, viewport=SMALL)
        scripted = fresh(chromium, viewport=SMALL)
        page, tab, kept = plain.new_page(), scripted.new_page(), tmp_path_factory.mktemp("pages")
        page.goto(f"{found[0]}{path}/fine")
        expect_heading(page, "How was it?")
        audit(page, tab, kept)
        page.keyboard.press("Tab")  # the chosen answer
        page.keyboard.press("ArrowUp")  # the one above it
        page.keyboard.press("Tab")
        page.keyboard.type("More tides, please.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect_heading(page, "Thank you")
        audit(page, tab, kept)
        assert ready.untold("ratings", "answer", "words") == [("good", "More tides, please.")]
        page.get_by_role("link", name="Change it").press("Enter")
        assert page.get_by_label("Loved it").is_checked()
        assert page.get_by_label("Anything to add?").input_value() == "More tides, please."
        page.get_by_label("Not for me").check()
        page.get_by_role("button", name="Send").press("Enter")
        expect_heading(page, "Thank you")
        [test_link] = set(LINK.findall(tested))
        page.goto(f"{found[0]}{test_link}/good")
        expect_heading(page, "There is nothing to rate here")
        audit(page, tab, kept)
        plain.close()
        scripted.close()
    assert ready.untold("ratings", "answer", "words") == [("bad", "More tides, please.")]
    expect_figures(ready)
    expect_reader(ready, reader)


def expect_figures(newsletter):
    told = newsletter.run("stats", "--issue", "74")
    assert re.search(
        r"rated by 1 of \d+ readers\nLoved it +0\nIt was fine +0\nNot for me +1\n", told.out
    )
    assert "\n  Not for me: More tides, please.\n" in told.out
    one = json.loads(newsletter.run("stats", "--issue", "74", "--json").out)["ratings"]
    assert one["readers"] == 1
    assert [(row["answer"], row["readers"]) for row in one["answers"]] == [
        ("good", 0), ("fine", 0), ("bad", 1),
    ]  # fmt: skip
    assert one["words"] == [{"answer": "bad", "text": "More tides, please."}]
    rows = list(csv.DictReader(io.StringIO(newsletter.run("stats", "--issue", "74", "--csv", "ratings").out)))  # fmt: skip
    assert rows == [
        {"answer": row["answer"], "label": row["label"], "readers": str(row["readers"])}
        for row in one["answers"]
    ]
    assert re.search(
        r"issue  good  fine  bad  rated\n +74 +0 +0 +1 +1\n", newsletter.run("stats").out
    )
    [row] = json.loads(newsletter.run("stats", "--json").out)["issues"]
    assert (row["good"], row["fine"], row["bad"]) == (0, 0, 1)
    # The page may be handed on, so it has what was counted and not what was written.
    for words in (("--issue", "74"), ()):
        page = newsletter.run("stats", *words, "--html", "-").out
        assert "Not for me" in page or not words
        assert "More tides" not in page
        assert "How readers found" in page


def expect_reader(newsletter, reader):
    """The person may see it, and have it taken away; the count stays."""
    newsletter.patch.setattr("tests.support.cli_fixtures.ADDRESSES", ())
    whole = json.loads(newsletter.run("subscribers", "show", reader, "--all", "--json").out)
    assert "More tides, please." in json.dumps(whole)
    assert newsletter.run("subscribers", "erase", reader, "--yes").code == 0
    gone = newsletter.run("subscribers", "show", reader, "--all", "--json").out
    assert "More tides" not in gone
    one = json.loads(newsletter.run("stats", "--issue", "74", "--json").out)["ratings"]
    assert (one["readers"], one["words"]) == (1, [])
