"""`serve` answers for the archive with the very files of `archive build`."""

from __future__ import annotations

import contextlib
import itertools
import json

import pytest
from starlette.testclient import TestClient

from newsletter import clocks
from newsletter import site as public
from newsletter.cli import run
from newsletter.project import Project
from newsletter.settings import ConfigText, load
from newsletter.store import Store
from tests.publishing.test_archive_build import contents, dated
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["dated", "folder", "plain_environment", "ready"]


@contextlib.contextmanager
def served(dated):
    """A reader of this newsletter's pages."""
    text = (dated.root / "newsletter.toml").read_text("utf-8")
    settings = load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv="")
    project = Project(dated.root, settings)
    with Store.open(project.store_url, create=False) as store:
        server = run._archive(project)
        assert server
        # An hour passes between two requests.
        server.seconds = itertools.count(0, 3600).__next__
        app = public.application(store=store, settings=settings, clock=clocks.now, archive=server)
        yield TestClient(
            app, base_url="https://letters.slackwater.example.org", follow_redirects=False
        )


@pytest.fixture
def client(ready, dated):
    with served(dated) as opened:
        yield opened


def test_every_file_of_a_build_is_answered_byte_for_byte(client, dated):
    assert dated.run("archive", "build", "--out", "site").code == 0
    for name, data in contents(dated.root / "site").items():
        if name not in {"404.html", ".newsletter-archive.json"}:
            answer = client.get(f"/archive/{name.removesuffix('index.html')}")
            assert (answer.status_code, answer.content == data) == (200, True), name


def test_pages_for_all_may_be_kept_and_found_and_those_for_one_may_not(client):
    page = client.get("/archive/74/")
    assert page.headers["cache-control"] == "public, max-age=300"
    assert page.headers["x-robots-tag"] == "all"
    assert (
        client.get("/archive/feed.xml").headers["content-type"].startswith("application/atom+xml")
    )
    personal = client.get("/u/nonsense")
    assert (personal.status_code, personal.headers["cache-control"]) == (404, "no-store")
    assert personal.headers["x-robots-tag"] == "noindex"


def test_addresses_without_a_slash_and_those_of_old_lead_on(client, dated):
    dated.edit("issues/074-the-long-minute.md", "status: ready", "aliases: [/old/74]")
    for path in ("/old/74", "/old/74/", "/old/74.html"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (301, "/archive/74/"), path
    assert client.get("/archive").headers["location"] == "/archive/"
    assert client.get("/archive/74").headers["location"].endswith("/archive/74/")


def test_an_address_of_substacks_is_no_link_to_somebodys_preferences(client, dated):
    dated.edit("issues/074-the-long-minute.md", "status: ready", "aliases: [/p/the-long-minute]")
    answer = client.get("/p/the-long-minute")
    assert (answer.status_code, answer.headers["location"]) == (301, "/archive/74/")
    assert client.get("/p/nonsense").status_code == 404
    assert client.post("/p/the-long-minute").status_code == 404


def test_the_page_is_there_when_the_first_mail_lands(client, dated):
    path = dated.root / "issues/075-words-for-the-pause.md"
    path.write_text(path.read_text("utf-8").replace("status: draft", "status: ready"))
    assert client.get("/archive/75/").status_code == 404
    dated.write(
        "issues/.ledger/75.json",
        json.dumps({"issue": 75, "run": "2026-12-06T08:00:00+00:00", "content_hash": "0" * 64,
                    "recipients": 25, "attempts": 1, "position": 1, "by_state": {}}),
    )  # fmt: skip
    assert client.get("/archive/75/").status_code == 200


def test_a_broken_issue_keeps_the_last_good_archive(client, dated):
    good = client.get("/archive/74/").content
    dated.write("issues/076-broken.md", "no front matter")
    missing = client.get("/archive/76/")
    assert (missing.status_code, "Page not found" in missing.text) == (404, True)
    assert client.get("/archive/74/").content == good
