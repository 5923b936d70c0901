"""Some months of an invented newsletter, lived through the store: who came, who went, what was reported."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import random
from pathlib import Path

from newsletter.audience import eligible
from newsletter.delivery import Delivery, Outcome, Result, RunState
from newsletter.feedback import Event, EventKind, Tag
from newsletter.store import Store, freezing, imports, ratings, runs, subscribers
from newsletter.store.consents import Evidence
from tests.support import claiming
from tests.support.made_once import made_once
from tests.support.ses_events import SOURCE, STORE
from tests.support.store_samples import a_content, a_row, named_store

START = dt.datetime(2026, 1, 4, 8, 0, tzinfo=dt.UTC)
DOMAINS = ("gmail.com", "gmx.de", "example.org", "outlook.com", "rare.example")
#: What issues ask from this one on.
RATED = 72
LABELS = (("good", "Loved it"), ("fine", "It was fine"), ("bad", "Not for me"))
LEAVES = ("unsubscribe page", "newsletter subscribers remove")


def address_of(number: int) -> str:
    return f"reader{number}@{DOMAINS[number % 11 % 5]}"


def lived(store: Store, *, months: int = 6, each: int = 20, reported: bool = True) -> dt.datetime:
    """Each month some join, one issue is sent, and a few go; says when the last month ended.

    Args:
        store: one of `store_samples.named_store`.
        months: issues 70 and following.
        each: how many join in a month.
        reported: whether the provider's reports arrive.
    """
    dice, now, number = random.Random(74), START, 0
    for month in range(months):
        now = START + dt.timedelta(days=30 * month)
        rows = [a_row(address_of(n)) for n in range(number, number + each)]
        number += each
        imports.add(store, rows, source=("a form", "a fair")[month % 2], now=now)
        send_issue(store, 70 + month, now + dt.timedelta(days=1), dice=dice, reported=reported)
        for way in LEAVES:
            person = subscribers.find(store, address_of(dice.randrange(number)))
            assert person is not None
            store.departures.leave(
                person.handle, Evidence(source=way), now=now + dt.timedelta(days=2)
            )
    return now + dt.timedelta(days=29)


@functools.cache
def story(*, reported: bool = True) -> Path:
    """The folder of a store that has lived so; made once for all processes of a run, to be copied."""

    def make(folder: Path) -> None:
        with named_store(folder, []) as store:
            lived(store, reported=reported)

    return made_once(f"story-{reported}", make)


def send_issue(
    store: Store, issue: int, now: dt.datetime, *, dice: random.Random, reported: bool = True
) -> None:
    """Send an issue to everybody; some of it is refused, bounces, or brings a complaint."""
    content = dataclasses.replace(a_content(issue), ratings=LABELS if issue >= RATED else ())
    run = freezing.start(
        store, content, rehearsal=False, transport="ses", eligible=eligible(), now=now
    )
    found: list[Event] = []
    while delivery := claiming.claim(store, run, now=now):
        settled = now + dt.timedelta(seconds=delivery.position)
        if dice.random() < 0.02:
            told = Outcome(result=Result.REFUSED, reason="550 no such user")
        else:
            told = Outcome(result=Result.ACCEPTED, message_id=named(issue, delivery))
            later = settled + dt.timedelta(minutes=dice.randrange(300))
            found += [
                report(delivery, issue, kind, detail, later)
                for kind, detail in reports(dice.random())
            ]
        claiming.settle(store, run, delivery, told, now=settled)
    runs.set_state(store, run, RunState.FINISHED, now + dt.timedelta(hours=1))
    if reported:
        store.feedback.record(found, now=now + dt.timedelta(hours=6), sender=SOURCE)
    if issue >= RATED:
        rate(store, issue, now + dt.timedelta(hours=9))


def rate(store: Store, issue: int, now: dt.datetime) -> None:
    """Every third reader says how it was; some write a line."""
    dice = random.Random(issue)
    for person in list(subscribers.each(store))[::3]:
        answer = dice.choice(("good", "good", "fine", "bad"))
        words = f"More of this, please.\n<b>{issue}</b>" if dice.random() < 0.1 else ""
        ratings.rate(store, person.handle, issue, answer=answer, words=words, now=now)


def reports(chance: float) -> list[tuple[EventKind, str]]:
    if chance < 0.02:
        return [(EventKind.BOUNCE, "permanent/noemail")]
    if chance < 0.03:
        return [(EventKind.BOUNCE, "transient/mailboxfull")]
    if chance < 0.04:
        return [
            (EventKind.DELAY, "mailboxfull"),
            (EventKind.DELIVERY, ""),
            (EventKind.COMPLAINT, "abuse"),
        ]
    return [(EventKind.DELIVERY, "")] if chance < 0.98 else []


def named(issue: int, delivery: Delivery) -> str:
    """What the provider calls the mail."""
    return f"0100-{issue}-{delivery.position}"


def report(delivery: Delivery, issue: int, kind: EventKind, detail: str, at: dt.datetime) -> Event:
    name = named(issue, delivery)
    key = hashlib.sha256(f"{name} {kind} {detail}".encode()).hexdigest()
    return Event(
        key=key, kind=kind, detail=detail, at=at, sent_at=at - dt.timedelta(seconds=1),
        message_id=name, recipient=delivery.subscriber.address, senders=frozenset({SOURCE}),
        tag=Tag(store=STORE, issue=issue, position=delivery.position, attempt=delivery.attempt),
    )  # fmt: skip
