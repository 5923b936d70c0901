"""A link to confirm that was used: what it says is true today, and its owner can still say no."""

from __future__ import annotations

import pytest

from newsletter.audience import Status
from newsletter.audience.tokens import make_token
from newsletter.store import signing_keys, signups, subscribers, suppressions
from newsletter.store.consents import Evidence
from tests.support import readers
from tests.support.arriving import harbour, link
from tests.support.pages import parse_page, text_of
from tests.support.store_samples import suppress

__all__ = ["harbour"]

ADA = "ada@example.org"


@pytest.fixture
def used(harbour):
    """The link that Ada has pressed."""
    harbour.subscribe(ADA)
    [mail] = harbour.post()
    harbour.client().post(link(mail), data={"answer": "yes"})
    return link(mail)


def title(answer) -> str:
    return text_of(next(parse_page(answer.text).iter("h1")))


def press(harbour, path: str, answer: str = "yes"):
    return harbour.client().post(path, data={"answer": answer})


def events(harbour) -> list[str]:
    return [event for event, _ in readers.consents(harbour.store, ADA)]


@pytest.mark.sweep
@pytest.mark.parametrize("why", ["left", "bounced", "complained", "blocked"])
def test_whoever_is_gone_is_not_told_that_they_are_on_the_list(harbour, used, why):
    if why == "left":
        subscribers.remove(harbour.store, ADA, now=harbour.now)
    else:
        suppress(harbour.store, ADA, reason=why, now=harbour.now)
    before = events(harbour)
    for page in (harbour.client().get(used), press(harbour, used)):
        assert title(page) == "You are not on the list"
        assert 'href="../subscribe"' in page.text
    assert events(harbour) == before


def test_whoever_was_allowed_again_after_a_no_is_not_told_that_they_are_kept_off(harbour, used):
    press(harbour, used, "no")
    said = Evidence(source="she asked by mail")
    subscribers.allow(harbour.store, ADA, said, now=harbour.now)
    assert title(harbour.client().get(used)) == "You are on the list"


def test_not_me_counts_after_a_yes(harbour, used):
    page = harbour.client().get(used)
    assert title(page) == "You are on the list"
    [button] = parse_page(page.text).iter("button")
    assert (button.get("name"), button.get("value")) == ("answer", "no")
    assert title(press(harbour, used, "no")) == "We will not write to you again"
    assert readers.statuses(harbour.store) == {ADA: "unsubscribed"}
    assert suppressions.reason(harbour.store, ADA) == "refused"
    assert events(harbour) == ["asked", "confirmed", "unsubscribed", "refused"]
    for answer in ("no", "yes"):
        assert title(press(harbour, used, answer)) == "We will not write to you again"
    assert events(harbour) == ["asked", "confirmed", "unsubscribed", "refused"]
    harbour.later(days=40)
    harbour.subscribe(ADA)
    assert harbour.post() == []


@pytest.mark.sweep
@pytest.mark.parametrize("reason", ["erased", "unsubscribed", "bounced"])
def test_not_me_outlasts_a_reason_that_a_form_would_forgive(harbour, reason):
    suppress(harbour.store, ADA, reason=reason, now=harbour.now)
    harbour.later(days=31)
    harbour.subscribe(ADA)
    [mail] = harbour.post()
    press(harbour, link(mail), "no")
    assert suppressions.reason(harbour.store, ADA) == "refused"
    harbour.later(days=40)
    harbour.subscribe(ADA)
    assert harbour.post() == []


# --- another address -------------------------------------------------------------------------


def test_of_two_moves_one_counts(harbour, used):
    handle = readers.people(harbour.store)[0].handle
    page = f"/p/{make_token(handle, signing_keys.newest(harbour.store), 'preferences')}"
    links = []
    for new in ("one@example.org", "two@example.org"):
        harbour.client().post(page, data={"move": "yes", "email": new})
        [mail] = harbour.post()
        links.append(link(mail))
    assert title(press(harbour, links[0])) == "You are on the list"
    assert title(press(harbour, links[1])) == "This link has expired"
    active = subscribers.each(harbour.store, status=Status.ACTIVE)
    assert [one.email for one in active] == ["one@example.org"]
    assert list(signups.waiting(harbour.store)) == []
