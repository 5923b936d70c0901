"""Commands that look at what was sent, and put right what did not arrive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.errors import CancelledError, InputError, RefusedError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.delivery import Counts, Run, State
    from newsletter.schedule.outlook import Prospect
    from newsletter.store import Store
    from newsletter.store.deliveries import Doubt

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]

#: Unknown deliveries shown one by one.
_SHOWN = 20


def status(
    *,
    issue: Annotated[int | None, typer.Option(metavar="N", help="Only this issue.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what happened to every recipient, issue by issue, and what is due next."""
    from newsletter.cli.ahead import as_dict, coming
    from newsletter.cli.desk import open_desk
    from newsletter.store import runs as run_records

    VOICE.json = as_json
    desk = open_desk()
    with desk.store(create=False, read_only=True) as store:
        runs = [run for run in run_records.find_all(store) if issue in {None, run.content.issue}]
        sender = store.sender()
        due = [one for one in coming(desk) if issue is None or _is_about(one, issue)]
        if as_json:
            found = [_as_dict(store, run, sender) for run in runs]
            dates = [as_dict(one) for one in due]
            result_json({"sending": sender or None, "runs": found, "next": dates})
            return
        if runs:
            _show(store, runs, sender, whole=issue is not None)
        else:
            result("nothing was sent yet" if issue is None else f"issue {issue} was not sent yet")
    for one in due:
        what = f"issue {one.issue.number}, {one.standing.value}" if one.issue else "no issue yet"
        result(f"next: {one.when} ({one.zone.key}), {what}")


def _is_about(one: Prospect, issue: int) -> bool:
    return one.issue is not None and one.issue.number == issue


def retry(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
    unknown: Annotated[
        bool, typer.Option("--unknown", help="What is unknown, instead of what was refused.")
    ] = False,
    accept_duplicates: Annotated[
        bool,
        typer.Option("--accept-duplicates", help="Queue it again, though it may have arrived."),
    ] = False,
    assume_accepted: Annotated[
        bool, typer.Option("--assume-accepted", help="Take it as sent, and never send it again.")
    ] = False,
    confirm: Annotated[
        int | None, typer.Option(metavar="K", help="How many these are: do not ask.")
    ] = None,
) -> None:
    """Queue deliveries again that were refused or put off; `newsletter send` then sends them."""
    from newsletter.cli.desk import clock, open_desk
    from newsletter.cli.reconcile import has_source, reconcile
    from newsletter.store import deliveries
    from newsletter.store import runs as run_records

    desk = open_desk()
    _expect_agreement(
        unknown=unknown, risk=accept_duplicates, assume=assume_accepted, source=has_source(desk)
    )
    with desk.store(create=False) as store, store.lock():
        run = run_records.find(store, issue, rehearsal=desk.settings.transport.kind == "folder")
        if run is None:
            raise InputError(
                f"issue {issue} was not sent yet", hint=f"newsletter send --issue {issue}"
            )
        if unknown:
            patient = not (accept_duplicates or assume_accepted)
            facts = reconcile(desk, store, run, patient=patient)
            _settle_doubts(store, run, facts, confirm=confirm, assume=assume_accepted)
            return
        number = deliveries.retry(store, run, now=clock())
        _tell(issue, number, "none was refused or put off")


def _expect_agreement(*, unknown: bool, risk: bool, assume: bool, source: bool) -> None:
    if risk and assume:
        raise InputError(
            "--accept-duplicates and --assume-accepted contradict each other", hint="choose one"
        )
    if (risk or assume) and not unknown:
        raise InputError("this is about what is unknown", hint="add --unknown")
    if unknown and not (risk or assume or source):
        raise RefusedError(
            "nothing here tells whether what is unknown has arrived",
            hint="--accept-duplicates queues it again, and some may get it twice; "
            "--assume-accepted takes it as sent; transport.ses.events_queue would tell",
        )


def _settle_doubts(
    store: Store, run: Run, facts: Mapping[str, object], *, confirm: int | None, assume: bool
) -> None:
    """Have a person decide about what nobody knows; the decision is kept in the run's log."""
    from newsletter.cli.desk import clock
    from newsletter.delivery import State
    from newsletter.sending.run_log import RunLog
    from newsletter.store import deliveries
    from newsletter.store import runs as run_records

    issue, doubtful = run.content.issue, run_records.counts(store, run)[State.UNKNOWN]
    number = doubtful if assume else deliveries.riskable(store, run)
    if doubtful > number:
        again = plural(doubtful - number, "delivery was", "deliveries were")
        say(f"{again} queued like this before; once each is the most, so unknown is the end of it")
    if not number:
        _tell(issue, 0, "none is unknown" if not doubtful else "none may be queued once more")
        return
    for (state, reason), found in run_records.reasons(store, run).items():
        if state is State.UNKNOWN:
            say(f"  unknown {found:,}: {reason}")
    _agree(number, confirm, assume=assume)
    done = (
        deliveries.assume(store, run, now=clock())
        if assume
        else deliveries.risk(store, run, now=clock())
    )
    with RunLog(store.folder, f"{issue}-retry", clock) as log:
        log.note("assumed" if assume else "risked", issue=issue, deliveries=done, **facts)
    if assume:
        taken = plural(done, "delivery is", "deliveries are")
        result(f"issue {issue}: {taken} taken as sent; nothing was sent")
    else:
        _tell(issue, done, "")


