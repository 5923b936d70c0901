"""The ways by which a fleet's mails leave, and what may happen on each besides."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.campaign.servers import Kind
from tests.fake_ses import Fault

#: What SES may do, as faults; by chance one or another.
Trouble = Callable[[random.Random], tuple[Fault, ...]]

#: Nothing listens where the events would be.
BULK_SETTINGS: Final = {
    "NEWSLETTER_TRANSPORT__SES__MODE": "bulk",
    "NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET": "letters",
    "NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE": "http://127.0.0.1:9/queue/events",
}


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """How an issue is sent.

    Attributes:
        bugs: planted in the command, see `planted`.
        account: settings of the fake SES.
    """

    bugs: tuple[str, ...] = ()
    account: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way.

    Attributes:
        latency: seconds that an answer takes, on average.
        environ: settings of the newsletter.
        troubles: what may happen on it, besides what happens to machines and databases.
        patterns: one issue after another is sent by the next.
    """

    kind: Kind
    latency: float
    environ: Mapping[str, str] = field(default_factory=dict)
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    patterns: tuple[Pattern, ...] = (Pattern(),)


def _throttled(_: random.Random) -> tuple[Fault, ...]:
    """Too fast, for the request as a whole."""
    return (Fault(kind="throttle", times=1),)


def _refused(chance: random.Random) -> tuple[Fault, ...]:
    """Nobody says which of a request's mails is to blame, and the first is long on its way anew."""
    refused = Fault(
        kind="error", operations=("SendBulkEmail",), status=400, code="MessageRejected",
        message="Something in it.", times=1, again=chance.uniform(2, 4),
    )  # fmt: skip
    return (refused,)


def _failed(chance: random.Random) -> tuple[Fault, ...]:
    """SES gives up on a request: nobody says how far it came."""
    code, status = chance.choice([("InternalFailure", 500), ("ServiceUnavailable", 503)])
    taken = chance.random() < 0.5
    return (Fault(kind="error", status=status, code=code, accept=taken, times=1),)


def _in_part(chance: random.Random) -> tuple[Fault, ...]:
    """Some of a request's mails, each for its own reason."""
    codes = ["TRANSIENT_FAILURE", "FAILED", "ACCOUNT_THROTTLED", "MESSAGE_REJECTED"]
    return tuple(
        Fault(kind="entry", entries=(place,), code=chance.choice(codes), times=1)
        for place in range(2)
    )


def _lost(chance: random.Random) -> tuple[Fault, ...]:
    """SES takes all of a request, and its answer is lost."""
    return (Fault(kind=chance.choice(["reset", "close", "truncated"]), accept=True, times=1),)


SMTP: Final = Way(kind="smtp", latency=0.2)
BULK: Final = Way(
    kind="ses",
    latency=0.5,
    environ=BULK_SETTINGS,
    troubles={
        "throttled": _throttled, "refused together": _refused, "failed": _failed,
        "failed in part": _in_part, "answer lost": _lost,
    },
    # Small requests as fast as they are answered, or whole ones at the pace of an account.
    patterns=(Pattern(bugs=("three_a_request",), account={"rate": None}), Pattern(account={"rate": 300})),
)  # fmt: skip
