"""The preview without a socket: a builder that gives what a test has put there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from newsletter.delivery import Outcome, Result
from newsletter.errors import NewsletterError
from newsletter.preview import application
from newsletter.preview.archive_pages import ArchivePage
from newsletter.preview.asking import Asked
from newsletter.preview.front_page import FrontPage
from newsletter.preview.issue_previews import IssuePreview
from newsletter.preview.readers import Reader
from newsletter.preview.reload import Changes
from newsletter.preview.sending import Ready
from newsletter.preview.shelf import ListedIssue
from newsletter.sending.trial import TrialResult
from tests.support.pages import parse_page

PAGE = "<!DOCTYPE html><html><head><title>x</title></head><body>{}</body></html>"
TOKEN = "the token of this run"
MAIL = (
    b"From: a@example.org\r\nSubject: A letter\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\n%s'
)


def a_preview(body: str = "<p>Hello</p>", *, text: str = "Hello\n", **changed: Any) -> IssuePreview:
    """A preview of issue 74 with these parts."""
    whole = {
        "file": "issues/074-a-letter.md", "title": "A letter", "status": "ready",
        "sender": "Wren", "subject": "A letter", "preheader": "", "html": PAGE.format(body),
        "mjml": "<mjml></mjml>", "mail": MAIL % text.replace("\n", "\r\n").encode(),
        "assets_url": "https://assets.example.org/", "size": len(PAGE.format(body).encode()),
        "source": repr((body, text, changed)),
    }  # fmt: skip
    return IssuePreview(**{**whole, **changed})


@dataclass
class Desk:
    """A builder that gives what the test has put there, and raises what it has put there."""

    folder: Path
    made: dict[int, IssuePreview | Exception] = field(default_factory=lambda: {74: a_preview()})
    shelf: tuple[ListedIssue, ...] = (ListedIssue(number=74, title="A letter"),)
    front: FrontPage = field(default_factory=FrontPage)
    changes: Changes = field(default_factory=Changes)
    editor: tuple[str, ...] | None = None
    readers: list[str] = field(default_factory=list)
    ready: Ready = field(default_factory=Ready)
    trials: list[tuple[int, str]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    archive: ArchivePage = field(default=lambda _, __: None)
    fault: NewsletterError | None = None

    def build(self, number: int, reader: Reader) -> IssuePreview | None:
        self.readers.append(reader.key)
        made = self.made.get(number)
        if isinstance(made, Exception):
            raise made
        return made

    def trial(self, number: int, address: str) -> TrialResult | None:
        if number not in self.made:
            return None
        self.trials.append((number, address))
        result = Result.ACCEPTED if address.startswith("a") else Result.REFUSED
        return TrialResult(
            outcome=Outcome(result=result, message_id="m1"), said=f"mail {len(self.trials)}"
        )

    async def ask(self, number: int) -> Mapping[str, Asked] | None:
        if number not in self.made:
            return None
        self.asked.append(number)
        return {"https://a.example/": Asked(good=True, said="200")}

    def numbers(self, number: int | None) -> str | None:
        """A page of numbers for all issues and for one that was sent."""
        if self.fault:
            raise self.fault
        return f"<p>{number}</p>" if number in {None, 74} else None

    def application(self, **more: Any) -> Any:
        return application(
            builder=self.build, front_page=lambda: dataclasses.replace(self.front, issues=self.shelf), folder=self.folder,
            changes=self.changes, token=TOKEN, editor=lambda: self.editor,
            ready=lambda _: self.ready, trial=self.trial, ask=self.ask, archive=self.archive,
            numbers=self.numbers, **more,
        )  # fmt: skip

    def client(self, host: str = "127.0.0.1:7474", **more: Any) -> TestClient:
        return TestClient(
            self.application(**more), base_url=f"http://{host}", follow_redirects=False
        )

    def page(self, address: str = "/issues/74") -> str:
        answer = self.client().get(address)
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """The preview of a folder with one issue and two pictures."""
    folder = tmp_path / "letters" / "issues"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "harbour view.png").write_bytes(b"a picture")
    (folder / "images" / "x.png").write_bytes(b"another")
    (folder / "074-a-letter.md").write_text("secret draft")
    (tmp_path / "letters" / "outside.png").write_bytes(b"not beside the issue")
    return Desk(folder)


def by_id(page: str, name: str) -> Any:
    """The one element of this id."""
    [found] = [e for e in parse_page(page).iter() if e.get("id") == name]
    return found


def words_of(element: Any) -> str:
    """What stands in an element, blanks made one."""
    return " ".join("".join(element.itertext()).split())
