"""`newsletter send`, step by step: look, ask, freeze, drain, say what came of it."""

from __future__ import annotations

import difflib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.check import RULES, errors
from newsletter.check.mail import LIMIT
from newsletter.cli.desk import CHOSEN, Desk, clock
from newsletter.cli.people import warn_of_unimported
from newsletter.cli.progress import progress
from newsletter.cli.show import VOICE, plural, result, result_json, say
from newsletter.cli.write import line, tally
from newsletter.errors import (
    AccountError,
    CancelledError,
    InputError,
    NotFitError,
    PausedError,
    RefusedError,
    UnknownOutcomesError,
)
from newsletter.message import Envelope, seal
from newsletter.outbox import Content, Counts, Run, RunState, State, is_finished
from newsletter.send import Press, Transport, deliver_next
from newsletter.settings.mail import sender
from newsletter.store import git
from newsletter.workers.local import Drained, drain

if TYPE_CHECKING:
    from newsletter.store.letters import Opened
    from newsletter.store.sql import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for."""

    issue: int
    confirm: int | None = None
    dry_run: bool = False
    limit: int | None = None
    expect: int | None = None
    skip_checks: tuple[str, ...] = ()
    again: bool = False


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


def send_issue(desk: Desk, wish: Wish) -> int:
    """Send an issue, or say why not.

    Returns:
        The exit code: 0, 6 when deliveries are left, 9 when outcomes are unknown, 130 or 143
        when a signal ended it.

    Raises:
        NewsletterError: it must not or cannot be sent; nothing has left.
    """
    if wish.confirm not in {None, wish.issue}:
        raise InputError(
            f"--confirm says {wish.confirm}, --issue says {wish.issue}", hint="make them agree"
        )
    _expect_checks(wish.skip_checks)
    opened = desk.letter(wish.issue)
    transport = desk.transport()
    with desk.store(create=False, read_only=wish.dry_run) as store:
        done = store.run(wish.issue, rehearsal=transport.rehearsal)
        if done and done.state is RunState.FINISHED and not (wish.again and transport.rehearsal):
            return _already(store, done)
        _gate(opened, wish)
        plan = _plan(desk, wish, store, opened, transport)
        _announce(desk, plan)
        warn_of_unimported(desk, store)
        if wish.dry_run:
            return _foresee(wish, plan)
        _confirm(wish)
        with store.lock():
            return _deliver(desk, wish, store, plan)


def _expect_checks(names: tuple[str, ...]) -> None:
    """Refuse a check nobody knows: with a typing error in it, a flag would do nothing."""
    for name in names:
        if name not in RULES:
            near = difflib.get_close_matches(name, RULES, 1)
            raise InputError(
                f'no check is called "{name}"',
                hint=f'did you mean "{near[0]}"?' if near else "docs/checks.md lists them",
            )


def _foresee(wish: Wish, plan: Plan) -> int:
    """Say that this was a dry run; the exit code is the one the real run would have."""
    say("dry run: nothing was sent and nothing was written")
    if VOICE.json:
        result_json(
            {
                "issue": wish.issue, "rehearsal": plan.transport.rehearsal, "dry_run": True,
                "recipients": plan.recipients, "left_out": plan.left_out,
            }
        )  # fmt: skip
    if wish.limit is not None and wish.limit < plan.recipients:
        return PausedError.exit_code
    return UnknownOutcomesError.exit_code if plan.doubtful else 0


def _already(store: Store, run: Run) -> int:
    counts = store.counts(run)
    word = "rehearsed" if run.rehearsal else "sent"
    when = run.finished_at or run.started_at
    number = run.content.issue
    say(f"issue {number} was already {word} on {when:%Y-%m-%d at %H:%M} UTC; nothing was sent")
    if run.rehearsal:
        say("hint: send --again repeats a rehearsal")
    _tell(run, counts, accepted=0)
    return UnknownOutcomesError.exit_code if counts[State.UNKNOWN] else 0


def _gate(opened: Opened, wish: Wish) -> None:
    """Stop where the letter has errors that nobody answers for."""
    stopping = [f for f in errors(opened.findings) if f.id not in wish.skip_checks]
    for finding in stopping:
        say(line(finding), quiet_at=-9)
    if stopping:
        raise NotFitError(
            f"issue {wish.issue} is not fit to send: {plural(len(stopping), 'error')}",
            hint=f"mend them and look again: newsletter check --issue {wish.issue}",
        )


def _plan(desk: Desk, wish: Wish, store: Store, opened: Opened, transport: Transport) -> Plan:
    envelope = seal(opened.rendered, sender(desk.settings))
    content = _content(opened, envelope)
    anew = wish.again and transport.rehearsal
    run = None if anew else store.run(wish.issue, rehearsal=transport.rehearsal)
    doubtful = 0
    if run is None:
        audience = store.audience(opened.audience)
        recipients, left_out = audience.eligible, dict(audience.left_out)
    else:
        _same(run, content)
        counts = store.counts(run)
        recipients, left_out = counts.left, {}
        doubtful = counts[State.CLAIMED] + counts[State.UNKNOWN]
    if wish.expect not in {None, recipients}:
        raise RefusedError(
            f"--expect says {wish.expect}, but there are {plural(recipients, 'recipient')}",
            hint="find out why before sending",
        )
    if not recipients and run is None:
        raise NotFitError(
            "nobody would get this issue",
            hint="import a list: newsletter subscribers import FILE --consent-source TEXT",
        )
    return Plan(
        opened=opened, transport=transport, content=content,
        recipients=recipients, left_out=left_out, run=run, doubtful=doubtful,
    )  # fmt: skip


def _content(opened: Opened, envelope: Envelope) -> Content:
    import hashlib

    dumped = envelope.dump()
    return Content(
        issue=opened.issue.number,
        title=opened.issue.title,
        envelope=dumped,
        content_hash=hashlib.sha256(dumped).hexdigest(),
        source_hash=opened.rendered.source_hash,
    )


def _same(run: Run, content: Content) -> None:
    """Refuse to go on with a letter that is not the one that was begun."""
    if run.content.source_hash != content.source_hash:
        raise RefusedError(
            f"issue {content.issue}, its theme or its settings changed since it was begun",
            hint="send --again begins the rehearsal anew"
            if run.rehearsal
            else "put back what was sent first (git log shows it); the rest of the people must "
            "get the same letter",
        )


def _announce(desk: Desk, plan: Plan) -> None:
    """Everything worth a look before anything leaves."""
    issue, rendered = plan.opened.issue, plan.opened.rendered
    group = desk.settings.sender
    size = len(rendered.html.encode())
    left_out = ", ".join(f"{n:,} {why}" for why, n in plan.left_out.items() if n) or "nobody"
    recipients = f"{plan.recipients:,}" + (" left of a run begun earlier" if plan.run else "")
    rows = [
        ("issue", f"{issue.number}: {issue.title}"),
        ("file", f"{issue.file} ({git.state(desk.root, issue.file)})"),
        ("from", f"{group.from_name} <{group.from_address}>"),
        ("replies to", group.reply_to or group.from_address),
        ("recipients", recipients),
        ("left out", left_out),
        ("through", plan.transport.describe()),
        ("size", f"{size:,} of {LIMIT:,} bytes, {plural(len(rendered.links), 'link')}"),
        ("findings", tally(plan.opened.findings)),
    ]
    for name, value in rows:
        say(f"{name:>10}  {value}")


def _confirm(wish: Wish) -> None:
    if wish.confirm is not None:
        return
    if CHOSEN.no_input or not sys.stdin.isatty():
        raise InputError(
            "sending needs a confirmation, and nobody is there to ask",
            hint=f"add --confirm {wish.issue}",
        )
    say(f"Type {wish.issue} to send it, anything else cancels: ", quiet_at=-9)
    if sys.stdin.readline().strip() != str(wish.issue):
        raise CancelledError("cancelled; nothing was sent")


def _deliver(desk: Desk, wish: Wish, store: Store, plan: Plan) -> int:
    run = _begin(wish, store, plan)
    if run.state is RunState.FINISHED:
        return _already(store, run)
    press = Press(
        envelope=Envelope.load(run.content.envelope),
        public_url=desk.settings.site.public_url,
        key=store.link_key(),
    )
    with _signals() as stopped, progress(store.counts(run).left) as told:
        drained = drain(
            lambda: deliver_next(run, store, plan.transport, press, clock),
            limit=wish.limit,
            stopped=lambda: bool(stopped),
            told=told,
        )
    counts = store.counts(run)
    state = RunState.FINISHED if is_finished(counts) else RunState.PAUSED
    store.set_run_state(run, state, clock())
    if drained.ending == "refused" and not counts[State.ACCEPTED]:
        raise AccountError(
            f"{plan.transport.describe()}: {drained.reason}",
            hint=f"then: newsletter send --issue {wish.issue}",
        )
    _tell(run, counts, accepted=drained.accepted)
    return _code(desk, plan, counts, drained, stopped)


def _begin(wish: Wish, store: Store, plan: Plan) -> Run:
    """The run to drain, looked up again under the lock: another sender may have been here."""
    if wish.again and plan.transport.rehearsal:
        store.clear_rehearsal(wish.issue)
    run = store.run(wish.issue, rehearsal=plan.transport.rehearsal)
    if run is not None and run.state is RunState.FINISHED:
        return run
    if run is not None:
        _same(run, plan.content)
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


@contextmanager
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


def _tell(run: Run, counts: Counts, *, accepted: int) -> None:
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
        why = drained.reason or {"limit": "the limit is reached"}.get(drained.ending, "interrupted")
        say(f"paused ({why}); go on with: {command}")
        return 128 + stopped[0] if stopped else PausedError.exit_code
    if plan.transport.rehearsal:
        folder = desk.settings.transport.folder
        say(f"look: {folder}/{plan.content.issue:03d}/0001.eml opens in any mail program")
    if counts[State.UNKNOWN]:
        say(f"{counts[State.UNKNOWN]:,} outcomes are unknown: newsletter status says why")
        return UnknownOutcomesError.exit_code
    return 0
