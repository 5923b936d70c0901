"""The outcome table: what a provider may answer, and what follows for delivery and run.

Try again only what is proven not to have been accepted; what is not proven is unknown; end the run
for what would fail for everybody. Transports say which row it is, never what follows: each has a
file of its own that reads its provider's codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from newsletter.delivery import Effect, Outcome, Result


class Verdict(StrEnum):
    """What a transport has seen of one mail: the rows of the table."""

    ACCEPTED = "accepted"  # with a name for it
    MALFORMED = "malformed"  # our own request, before it left
    UNREACHABLE = "unreachable"  # no connection came about, or none that takes a mail
    BROKEN_OFF = "broken off"  # the connection was lost in this mail, before all of it had left
    FATAL = "fatal"  # credentials, identity, sandbox, the account's or server's state
    THROTTLED = "throttled"  # too fast for the account
    QUOTA = "quota"  # the day's
    REFUSED = "refused"  # for this recipient
    REFUSED_TOGETHER = "refused together"  # with others in one request, which of them is not told
    UNFIT = "unfit"  # for this recipient, by us, before anything left
    DEFERRED = "deferred"  # for this recipient, for now (SMTP 4xx)
    UNPROVEN = "unproven"  # lost once begun, or an answer that proves nothing
    UNNAMED = "unnamed"  # a success that does not name the mail


#: What follows for the delivery, and for the run.
TABLE: Final[Mapping[Verdict, tuple[Result, Effect]]] = MappingProxyType(
    {
        Verdict.ACCEPTED: (Result.ACCEPTED, Effect.GO_ON),
        Verdict.MALFORMED: (Result.NOT_SENT, Effect.REJECT),
        Verdict.UNREACHABLE: (Result.DEFERRED, Effect.BACK_OFF),
        Verdict.BROKEN_OFF: (Result.DEFERRED, Effect.BACK_OFF),
        Verdict.FATAL: (Result.NOT_SENT, Effect.ABORT),
        Verdict.THROTTLED: (Result.DEFERRED, Effect.SLOW_DOWN),
        Verdict.QUOTA: (Result.NOT_SENT, Effect.STOP),
        Verdict.REFUSED: (Result.REFUSED, Effect.GO_ON),
        Verdict.REFUSED_TOGETHER: (Result.NOT_SENT, Effect.ONE_BY_ONE),
        Verdict.UNFIT: (Result.REFUSED, Effect.OURS),
        Verdict.DEFERRED: (Result.DEFERRED, Effect.GO_ON),
        Verdict.UNPROVEN: (Result.UNKNOWN, Effect.GO_ON),
        Verdict.UNNAMED: (Result.UNKNOWN, Effect.PAUSE),
    }
)


def judged(verdict: Verdict, reason: str, settings: tuple[str, ...] = ()) -> Outcome:
    """The outcome of one mail.

    Args:
        verdict: the row of the table.
        reason: what a person reads in `newsletter status`, without any address.
        settings: dotted names of those that are the likely reason.
    """
    result, effect = TABLE[verdict]
    reached = verdict is not Verdict.UNREACHABLE
    return Outcome(result=result, reason=reason, effect=effect, reached=reached, settings=settings)


def accepted_as(message_id: str) -> Outcome:
    """Accepted, under this name."""
    result, effect = TABLE[Verdict.ACCEPTED]
    return Outcome(result=result, message_id=message_id, effect=effect)
