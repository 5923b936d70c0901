"""The fault matrix, SES: each cell a fault at a moment, through the whole command, and once more."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.fake_ses import Fault
from tests.sending.test_fault_matrix_smtp import CELLS as SMTP_CELLS
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import (
    DONE,
    REFUSED,
    TWICE,
    UNKNOWN,
    Cell,
    imported,
    nothing,
    paused,
    refused_by_all,
    world,
)
from tests.support.real_proxies import DIRECT

__all__ = ["imported", "plain_environment", "world"]

pytestmark = pytest.mark.processes

#: A proxy notices late that its client has gone.
QUIET = 30.0
QUOTA = "Daily message quota exceeded."


def error(code, status=400, message="No.", **when):
    return Fault(kind="error", code=code, status=status, message=message, **when)


#: Everybody would be refused: the error, and what a person reads.
FOR_EVERYBODY = {
    "expired": (error("ExpiredTokenException", 403), "the credentials have expired"),
    "denied": (error("AccessDeniedException", 403), "the credentials may not send"),
    "signature": (error("SignatureDoesNotMatch", 403), "the credentials are not accepted"),
    "unknown-key": (error("UnrecognizedClientException", 403), "the credentials are not accepted"),
    "suspended": (error("AccountSuspendedException"), "SES has suspended the account"),
    "paused": (error("SendingPausedException"), "sending is paused for the account"),
    "mail-from": (error("MailFromDomainNotVerifiedException"), "the sender's domain is not verif"),
    "no-set": (error("NotFoundException", 404), "the configuration set does not exist"),
    "sandbox": (error("MessageRejected", 400, "Email address is not verified."), "an address is not"),
    "moment-too-late": (error("RequestExpired"), "this machine's clock is wrong"),
}  # fmt: skip

#: Nobody can say: the fault, without `accept` and with it.
UNPROVEN = {
    "500": Fault(kind="error", status=500),
    "502": Fault(kind="html", status=502),
    "503": Fault(kind="html", status=503),
    "504": Fault(kind="html", status=504),
    "408": Fault(kind="html", status=408),
    # Not SES's own, whatever it said before: a gateway's page.
    "400": Fault(kind="html", status=400),
    "403": Fault(kind="html", status=403),
    "404": Fault(kind="html", status=404),
    "407": Fault(kind="html", status=407),
    "413": Fault(kind="html", status=413),
    "429": Fault(kind="html", status=429),
    "aborted": error("RequestAbortedException"),
    "reset": Fault(kind="reset"),
    "close": Fault(kind="close"),
    "stall": Fault(kind="stall"),
}
UNNAMED = {
    "truncated": Fault(kind="truncated"),
    "garbage": Fault(kind="garbage"),
    "no-message-id": Fault(kind="no_message_id"),
}
FOUR_THEN = {"accepted": 4, "queued": 21}


def at(fault, *requests, **more):
    """The same fault for these requests only."""
    return dataclasses.replace(fault, requests=requests, **more)


#: The fault meets the fifth mail only.
ONE = {
    "throttle": (Fault(kind="throttle"), TWICE),
    "throttle-400": (error("ThrottlingException", 400, "Maximum sending rate exceeded."), TWICE),
    "quota-429": (
        error("TooManyRequestsException", 429, QUOTA),
        paused("quota", "the day's quota is used up, and frees up from ", attempts=5, **FOUR_THEN),
    ),
    "quota-400": (
        error("LimitExceededException", 400, QUOTA),
        paused("quota", "the day's quota is used up, and frees up from ", attempts=5, **FOUR_THEN),
    ),
    "bad-request": (error("BadRequestException"), REFUSED),
    "rejected": (error("MessageRejected"), REFUSED),
    "validation": (error("ValidationException"), REFUSED),
    "delay": (Fault(kind="delay", seconds=0.1), DONE),
    "drip": (Fault(kind="drip"), DONE),
    "reset-unread": (Fault(kind="reset_unread"), UNKNOWN),
    **{
        name: (fault, paused("account", says, attempts=5, **FOUR_THEN))
        for name, (fault, says) in FOR_EVERYBODY.items()
    },
    **{name: (fault, UNKNOWN) for name, fault in UNPROVEN.items()},
    **{f"{name}-taken": (at(fault, accept=True), UNKNOWN) for name, fault in UNPROVEN.items()},
    **{
        name: (fault, paused("breaker", "an answer without a message id", accepted=4, unknown=1, queued=20))
        for name, fault in UNNAMED.items()
    },
}  # fmt: skip

#: The fault meets every mail.
ALL = {
    "throttle": (
        Fault(kind="throttle"),
        paused("put off", "what is left was deferred 5 times", attempts=125, deferred=25),
    ),
    "quota": (
        error("TooManyRequestsException", 429, QUOTA),
        refused_by_all("paused: the day's quota is used up, and frees up within 24", 6, "quota"),
    ),
    "bad-request": (
        error("BadRequestException"),
        paused("breaker", "3 mails were refused, over 2 %", refused=3, queued=22),
    ),
    **{
        name: (fault, refused_by_all(f"error: ses refuses every mail: {says}"))
        for name, (fault, says) in FOR_EVERYBODY.items()
    },
    **{
        name: (fault, paused("breaker", "2 outcomes are unknown", unknown=2, queued=23))
        for name, fault in UNPROVEN.items()
    },
    **{
        name: (fault, paused("breaker", "an answer without a message id", unknown=1, queued=24))
        for name, fault in UNNAMED.items()
    },
}  # fmt: skip


def run(world, cell, *faults, way=DIRECT, threads=1, **settings):
    """Send against the fake with the faults, then without; both must be as the cell says."""
    world.configure(KIND="ses")
    if threads == 1:
        world.hurry()
    else:  # a clock that one of several hands lets leap makes all others late
        world.configure(CONCURRENCY=threads)
    with way.fake(*faults, **settings) as fake:
        world.environ(way.environ(fake.environ))
        ran = world.send()
        state = expect_once(world, fake, way)
        world.expect(cell, ran)
        accepted = state.accepted_tags.keys()
        fake.script(clear=True)
        fake.change(sending_enabled=True, enforcement="HEALTHY", production=True,
                    credentials_expired=False, clock_offset=0.0)  # fmt: skip
        world.expect_again(cell, world.send())
        state = expect_once(world, fake, way)
    assert accepted <= state.accepted_tags.keys()


def expect_once(world, fake, way):
    """One submission per attempt at most, nobody twice, and whatever SES took may be taken."""
    state = fake.quiet(QUIET)
    assert set(state.received_tags.values()) <= {1}
    assert state.received_tags.keys() <= world.attempts()
    assert state.duplicates == {}
    assert state.accepted_tags.keys() <= world.admitted()
    assert state.peers == (way.peer,)
    return state


@pytest.mark.parametrize("name", ONE)
def test_a_fault_that_meets_one_mail(world, name):
    fault, cell = ONE[name]
    run(world, cell, at(fault, 5))


@pytest.mark.parametrize("name", ALL)
def test_a_fault_that_meets_every_mail(world, name):
    fault, cell = ALL[name]
    run(world, cell, fault)


#: The account is like this from the start, or cannot be asked.
START: dict[str, tuple[dict[str, Any], Cell]] = {
    "switched-off": ({"sending_enabled": False}, nothing("error: sending is switched off for this")),
    "shut-down": ({"enforcement": "SHUTDOWN"}, refused_by_all("error: ses refuses every mail: SES has suspended the account")),
    "expired": ({"credentials_expired": True}, nothing("error: AWS refuses these credentials or this account")),
    "sandbox": ({"production": False}, refused_by_all("error: ses refuses every mail: an address is not verified")),
    "clock-behind": ({"clock_offset": 900.0}, nothing("error: this machine's clock is wrong")),
    "clock-ahead": ({"clock_offset": -900.0}, nothing("error: this machine's clock is wrong")),
}  # fmt: skip


@pytest.mark.parametrize("name", START)
def test_an_account_that_is_like_this_from_the_start(world, name):
    settings, cell = START[name]
    run(world, cell, **settings)


ASKING = {
    "throttle": (Fault(kind="throttle"), "error: SES does not tell this account's limits now"),
    "503": (Fault(kind="html", status=503), "error: SES does not tell this account's limits now"),
    "404": (Fault(kind="html", status=404), "error: what answers there is not SES"),
    "denied": (error("AccessDeniedException", 403), "error: AWS refuses these credentials or this"),
    "reset": (Fault(kind="reset"), "error: SES cannot be reached"),
    "close": (Fault(kind="close"), "error: SES cannot be reached"),
    "garbage": (Fault(kind="garbage", operations=()), "error: "),
}


@pytest.mark.parametrize("name", ASKING)
def test_an_account_that_cannot_be_asked_stops_before_the_first_claim(world, name):
    fault, says = ASKING[name]
    run(world, nothing(says), at(fault, operations=("GetAccount",)))


#: Eight mails in flight: the fault meets the fifth that arrives, whoever's it is.
SEVERAL = {
    "throttle": (Fault(kind="throttle"), TWICE),
    "bad-request": (error("BadRequestException"), REFUSED),
    "503-taken": (Fault(kind="html", status=503, accept=True), UNKNOWN),
    "reset": (Fault(kind="reset"), UNKNOWN),
    "reset-taken": (Fault(kind="reset", accept=True), UNKNOWN),
    "close-taken": (Fault(kind="close", accept=True), UNKNOWN),
    "stall-taken": (Fault(kind="stall", accept=True), UNKNOWN),
    "delay": (Fault(kind="delay", seconds=0.1), DONE),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_a_fault_with_eight_mails_in_flight(world, name):
    fault, cell = SEVERAL[name]
    run(world, cell, at(fault, 5), threads=8)


#: The run ends while others are in flight; each of them is settled, none is lost.
ENDING = {
    "expired": (error("ExpiredTokenException", 403), "account", 6),
    "quota": (error("TooManyRequestsException", 429, QUOTA), "quota", 6),
    "garbage": (Fault(kind="garbage"), "breaker", 6),
}


@pytest.mark.parametrize("name", ENDING)
def test_a_run_that_ends_with_eight_in_flight_settles_all_of_them(world, name):
    run_to_an_end(world, *ENDING[name])


def run_to_an_end(world, fault, pause, code, way=DIRECT):
    world.configure(KIND="ses", CONCURRENCY=8)
    with way.fake(at(fault, *range(9, 100)), latency=0.02) as fake:
        world.environ(way.environ(fake.environ))
        ran = world.send()
        expect_once(world, fake, way)
        states = world.newsletter.states()
        assert ran.code == code, ran.err
        assert [run.pause for run in world.newsletter.runs()] == [pause]
        assert sum(states.values()) == 25
        assert states["accepted"] == 8
        assert "claimed" not in states
        fake.script(clear=True)
        again = world.send()
        state = expect_once(world, fake, way)
    assert again.code == (9 if "unknown" in states else 0)
    assert state.received_tags


def test_the_matrix_has_its_size():
    own = len(ONE) + len(ALL) + len(START) + len(ASKING) + len(SEVERAL) + len(ENDING)
    assert own + SMTP_CELLS >= 80
    assert {f.kind for f, _ in ONE.values()} | {"quota", "entry", "result_count"} >= {
        "error", "throttle", "html", "reset_unread", "reset", "close", "stall", "delay", "drip",
        "truncated", "garbage", "no_message_id",
    }  # fmt: skip
