"""A person taken off the list who asked for it, or let in again who asked for that."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter.audience import Address
from newsletter.errors import InputError
from newsletter.people.show import unknown_address
from newsletter.store import Store, signups, subscribers
from newsletter.store.consents import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowResult:
    """What letting an address in again did.

    Attributes:
        kept_out: why the address was kept out: the reason of its suppression, "unsubscribed", or
            "" where nothing kept it out.
        known: whether somebody on the list has it; nobody is added by this.
    """

    kept_out: str
    known: bool


def remove(store: Store, address: Address, *, now: dt.datetime) -> bool:
    """Take a person off the list; the record stays, and no import undoes it.

    Returns:
        false where they had left already.

    Raises:
        InputError: nobody has this address, or somebody who has not confirmed yet.
    """
    if subscribers.remove(store, address.canonical, now=now):
        return True
    if subscribers.find(store, address.canonical) is not None:
        return False
    if signups.find(store, address.canonical):
        raise InputError(
            "whoever has this address has asked and not confirmed, and is no subscriber yet",
            hint="newsletter subscribers erase forgets that they asked; its links stop working",
        )
    raise unknown_address()


def allow(store: Store, address: Address, *, source: str, now: dt.datetime) -> AllowResult:
    """Allow an address again that has left or is suppressed, because its owner asked for it.

    Args:
        store: the records.
        address: theirs.
        source: how they asked, from `consent_source`.
        now: with a time zone.
    """
    evidence = Evidence(source=source)
    reason, back = subscribers.allow(store, address.canonical, evidence, now=now)
    known = subscribers.find(store, address.canonical) is not None
    return AllowResult(kept_out=reason or ("unsubscribed" if back else ""), known=known)
