"""Large pictures of the archive keep nobody waiting, and what a reader has is not sent again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from newsletter.publishing.letters import Letters
from tests.publishing.test_archive_build import dated
from tests.site.test_archive_pages import client
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["client", "dated", "folder", "plain_environment", "ready"]


@pytest.mark.processes
def test_who_leaves_is_answered_while_pictures_are_read(client, monkeypatch):
    go_on, begun, done = threading.Event(), threading.Event(), list[str]()

    def slow(self, file, name):
        begun.set()
        go_on.wait(30)
        return b"picture"

    monkeypatch.setattr(Letters, "_again", slow)
    assert client.get("/archive/74/").status_code == 200  # built

    def ask(path: str) -> None:
        done.append(f"{client.get(path).status_code} {path}")

    # Within it, all requests run in one loop, as they do in a server.
    with client, ThreadPoolExecutor(3) as readers:
        pictures = [readers.submit(ask, "/archive/images/harbour.png") for _ in range(3)]
        assert begun.wait(60)
        for path in ("/u/nobody", "/archive/74/", "/archive/feed.xml"):
            ask(path)
        go_on.set()
    assert all(one.exception() is None for one in pictures)
    assert done[:3] == ["404 /u/nobody", "200 /archive/74/", "200 /archive/feed.xml"]
    assert done[3:] == ["200 /archive/images/harbour.png"] * 3


def test_a_copy_that_is_still_good_is_not_sent_again(client, dated):
    for path in ("/archive/feed.xml", "/archive/74/", "/archive/images/harbour.png"):
        first = client.get(path)
        for held in (first.headers["etag"], f'"x", W/{first.headers["etag"]}'):
            again = client.get(path, headers={"If-None-Match": held})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["cache-control"] == first.headers["cache-control"]
    etag = client.get("/archive/74/").headers["etag"]
    dated.edit("issues/074-the-long-minute.md", "wound by the moon", "wound by the sun")
    again = client.get("/archive/74/", headers={"If-None-Match": etag})
    assert (again.status_code, b"wound by the sun" in again.content) == (200, True)
