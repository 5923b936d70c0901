"""`newsletter doctor` and what readers open: their pages, and the pictures of mails."""

from __future__ import annotations

import datetime as dt
import os
import ssl

import pytest

from newsletter import clocks
from newsletter.audience.tokens import TRIAL_KEY, make_token
from newsletter.cli.context import open_project
from newsletter.doctor import Subject, examine, pages
from newsletter.http import Fetcher
from newsletter.message import SAMPLE
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.site_fixtures import Site, site
from tests.support.web_servers import Told, web_server

__all__ = ["certificate", "folder", "plain_environment", "ready", "site"]

pytestmark = pytest.mark.processes

LINK = f"/u/{make_token(SAMPLE.handle, TRIAL_KEY, 'test')}"
OURS = {"X-Robots-Tag": "noindex"}
WELL = {"/healthz": (200, {}, b"ok"), LINK: (404, OURS, b"")}
#: The test's certificate is good for two days.
RENEWED = dt.timedelta(days=30)


@pytest.fixture
def seen(ready, monkeypatch, certificate):
    """What a check says of a server that answers as it is told, and what that was asked."""

    def look(check, setting, answers, *, before=RENEWED):
        trusting = ssl.create_default_context(cafile=str(certificate))
        with web_server(Told(answers), tls=server_side(certificate)) as there:
            monkeypatch.setenv(f"NEWSLETTER_SITE__{setting}", there.url("", scheme="https"))
            monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
            monkeypatch.chdir(ready.root)
            fetcher = Fetcher(seconds=300, allowed=lambda _: True, tls=trusting)
            now = clocks.now() - before
            [found] = examine(Subject(open_project, os.environ, now, fetcher), only=[check])
        return found, there

    return look


def test_a_way_for_one_click_is_tried_and_nobody_leaves_by_it(seen, site: Site):
    found, there = seen("public-url", "PUBLIC_URL", WELL)
    assert (found.severity, found.hint) == ("ok", "")
    assert there.asked == ["GET /healthz", f"POST {LINK}"]
    before = site.everything()
    with site.client() as browser:
        answer = browser.post(LINK, content=there.bodies[1])
    assert answer.status_code in pages._SAID
    assert answer.headers[pages._OURS[0]] == pages._OURS[1]
    assert site.everything() == before


@pytest.mark.parametrize(
    ("answers", "severity", "words"),
    [
        ({"/healthz": (502, {}, b"")}, "error", "do not answer at site.public_url (HTTP 502)"),
        ({LINK: (403, OURS, b"")}, "error", "unsubscribing with one click does not reach the readers' pages (HTTP 403)"),
        ({LINK: (404, {}, b"")}, "error", "does not reach the readers' pages (HTTP 404)"),
        ({LINK: (308, {"Location": "/elsewhere"}, b"")}, "error", "(HTTP 308)"),
    ],
)  # fmt: skip
def test_pages_that_readers_cannot_use_are_told(seen, answers, severity, words):
    found, _ = seen("public-url", "PUBLIC_URL", WELL | answers)
    assert found.severity == severity
    assert words in found.detail
    assert found.hint


def test_pages_under_another_name_are_told(seen):
    with web_server(Told({"/": (200, {}, b"")})) as other:
        moved = {"Location": other.url("/")}
        found, _ = seen("public-url", "PUBLIC_URL", WELL | {"/healthz": (301, moved, b"")})
    assert found.severity == "error"
    assert "site.public_url leads on to" in found.detail


def test_a_certificate_that_ends_soon_is_told(seen):
    found, _ = seen("public-url", "PUBLIC_URL", WELL, before=dt.timedelta())
    assert (found.severity, found.hint) == ("warning", "renew it")
    assert found.detail == "the certificate of the readers' pages ends in 1 day"


@pytest.mark.parametrize(
    ("answer", "severity", "words"),
    [
        ((200, {"Content-Type": "image/png"}, b"x"), "ok", "is at site.assets_url"),
        ((404, {}, b""), "warning", "images/harbour.png of issue 74 is not at site.assets_url (HTTP 404)"),
        ((200, {"Content-Type": "text/html; charset=utf-8"}, b"x"), "warning", "comes as text/html, not as a picture"),
    ],
)  # fmt: skip
def test_a_picture_of_the_newest_issue_is_looked_for(ready, seen, answer, severity, words):
    (ready.root / "issues/075-words-for-the-pause.md").unlink()
    found, there = seen("assets", "ASSETS_URL", {"/images/harbour.png": answer})
    assert found.severity == severity
    assert words in found.detail
    assert there.asked == ["GET /images/harbour.png"]


def test_an_issue_that_cannot_be_read_is_no_fault_of_its_pictures(ready, seen):
    ready.write("issues/076-odd.md", "---\ntitle: [\n---\n")
    found, there = seen("assets", "ASSETS_URL", {})
    assert (found.severity, there.asked) == ("skipped", [])
