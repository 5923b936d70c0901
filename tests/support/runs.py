"""A run of an issue, and a transport that does as it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from newsletter.audience import MAILABLE
from newsletter.delivery import Attempt, Content, Outcome, Result, Run
from newsletter.delivery.deliver import Hand, Press, Records, SingleOutlet, Transport
from newsletter.folder import FolderTransport
from newsletter.message import Message, freeze, load_template
from newsletter.render.markdown.fields import UNSUBSCRIBE
from newsletter.sending.drain import Drained, drain
from newsletter.store import Store, freezing, runs, signing_keys
from tests.support.letter_samples import SENDER, a_letter
from tests.support.store_samples import LATER, NOW, a_row, look, people, store_with

PUBLIC = "https://letters.example.org"
FROZEN = freeze(a_letter(f"Hello __NL_F_A__, leave: {UNSUBSCRIBE}\n"), SENDER)
#: As an older version let in; no header carries it.
ODD = "=?x?q?{}@example.org"


@dataclass
class Desk:
    """A store with people in it, a run that has begun, and a folder for mails."""

    folder: Path
    store: Store
    run: Run
    press: Press
    transport: FolderTransport

    def drain(
        self,
        transport: Transport | None = None,
        *,
        records: Records | None = None,
        limit: int | None = None,
        stopped: Callable[[], bool] = lambda: False,
        told: Callable[[Attempt], None] = lambda _: None,
    ) -> Drained:
        return drain(
            lambda: Hand(
                run=self.run,
                records=records or self.store,
                outlet=SingleOutlet(transport=transport or self.transport, press=self.press),
                clock=lambda: LATER,
            ),
            limit=limit,
            stopped=stopped,
            settled=told,
        )

    def states(self) -> dict[str, int]:
        return {
            str(state): n for state, n in runs.counts(self.store, self.run).by_state.items() if n
        }

    def rows(self) -> list[tuple[int, str, int]]:
        question = "SELECT position, state, attempt FROM deliveries ORDER BY position"
        return [
            (position, state, attempt) for position, state, attempt in look(self.folder, question)
        ]

    def mails(self) -> dict[str, bytes]:
        found = sorted((self.folder / "mail").rglob("*"))
        return {
            str(p.relative_to(self.folder / "mail")): p.read_bytes()
            for p in found
            if p.is_file() and p.name != ".gitignore"
        }


@pytest.fixture
def desk(tmp_path):
    def make(number=3, *, addresses=None, public_url=PUBLIC):
        rows = people(number) if addresses is None else [a_row(one) for one in addresses]
        store = store_with(tmp_path, rows)
        stores.append(store)
        content = Content(
            issue=74,
            title="A letter",
            frozen=FROZEN.dump(),
            content_hash=hashlib.sha256(FROZEN.dump()).hexdigest(),
            source_hash="5" * 64,
        )
        run = freezing.start(
            store, content, rehearsal=True, transport="folder", eligible=MAILABLE, now=NOW
        )
        press = Press(
            template=load_template(run.content.frozen),
            public_url=public_url,
            key=signing_keys.newest(store),
            store=store.feedback.store_id(),
        )
        return Desk(tmp_path, store, run, press, FolderTransport(tmp_path / "mail"))

    stores: list[Store] = []
    yield make
    for store in stores:
        store.close()


@dataclass
class Scripted:
    """A transport that answers what it was told to, and asks `seen` at the moment of each mail."""

    answers: list[Outcome | Exception]
    seen: Callable[[Message], None] = lambda _: None
    stamps: bool = False
    name: str = "scripted"
    rehearsal: bool = True
    mails: list[Message] = field(default_factory=list)

    def describe(self) -> str:
        return "nowhere"

    def begin(self, issue: int) -> None:
        pass

    def deliver(self, message: Message) -> Outcome:
        self.seen(message)
        self.mails.append(message)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def accepted(name="1"):
    return Outcome(result=Result.ACCEPTED, message_id=name)
