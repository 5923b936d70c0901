"""Commands that send, and the one that tells what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.outbox import Counts, Run, State

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def send(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
    confirm: Annotated[
        int | None, typer.Option(metavar="N", help="The same number: do not ask.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do all but send; change not one byte.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Send K mails, then pause.")
    ] = None,
    expect: Annotated[
        int | None, typer.Option(metavar="N", help="Refuse unless there are N recipients.")
    ] = None,
    skip_check: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Send despite this finding.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat a rehearsal; never a real send.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send an issue to everybody who should get it, once; run it again to go on."""
    from newsletter.cli.desk import open_desk
    from newsletter.cli.draining import Wish
    from newsletter.cli.sending import send_issue

    VOICE.json = as_json
    wish = Wish(
        issue=issue,
        confirm=confirm,
        dry_run=dry_run,
        limit=limit,
        expect=expect,
        skip_checks=tuple(skip_check or ()),
        again=again,
    )
    code = send_issue(open_desk(), wish)
    if code:
        raise typer.Exit(code)


def status(
    *,
    issue: Annotated[int | None, typer.Option(metavar="N", help="Only this issue.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what happened to every recipient, issue by issue; rehearsals on lines of their own."""
    from newsletter.cli.desk import open_desk

    VOICE.json = as_json
    with open_desk().store(create=False) as store:
        runs = [run for run in store.runs() if issue in {None, run.content.issue}]
        rows = [(run, store.counts(run), store.reasons(run)) for run in runs]
    if as_json:
        result_json({"runs": [_as_dict(*row) for row in rows]})
        return
    if not rows:
        result("nothing was sent yet")
        return
    header = ("issue", "run", "state", "recipients", "outcomes")
    result(table([header, *(_row(run, counts) for run, counts, _ in rows)]))
    for run, _, reasons in rows:
        for (state, reason), number in reasons.items():
            result(f"  {run.content.issue}: {state.value} {number:,}: {reason}")


def _row(run: Run, counts: Counts) -> tuple[str, ...]:
    kind = "rehearsal" if run.rehearsal else run.transport
    number = str(run.content.issue)
    return number, kind, run.state.value, f"{counts.total:,}", _outcomes(counts)


def _outcomes(counts: Counts) -> str:
    shown = ((state.value, number) for state, number in counts.by_state.items() if number)
    return ", ".join(f"{name} {number:,}" for name, number in sorted(shown)) or "no recipients"


def _as_dict(
    run: Run, counts: Counts, reasons: Mapping[tuple[State, str], int]
) -> dict[str, object]:
    return {
        "issue": run.content.issue,
        "title": run.content.title,
        "rehearsal": run.rehearsal,
        "transport": run.transport,
        "state": run.state.value,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "recipients": counts.total,
        "by_state": {state.value: number for state, number in sorted(counts.by_state.items())},
        "reasons": [
            {"state": state.value, "reason": reason, "deliveries": number}
            for (state, reason), number in reasons.items()
        ],
    }
