"""The outbox: what a delivery is, which states it has, and where an outcome leads.

    queued -> claimed -> accepted
       |         |-----> deferred -> queued       proven not accepted, for now
       |         |-----> queued                   proven not accepted, the run ends
       |         |-----> refused  => queued       proven not accepted, for this recipient
       |         `-----> unknown  => queued, once, or => assumed
       `-> skipped       left, or was suppressed, before the claim

A double arrow is a person's decision (`newsletter retry`), never the program's. Whatever is not on
the wire becomes accepted, or refused, when an event of the provider's shows that it was taken, or
dropped (`newsletter.feedback`). Decisions only; the store makes them durable and its tables refuse
every other arrow. The rule behind it: try again only what is proven not to have been accepted; what
is not proven is unknown, and said aloud.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from newsletter.audience import Subscriber
from newsletter.render import CountedLink


class State(StrEnum):
    """The state of one delivery; each has the meaning beside it."""

    QUEUED = "queued"  # to be sent
    CLAIMED = "claimed"  # durably taken; a request may be on the wire
    ACCEPTED = "accepted"  # the transport took it and named it
    DEFERRED = "deferred"  # proven not accepted; will be tried again
    REFUSED = "refused"  # refused for this recipient alone
    UNKNOWN = "unknown"  # nobody can say; never sent again by itself
    ASSUMED = "assumed"  # was unknown; a person decided to take it as sent
    SKIPPED = "skipped"  # left or was suppressed after the recipients were frozen


#: Every way a delivery's state may change.
ARROWS: Final = frozenset(
    {
        (State.QUEUED, State.CLAIMED),
        (State.QUEUED, State.SKIPPED),
        (State.CLAIMED, State.ACCEPTED),
        (State.CLAIMED, State.DEFERRED),
        (State.CLAIMED, State.QUEUED),
        (State.CLAIMED, State.REFUSED),
        (State.CLAIMED, State.UNKNOWN),
        (State.DEFERRED, State.QUEUED),
        (State.REFUSED, State.QUEUED),
        (State.UNKNOWN, State.QUEUED),
        (State.UNKNOWN, State.ASSUMED),
        # By an event of the provider's that carries our tag, and by nothing else.
        (State.QUEUED, State.ACCEPTED),
        (State.DEFERRED, State.ACCEPTED),
        (State.REFUSED, State.ACCEPTED),
        (State.UNKNOWN, State.ACCEPTED),
        (State.ASSUMED, State.ACCEPTED),
        (State.ACCEPTED, State.REFUSED),
        (State.UNKNOWN, State.REFUSED),
        (State.ASSUMED, State.REFUSED),
    }
)


class Result(StrEnum):
    """What a transport says about one message."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"  # proven not accepted, and the next one would fail as well


class Effect(StrEnum):
    """What one answer means for the run; each has the exit code it leads to beside it."""

    GO_ON = "go on"
    OURS = "ours"  # refused by us: it says nothing about the provider
    ONE_BY_ONE = "one by one"  # one of several refused them all: each is asked for alone
    SLOW_DOWN = "slow down"  # too quick for the account
    BACK_OFF = "back off"  # unreachable for now; 6 after ten minutes
    PAUSE = "pause"  # an answer that makes no sense; 6
    STOP = "stop"  # the day's quota; 6
    ABORT = "abort"  # refused for everybody; 4
    REJECT = "reject"  # our own request is malformed; 2


class RunState(StrEnum):
    """The state of one run: an issue on its way to its recipients."""

    ANNOUNCED = "announced"  # the owner was told; nothing is frozen yet
    FREEZING = "freezing"  # recipients are being written down; nothing is claimed yet
    RUNNING = "running"  # or its process died, when nobody holds the store's lock
    PAUSED = "paused"
    CANCELLED = "cancelled"  # by a person; only a person lets it go on
    FINISHED = "finished"


class OccurrenceState(StrEnum):
    """How one date of the schedule was used up."""

    TAKEN = "taken"  # an issue was begun
    MISSED = "missed"  # nothing was begun in time; never sent by itself any more


class Pause(StrEnum):
    """Why a run stands still; what another try would mend by itself comes first."""

    INTERRUPTED = "interrupted"  # a signal
    QUOTA = "quota"  # the day's quota is used up
    NETWORK = "network"  # nothing could be reached for ten minutes
    LIMIT = "limit"  # so many were asked for
    RETRY = "retry"  # a person had some queued again
    PUT_OFF = "put off"  # what is left was tried several times
    BREAKER = "breaker"  # too much went wrong
    ACCOUNT = "account"  # refused for everybody
    MALFORMED = "malformed"  # our own request
    FAULT = "fault"  # the records could not be written


#: What a trigger goes on with by itself; the rest waits for a person.
RESUMED: Final = frozenset({Pause.INTERRUPTED, Pause.QUOTA, Pause.NETWORK})


