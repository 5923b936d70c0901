"""What is on record about people: the list, or one of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from newsletter.audience import Address, Status
from newsletter.errors import InputError
from newsletter.store import Store, signups, subscribers, suppressions
from newsletter.store.dossier import dossier
from newsletter.store.subscribers import Member

SUPPRESSED: Final = "suppressed"
#: What a list can be narrowed to.
STATUSES: Final = (*(status.value for status in Status), SUPPRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """What is on record about one address.

    Attributes:
        person: None where nobody on the list has it.
        suppression: why it is never mailed, "" where it may be.
        asked_at: when it asked by the form and has not confirmed, None where it has not.
        rows: every row about it by table; empty unless it was asked for.
    """

    person: Member | None
    suppression: str
    asked_at: dt.datetime | None
    rows: Mapping[str, Sequence[Mapping[str, Any]]]


def list_people(store: Store, *, status: str = "", tag: str = "") -> Iterator[Member]:
    """Everybody, or those with a status and a tag; who waits to confirm is pending.

    Args:
        store: the records.
        status: one of STATUSES, "" for any.
        tag: "" for any.
    """
    chosen = Status(status) if status and status != SUPPRESSED else None
    for one in subscribers.each(store, status=chosen, tag=tag):
        if status != SUPPRESSED or one.suppression:
            yield one
    if status == Status.PENDING and not tag:
        yield from signups.waiting(store)


def look_up(store: Store, address: Address, *, every_row: bool = False) -> OnRecord:
    """Look up an address.

    Raises:
        InputError: nothing is on record about it.
    """
    person = subscribers.find(store, address.canonical)
    reason = suppressions.reason(store, address.canonical)
    rows = dossier(store, address.canonical) if every_row else {}
    asked_at = signups.find(store, address.canonical)
    if person is None and asked_at is None and not reason and not any(rows.values()):
        raise unknown_address()
    return OnRecord(person=person, suppression=reason, asked_at=asked_at, rows=rows)


def unknown_address() -> InputError:
    """What to say where nothing is on record about an address."""
    return InputError("no subscriber has this address", hint="newsletter subscribers list")
