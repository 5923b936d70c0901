"""The second half of `newsletter send`: freeze or go on, drain, say what came of it."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.cli.desk import Desk, clock
from newsletter.cli.progress import progress
from newsletter.cli.show import VOICE, plural, result, result_json, say
from newsletter.errors import (
    AccountError,
    InputError,
    PausedError,
    RefusedError,
    UnknownOutcomesError,
)
from newsletter.message import Envelope
from newsletter.outbox import Content, Counts, Run, RunState, State, is_finished
from newsletter.outbox.breaker import Breaker
from newsletter.outbox.pace import Pace
from newsletter.send import Press, Transport, deliver_next
from newsletter.workers.local import UNBOUND, Drained, Rhythm, drain

if TYPE_CHECKING:
    from newsletter.store.letters import Opened
    from newsletter.store.sql import Store

#: How often a delivery that is put off is tried in one run.
_TRIES: Final = 5
_MOST_THREADS: Final = 32
_WHY: Final = {
    "limit": "the limit is reached",
    "empty": f"what is left was put off {_TRIES} times",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for; `due` where a schedule does, for approved issues only."""

    issue: int
    confirm: int | None = None
    dry_run: bool = False
    limit: int | None = None
    expect: int | None = None
    skip_checks: tuple[str, ...] = ()
    again: bool = False
    due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One send, looked at but not begun.

    Attributes:
        recipients: how many mails would go out now.
        left_out: how many people would not get one, by reason.
        run: the run to go on with, None for a new one.
        doubtful: deliveries of that run whose outcome nobody knows, or will when it goes on.
    """

    opened: Opened
    transport: Transport
    content: Content
    recipients: int
    left_out: dict[str, int]
    run: Run | None
    doubtful: int = 0


def deliver(desk: Desk, wish: Wish, store: Store, plan: Plan) -> int:
    """Freeze or go on, drain, record how it ended, and say so.

    Returns:
        The exit code, as `send_issue` tells.

    Raises:
        AccountError: everything was refused, nothing accepted.
        InputError: our own request is malformed.
    """
    run = _begin(wish, store, plan)
    if run.state is RunState.FINISHED:
        return already(store, run)
    press = Press(
        envelope=Envelope.load(run.content.envelope),
        public_url=desk.settings.site.public_url,
        key=store.link_key(),
    )
    hung_up = contextlib.closing(plan.transport)
    with hung_up, _signals() as stopped, progress(store.counts(run).left) as told:
        drained = drain(
            lambda: deliver_next(run, store, plan.transport, press, clock),
            breaker=Breaker(total=store.counts(run).total),
            limit=wish.limit,
            stopped=lambda: bool(stopped),
            told=told,
            requeue=lambda: store.requeue(run, tries=_TRIES),
            rhythm=_rhythm(plan.transport),
        )
    counts = store.counts(run)
    state = RunState.FINISHED if is_finished(counts) else RunState.PAUSED
    store.set_run_state(run, state, clock())
    if drained.ending in {"refused", "rejected"} and not counts[State.ACCEPTED]:
        kind = AccountError if drained.ending == "refused" else InputError
        raise kind(
            f"{plan.transport.name} refuses every mail: {drained.reason}",
            hint=f"mend that, then: newsletter send --issue {wish.issue}",
        )
    tell(run, counts, accepted=drained.accepted)
    return _code(desk, plan, counts, drained, stopped)


def _rhythm(transport: Transport) -> Rhythm:
    """As many hands as the pace needs while each waits for its answer."""
    rate = transport.rate()
    now = time.monotonic()
    if rate is None:
        return Rhythm(pace=Pace(UNBOUND, now=now))
    return Rhythm(pace=Pace(rate, now=now), threads=min(_MOST_THREADS, math.ceil(rate / 2)))


def _begin(wish: Wish, store: Store, plan: Plan) -> Run:
    """The run to drain, looked up again under the lock: another sender may have been here."""
    if wish.again and plan.transport.rehearsal:
        store.clear_rehearsal(wish.issue)
    run = store.run(wish.issue, rehearsal=plan.transport.rehearsal)
    if run is not None and run.state is RunState.FINISHED:
        return run
    if run is not None:
        same(run, plan.content)
        lost = store.recover(run, now=clock())
        if lost:
            say(f"{plural(lost, 'delivery', 'deliveries')} of an earlier run ended unknown")
        store.set_run_state(run, RunState.RUNNING, clock())
        return run
    plan.transport.begin(wish.issue)
    return store.start_run(
        plan.content,
        rehearsal=plan.transport.rehearsal,
        transport=plan.transport.name,
        eligible=plan.opened.audience,
        now=clock(),
    )


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM, let what is in flight finish; the second ends at once."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        if seen:
            raise SystemExit(128 + number)
        seen.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield seen
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def tell(run: Run, counts: Counts, *, accepted: int) -> None:
    """The result of a run, in a sentence or as JSON."""
    by_state = {state.value: number for state, number in counts.by_state.items() if number}
    if VOICE.json:
        result_json(
            {
                "issue": run.content.issue, "rehearsal": run.rehearsal, "sent_now": accepted,
                "recipients": counts.total, "by_state": by_state,
            }
        )  # fmt: skip
        return
    shown = ", ".join(f"{name} {number:,}" for name, number in sorted(by_state.items()))
    word = "rehearsed" if run.rehearsal else "sent"
    result(f"issue {run.content.issue}: {plural(accepted, 'mail')} {word} now; in all {shown}")


def _code(desk: Desk, plan: Plan, counts: Counts, drained: Drained, stopped: list[int]) -> int:
    command = f"newsletter send --issue {plan.content.issue}"
    if not is_finished(counts):
        why = drained.reason or _WHY.get(drained.ending, "interrupted")
        say(f"paused ({why}); go on with: {command}")
        return 128 + stopped[0] if stopped else PausedError.exit_code
    if plan.transport.rehearsal:
        folder = desk.settings.transport.folder
        say(f"look: {folder}/{plan.content.issue:03d}/0001.eml opens in any mail program")
    if counts[State.UNKNOWN]:
        unknown = plural(counts[State.UNKNOWN], "outcome is", "outcomes are")
        say(f"{unknown} unknown: newsletter status says why")
        return UnknownOutcomesError.exit_code
    return 0


def already(store: Store, run: Run) -> int:
    """Say that there is nothing to do; 9 while outcomes are unknown."""
    counts = store.counts(run)
    word = "rehearsed" if run.rehearsal else "sent"
    when = run.finished_at or run.started_at
    number = run.content.issue
    say(f"issue {number} was already {word} on {when:%Y-%m-%d at %H:%M} UTC; nothing was sent")
    if run.rehearsal:
        say("hint: send --again repeats a rehearsal")
    tell(run, counts, accepted=0)
    return UnknownOutcomesError.exit_code if counts[State.UNKNOWN] else 0


def same(run: Run, content: Content) -> None:
    """Refuse to go on with a letter that is not the one that was begun."""
    if run.content.source_hash != content.source_hash:
        raise RefusedError(
            f"issue {content.issue}, its theme or its settings changed since it was begun",
            hint="send --again begins the rehearsal anew"
            if run.rehearsal
            else "put back what was sent first (git log shows it); the rest of the people must "
            "get the same letter",
        )
