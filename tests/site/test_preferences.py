"""What a reader decides on the preference page: breaks, another address, what is on record."""

from __future__ import annotations

import html
import json
import re

import pytest

from newsletter.audience import eligible, skip_tag
from newsletter.audience.tokens import make_token
from newsletter.delivery import Outcome, Result
from newsletter.store import freezing, runs, signing_keys, subscribers
from newsletter.store import suppressions as suppression_records
from newsletter.store.consents import Evidence
from newsletter.store.dossier import dossier
from tests.support import claiming, readers
from tests.support.arriving import Harbour, harbour, link
from tests.support.pages import parse_page, text_of
from tests.support.store_samples import a_content, suppress

__all__ = ["harbour"]

ADA = "ada@example.org"


@pytest.fixture
def ada(harbour: Harbour) -> str:
    """The path of a reader's preference page."""
    harbour.join(ADA)
    return page_of(harbour, ADA)


def page_of(harbour: Harbour, address: str) -> str:
    person = subscribers.find(harbour.store, address)
    assert person is not None
    return f"/p/{make_token(person.handle, signing_keys.newest(harbour.store), 'preferences')}"


def title(answer) -> str:
    return text_of(next(parse_page(answer.text).iter("h1")))


def send(harbour: Harbour, issue: int) -> set[str]:
    """Send an issue for real; who gets it."""
    run = freezing.start(
        harbour.store, a_content(issue), rehearsal=False, transport="ses",
        eligible=eligible(issue=issue), now=harbour.now,
    )  # fmt: skip
    got = set()
    while delivery := claiming.claim(harbour.store, run, now=harbour.now):
        got.add(delivery.subscriber.address)
        outcome = Outcome(result=Result.ACCEPTED, message_id=f"{issue}-{delivery.position}")
        claiming.settle(harbour.store, run, delivery, outcome, now=harbour.now)
    return got


def status(harbour: Harbour, address: str) -> str:
    return readers.status_of(harbour.store, address)


def tags(harbour: Harbour) -> frozenset[str]:
    return readers.person(harbour.store, ADA).tags


# --- breaks --------------------------------------------------------------------------------------


def test_a_break_skips_so_many_issues_and_ends_by_itself(harbour, ada):
    harbour.join("bob@example.org")
    assert send(harbour, 74) == {ADA, "bob@example.org"}
    answer = harbour.client().post(ada, data={"name": "Ada", "pause": "2"})
    assert title(answer) == "Saved"
    chosen = [
        o.get("value")
        for o in parse_page(answer.text).iter("option")
        if o.get("selected") is not None
    ]
    assert chosen == ["2"]
    got = [ADA in send(harbour, issue) for issue in (75, 76, 77)]
    assert got == [False, False, True]
    options = parse_page(harbour.client().get(ada).text).iter("option")
    assert not [o for o in options if o.get("selected") is not None]


def test_a_break_can_be_ended_and_is_kept_by_other_choices(harbour, ada):
    send(harbour, 74)
    client = harbour.client()
    client.post(ada, data={"pause": "3"})
    client.post(ada, data={"name": "Ada"})  # a form of before there were breaks
    assert send(harbour, 75) == set()
    client.post(ada, data={"pause": "0"})
    assert send(harbour, 76) == {ADA}
    assert tags(harbour) == set()


@pytest.mark.sweep
@pytest.mark.parametrize("odd", ["9", "-1", "x", "1000000", "", "²"])
def test_an_odd_break_is_none_or_the_longest(harbour, ada, odd):
    send(harbour, 74)
    assert harbour.client().post(ada, data={"pause": odd}).status_code == 200
    assert tags(harbour) <= {skip_tag(75), skip_tag(76), skip_tag(77)}


def test_before_the_first_issue_there_is_no_break(harbour, ada):
    assert runs.last_issue(harbour.store) is None
    assert "Take a break" not in harbour.client().get(ada).text
    harbour.client().post(ada, data={"pause": "3"})
    assert tags(harbour) == set()


# --- another address -----------------------------------------------------------------------------


def test_the_new_address_is_asked_and_the_old_one_hears_of_it(harbour, ada):
    answer = harbour.client().post(ada, data={"move": "yes", "email": "ada@new.example"})
    assert (answer.status_code, title(answer)) == (202, "Look into your mailbox")
    [mail] = harbour.post()
    assert mail["to"] == "ada@new.example"
    assert status(harbour, ADA) == "active"
    assert title(harbour.client().post(link(mail), data={"answer": "yes"})) == "You are on the list"
    assert (status(harbour, ADA), status(harbour, "ada@new.example")) == ("unsubscribed", "active")
    [notice] = harbour.post()
    assert notice["to"] == ADA
    back = harbour.client().post(link(notice, "p"), data={"back": "yes"})
    assert title(back) == "Welcome back"
    assert status(harbour, ADA) == "active"


