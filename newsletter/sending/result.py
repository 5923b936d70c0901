"""The values of a send: what would go out, and what came of it.

Whoever asked for it makes sentences, JSON and exit codes from them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.delivery import Allowance, Content, Counts, Run, RunState, State, Stop
from newsletter.delivery.deliver import Transport
from newsletter.errors import NewsletterError
from newsletter.message import Sender
from newsletter.project.issues import PreparedIssue
from newsletter.sending.options import SendOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One send, looked at but not begun.

    Attributes:
        options: what is asked.
        prepared: the issue, rendered and checked.
        transport: the way out.
        sender: who the mail is from.
        content: what would be frozen, or was.
        recipients: how many mails would go out now.
        left_out: how many people would not get one, by reason.
        newcomers: how many of the recipients came, or came back, since an earlier issue began to
            go out, and its number; None before the first, in rehearsals, and for a run to go on
            with.
        run: the run to go on with, None for a new one.
        allowance: what the transport takes now.
        doubtful: deliveries of that run whose outcome is unknown, or will be when it goes on.
        exposed: of a backup that was put back, how many mails may have left since it was made;
            None where the records are no such backup.
        cancelled: whether a person had cancelled it: one who sends it then takes that back.
        stopped: that it was cancelled or paused, and why, in words; "" where it was not.
    """

    options: SendOptions
    prepared: PreparedIssue
    transport: Transport
    sender: Sender
    content: Content
    recipients: int
    left_out: Mapping[str, int]
    run: Run | None
    allowance: Allowance
    doubtful: int
    exposed: int | None
    newcomers: tuple[int, int] | None = None
    cancelled: bool = False
    stopped: str = ""

    @property
    def short(self) -> bool:
        """Whether the day's quota ends before the recipients do."""
        return self.allowance.left is not None and self.allowance.left < self.recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadySent:
    """The issue was sent before; this send did nothing.

    Attributes:
        run: the finished run.
        counts: its deliveries by state.
    """

    run: Run
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether an issue could be sent now.

    Attributes:
        obstacles: every rule of the gate that is broken, each with its way out; none after a real
            send, which is never repeated.
        plan: what a send would do; None where that cannot be told, and after a real send.
        already: set where it was sent or rehearsed before.
    """

    obstacles: tuple[NewsletterError, ...]
    plan: Plan | None = None
    already: AlreadySent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFile:
    """The file of a real run that git does not have yet, or has since this send.

    Attributes:
        name: relative to the newsletter's folder.
        message: of the commit.
        committed: whether this send committed it.
    """

    name: str
    message: str
    committed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """How one send ended.

    Attributes:
        run: as it was when this send began.
        counts: deliveries by state, now.
        sent_now: mails handed over by this send.
        stop: why the run stands still, None when it is finished.
        state: as it is on record now; it may have been cancelled meanwhile.
        reasons: deliveries that are deferred, refused or unknown, by state and reason.
        quota_frees_at: when the day's quota begins to free up; None where the quota did not stop
            it, or nothing tells.
        log: the run's log.
        ledger: the file to keep in git, None where there is nothing to do.
    """

    run: Run
    counts: Counts
    sent_now: int
    stop: Stop | None
    state: RunState
    reasons: Mapping[tuple[State, str], int]
    quota_frees_at: dt.datetime | None
    log: Path
    ledger: LedgerFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """A send that is left to workers.

    Attributes:
        run: as it is on record.
        counts: deliveries by state, then.
        workers: who is there to send it, as "pid 7 on host".
        taken_up: whether one of them leads it by now.
        paused: why one of them has paused it already, "" where none has.
        why_not: what keeps one of them from it, "" where it leads it, or has not said.
        ledger: the file to keep in git, None where there is nothing to do.
    """

    run: Run
    counts: Counts
    workers: tuple[str, ...]
    taken_up: bool
    paused: str
    why_not: str
    ledger: LedgerFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueResult:
    """What a trigger did; one of these, or nothing where only the time had not come.

    Attributes:
        sent: the send it began or went on with.
        planned: in a dry run, the send it would begin or go on with.
        done_before: the issue of the last date, sent by an earlier call.
        reason: why nothing was sent, "" otherwise.
    """

    sent: SendResult | AlreadySent | None = None
    planned: Plan | None = None
    done_before: AlreadySent | None = None
    reason: str = ""
