"""The links of an issue are asked at a press, and what must not be asked never is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from newsletter import clocks
from newsletter.http import Fetcher
from newsletter.preview import asking
from newsletter.preview.asking import Asked, Asking
from newsletter.preview.issue_previews import IssuePreviews
from tests.support.cli_fixtures import ISSUE, copy_theme, plain_environment
from tests.support.preview_browser import chromium, edit, preview, root, tab
from tests.support.web_fixtures import settings_of
from tests.support.web_servers import Told, web_server

__all__ = ["chromium", "plain_environment", "root", "tab"]

pytestmark = pytest.mark.processes

SETTINGS = """
[site]
public_url = "https://letters.example.org"
postal_address = "1 Street"
[sender]
from_address = "wren@example.org"
[utm]
enabled = false
[fields]
name = "there"
"""


def here(refused: Callable[[str], bool]) -> Fetcher:
    """What asks, on this machine too."""
    return Fetcher(allowed=lambda _: True, refused=refused, seconds=5)


def links(root: Path, body: str, asker: asking.Asker = here) -> dict[str, Asked]:
    """What the links of a letter answer."""
    (root / "issues").mkdir(exist_ok=True)
    if not (root / "templates").exists():
        copy_theme(root)
    (root / "issues/007.md").write_text(f"---\ntitle: A title\n---\n{body}\n", "utf-8")
    found = asyncio.run(
        Asking(
            IssuePreviews(root, lambda: settings_of(SETTINGS), clocks.now).prepared, asker
        ).links(7)
    )
    assert found is not None
    return dict(found)


def test_every_link_says_what_it_answers(tmp_path):
    with web_server(
        Told({"/here": (200, {}, b"yes"), "/moved": (302, {"Location": "/here"}, b"")})
    ) as told:
        found = links(
            tmp_path, f"[a]({told.url('/here')}) [b]({told.url('/gone')}) [c]({told.url('/moved')})"
        )
    assert found == {
        told.url("/here"): Asked(good=True, said="200"),
        told.url("/gone"): Asked(good=False, said="404"),
        told.url("/moved"): Asked(good=True, said="200"),
    }


def test_nothing_that_does_something_and_nothing_private_is_asked(tmp_path):
    ours = "https://letters.example.org"
    with web_server(Told({"/to-us": (302, {"Location": f"{ours}/u/token"}, b"")})) as told:
        body = f"[a]({ours}/u/abc) [b]({ours}/c/abc) [c](mailto:a@example.org) [d]({told.url('/to-us')}) [e](https://x.example/?n={{{{ name }}}})"
        found = links(tmp_path, body)
        assert list(found) == [told.url("/to-us")]
        assert found[told.url("/to-us")] == Asked(
            good=False, said="it is one of our own, which does something"
        )
        assert told.asked == ["GET /to-us"]
        # As the preview itself asks.
        found = links(tmp_path, f"[a]({told.url('/private')})", asking.asker)
        assert found == {
            told.url("/private"): Asked(good=False, said="its server is in a private network")
        }
        assert told.asked == ["GET /to-us"]


def test_one_host_is_asked_one_link_at_a_time(tmp_path):
    def slow(handler) -> None:
        time.sleep(0.02)
        handler.answer(200, {}, b"yes")

    with web_server(Told({"/": slow})) as told:
        found = links(tmp_path, " ".join(f"[{n}]({told.url(f'/?{n}')})" for n in range(6)))
    assert {one.said for one in found.values()} == {"200"}
    assert told.most_at_once == 1


def test_there_are_no_links_of_an_issue_that_is_not_there(tmp_path):
    links(tmp_path, "Hello.")
    previews = IssuePreviews(tmp_path, lambda: settings_of(SETTINGS), clocks.now)
    assert asyncio.run(Asking(previews.prepared, here).links(99)) is None


@pytest.mark.browser
@pytest.mark.usefixtures("plain_environment")
def test_answers_stand_beside_their_links_and_stay_through_a_save(root, tab):
    with web_server(Told({"/here": (200, {}, b"yes")})) as told:
        edit(root, "Put the kettle on", f"Put the [kettle]({told.url('/here')}) on")
        (root / ISSUE).write_text(only_line(root, "kettle"), "utf-8")
        with preview(root, "--issue", "74", "--port", "7880") as running:
            tab.goto(f"{running.url}?tab=links")
            row = tab.locator("#links tr", has_text="kettle")
            expect(row.locator(".asked")).to_be_hidden()
            assert told.asked == []
            tab.get_by_role("button", name="Check links").click()
            expect(row.locator(".asked[data-bad]")).to_have_text(
                "its server is in a private network"
            )
            expect(tab.locator("#links tr", has_text="Unsubscribe").locator(".asked")).to_have_text(
                "not asked"
            )
            edit(root, "A title", "Another title")
            expect(tab.locator("#head")).to_contain_text("Another title")
            expect(row.locator(".asked[data-bad]")).to_be_visible()
        assert told.asked == []


def only_line(root: Path, words: str) -> str:
    """An issue of nothing but the line that holds some words: no link leads outside."""
    lines = (root / ISSUE).read_text("utf-8").split("\n")
    return f"---\ntitle: A title\n---\n{next(line for line in lines if words in line)}\n"
