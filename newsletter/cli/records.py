"""Commands that look at what was sent, and put right what did not arrive."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, Console, result, result_json, say, table
from newsletter.errors import InputError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.delivery import Counts, Run, State
    from newsletter.project import Project
    from newsletter.schedule.outlook import Prospect
    from newsletter.store import Store
    from newsletter.store.deliveries import Doubt

    Alive = frozenset[int]  # the rows of runs that somebody may be at work on
    Unsent = Mapping[int, str]  # why nobody sends runs that go on, by their rows

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]

#: Unknown deliveries shown one by one.
_SHOWN = 20
#: Mail servers give up after some five days; what comes back later is rare.
_BOUNCING = dt.timedelta(days=7)


def status(
    *,
    issue: Annotated[int | None, typer.Option(metavar="N", help="Only this issue.")] = None,
    listed: Annotated[
        str,
        typer.Option(
            "--list",
            metavar="STATE",
            help="Name the people of an issue in this state, such as refused, or all of them.",
        ),
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write them to a new file, addresses whole."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened to every recipient, issue by issue, and what is due next."""
    from newsletter.cli.ahead import as_dict, coming
    from newsletter.cli.context import open_if_begun, open_project
    from newsletter.cli.senders import senders_as_dict, show_senders
    from newsletter.store import runs as run_records
    from newsletter.store.shares import senders, unsent

    VOICE.json = as_json
    _refuse_incomplete(issue, listed, file)
    project = open_project()
    with open_if_begun(project) as store:
        if store is None:
            _show_nothing(project, issue, as_json=as_json)
            return
        runs, forgotten = _on_record(project, store, issue)
        if listed and runs:
            from newsletter.cli.recipients import list_recipients

            list_recipients(store, runs, listed, file)
            return
        alive, there = run_records.at_work(store), senders(store, now=store.clock()())
        due = [one for one in coming(project, store) if issue is None or _is_about(one, issue)]
        if as_json:
            found = [_as_dict(store, run, alive) for run in runs]
            lost = [{"issue": number, "reason": what} for number, what in forgotten.items()]
            told = {"sending": store.sender() or None, **senders_as_dict(there), "runs": found}
            result_json(told | {"forgotten": lost, "next": [as_dict(one) for one in due]})
            return
        counted = [(run, run_records.counts(store, run)) for run in runs]
        if runs:
            _show(store, counted, alive, unsent(store), whole=issue is not None)
        elif not forgotten:
            result(_nothing_sent(issue))
        for number, what in forgotten.items():
            result(f"  {number}: {what}")
        show_senders(there, [run for run in runs if run.id in alive])
        _remind_of_bounces(store, counted)
    _show_dates(due)


def _nothing_sent(issue: int | None) -> str:
    return "no issue was sent yet" if issue is None else f"issue {issue} was not sent yet"


def _show_dates(due: Sequence[Prospect]) -> None:
    for one in due:
        what = f"issue {one.issue.number}, {one.state}" if one.issue else "no issue yet"
        result(f"next: {one.when} ({one.zone.key}), {what}")


def _show_nothing(project: Project, issue: int | None, *, as_json: bool) -> None:
    """The status of a newsletter without any records."""
    from newsletter.cli.ahead import as_dict, coming
    from newsletter.cli.senders import senders_as_dict
    from newsletter.project.files import find_issue
    from newsletter.store.shares import NOBODY

    if issue is not None:
        find_issue(project.root, issue)
    due = [one for one in coming(project, None) if issue is None or _is_about(one, issue)]
    if as_json:
        none = {"sending": None, **senders_as_dict(NOBODY), "runs": [], "forgotten": []}
        result_json(none | {"next": [as_dict(one) for one in due]})
    else:
        result(_nothing_sent(issue))
        _show_dates(due)
        say("next: newsletter subscribers import FILE --consent-source TEXT")


def _on_record(
    project: Project, store: Store, issue: int | None
) -> tuple[list[Run], dict[int, str]]:
    """The runs of all issues, or of one, and what the records have forgotten of them.

    Raises:
        InputError: nothing is known of the one, not even a file.
    """
    from newsletter.project.files import find_issue
    from newsletter.store import runs as run_records
    from newsletter.store.agreement import all_forgotten

    runs = [run for run in run_records.find_all(store) if issue in {None, run.content.issue}]
    told = all_forgotten(project.root, store)
    forgotten = {number: what for number, what in told.items() if issue in {None, number}}
    if issue is not None and not runs and not forgotten:
        find_issue(project.root, issue)
    return runs, forgotten


def _refuse_incomplete(issue: int | None, listed: str, file: Path | None) -> None:
    if listed and issue is None:
        raise InputError("--list is about one issue", hint="add --issue N")
    if file and not listed:
        raise InputError("--csv writes the people of a state", hint="add --list all")


