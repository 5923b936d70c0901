"""Addresses that came back in the author's own mailbox, kept out from then on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from newsletter.audience import Address
from newsletter.audience.roster import Reject
from newsletter.feedback import Suppression
from newsletter.store import Store, feedback

_SOURCE: Final = "newsletter subscribers suppress"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressResult:
    """What became of the rows; the numbers add up to them.

    Attributes:
        suppressed: addresses that are never mailed from now on.
        strangers: how many of those nobody on the list has.
        before: addresses that were kept out already.
        repeated: rows with an address that stood in an earlier one.
        rejected: rows without one address.
    """

    suppressed: int
    strangers: int
    before: int
    repeated: int
    rejected: tuple[Reject, ...]


def suppress(
    store: Store, found: Iterable[Address | Reject], reason: Suppression, *, now: dt.datetime
) -> SuppressResult:
    """Never mail these addresses again, on the list or not; `allow` lets one in again.

    Args:
        store: the records.
        found: the addresses, as `read_reported` reads them.
        reason: what came back from them.
        now: with a time zone.
    """
    rows = list(found)
    rejected = tuple(row for row in rows if isinstance(row, Reject))
    addresses = list(dict.fromkeys(one.canonical for one in rows if isinstance(one, Address)))
    done = feedback.report(store, addresses, reason, source=_SOURCE, now=now)
    return SuppressResult(
        suppressed=done.suppressed,
        strangers=done.strangers,
        before=len(addresses) - done.suppressed,
        repeated=len(rows) - len(rejected) - len(addresses),
        rejected=rejected,
    )
