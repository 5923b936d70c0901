"""What came of a send, in words, as JSON, and as an exit code."""

from __future__ import annotations

import shlex
from pathlib import Path

from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.delivery import Counts, Pause, Run, RunState, State, Stop
from newsletter.errors import PausedError, UnknownOutcomesError
from newsletter.humanize import plural
from newsletter.project import Project
from newsletter.sending.result import (
    AlreadySent,
    Detached,
    DueResult,
    LedgerFile,
    Plan,
    SendResult,
)


def exit_code(found: SendResult | AlreadySent | Plan, *, signal: int = 0) -> int:
    """The exit code of a send, and of a dry run the one that the real run would have.

    Args:
        found: what came of it.
        signal: the number of the signal that ended it, 0 for none.

    Returns:
        0, 6 when deliveries are left, 9 when outcomes are unknown, 129, 130 or 143 after a signal.
    """
    if isinstance(found, Plan):
        limit = found.options.limit
        left = found.short or (limit is not None and limit < found.recipients)
        unknown = found.doubtful > 0 or bool(found.exposed)
    else:
        left = isinstance(found, SendResult) and found.stop is not None
        unknown = found.counts[State.UNKNOWN] > 0
    if left:
        return 128 + signal if signal else PausedError.exit_code
    return UnknownOutcomesError.exit_code if unknown else 0


def show_send(project: Project, found: SendResult | AlreadySent) -> None:
    """Say what came of a send and what to do next."""
    if isinstance(found, AlreadySent):
        _show_already(found)
        return
    number, stop = found.run.content.issue, found.stop
    _show_counts(
        found.run, found.counts, sent_now=found.sent_now,
        state=found.state.value, pause=stop.pause.value if stop else None,
        reason=stop.reason if stop else "", log=str(found.log),
    )  # fmt: skip
    if found.reasons:
        for (state, reason), deliveries in found.reasons.items():
            say(f"  {state.value} {deliveries:,}: {reason}")
        say(f"  log: {_shown(found.log, project.root)}")
    if stop:
        if found.state is RunState.CANCELLED:
            say("cancelled")
        else:
            say(f"paused: {stop.reason}{_goes_on(found, stop)}")
        say(f"next: newsletter send --issue {number} goes on with {found.counts.left:,}")
    else:
        _show_finished(project, found)
    _show_unknown(number, found.counts)
    if found.ledger:
        _show_ledger(number, found.ledger)


def show_detached(found: Detached) -> int:
    """Say who sends it now, how to watch them, and how to stop it.

    Returns:
        The exit code: 0, 6 when no worker has taken it up, or one has paused it.
    """
    number, there = found.run.content.issue, plural(len(found.workers), "worker")
    if VOICE.json:
        _show_counts(found.run, found.counts, sent_now=0, detached=True, workers=found.workers)
    else:
        result(f"issue {number}: {plural(found.counts.left, 'mail')} left to {there}")
    if found.paused:
        say(f"paused: {found.paused}")
        say(f"next: newsletter send --issue {number} goes on")
    elif found.taken_up:
        say(f"watch: newsletter status --issue {number}")
    else:
        why = found.why_not or "each says on its machine what keeps it"
        say(f"warning: no worker has begun to send it yet; {why}")
        say(f"hint: newsletter send --issue {number} sends it from here")
    say(f"stop:  newsletter cancel --issue {number}")
    if found.ledger:
        _show_ledger(number, found.ledger)
    return 0 if found.taken_up else PausedError.exit_code


def show_dry_run(plan: Plan) -> None:
    """Say that nothing was sent."""
    say("dry run: nothing was sent and nothing was written")
    if VOICE.json:
        result_json(
            {
                "issue": plan.options.issue, "rehearsal": plan.transport.rehearsal,
                "dry_run": True, "recipients": plan.recipients, "left_out": dict(plan.left_out),
                **({"newcomers": plan.newcomers[0]} if plan.newcomers else {}),
            }
        )  # fmt: skip


def show_due(project: Project, found: DueResult, *, signal: int) -> int:
    """Say what a trigger did.

    Returns:
        The exit code: that of its send; 0 where nothing was due or all was done.
    """
    if found.sent:
        show_send(project, found.sent)
        return exit_code(found.sent, signal=signal)
    if found.planned:
        show_dry_run(found.planned)
        return exit_code(found.planned)
    if found.done_before:
        _show_already(found.done_before)
        return 0  # unknown outcomes were reported when it was sent
    say(found.reason)
    if VOICE.json:
        result_json({"issue": None, "sent_now": 0, "reason": found.reason})
    return 0


def _show_already(found: AlreadySent) -> None:
    run = found.run
    word = "rehearsed" if run.rehearsal else "sent"
    when = run.finished_at or run.started_at
    number = run.content.issue
    say(f"issue {number} was already {word} on {when:%Y-%m-%d at %H:%M} UTC; nothing was sent")
    if run.rehearsal:
        say("hint: send --again repeats a rehearsal")
    _show_counts(run, found.counts, sent_now=0)
    _show_unknown(number, found.counts)


def _show_counts(run: Run, counts: Counts, *, sent_now: int, **more: object) -> None:
    """The result of a run, in a sentence or as JSON."""
    by_state = {state.value: number for state, number in counts.by_state.items() if number}
    if VOICE.json:
        result_json(
            {
                "issue": run.content.issue, "rehearsal": run.rehearsal, "sent_now": sent_now,
                "recipients": counts.total, "by_state": by_state, **more,
            }
        )  # fmt: skip
        return
    shown = ", ".join(f"{name} {number:,}" for name, number in sorted(by_state.items()))
    word = "rehearsed" if run.rehearsal else "sent"
    result(f"issue {run.content.issue}: {plural(sent_now, 'mail')} {word} now; in all {shown}")


def _show_finished(project: Project, found: SendResult) -> None:
    number, counts = found.run.content.issue, found.counts
    if found.run.rehearsal:
        folder = project.settings.transport.folder
        say(f"look: newsletter preview --issue {number} shows it with its pictures")
        say(f"      {folder}/{number:03d}/0001.eml is the mail itself, for any mail program")
    if refused := counts[State.REFUSED]:
        say(
            f"next: {plural(refused, 'mail was', 'mails were')} refused for good: "
            f"newsletter status --issue {number} --list refused"
        )
        say("      where no such mailbox is: newsletter subscribers suppress ADDR --reason bounced")
        say(f"      where the cause was here and is mended: newsletter retry --issue {number}")


def _show_unknown(number: int, counts: Counts) -> None:
    """What a person may do about outcomes that are unknown."""
    if unknown := counts[State.UNKNOWN]:
        say(
            f"next: {plural(unknown, 'outcome is', 'outcomes are')} unknown and "
            f"will not be sent again: newsletter status --issue {number} shows them, and "
            f"newsletter retry --issue {number} --unknown settles them"
        )


def _goes_on(found: SendResult, stop: Stop) -> str:
    """When the day's quota frees up."""
    if stop.pause is not Pause.QUOTA:
        return ""
    if found.quota_frees_at is None:
        return ", and frees up within 24 hours"
    return f", and frees up from {found.quota_frees_at:%Y-%m-%d at %H:%M} UTC on"


def _show_ledger(number: int, file: LedgerFile) -> None:
    if file.committed:
        say(f"{file.name} is committed; push it, and no restored backup sends issue {number} again")
        return
    where = shlex.quote(file.name)
    say(f'keep: git add {where} && git commit -m "{file.message}" {where}')


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