def _agree(number: int, confirm: int | None, *, assume: bool) -> None:
    """Have the number of deliveries typed: whoever types it has read it."""
    from newsletter.cli.desk import CHOSEN

    people = plural(number, "person", "people")
    get = "gets" if number == 1 else "get"
    what = f"take {people} as served" if assume else f"risk that {people} {get} it twice"
    if confirm is None:
        if CHOSEN.no_input or not sys.stdin.isatty():
            raise InputError(
                f"to {what} needs a confirmation, and nobody is there to ask",
                hint=f"add --confirm {number}",
            )
        say(f"Type {number} to {what}, anything else cancels: ", quiet_at=-9)
        if sys.stdin.readline().strip() != str(number):
            raise CancelledError("cancelled; nothing was changed")
    elif confirm != number:
        raise InputError(
            f"--confirm says {confirm}, but it is about {plural(number, 'delivery', 'deliveries')}",
            hint="look again: newsletter status",
        )


def _tell(issue: int, number: int, nothing: str) -> None:
    if number:
        queued = plural(number, "delivery is", "deliveries are")
        result(f"issue {issue}: {queued} queued again; nothing was sent yet")
        say(f"next: newsletter send --issue {issue}")
    else:
        result(f"issue {issue}: nothing to retry, {nothing}")


def _show(store: Store, runs: list[Run], sender: str, *, whole: bool) -> None:
    from newsletter.store import runs as run_records

    counted = [(run, run_records.counts(store, run)) for run in runs]
    header = ("issue", "run", "state", "recipients", "outcomes")
    result(table([header, *(_row(run, counts, sender) for run, counts in counted)]))
    for run, counts in counted:
        for line in _details(store, run, counts, sender, whole=whole):
            result(f"  {run.content.issue}: {line}")


def _row(run: Run, counts: Counts, sender: str) -> tuple[str, ...]:
    kind = "rehearsal" if run.rehearsal else run.transport or "-"
    state = _stands(run, sender)
    return str(run.content.issue), kind, state, f"{counts.total:,}", _outcomes(counts)


def _stands(run: Run, sender: str) -> str:
    """The state of a run; one whose process died still says that it freezes or runs."""
    from newsletter.delivery import RunState

    alive = {RunState.FREEZING, RunState.RUNNING}
    return "interrupted" if run.state in alive and not sender else run.state.value


def _details(store: Store, run: Run, counts: Counts, sender: str, *, whole: bool) -> list[str]:
    from newsletter.delivery import State
    from newsletter.store import deliveries
    from newsletter.store import runs as run_records

    lines = [f"{run.state.value}: {run.reason}"] if run.reason else []
    if counts[State.CLAIMED] and not sender:
        gone = plural(counts[State.CLAIMED], "delivery was", "deliveries were")
        lines.append(f"{gone} in flight when the process ended, and will be unknown")
    reasons = run_records.reasons(store, run).items()
    lines += [f"{state.value} {number:,}: {reason}" for (state, reason), number in reasons]
    if whole:
        rate = run_records.rate(store, run)
        lines += [f"{rate:.3g} mails/s of late"] if rate else []
        lines += [_doubt(doubt) for doubt in deliveries.doubtful(store, run, most=_SHOWN)]
    return lines


def _doubt(doubt: Doubt) -> str:
    from newsletter.audience import mask

    who = mask(doubt.address) if doubt.address else "an erased person"
    when = f"{doubt.claimed_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"unknown since {when}: recipient {doubt.position:,}, {who}, attempt {doubt.attempt}"


def _outcomes(counts: Counts) -> str:
    shown = ((state.value, number) for state, number in counts.by_state.items() if number)
    return ", ".join(f"{name} {number:,}" for name, number in sorted(shown)) or "no recipients"


def _as_dict(store: Store, run: Run, sender: str) -> dict[str, object]:
    from newsletter.store import deliveries
    from newsletter.store import runs as run_records

    counts, rate = run_records.counts(store, run), run_records.rate(store, run)
    reasons: Mapping[tuple[State, str], int] = run_records.reasons(store, run)
    return {
        "issue": run.content.issue,
        "title": run.content.title,
        "rehearsal": run.rehearsal,
        "transport": run.transport,
        "state": _stands(run, sender),
        "pause": run.pause.value if run.pause else None,
        "reason": run.reason,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "recipients": counts.total,
        "mails_per_second": round(rate, 3) if rate else None,
        "content_hash": run.content.content_hash,
        "skipped_checks": run.content.skipped_checks,
        "by_state": {state.value: number for state, number in sorted(counts.by_state.items())},
        "reasons": [
            {"state": state.value, "reason": reason, "deliveries": number}
            for (state, reason), number in reasons.items()
        ],
        "unknown": [
            {
                "position": doubt.position, "attempt": doubt.attempt, "reason": doubt.reason,
                "claimed_at": doubt.claimed_at.isoformat(), "risked": bool(doubt.risked),
            }
            for doubt in deliveries.doubtful(store, run, most=1000)
        ],
    }  # fmt: skip