class Stop(NamedTuple):
    """Why a run stops before nothing is left.

    Attributes:
        pause: the kind.
        reason: in words, without any address.
    """

    pause: Pause
    reason: str


class Allowance(NamedTuple):
    """What a transport takes at the moment.

    Attributes:
        rate: mails a second at most, None for as many as it answers.
        left: mails of the day's quota, None for no limit.
        account: the provider's number of the account they leave from, "?" where it is not told,
            "" where there is none.
        verified_only: whether only addresses get mail that the provider knows to be the account's.
    """

    rate: float | None = None
    left: int | None = None
    account: str = ""
    verified_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a run sends, frozen with its recipients at the start.

    Attributes:
        issue: number of the issue.
        title: for messages to the author.
        frozen: the rendered issue, as `message.FrozenIssue.dump` wrote it.
        content_hash: SHA-256 in hex of `frozen`; the same for all attempts.
        source_hash: SHA-256 in hex of what it was rendered from.
        skipped_checks: ids of the findings it was sent despite.
        links: its counted links, frozen with it; none in what is read back.
        ratings: the answers its mails ask readers to choose from, with their words; likewise.
    """

    issue: int
    title: str
    frozen: bytes
    content_hash: str
    source_hash: str
    skipped_checks: tuple[str, ...] = ()
    links: tuple[CountedLink, ...] = ()
    ratings: tuple[tuple[str, str], ...] = ()


class Run(NamedTuple):
    """One issue on its way to its recipients.

    Attributes:
        id: the store's row.
        rehearsal: whether it goes to a folder; rehearsals never stand in the way of a real run.
        transport: the transport's name at the start.
        started_at: UTC; of a run that is not begun, when it was announced or cancelled.
        pause: why it stands still, None unless it is paused.
        reason: the same in words, without any address; of one that goes on, why a worker cannot
            send any of it, and of one that is cancelled, when it was; "" otherwise.
        finished_at: UTC, None until nothing is left.
        begun: whether content and all recipients are frozen.
        recipients: how many they are; 0 while it is not begun.
    """

    id: int
    content: Content
    rehearsal: bool
    transport: str
    state: RunState
    started_at: dt.datetime
    pause: Pause | None = None
    reason: str = ""
    finished_at: dt.datetime | None = None
    begun: bool = True
    recipients: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One answer of a transport.

    Attributes:
        result: what happened.
        message_id: the transport's name for the mail; accepted implies it.
        reason: a short code for people, without any address.
        effect: what it means for the run.
        reached: whether anybody was there to say it; else it tells nothing about the recipient.
        settings: dotted names of those that are the likely reason.
    """

    result: Result
    message_id: str = ""
    reason: str = ""
    effect: Effect = Effect.GO_ON
    reached: bool = True
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.result is Result.ACCEPTED and not self.message_id:
            raise ValueError("accepted implies a message id")


class Delivery(NamedTuple):
    """One issue for one subscriber, claimed.

    Attributes:
        id: the store's row.
        position: 1-based place among the issue's recipients, frozen with them.
        attempt: 1 for the first try.
        subscriber: the person, read inside the claim.
        worker: by whom it was claimed, "" where there is only one.
    """

    id: int
    position: int
    attempt: int
    subscriber: Subscriber
    worker: str = ""


class Attempt(NamedTuple):
    """One try at one delivery, settled.

    Attributes:
        position: as in Delivery.
        number: 1 for the first try.
        outcome: what came of it.
    """

    position: int
    number: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many deliveries of a run are in each state; they add up to its frozen recipients."""

    by_state: Mapping[State, int]

    def __getitem__(self, state: State) -> int:
        return self.by_state.get(state, 0)

    @property
    def total(self) -> int:
        """The frozen number of recipients."""
        return sum(self.by_state.values())

    @property
    def left(self) -> int:
        """Deliveries a further run would still send."""
        return self[State.QUEUED] + self[State.DEFERRED]


_NEXT: Final = {
    Result.ACCEPTED: State.ACCEPTED,
    Result.DEFERRED: State.DEFERRED,
    Result.REFUSED: State.REFUSED,
    Result.UNKNOWN: State.UNKNOWN,
    Result.NOT_SENT: State.QUEUED,
}


def next_state(outcome: Outcome) -> State:
    """Where a claimed delivery goes with this outcome."""
    return _NEXT[outcome.result]


def is_finished(counts: Counts) -> bool:
    """Whether nothing is left to send or in flight; unknowns are told apart (exit code 9)."""
    return not counts.left and not counts[State.CLAIMED]


def goes_on_by_itself(run: Run) -> bool:
    """Whether a trigger may go on with a run that is begun; one whose process died is running."""
    return run.state is RunState.RUNNING or (run.state is RunState.PAUSED and run.pause in RESUMED)
