"""What is on record, read as the program reads it: for tests that are not about the database."""

from __future__ import annotations

from collections import Counter
from typing import Any

from newsletter.delivery import Run
from newsletter.store import Store, deliveries, runs, subscribers
from newsletter.store.deliveries import Recipient
from newsletter.store.dossier import dossier
from newsletter.store.subscribers import Member


def people(store: Store) -> list[Member]:
    """Everybody, as they were added."""
    return list(subscribers.each(store))


def person(store: Store, email: str) -> Member:
    """Who has an address."""
    found = subscribers.find(store, email.lower())
    assert found is not None, email
    return found


def status_of(store: Store, email: str) -> str:
    """How somebody stands, "" for nobody."""
    found = subscribers.find(store, email.lower())
    return found.status.value if found else ""


def statuses(store: Store) -> dict[str, str]:
    """How everybody stands, by their addresses, as they were added."""
    return {one.email: one.status.value for one in subscribers.each(store)}


def rows_about(store: Store, email: str, table: str) -> list[dict[str, Any]]:
    """What a table has about an address, the oldest first."""
    found = dossier(store, email.lower())[table]
    return sorted(found, key=lambda row: row.get("id", 0))


def consents(store: Store, email: str) -> list[tuple[str, str]]:
    """What an address agreed to or not, and where, the oldest first."""
    return [(row["event"], row["source"]) for row in rows_about(store, email, "consents")]


def outcomes(store: Store, issue: int = 74) -> list[Recipient]:
    """What became of each mail of an issue, in their order; [] where it was not begun."""
    return [one for run in runs_of(store, issue) for one in deliveries.recipients(store, run)]


def states(store: Store, issue: int = 74) -> dict[str, int]:
    """How many mails of an issue there are in each state, of a rehearsal and for real."""
    found: Counter[str] = Counter()
    for run in runs_of(store, issue):
        found.update({str(state): n for state, n in runs.counts(store, run).by_state.items()})
    return dict(found)


def runs_of(store: Store, issue: int = 74) -> list[Run]:
    """An issue's rehearsal, and its run for real."""
    return [run for run in runs.find_all(store) if run.content.issue == issue]
