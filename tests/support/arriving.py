"""A newsletter that people can subscribe to, its pages, and its mails in a folder."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from newsletter import site as public
from newsletter.folder import FolderTransport
from newsletter.project import Project
from newsletter.settings import ConfigText, load
from newsletter.signup.post import LetterPost
from newsletter.site.subscribing import Signups
from newsletter.store import Store
from tests.conftest import ROOT
from tests.support.store_samples import NOW, look, store_with

PUBLIC = "https://letters.example.org"
SETTINGS = f"""
[site]
name = "Slack Water"
public_url = "{PUBLIC}"
postal_address = "4 Ferry Stairs, Port Example"
[sender]
from_name = "Wren Halloran"
from_address = "wren@example.org"
"""


class Heard:
    """What a reporter was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(f"warning: {text}")


class EveryDomain:
    """Domains that take mail, but for those named."""

    def __init__(self, *dead: str) -> None:
        self.dead = dead

    def take_mail(self, domain: str) -> bool:
        return domain not in self.dead


@dataclass
class Harbour:
    """A newsletter with a clock of its own; nothing leaves, its mails lie in a folder."""

    root: Path
    store: Store
    config: str = SETTINGS
    now: dt.datetime = NOW
    heard: Heard = field(default_factory=Heard)
    domains: EveryDomain = field(default_factory=lambda: EveryDomain("dead.example"))
    transport: Callable[[], Any] | None = None
    visitors: Iterator[int] = field(default_factory=itertools.count)
    _made: tuple[str, Any] = ("", None)

    @property
    def project(self) -> Project:
        text = ConfigText(file="newsletter.toml", text=self.config)
        return Project(self.root, load(text, environ={}, dotenv=""))

    def application(self) -> Any:
        """The pages, made once for each version of the settings."""
        if self._made[0] == self.config:
            return self._made[1]
        signups = Signups(self.root, self.domains)
        pages = public.application(
            store=self.store, settings=self.project.settings, clock=lambda: self.now,
            signups=signups,
        )  # fmt: skip
        self._made = (self.config, pages)
        return pages

    def client(self, visitor: str = "") -> TestClient:
        """A browser in a network of its own, unless it has an address."""
        number = next(self.visitors)
        address = visitor or f"8.{number // 250 % 250}.{number % 250}.7"
        return TestClient(
            self.application(), base_url=PUBLIC, follow_redirects=False, client=(address, 4000)
        )

    def later(self, **length: float) -> None:
        self.now += dt.timedelta(**length)

    def fields(self, client: TestClient, path: str = "/subscribe") -> dict[str, str]:
        """What a browser sends of the form of a page."""
        text = client.get(path).text
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))

    def subscribe(self, address: str, *, visitor: str = "", **more: str) -> Any:
        """Load the form, wait a moment, send it."""
        client = self.client(visitor)
        fields = self.fields(client)
        self.later(seconds=3)
        return client.post("/subscribe", data={**fields, "email": address, **more})

    def post(self) -> list[EmailMessage]:
        """Send what is queued; the mails that came of it, in order."""
        made = self.transport or (lambda: FolderTransport(self.root / "mail"))
        post = LetterPost(
            self.project, self.store, open_transport=made, clock=lambda: self.now,
            reporter=self.heard,
        )  # fmt: skip
        before = set(self.mails())
        for _ in range(200):
            queued = look(self.root, "select count(*) from letters where state = 'queued'")
            post.step()
            if queued == look(self.root, "select count(*) from letters where state = 'queued'"):
                break
        return [mail for path, mail in sorted(self.mails().items()) if path not in before]

    def mails(self) -> dict[Path, EmailMessage]:
        paths = (self.root / "mail").glob("000/*.eml")
        return {path: _read(path) for path in paths}

    def join(self, address: str, **more: str) -> None:
        self.subscribe(address, **more)
        [mail] = self.post()
        assert self.client().post(link(mail), data={"answer": "yes"}).status_code == 200


def _read(path: Path) -> EmailMessage:
    found = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text_of_mail(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def link(mail: EmailMessage, page: str = "c") -> str:
    """The path of the first link of a mail to one of our pages."""
    found = re.search(rf"{PUBLIC}(/{page}/[\w-]+)", text_of_mail(mail))
    assert found, text_of_mail(mail)
    return found[1]


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[Harbour]:
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    with store_with(tmp_path, []) as store:
        yield Harbour(tmp_path, store)
