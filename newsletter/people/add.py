"""One person added by hand, or what is new about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from newsletter.audience import Address, Status
from newsletter.audience.roster import Row
from newsletter.audience.segment import tag_name
from newsletter.errors import RefusedError
from newsletter.store import Store, imports
from newsletter.text_rules import one_line, stands_in_header


class Change(StrEnum):
    """What adding a person changed."""

    ADDED = "added"
    UPDATED = "updated"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddResult:
    """What adding a person did.

    Attributes:
        change: what changed in the records.
        odd_name: whether no header of a mail can carry the name.
    """

    change: Change
    odd_name: bool


def add(
    store: Store,
    address: Address,
    *,
    name: str,
    tags: Iterable[str],
    fields: Mapping[str, str],
    source: str,
    now: dt.datetime,
) -> AddResult:
    """Add a person; one who is known keeps what is left empty here.

    Args:
        store: the records.
        address: whose mail it is.
        name: what to call them; may be empty.
        tags: as they were typed.
        fields: merge fields by name.
        source: how they agreed, from `consent_source`.
        now: with a time zone.

    Raises:
        RefusedError: the person has left, or the address is suppressed.
    """
    row = Row(
        line=0,
        email=address.mailbox,
        canonical=address.canonical,
        name=one_line(name),
        status=Status.ACTIVE,
        tags=frozenset(filter(None, map(tag_name, tags))),
        fields=fields,
    )
    added = imports.add(store, [row], source=source, now=now)
    if added.kept_out:
        raise RefusedError(
            "this person has left, or the address is suppressed",
            hint="where they ask to come back: newsletter subscribers allow ADDR "
            "--consent-source TEXT",
        )
    change = Change.ADDED if added.added else Change.UPDATED if added.updated else Change.NONE
    return AddResult(change=change, odd_name=not stands_in_header(row.name))
