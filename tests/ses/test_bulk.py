"""SendBulkEmail: what each answer means for each of the mails in a request, position by position."""

from __future__ import annotations

import pytest

from newsletter.audience import Subscriber
from newsletter.delivery import Effect, Result
from newsletter.message import freeze
from newsletter.message.merge import merge, merge_template
from newsletter.ses.client import SesTransport
from tests.fake_ses import FakeSes, Fault
from tests.fake_ses.shapes import model
from tests.ses.test_ses import error, transport, world
from tests.support.commands import HANGS
from tests.support.letter_samples import NAME, SENDER, a_letter

__all__ = ["world"]

pytestmark = pytest.mark.processes

TEMPLATE = merge_template(freeze(a_letter(f"Hello {NAME} {{", f"<p>Hello {NAME}</p>"), SENDER))
SIZE = 7
FINE = (Result.ACCEPTED, Effect.GO_ON)

#: What SES says of one entry, and what follows for it.
STATUSES = {
    "MESSAGE_REJECTED": (Result.REFUSED, Effect.GO_ON),
    "INVALID_PARAMETER": (Result.REFUSED, Effect.GO_ON),
    "ACCOUNT_THROTTLED": (Result.DEFERRED, Effect.SLOW_DOWN),
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": (Result.NOT_SENT, Effect.STOP),
    "TRANSIENT_FAILURE": (Result.DEFERRED, Effect.GO_ON),
    "FAILED": (Result.DEFERRED, Effect.GO_ON),
    **dict.fromkeys(
        ("MAIL_FROM_DOMAIN_NOT_VERIFIED", "CONFIGURATION_SET_NOT_FOUND", "TEMPLATE_NOT_FOUND",
         "ACCOUNT_SUSPENDED", "INVALID_SENDING_POOL_NAME", "ACCOUNT_SENDING_PAUSED",
         "CONFIGURATION_SET_SENDING_PAUSED"),
        (Result.NOT_SENT, Effect.ABORT),
    ),
    "TORN": (Result.UNKNOWN, Effect.PAUSE),
}  # fmt: skip


def mails(number=SIZE, attempt=1):
    return [
        merge(
            TEMPLATE,
            Subscriber(id=n, handle=f"{n:024x}", address=f"r{n}@example.org", name=f"Reader {n}"),
            issue=74, position=n, attempt=attempt, unsubscribe_url=f"https://l.example.org/u/{n}", store="s",
        )
        for n in range(1, number + 1)
    ]  # fmt: skip


def meanings(outcomes):
    return [(one.result, one.effect) for one in outcomes]


def give(ses: SesTransport, batch):
    return ses.in_bulk(TEMPLATE)(batch)


def test_every_status_of_the_model_is_in_the_table():
    told = model().shape_for("BulkEmailStatus").metadata["enum"]
    assert set(told) - {"SUCCESS"} == STATUSES.keys() - {"TORN"}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_concerns_the_mail_in_its_position_alone(world, status):
    with FakeSes() as fake, transport(world(fake)) as ses:
        for places in (*((n,) for n in range(SIZE)), (0, SIZE - 1), tuple(range(SIZE))):
            fake.reset()
            fake.script(Fault(kind="entry", code=status, entries=places), clear=True)
            outcomes = give(ses, mails())
            assert meanings(outcomes) == [
                STATUSES[status] if n in places else FINE for n in range(SIZE)
            ]
            assert set(fake.accepted) == {
                f"r{n + 1}@example.org" for n in range(SIZE) if n not in places
            }
            assert set(fake.received.values()) == {1}
            assert all("@" not in one.reason for one in outcomes)


@pytest.mark.parametrize("status", ["TRANSIENT_FAILURE", "FAILED"])
@pytest.mark.parametrize(
    ("attempt", "result"), [(1, Result.DEFERRED), (2, Result.DEFERRED), (3, Result.REFUSED)]
)
def test_what_failed_three_times_is_refused(world, status, attempt, result):
    with (
        FakeSes(Fault(kind="entry", code=status, entries=(2,))) as fake,
        transport(world(fake)) as ses,
    ):
        assert give(ses, mails(attempt=attempt))[2].result is result


def test_an_address_that_is_not_verified_stops_everything(world):
    fault = Fault(
        kind="entry",
        code="MESSAGE_REJECTED",
        message="r3@example.org is not verified",
        entries=(2,),
    )
    with FakeSes(fault) as fake, transport(world(fake)) as ses:
        assert meanings(give(ses, mails()))[2] == (Result.NOT_SENT, Effect.ABORT)


