"""In bulk, what has no room in a template leaves alone, and requests fit what a second takes."""

from __future__ import annotations

import csv
import email.policy
import io
import threading

import pytest

from newsletter.delivery.pace import Pace
from newsletter.sending.drain import Throttle
from newsletter.ses.client import SesTransport
from newsletter.store.group_commit import GroupCommit
from newsletter.store.sqlite.backend import SqliteBackend
from tests.fake_ses import FakeSes, Fault
from tests.support.bulk_sends import BATCH, letters, paces, sent
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import imported, world

__all__ = ["imported", "letters", "paces", "plain_environment", "world"]

#: Bytes of a line of a mail (RFC 5322, 2.1.1).
LINE = 998

pytestmark = pytest.mark.processes

#: Names that make a line too long, each for another reason: as HTML, as text, as bytes, by far.
LONG = ('"&<' * 180, "n" * 995, "\u65e5\u672c\u8a9e" * 115, "{{x}}\\" * 3_000)


@pytest.fixture
def long_names(letters):
    """Readers in the middle of batches whose names are long; their addresses, and names by them."""
    people = letters.newsletter.people()
    named = dict(zip([one.email for one in people[2::6]], LONG, strict=False))
    text = io.StringIO()
    csv.writer(text).writerows([("email", "name"), *named.items()])
    letters.newsletter.write("subscribers/long.csv", text.getvalue())
    source = ("--consent-source", "an invented list")
    ran = letters.newsletter.run("subscribers", "import", "subscribers/long.csv", *source)
    assert ran.code == 0, ran.err
    return named


def test_who_was_silent_in_a_request_hands_over_nothing_more_of_what_it_had_claimed(
    letters, long_names, monkeypatch
):
    """Frozen while it waits for the answer, say: others may have taken the rest as lost."""
    silent = False
    give, commit = SesTransport._deliver_request, GroupCommit.settle_and_claim

    def frozen(self, shared, request):
        nonlocal silent
        outcomes = give(self, shared, request)
        silent = not any(mail.attempt > 1 for mail in request.mails)
        return outcomes

    def heard(self, *given, **more):
        nonlocal silent
        silent = False
        return commit(self, *given, **more)

    monkeypatch.setattr(SesTransport, "_deliver_request", frozen)
    monkeypatch.setattr(GroupCommit, "settle_and_claim", heard)
    monkeypatch.setattr(SqliteBackend, "may_hand_over", lambda _: not silent)
    with FakeSes(keep_messages=True) as fake:
        state, states = sent(letters, fake)
        alone = [mail for mail in fake.messages if mail.raw is not None]
    assert states == {"accepted": 25}
    assert state.operations["SendEmail"] == len(alone) == len(long_names)
    attempts = {one.address: one.attempt for one in letters.newsletter.outcomes()}
    assert [attempts[name] for name in long_names] == [2] * len(long_names)


def test_a_reader_whose_lines_would_be_too_long_gets_the_mail_that_single_mode_sends(
    letters, long_names
):
    with FakeSes(keep_messages=True) as fake:
        state, states = sent(letters, fake)
        bulk = {mail.recipients[0]: mail for mail in fake.messages}
    assert states == {"accepted": 25}
    assert state.operations["SendEmail"] == len(long_names)
    assert state.operations["SendBulkEmail"] == 25 / BATCH
    assert {address for address, mail in bulk.items() if mail.raw is not None} == long_names.keys()
    for address, mail in bulk.items():
        if mail.raw is None:
            lines = f"{mail.text}\n{mail.html}".split("\n")
            assert max(len(line.encode()) for line in lines) <= LINE
        else:
            whole = email.message_from_bytes(mail.raw, policy=email.policy.default)
            text = whole.get_body(("plain",))
            assert text is not None
            assert f"Hello {long_names[address]}, and welcome" in " ".join(
                text.get_content().split()
            )


@pytest.mark.parametrize("fault", [
    Fault(kind="throttle", requests=(1,)),
    Fault(kind="entry", code="ACCOUNT_THROTTLED", requests=(1,), entries=(0,)),
])  # fmt: skip
def test_who_is_alone_waits_for_what_the_request_before_them_was_told(letters, long_names, fault):
    with FakeSes(fault) as fake:
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}
    assert letters.newsletter.outcomes()[2].attempt == 2


def test_a_lost_answer_to_a_whole_mail_is_that_mails_alone(letters, long_names):
    lost = Fault(kind="reset", accept=True, operations=("SendEmail",), requests=(1,))
    with FakeSes(lost) as fake:
        _, states = sent(letters, fake, code=9)
    assert states == {"accepted": 24, "unknown": 1}
    unknown = [one.position for one in letters.newsletter.outcomes() if one.state == "unknown"]
    assert unknown == [3]


@pytest.mark.parametrize("limits", ["call", "entries"])
def test_requests_become_smaller_until_the_account_takes_them(letters, monkeypatch, limits):
    now = [0.0]

    def leap(_event: threading.Event, seconds: float) -> None:
        now[0] += seconds

    def throttle(*_: object) -> Throttle:
        return Throttle(pace=Pace(8.0, now=now[0]), batch=8, clock=lambda: now[0], sleep=leap)

    monkeypatch.setattr("newsletter.sending.part._throttle", throttle)
    with FakeSes(rate=1e6, burst=2, bulk_limits=limits) as fake:
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}
