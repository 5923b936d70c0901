"""The outcome table: what the world may answer, and what follows for delivery and run.

Try again only what is proven not to have been accepted; what is not proven is unknown; end the run
for what would fail for everybody. Transports say which row they have seen, never what follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from newsletter.delivery import Effect, Outcome, Result


class Seen(StrEnum):
    """What was seen of one mail: the rows of the table."""

    TAKEN = "taken"  # accepted, with a name for it
    MALFORMED = "malformed"  # our own request, before it left
    UNREACHABLE = "unreachable"  # nothing of the request was begun to be written
    EVERYBODY = "everybody"  # credentials, identity, sandbox, the account's or server's state
    TOO_FAST = "too fast"  # a rate throttle
    QUOTA = "quota"  # the day's
    REFUSED = "refused"  # for this recipient
    UNFIT = "unfit"  # for this recipient, by us, before anything left
    PUT_OFF = "put off"  # for this recipient, for now (SMTP 4xx)
    UNPROVEN = "unproven"  # lost once begun, or an answer SES did not write; any 5xx, 408
    UNNAMED = "unnamed"  # a success that does not name the mail


#: What follows for the delivery, and for the run.
TABLE: Final[Mapping[Seen, tuple[Result, Effect]]] = MappingProxyType(
    {
        Seen.TAKEN: (Result.ACCEPTED, Effect.GO_ON),
        Seen.MALFORMED: (Result.NOT_SENT, Effect.REJECT),
        Seen.UNREACHABLE: (Result.DEFERRED, Effect.BACK_OFF),
        Seen.EVERYBODY: (Result.NOT_SENT, Effect.ABORT),
        Seen.TOO_FAST: (Result.DEFERRED, Effect.SLOW_DOWN),
        Seen.QUOTA: (Result.NOT_SENT, Effect.STOP),
        Seen.REFUSED: (Result.REFUSED, Effect.GO_ON),
        Seen.UNFIT: (Result.REFUSED, Effect.OURS),
        Seen.PUT_OFF: (Result.DEFERRED, Effect.GO_ON),
        Seen.UNPROVEN: (Result.UNKNOWN, Effect.GO_ON),
        Seen.UNNAMED: (Result.UNKNOWN, Effect.PAUSE),
    }
)


def judged(seen: Seen, reason: str) -> Outcome:
    """The outcome of one mail.

    Args:
        seen: the row of the table.
        reason: what a person reads in `newsletter status`, without any address.
    """
    result, effect = TABLE[seen]
    return Outcome(result=result, reason=reason, effect=effect)


def taken(message_id: str) -> Outcome:
    """Accepted, under this name."""
    result, effect = TABLE[Seen.TAKEN]
    return Outcome(result=result, message_id=message_id, effect=effect)