def _remind_of_bounces(store: Store, counted: list[tuple[Run, Counts]]) -> None:
    """Where no provider reports what came back, the author has to; asked of the last run.

    What no server has accepted cannot come back, and nothing does so long after it was.
    """
    from newsletter.delivery import State
    from newsletter.store.suppressions import reported_since

    through = [run for run, counts in counted if run.transport == "smtp" and counts[State.ACCEPTED]]
    last = through[-1] if through else None
    lately = last and clocks.now() - (last.finished_at or last.started_at) < _BOUNCING
    if last and lately and not reported_since(store, last.started_at):
        say(
            f"hint: mails of issue {last.content.issue} that bounce come back to the sender's "
            "mailbox; note them: newsletter subscribers suppress FILE|ADDR --reason bounced"
        )


def _is_about(one: Prospect, issue: int) -> bool:
    return one.issue is not None and one.issue.number == issue


def retry(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Decide about unknown outcomes instead of refused ones."),
    ] = False,
    accept_duplicates: Annotated[
        bool,
        typer.Option(
            "--accept-duplicates", help="Queue them again, although they may have arrived."
        ),
    ] = False,
    assume_accepted: Annotated[
        bool,
        typer.Option("--assume-accepted", help="Count them as sent; they are never sent again."),
    ] = False,
    confirm: Annotated[
        int | None, typer.Option(metavar="K", help="How many these are, instead of being asked.")
    ] = None,
) -> None:
    """Queue refused or deferred deliveries again; `newsletter send` then sends them."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.events.reconcile import reconcile
    from newsletter.sending import second_ledger
    from newsletter.sending.retry import refuse_guessing, run_of
    from newsletter.store import deliveries

    project = open_project()
    decided = accept_duplicates or assume_accepted
    _refuse_contradictions(unknown=unknown, risk=accept_duplicates, assume=assume_accepted)
    if unknown:
        refuse_guessing(project, decided=decided)
    with open_store(project, create=False) as store, store.lock():
        if not project.rehearses:
            second_ledger.lost_entry(project, store, issue, restored=False)
        run = run_of(project, store, issue)
        if unknown:
            found = reconcile(
                project, store, run, patient=not decided, environ=os.environ, reporter=Console()
            )
            facts = asdict(found) if found else {}
            _settle_doubts(store, run, facts, confirmed=confirm, assume=assume_accepted)
            return
        _tell(issue, deliveries.retry(store, run, now=clocks.now()), "none was refused or deferred")


def _refuse_contradictions(*, unknown: bool, risk: bool, assume: bool) -> None:
    if risk and assume:
        raise InputError(
            "--accept-duplicates and --assume-accepted contradict each other", hint="choose one"
        )
    if (risk or assume) and not unknown:
        raise InputError("this is about what is unknown", hint="add --unknown")


def _settle_doubts(
    store: Store, run: Run, facts: Mapping[str, object], *, confirmed: int | None, assume: bool
) -> None:
    """Have the operator decide about what is unknown; the decision is kept in the run's log."""
    from newsletter.sending.retry import find_doubts, settle_doubts

    issue = run.content.issue
    doubts = find_doubts(store, run, assume=assume)
    if doubts.unknown > doubts.number:
        again = plural(doubts.unknown - doubts.number, "delivery was", "deliveries were")
        say(
            f"{again} queued like this before; each is queued again only once, so they stay unknown"
        )
    if not doubts.number:
        nothing = "none is unknown" if not doubts.unknown else "none may be queued once more"
        _tell(issue, 0, nothing)
        return
    for reason, found in doubts.reasons.items():
        say(f"  unknown {found:,}: {reason}")
    _confirm_doubts(doubts.number, confirmed, assume=assume)
    done = settle_doubts(store, run, assume=assume, facts=facts)
    if assume:
        taken = plural(done, "delivery is", "deliveries are")
        result(f"issue {issue}: {taken} counted as sent; nothing was sent")
    else:
        _tell(issue, done, "")


def _confirm_doubts(number: int, confirmed: int | None, *, assume: bool) -> None:
    """Have the number of deliveries typed: whoever types it has read it."""
    from newsletter.cli.confirm import confirm

    people = plural(number, "person", "people")
    get = "gets" if number == 1 else "get"
    what = f"count {people} as sent" if assume else f"risk that {people} {get} it twice"
    if confirmed is None:
        confirm(
            str(number), to=f"to {what}", subject=f"to {what}", hint=f"--confirm {number}",
            unchanged="nothing was changed",
        )  # fmt: skip
    elif confirmed != number:
        raise InputError(
            f"--confirm says {confirmed}, but it is about "
            f"{plural(number, 'delivery', 'deliveries')}",
            hint="look again: newsletter status",
        )


