"""What the operator decides about a run afterwards: what is unknown is sent, or queued again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from newsletter import clocks
from newsletter.delivery import Run, State
from newsletter.errors import InputError, RefusedError
from newsletter.project import Project, files
from newsletter.sending.run_log import RunLog
from newsletter.store import Store, deliveries, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """The deliveries of a run whose outcome is unknown.

    Attributes:
        number: how many a decision is about.
        unknown: how many there are; those that were queued again before are not queued once more.
        reasons: why, with how many of each.
    """

    number: int
    unknown: int
    reasons: Mapping[str, int]


def run_of(project: Project, store: Store, issue: int) -> Run:
    """The run of an issue.

    Raises:
        InputError: there is none, or no such issue.
    """
    run = runs.find(store, issue, rehearsal=project.rehearses)
    if run is None:
        files.find_issue(project.root, issue)
        raise InputError(f"issue {issue} was not sent yet", hint=f"newsletter send --issue {issue}")
    return run


def refuse_guessing(project: Project, *, decided: bool) -> None:
    """Refuse to settle what is unknown where neither events nor the operator tell.

    Raises:
        RefusedError: the operator has not decided, and no events are reported.
    """
    if not (decided or project.settings.transport.ses.events_queue):
        raise RefusedError(
            "nothing shows whether the unknown ones arrived",
            hint="--accept-duplicates queues them again, and some may get it twice; "
            "--assume-accepted counts them as sent; with transport.ses.events_queue SES would tell",
        )


def find_doubts(store: Store, run: Run, *, assume: bool) -> Doubts:
    """What is unknown of a run.

    Args:
        store: the records, locked.
        run: the run.
        assume: whether the decision will be to take it as sent, and not to queue it again.
    """
    unknown = runs.counts(store, run)[State.UNKNOWN]
    number = unknown if assume else deliveries.riskable(store, run)
    found = runs.reasons(store, run).items() if number else ()
    reasons = {reason: many for (state, reason), many in found if state is State.UNKNOWN}
    return Doubts(number=number, unknown=unknown, reasons=reasons)


def settle_doubts(store: Store, run: Run, *, assume: bool, facts: Mapping[str, object]) -> int:
    """Take what is unknown as sent, or queue it again, once each; kept in a log of its own.

    Args:
        store: the records, locked.
        run: the run.
        assume: take it as sent.
        facts: what events say of it, for the log.

    Returns:
        how many deliveries.
    """
    now = store.clock()()
    done = (
        deliveries.assume(store, run, now=now) if assume else deliveries.risk(store, run, now=now)
    )
    issue = run.content.issue
    with RunLog(store.folder, f"{issue}-retry", clocks.now) as log:
        log.note("assumed" if assume else "risked", issue=issue, deliveries=done, **facts)
    return done