def test_asking_for_another_address_tells_nothing_of_the_list(harbour, ada):
    harbour.join("bob@example.org")
    suppress(harbour.store, "eve@example.org", reason="complained", now=harbour.now)
    answers = {
        harbour.client().post(ada, data={"move": "yes", "email": address}).content
        for address in ("new@example.org", "bob@example.org", "eve@example.org", ADA)
    }
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("address", "told"),
    [("ada", "This is not a mail address"), ("a@dead.example", "No mail arrives there")],
)
def test_an_address_that_is_none_is_told(harbour, ada, address, told):
    answer = harbour.client().post(ada, data={"move": "yes", "email": address})
    assert (answer.status_code, title(answer)) == (400, told)
    assert harbour.post() == []


def test_a_stolen_preference_page_cannot_bomb(harbour, ada):
    client = harbour.client()
    answers = [
        client.post(ada, data={"move": "yes", "email": f"v{n}@example.org"}) for n in range(8)
    ]
    assert [one.status_code for one in answers] == [202] * 5 + [429] * 3


# --- what is on record, and erasing it -----------------------------------------------------------


def test_a_reader_sees_what_the_author_sees(harbour, ada):
    answer = harbour.client().post(ada, data={"record": "yes"})
    shown = re.search(r"<pre[^>]*>(.*?)</pre>", answer.text, re.DOTALL)
    assert shown
    rows = dossier(harbour.store, ADA)
    assert json.loads(html.unescape(shown[1])) == json.loads(json.dumps(rows, default=str))
    assert [row["event"] for row in rows["consents"]] == ["asked", "confirmed"]


def test_erasing_takes_two_presses_and_is_for_good(harbour, ada):
    client = harbour.client()
    asked = client.post(ada, data={"erase": "yes"})
    assert title(asked) == "Erase everything about you?"
    assert status(harbour, ADA) == "active"
    done = client.post(ada, data={"erase_all": "yes"})
    assert title(done) == "Everything about you is erased"
    assert status(harbour, ADA) == ""
    assert suppression_records.reason(harbour.store, ADA) == "erased"
    assert client.get(ada).status_code == 404
    assert readers.consents(harbour.store, ADA)[-1] == ("erased", "preference page")
    files = b"".join(p.read_bytes() for p in harbour.root.iterdir() if p.is_file())
    assert ADA.encode() not in files


def test_who_has_left_may_see_and_erase_too(harbour, ada):
    subscribers.remove(harbour.store, ADA, now=harbour.now)
    buttons = [text_of(one) for one in parse_page(harbour.client().get(ada).text).iter("button")]
    assert buttons == [
        "Subscribe again",
        "Show what is on record about me",
        "Erase everything about me",
    ]
    assert (
        title(harbour.client().post(ada, data={"erase_all": "yes"}))
        == "Everything about you is erased"
    )


@pytest.mark.sweep
@pytest.mark.parametrize("reason", ["bounced", "soft bounces", "complained", "refused"])
def test_the_reader_comes_back_by_this_page_whatever_kept_them_out(harbour, ada, reason):
    suppress(harbour.store, ADA, reason=reason, now=harbour.now)
    assert title(harbour.client().post(ada, data={"back": "yes"})) == "Welcome back"
    assert suppression_records.reason(harbour.store, ADA) == ""


def test_whom_the_author_has_blocked_stays_out(harbour, ada):
    suppress(harbour.store, ADA, reason="blocked", now=harbour.now)
    harbour.client().post(ada, data={"back": "yes"})
    assert suppression_records.reason(harbour.store, ADA) == "blocked"


def test_who_left_by_an_old_mail_after_moving_is_off_the_list(harbour, ada):
    person = subscribers.find(harbour.store, ADA)
    assert person is not None
    harbour.client().post(ada, data={"move": "yes", "email": "ada@new.example"})
    [mail] = harbour.post()
    harbour.client().post(link(mail), data={"answer": "yes"})
    harbour.store.departures.leave(person.handle, Evidence(source="page"), now=harbour.now)
    assert send(harbour, 74) == set()