def _tell(issue: int, number: int, nothing: str) -> None:
    if number:
        queued = plural(number, "delivery is", "deliveries are")
        result(f"issue {issue}: {queued} queued again; nothing was sent yet")
        say(f"next: newsletter send --issue {issue}")
    else:
        result(f"issue {issue}: nothing to retry, {nothing}")


def _show(
    store: Store, counted: list[tuple[Run, Counts]], alive: Alive, still: Unsent, *, whole: bool
) -> None:
    from newsletter.cli.senders import how_it_stands
    from newsletter.sending.recipients import run_name

    header = ("issue", "run", "state", "recipients", "outcomes")
    result(table([header, *(_row(run, counts, alive) for run, counts in counted)]))
    for run, counts in counted:
        stands = how_it_stands(run, still)
        for line in [*filter(None, [stands]), *_details(store, run, counts, alive, whole=whole)]:
            result(f"  {run.content.issue} {run_name(run)}: {line}")


def _row(run: Run, counts: Counts, alive: Alive) -> tuple[str, ...]:
    from newsletter.sending.recipients import run_name

    state = _stands(run, alive)
    return str(run.content.issue), run_name(run), state, f"{counts.total:,}", _outcomes(counts)


def _stands(run: Run, alive: Alive) -> str:
    """The state of a run; one whose process died still says that it freezes or runs."""
    from newsletter.delivery import RunState

    dead = run.state in {RunState.FREEZING, RunState.RUNNING} and run.id not in alive
    return "interrupted" if dead else run.state.value


def _details(store: Store, run: Run, counts: Counts, alive: Alive, *, whole: bool) -> list[str]:
    from newsletter.delivery import State
    from newsletter.store import deliveries
    from newsletter.store.shares import rate as rate_of

    lines = list[str]()
    if counts[State.CLAIMED] and run.id not in alive:
        gone = plural(counts[State.CLAIMED], "delivery was", "deliveries were")
        lines.append(f"{gone} in flight when the process ended, and will be unknown")
    for (state, reason), number in _reasons(store, run).items():
        before = ", tried before" if state is State.QUEUED else ""
        lines.append(f"{state.value} {number:,}{before}: {reason}")
    if whole:
        rate = rate_of(store, run, now=store.clock()()) if run.id in alive else None
        lines += [f"{rate:.3g} mails/s recently"] if rate else []
        lines += [_doubt(doubt) for doubt in deliveries.doubtful(store, run, most=_SHOWN)]
    if counts[State.UNKNOWN]:
        number = run.content.issue
        lines.append(f"newsletter retry --issue {number} --unknown settles what is unknown")
    return lines


def _reasons(store: Store, run: Run) -> Mapping[tuple[State, str], int]:
    """Why deliveries are where they are, by state.

    What is queued again still has the reason of its last try: while the run goes on that tells what
    it waits for, later it is out of date. Why it stands still, the run says.
    """
    from newsletter.delivery import RunState, State
    from newsletter.store import runs as run_records

    found = run_records.reasons(store, run).items()
    goes_on = run.state is RunState.RUNNING
    return {key: number for key, number in found if goes_on or key[0] is not State.QUEUED}


def _doubt(doubt: Doubt) -> str:
    from newsletter.audience import mask

    who = mask(doubt.address) if doubt.address else "an erased person"
    when = f"{doubt.claimed_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"unknown since {when}: recipient {doubt.position:,}, {who}, attempt {doubt.attempt}"


def _outcomes(counts: Counts) -> str:
    shown = ((state.value, number) for state, number in counts.by_state.items() if number)
    return ", ".join(f"{name} {number:,}" for name, number in sorted(shown)) or "no recipients"


def _as_dict(store: Store, run: Run, alive: Alive) -> dict[str, object]:
    from newsletter.store import deliveries, runs
    from newsletter.store.shares import rate as rate_of

    counts = runs.counts(store, run)
    rate = rate_of(store, run, now=store.clock()()) if run.id in alive else None
    return {
        "issue": run.content.issue,
        "title": run.content.title,
        "rehearsal": run.rehearsal,
        "transport": run.transport,
        "state": _stands(run, alive),
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
            for (state, reason), number in _reasons(store, run).items()
        ],
        "unknown": [
            {
                "position": doubt.position, "attempt": doubt.attempt, "reason": doubt.reason,
                "claimed_at": doubt.claimed_at.isoformat(), "risked": bool(doubt.risked),
            }
            for doubt in deliveries.doubtful(store, run, most=1000)
        ],
    }  # fmt: skip