#: What happens to the whole request, what follows for each mail of several, and for one alone.
WHOLE = [
    (Fault(kind="throttle"), (Result.DEFERRED, Effect.SLOW_DOWN), None),
    (Fault(kind="quota"), (Result.NOT_SENT, Effect.STOP), None),
    (error("LimitExceededException", 400, "Daily message quota exceeded."), (Result.NOT_SENT, Effect.STOP), None),
    (error("BadRequestException"), (Result.NOT_SENT, Effect.ONE_BY_ONE), (Result.REFUSED, Effect.GO_ON)),
    (error("MessageRejected"), (Result.NOT_SENT, Effect.ONE_BY_ONE), (Result.REFUSED, Effect.GO_ON)),
    (error("MessageRejected", 400, "x is not verified"), (Result.NOT_SENT, Effect.ABORT), None),
    (error("AccountSuspendedException"), (Result.NOT_SENT, Effect.ABORT), None),
    (error("SendingPausedException"), (Result.NOT_SENT, Effect.ABORT), None),
    (error("MailFromDomainNotVerifiedException"), (Result.NOT_SENT, Effect.ABORT), None),
    (error("NotFoundException", 404), (Result.NOT_SENT, Effect.ABORT), None),
    (error("ExpiredTokenException", 403), (Result.NOT_SENT, Effect.ABORT), None),
    (error("SignatureDoesNotMatch", 403), (Result.NOT_SENT, Effect.ABORT), None),
    *((Fault(kind="html", status=status), (Result.UNKNOWN, Effect.GO_ON), None) for status in (403, 408, 429, 500, 503)),
    (Fault(kind="error", status=500), (Result.UNKNOWN, Effect.GO_ON), None),
    *(
        (Fault(kind=kind, accept=accept), (Result.UNKNOWN, Effect.GO_ON), None)
        for kind in ("stall", "reset", "close") for accept in (True, False)
    ),
    (Fault(kind="reset_unread"), (Result.UNKNOWN, Effect.GO_ON), None),
    (Fault(kind="truncated"), (Result.UNKNOWN, Effect.PAUSE), None),
    (Fault(kind="garbage"), (Result.UNKNOWN, Effect.PAUSE), None),
    (Fault(kind="garbage", body='{"BulkEmailEntryResults": [null, 1]}'), (Result.UNKNOWN, Effect.PAUSE), None),
    (Fault(kind="no_message_id"), (Result.UNKNOWN, Effect.PAUSE), None),
    (Fault(kind="result_count"), (Result.UNKNOWN, Effect.PAUSE), None),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "several", "alone"), WHOLE)
def test_what_happens_to_a_request_concerns_all_of_it_and_it_is_sent_once(
    world, fault, several, alone
):
    read_seconds = 0.5 if fault.kind == "stall" else HANGS
    for number, meaning in ((SIZE, several), (1, alone or several)):
        with FakeSes(fault) as fake, transport(world(fake), read_seconds=read_seconds) as ses:
            outcomes = give(ses, mails(number))
            assert meanings(outcomes) == [meaning] * number
            assert max(fake.received.values(), default=1) == 1
            assert fake.state.operations["SendBulkEmail"] == 1


def test_where_nothing_listens_nothing_has_left(world):
    with FakeSes() as fake:
        environ = world(fake)
    with transport(environ) as ses:
        assert meanings(give(ses, mails())) == [(Result.DEFERRED, Effect.BACK_OFF)] * SIZE


def test_results_are_matched_to_mails_by_their_order_and_each_has_its_own_name(world):
    with FakeSes(keep_messages=True) as fake, transport(world(fake)) as ses:
        outcomes = give(ses, mails(50))
        kept = {message.message_id: message for message in fake.messages}
    for mail, outcome in zip(mails(50), outcomes, strict=True):
        there = kept[outcome.message_id]
        assert there.recipients == (f"r{mail.position}@example.org",)
        assert there.tags == {"delivery": mail.tag}
        assert there.text == f"Hello Reader {mail.position} {{"
        assert dict(there.headers)["List-Unsubscribe"].startswith(
            f"<https://l.example.org/u/{mail.position}>"
        )


def test_two_mails_of_one_name_are_nobodys(world):
    same = (
        '{"BulkEmailEntryResults": ['
        + ",".join(['{"Status": "SUCCESS", "MessageId": "m"}'] * SIZE)
        + "]}"
    )
    with FakeSes(Fault(kind="garbage", body=same)) as fake, transport(world(fake)) as ses:
        assert meanings(give(ses, mails())) == [(Result.UNKNOWN, Effect.PAUSE)] * SIZE


def test_a_failure_that_has_a_name_may_have_left(world):
    body = '{"BulkEmailEntryResults": [{"Status": "FAILED", "MessageId": "m"}]}'
    with FakeSes(Fault(kind="garbage", body=body)) as fake, transport(world(fake)) as ses:
        assert meanings(give(ses, mails(1))) == [(Result.UNKNOWN, Effect.PAUSE)]


def test_what_does_not_fit_into_one_request_waits_when_the_first_is_in_trouble(world):
    with FakeSes(Fault(kind="throttle", requests=(1,))) as fake, transport(world(fake)) as ses:
        outcomes = give(ses, mails(60))
        assert (
            meanings(outcomes)
            == [(Result.DEFERRED, Effect.SLOW_DOWN)] * 50 + [(Result.DEFERRED, Effect.GO_ON)] * 10
        )
        assert fake.state.operations["SendBulkEmail"] == 1
        assert [one.result for one in give(ses, mails(60))] == [Result.ACCEPTED] * 60
        assert fake.state.operations["SendBulkEmail"] == 3


@pytest.mark.parametrize("limits", ["call", "entries"])
def test_a_limit_refuses_the_request_or_its_entries(world, limits):
    with FakeSes(rate=50.0, burst=5, bulk_limits=limits) as fake, transport(world(fake)) as ses:
        found = meanings(give(ses, mails()))
    throttled = (Result.DEFERRED, Effect.SLOW_DOWN)
    assert found == ([throttled] * SIZE if limits == "call" else [FINE] * 5 + [throttled] * 2)
