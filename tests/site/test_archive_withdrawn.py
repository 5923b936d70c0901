"""What an author keeps out is not served any longer, whatever is wrong with another issue."""

from __future__ import annotations

import pytest

from tests.publishing.test_archive_build import dated
from tests.site.test_archive_pages import client
from tests.support.cli_fixtures import ISSUE, folder, plain_environment, ready

__all__ = ["client", "dated", "folder", "plain_environment", "ready"]

OTHER = "issues/073-the-rule-of-twelfths.md"
PAGES = ("", "feed.xml", "rss.xml", "sitemap.xml", "latest/", "73/", "404.html")


def unreadable(folder):
    folder.write("issues/076-broken.md", "no front matter")


def without_a_picture(folder):
    (folder.root / "issues/images/rule-of-twelfths.png").unlink()


def alias_of_another(folder):
    folder.edit(OTHER, "status: ready", "aliases: [/archive/74/]")


def two_of_one_number(folder):
    folder.write("issues/073-again.md", (folder.root / OTHER).read_bytes())


def ledger_that_says_nothing(folder):
    folder.write("issues/.ledger/73.json", "{")


FAULTS = [
    unreadable,
    without_a_picture,
    alias_of_another,
    two_of_one_number,
    # The way back is asked of git.
    pytest.param(ledger_that_says_nothing, marks=pytest.mark.processes),
]
WAYS = ["archive: no", "archive: No", "segment: tag:essays", "status: draft", "archive: no\naliases: [no path]",
        "archive: no\ndate: never"]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_issue_that_is_kept_out_goes_at_once(client, dated, fault, way, monkeypatch):
    assert client.get("/archive/74/").status_code == 200
    assert b"long minute" in client.get("/archive/feed.xml").content
    fault(dated)
    dated.edit(ISSUE, "status: ready", way if "date" not in way else "archive: no")
    if "date: never" in way:
        dated.edit(ISSUE, "date: 2026-11-22", "date: never")
    assert client.get("/archive/74/").status_code == 404
    for path in PAGES:
        assert b"long minute" not in client.get(f"/archive/{path}").content.lower(), path
    assert client.get("/archive/images/harbour.png").status_code == 404
    assert client.get("/archive/").status_code == 200


def test_a_deleted_issue_goes_too(client, dated):
    assert client.get("/archive/74/").status_code == 200
    unreadable(dated)
    (dated.root / ISSUE).unlink()
    assert client.get("/archive/74/").status_code == 404


@pytest.mark.sweep
@pytest.mark.parametrize("fault", [f for f in FAULTS if f is not without_a_picture])
def test_another_that_is_broken_keeps_its_last_good_page(client, dated, fault):
    before = client.get("/archive/73/").content
    fault(dated)
    assert client.get("/archive/73/").content == before
    dated.edit(ISSUE, "status: ready", "archive: no")
    assert client.get("/archive/74/").status_code == 404
    assert client.get("/archive/73/").status_code == 200


def test_when_all_is_well_again_the_archive_is_whole(client, dated):
    before = client.get("/archive/").content
    unreadable(dated)
    dated.edit(ISSUE, "status: ready", "archive: no")
    assert client.get("/archive/").content != before
    (dated.root / "issues/076-broken.md").unlink()
    dated.edit(ISSUE, "archive: no", "status: ready")
    assert client.get("/archive/").content == before
