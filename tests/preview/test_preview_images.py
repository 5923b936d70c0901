"""The preview shows the pictures that readers will get: made, published, and of their size."""

from __future__ import annotations

import hashlib
import io
import re

from PIL import Image

from newsletter import clocks
from newsletter.cli.context import open_project
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.readers import READERS
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.preview_fixtures import Desk, by_id, words_of

__all__ = ["folder", "plain_environment"]


def opened(folder: Folder) -> Desk:
    """The preview of issue 74 of this folder as it is now."""
    folder.run("settings")
    settings = open_project().settings
    preview = IssuePreviews(folder.root, lambda: settings, clocks.now).preview(74, READERS[0])
    assert preview
    return Desk(folder.root / "issues", {74: preview})


def test_the_preview_shows_what_is_published_to_the_byte(folder):
    written = io.BytesIO()
    Image.new("RGB", (3000, 2000), "teal").save(written, "WEBP")
    folder.write("issues/images/harbour.png", written.getvalue())
    folder.edit("newsletter.toml", "[sender]", '[images]\nto = "public"\n\n[sender]')
    desk = opened(folder)
    client = desk.client()
    mail = client.get("/issues/74/mail").text
    [shown] = set(re.findall(r"/issues/74/assets/images/harbour\.[0-9a-f]{8}\.(?:png|jpg)", mail))
    answer = client.get(shown)
    assert folder.run("images", "push", "--issue", "74").code == 0
    [file] = (folder.root / "public/images").glob("harbour.*")
    assert answer.content == file.read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert hashlib.sha256(answer.content).hexdigest()[:8] in shown
    page = client.get("/issues/74?tab=images").text
    assert shown in page
    assert f"{len(answer.content):,} bytes" in words_of(by_id(page, "images"))


def test_without_images_to_it_shows_the_files_as_they_are(folder):
    desk = opened(folder)
    page = desk.client().get("/issues/74?tab=images").text
    assert "/issues/74/assets/images/harbour.png?v=" in page
    size = (folder.root / "issues/images/harbour.png").stat().st_size
    assert f"{size:,} bytes" in words_of(by_id(page, "images"))


def test_a_name_that_was_published_once_and_is_no_more_is_not_found(folder):
    desk = opened(folder)
    assert desk.client().get("/issues/74/assets/images/harbour.01234567.png").status_code == 404
