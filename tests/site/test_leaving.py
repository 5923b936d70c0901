"""Leaving as readers and their mail programs do it: from the bytes of mails, during a run, at once.

RFC 8058: section 3.1 says what a mail carries, 3.2 what a mail program posts.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy

import pytest

from newsletter.audience import Status
from newsletter.audience.tokens import make_token
from newsletter.store import Store, signing_keys, subscribers
from tests.campaign.letters import letters
from tests.fake_ses import FakeSes
from tests.support import readers
from tests.support.beside_the_program import everything
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import HANGS, started
from tests.support.ports import free_port
from tests.support.store_samples import url_in

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

PUBLIC = "https://letters.example.org"
ISSUE = 101
LINK = re.compile(r"https://letters\.example\.org(/[\w/.-]*)")
FORM = "application/x-www-form-urlencoded"


def call(url, method="GET", data=None, **headers):
    """Status, headers and text of an answer; redirects are followed like a scanner does."""
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


@contextlib.contextmanager
def served(root, port, **options):
    """The pages, by the real command; their address."""
    with started(root, "serve", "--port", str(port), **options) as process:
        assert select.select([process.stderr], [], [], 60)[0]
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert url
        yield url[0]


@pytest.fixture
def mailed(tmp_path, monkeypatch, capsys, plain_environment) -> Folder:
    """Twenty readers with a mail each, written to a folder."""
    root = letters(tmp_path / "letters", {}, people=20).root
    monkeypatch.setenv("NEWSLETTER_SITE__PUBLIC_URL", PUBLIC)
    newsletter = Folder(root, monkeypatch, capsys)
    assert newsletter.send(issue=ISSUE).code == 0
    assert len(newsletter.mails(ISSUE)) == 20
    return newsletter


def parsed(path):
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def test_every_link_of_twenty_mails_can_be_looked_at_and_nothing_changes(mailed):
    paths = set()
    for path in mailed.mails(ISSUE):
        mail = parsed(path)
        texts = [
            part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"
        ]
        paths |= {found for text in [*texts, mail["List-Unsubscribe"]] for found in LINK.findall(text)}  # fmt: skip
    unsubscribe = {path for path in paths if path.startswith("/u/")}
    assert len(unsubscribe) == 20
    before = everything(mailed.root / ".newsletter")
    with served(mailed.root, free_port()) as url:
        for path in sorted(paths):
            pages = [path]
            for page in pages:
                codes = [call(url + page, method)[0] for method in ("GET", "HEAD", "OPTIONS")]
                expected = [404, 404, 404]
                if path in unsubscribe:
                    expected = [200, 200, 405]
                elif path in {"/", "/subscribe"}:  # the form, and what leads to it
                    expected = [200, 200, 405 if path == "/subscribe" else 404]
                assert codes == expected, page
                if page is path and path in unsubscribe:
                    pages += [
                        "/p/" + found
                        for found in re.findall(r"\.\./p/([\w-]+)", call(url + page)[2])
                    ]
            assert len(pages) == 1 + (path in unsubscribe)
        assert everything(mailed.root / ".newsletter") == before


def test_what_the_bytes_of_a_mail_promise_the_server_keeps(mailed):
    first, second = mailed.mails(ISSUE)[:2]
    raw = first.read_bytes()
    header = re.search(rb"\r?\nList-Unsubscribe: <(https://[^>\s]+)>", raw)
    assert header, "the URL stands whole on its line"
    assert raw.count(b"\nList-Unsubscribe-Post: List-Unsubscribe=One-Click") == 1
    path = header[1].decode().removeprefix(PUBLIC)
    with served(mailed.root, free_port()) as url:
        status, headers, _ = call(
            url + path, "POST", b"List-Unsubscribe=One-Click", **{"Content-Type": FORM}
        )
        assert (status, headers.get("Set-Cookie"), headers.get("Location")) == (200, None, None)
        [left] = [one.email for one in mailed.people() if one.status is Status.UNSUBSCRIBED]
        assert left == parsed(first)["To"].addresses[0].addr_spec
        assert call(url + path, "POST", b"", **{"Content-Type": FORM})[0] == 200  # twice is once
        assert [event for event, _ in mailed.consents(left)].count("unsubscribed") == 1
    assert mailed.run("send", "--issue", str(ISSUE), "--confirm", str(ISSUE), "--again").code == 0
    mails = [parsed(path)["To"].addresses[0].addr_spec for path in mailed.mails(ISSUE)]
    assert len(mails) == 19
    assert parsed(second)["To"].addresses[0].addr_spec in mails


# --- while mails leave -------------------------------------------------------------------------


def links_of(root):
    """The unsubscribe path of everybody, by address."""
    with Store.open(f"sqlite:///{root}/.newsletter/newsletter.db", create=False) as store:
        key = signing_keys.newest(store)
        return {one.email: f"/u/{make_token(one.handle, key)}" for one in subscribers.each(store)}


def test_leaving_during_a_run_counts_for_every_claim_after_it(tmp_path):
    """Thirty leave while mails go out, from the end of the list."""
    log = tmp_path / "accepted.jsonl"
    with FakeSes(log=log) as fake:
        environ = fake.environ | {
            "NEWSLETTER_TRANSPORT__KIND": "ses",
            "NEWSLETTER_TRANSPORT__SES__MAX_RATE": "60",
            "NEWSLETTER_SITE__PUBLIC_URL": PUBLIC,
        }
        made = letters(tmp_path / "letters", environ, people=360, concurrency=4)
        leaving = list(links_of(made.root).items())[-30:]
        with (
            served(made.root, free_port(), env=made.environ) as url,
            made.sending(ISSUE) as process,
        ):
            wait_for_a_mail(log, process)
            with ThreadPoolExecutor(8) as pool:
                posts = [pool.submit(call, url + path, "POST", b"") for _, path in leaving]
            assert [post.result()[0] for post in posts] == [200] * 30
            _, err = process.communicate(timeout=HANGS)
            assert process.returncode == 0, err
    now = made.look()
    assert now.left == {address for address, _ in leaving}  # none is lost
    mailed = {json.loads(line)["to"][0] for line in log.read_text().splitlines()}
    skipped = {address for (_, address), row in now.rows.items() if row.state == "skipped"}
    assert skipped
    assert (skipped | mailed, skipped & mailed) == ({a for _, a in now.rows}, set())
    with Store.open(url_in(made.store), read_only=True) as store:
        for address, _ in leaving:
            [delivery] = readers.rows_about(store, address, "deliveries")
            [*_, gone] = readers.rows_about(store, address, "consents")
            assert gone["event"] == "unsubscribed"
            assert (delivery["claimed_at"] or gone["at"]) <= gone["at"]


def wait_for_a_mail(log, process):
    end = time.monotonic() + 60
    while not log.exists() or not log.stat().st_size:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
