"""However an earlier address is written, in front matter or by a browser, `serve` leads on."""

from __future__ import annotations

import pytest

from newsletter.issue.page import alias_problem
from newsletter.publishing.redirects import is_page
from tests.publishing.test_archive_build import build, dated
from tests.site.test_archive_pages import client
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["client", "dated", "folder", "plain_environment", "ready"]


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("alias", "asked"),
    [
        ("/caf%C3%A9", ["/caf%C3%A9", "/café/", "/caf%C3%A9.html"]),
        ("/日本", ["/%E6%97%A5%E6%9C%AC/"]),
        ("/old%20one/", ["/old%20one", "/old%20one/"]),
        ("/2020/old/index.html", ["/2020/old/", "/2020/old", "/2020/old/index.html"]),
        ("/old.html", ["/old", "/old/", "/old.html", "/old/index.html"]),
        ("/archive/caf%C3%A9", ["/archive/caf%C3%A9", "/archive/café/"]),
    ],
)
def test_each_way_of_writing_it_leads_to_the_issue(client, dated, alias, asked):
    dated.edit("issues/074-the-long-minute.md", "status: ready", f"aliases: [{alias!r}]")
    for path in asked:
        answer = client.get(path)
        assert (answer.status_code, answer.headers.get("location")) == (301, "/archive/74/"), path
    assert client.get("/archive/").status_code == 200


@pytest.mark.parametrize(
    "alias",
    ["/archive", "/archive/", "/archive.html", "/archive/index.html", "/archive/74/index.html",
     "/%61rchive", "/archive/feed.xml/", "/archive/rss%2Exml"],
)  # fmt: skip
def test_no_way_of_writing_it_takes_a_page_of_the_archive(alias):
    assert is_page(alias, "/archive/")
    assert not is_page(alias.replace("rchive", "rchives"), "/archive/")


@pytest.mark.parametrize("alias", [f"/{'x' * 241}", "/" + "ab/" * 301 + "c", "/old.html/below"])
def test_what_no_disk_or_bucket_can_hold_is_told(alias):
    assert alias_problem(alias)


def test_the_longest_that_can_be_held_is_written_and_a_longer_one_stops_before_anything_is(dated):
    name = "é" * 117  # 234 bytes
    dated.edit("issues/074-the-long-minute.md", "status: ready", f"aliases: [/{name}.html]")
    assert build(dated).code == 0
    assert (dated.root / f"site/{name}.html").is_file()
    dated.edit("issues/074-the-long-minute.md", f"/{name}.html", f"/{name}x.html, /{name}éé.html")
    ran = build(dated, out="other")
    assert ran.code == 2
    assert "issues/074-the-long-minute.md:" in ran.error
    assert not (dated.root / "other").exists()
