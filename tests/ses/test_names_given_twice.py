"""SES gives no two mails one name: an answer with an earlier one's tells nothing of its own mails."""

from __future__ import annotations

import json

import pytest

from newsletter.delivery import Effect, Result
from newsletter.ses.recent import RecentNames
from tests.fake_ses import FakeSes, Fault
from tests.ses.test_bulk import FINE, give, mails, meanings
from tests.ses.test_ses import message, transport, world

__all__ = ["world"]

pytestmark = pytest.mark.processes

NOBODYS = (Result.UNKNOWN, Effect.PAUSE)


def answered(*names):
    """The same mails as ever, whatever was asked."""
    results = [{"Status": "SUCCESS", "MessageId": name} for name in names]
    return Fault(kind="garbage", body=json.dumps({"BulkEmailEntryResults": results}))


def test_two_requests_in_bulk_that_are_answered_alike(world):
    with FakeSes(answered("a", "b")) as fake, transport(world(fake)) as ses:
        assert meanings(give(ses, mails(2))) == [FINE] * 2
        assert meanings(give(ses, mails(2))) == [NOBODYS] * 2
        fake.script(answered("b", "c"), clear=True)
        assert meanings(give(ses, mails(2))) == [NOBODYS] * 2
        fake.script(answered("d", "e"), clear=True)
        assert meanings(give(ses, mails(2))) == [FINE] * 2


def test_two_mails_alone_that_are_answered_alike(world):
    same = Fault(kind="garbage", body='{"MessageId": "a"}')
    with FakeSes(same) as fake, transport(world(fake)) as ses:
        found = [ses.deliver(message()) for _ in range(2)]
    assert meanings(found) == [FINE, NOBODYS]


def test_only_the_last_names_are_kept():
    names = RecentNames(2)
    assert names.take(["a", "b"])
    assert not names.take(["a"])
    assert names.take(["c", "d"])
    assert names.take(["a"])
    assert not names.take(["e", "e"])
