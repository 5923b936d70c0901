"""The part Archive: the page as it will be, or why there will be none."""

from __future__ import annotations

import re

import pytest

from newsletter import clocks
from newsletter.cli.context import open_project
from newsletter.preview.archive_pages import ArchivePreview
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment
from tests.support.preview_fixtures import Desk
from tests.support.web_fixtures import policy

__all__ = ["folder", "plain_environment"]

DRAFT = "issues/075-words-for-the-pause.md"


def client(folder: Folder):
    def settings():
        folder.run("settings")
        return open_project().settings

    desk = Desk(folder.root / "issues")
    desk.archive = ArchivePreview(folder.root, settings, clocks.now).page
    return desk.client()


def test_the_page_is_that_of_the_build_after_the_send(folder):
    text = (folder.root / "newsletter.toml").read_text("utf-8")
    shown = client(folder).get("/issues/74/archive/74/")
    assert shown.status_code == 200
    folder.write("newsletter.toml", text + '\n[archive]\ninclude = "dated"\n')
    folder.edit("issues/073-the-rule-of-twelfths.md", "status: ready", "archive: no")
    assert folder.run("archive", "build", "--out", "site", "--today", "2026-11-22").code == 0
    assert shown.content == (folder.root / "site/74/index.html").read_bytes()


def test_what_the_page_names_is_there_and_nothing_may_run(folder):
    asked = client(folder)
    page = asked.get("/issues/74/archive/74/")
    rules = policy(page.headers)
    assert rules["script-src"] == rules["form-action"] == "'none'"
    for name in re.findall(r'(?:src|href)="\.\./([^"#]+)"', page.text):
        assert asked.get(f"/issues/74/archive/{name}").status_code == 200, name
    assert asked.get("/issues/74/archive/style.css").headers["content-type"].startswith("text/css")
    assert asked.get("/issues/74/archive/../../newsletter.toml").status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.edit(ISSUE, "status: ready", "archive: no"), "issue 74 gets no page: archive: no"),
        (lambda f: f.edit(ISSUE, "status: ready", "segment: tag:x"), "it goes to a segment"),
        (lambda f: (f.root / "issues/images/harbour.png").unlink(), "images/harbour.png is not there"),
        (lambda f: f.edit("newsletter.toml", 'archive_url = "https://letters.slackwater.example.org/archive"\n', ""), "set site.archive_url"),
    ],
)  # fmt: skip
def test_without_a_page_it_says_why(folder, change, words):
    change(folder)
    page = client(folder).get("/issues/74/archive/74/")
    assert page.status_code == 200
    assert words in page.text


def test_a_draft_shows_its_page_too(folder):
    page = client(folder).get("/issues/75/archive/75/")
    assert "Words for the pause" in page.text


def test_the_part_holds_the_page_in_a_frame_without_scripts(folder):
    page = client(folder).get("/issues/74?tab=archive").text
    [frame] = re.findall(r"<iframe title=\"The page in the archive\"[^>]*>", page)
    assert 'src="/issues/74/archive/74/?v=' in frame
    assert "allow-scripts" not in frame
    assert "sandbox=" in frame
