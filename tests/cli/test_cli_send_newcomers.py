"""Before anything leaves, a send says how many get their first issue: an import shows itself."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from newsletter.audience import MAILABLE
from newsletter.audience.roster import Row
from newsletter.store import Store, freezing, imports, subscribers
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.smtp_servers import scripted
from tests.support.store_samples import a_content, a_row, people

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

FIRST = dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC)
LATER = FIRST + dt.timedelta(days=3)


@pytest.fixture
def sent(folder, monkeypatch):
    """Twenty readers, to whom issue 73 has gone through a mail server."""
    with scripted() as server:
        for name, value in {
            "KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(server.port),
            "SMTP__SECURITY": "none",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"NEWSLETTER_TRANSPORT__{name}", value)
        prepare(folder)
        yield folder


def prepare(folder: Folder) -> None:
    with Store.open(f"sqlite:///{folder.root}/.newsletter/newsletter.db") as store:
        imports.add(store, people(20), source="before", now=FIRST - dt.timedelta(days=9))
        freezing.start(
            store, a_content(73), rehearsal=False, transport="smtp", eligible=MAILABLE, now=FIRST
        )


def come(folder: Folder, *rows: Row) -> None:
    with Store.open(f"sqlite:///{folder.root}/.newsletter/newsletter.db") as store:
        imports.add(store, rows, source="a list", now=LATER)


def looked_at(folder: Folder, *words: str) -> str:
    ran = folder.run("send", "--issue", "74", "--dry-run", *words)
    assert ran.code == 0, ran.err
    [line] = [line for line in ran.err.splitlines() if line.startswith("recipients  ")]
    return line.removeprefix("recipients  ")


def test_whoever_came_since_the_issue_before_is_counted(sent):
    assert looked_at(sent) == "20, none of them new since issue 73"
    # Known already: a list that names them again brings nobody.
    come(sent, *people(5), *(a_row(f"new{n}@example.org") for n in range(1_200)))
    with Store.open(f"sqlite:///{sent.root}/.newsletter/newsletter.db") as store:
        subscribers.remove(store, "new7@example.org", now=LATER)
        subscribers.remove(store, "reader7@example.org", now=LATER)
    assert looked_at(sent) == "1,218, 1,199 of them new since issue 73"
    ran = sent.run("send", "--issue", "74", "--dry-run", "--json")
    assert json.loads(ran.out)["newcomers"] == 1_199


def test_before_the_first_issue_and_in_a_rehearsal_nobody_is_new(sent, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
    come(sent, a_row("new@example.org"))
    assert looked_at(sent) == "21"
