"""A newsletter with an approved issue, a clock in the test's hands, a mail server and a web hook."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.policy
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from newsletter import clocks
from newsletter.store import Store
from tests.support.cli_fixtures import Folder, Ran, folder, plain_environment, ready
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment", "ready"]

DUE = ("--no-input", "send", "--due", "--yes")
OWNER = "wren.owner@slackwater.example.org"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the clock, in UTC; it begins at nine in Amsterdam on 22 November 2026."""

    def turn(text: str) -> None:
        now = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        monkeypatch.setattr(clocks, "now", lambda: now)

    turn("2026-11-22 08:00")
    return turn


@pytest.fixture
def approved(ready: Folder, at: Callable[[str], None]) -> Folder:
    """Issue 74, due that day, approved."""
    assert ready.run("approve", "--issue", "74").code == 0
    return ready


def store_of(newsletter: Folder) -> Store:
    return Store.open(f"sqlite:///{newsletter.root}/.newsletter/newsletter.db", create=False)


@dataclass(frozen=True)
class Post:
    """A newsletter whose mails go to a real server, and what the server has got."""

    newsletter: Folder
    keeper: Keeper

    def due(self, *words: str) -> Ran:
        """One trigger; the owner's address is never told."""
        ran = self.newsletter.run(*DUE, *words)
        assert OWNER not in ran.out + ran.err
        return ran

    @property
    def readers(self) -> list[str]:
        """Who got the letter, in order."""
        return [to[0] for _, to, _ in self.keeper.mails if to != [OWNER]]

    @property
    def told(self) -> list[EmailMessage]:
        """The owner's mails, in order."""
        found = [data for _, to, data in self.keeper.mails if to == [OWNER]]
        return [message_from_bytes(data, policy=email.policy.default) for data in found]

    @property
    def subjects(self) -> list[str]:
        """What they are about."""
        return [str(mail["Subject"]) for mail in self.told]


def through_smtp(newsletter: Folder, port: int) -> None:
    for name, value in {
        "KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port), "SMTP__SECURITY": "none",
    }.items():  # fmt: skip
        newsletter.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", value)


@pytest.fixture
def post(approved: Folder) -> Iterator[Post]:
    """The approved issue, going to a real server; nobody is told of anything yet."""
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(approved, port)
        yield Post(approved, keeper)


@pytest.fixture
def owned(post: Post) -> Post:
    """The same with an owner who is told."""
    post.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__OWNER", OWNER)
    return post


@dataclass
class Web:
    """A web server that keeps what it is told."""

    status: int = 200
    port: int = 0
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def web_listener(web: Web, tls: Any = None) -> Iterator[Web]:
    """Answer every POST with the status, a redirect with a place to go to."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            web.calls.append(("POST", self.path, json.loads(body) if body else None))
            self.send_response(web.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
