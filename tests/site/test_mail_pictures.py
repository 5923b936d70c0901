"""`serve` answers for the pictures of mails that are published into a folder of its host."""

from __future__ import annotations

import pytest

from tests.publishing.test_archive_build import dated
from tests.site.test_archive_pages import served
from tests.support.cli_fixtures import folder, plain_environment, ready, whole_letter

__all__ = ["dated", "folder", "plain_environment", "ready", "whole_letter"]

pytestmark = pytest.mark.usefixtures("whole_letter")

ASSETS = "https://letters.slackwater.example.org/archive"


@pytest.fixture
def client(ready, dated):
    dated.edit("newsletter.toml", "https://assets.slackwater.example.org", ASSETS)
    dated.edit("newsletter.toml", "[sender]", '[images]\nto = "public"\n\n[sender]')
    with served(dated) as opened:
        yield opened


def test_every_picture_of_a_mail_is_where_the_mail_says(client, dated):
    pushed = dated.run("images", "push", "--issue", "74").out.split()
    assert len(pushed) == 3
    for address in pushed:
        path = address.removeprefix("https://letters.slackwater.example.org")
        answer = client.get(path)
        assert answer.status_code == 200
        name = address.removeprefix(f"{ASSETS}/")
        assert answer.content == (dated.root / "public" / name).read_bytes()
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith("image/")


def test_a_mail_keeps_its_picture_when_the_issue_leaves_the_archive(client, dated):
    [path] = [one.removeprefix("https://letters.slackwater.example.org")
              for one in dated.run("images", "push", "--issue", "74").out.split() if "jetty" in one]  # fmt: skip
    dated.edit("issues/074-the-long-minute.md", "status: ready", "archive: no")
    assert client.get("/archive/74/").status_code == 404
    assert client.get(path).status_code == 200


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["secret.txt", "x.0123abcd.png", "x.png", "../newsletter.toml", "../issues/images/x.0123abcd.png",
                                  "%2e%2e/issues/images/x.0123abcd.png"])  # fmt: skip
def test_nothing_else_of_the_folder_is_served(client, dated, name):
    dated.write("public/secret.txt", "secret")
    dated.write("public/x.png", "secret")
    dated.write("issues/images/x.0123abcd.png", "secret")
    answer = client.get(f"/archive/{name}")
    assert (answer.status_code, b"secret" in answer.content) == (404, False)
