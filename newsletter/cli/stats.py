"""`newsletter stats`: what happened after acceptance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.delivery import Run
    from newsletter.store.stats import Stats

#: What to do where nothing is reported, by the transport.
_WAY_OUT: Final = {
    "ses": "no event about this issue is on record; newsletter events pull fetches them from "
    "transport.ses.events_queue (docs/feedback.md)",
    "smtp": "a mail server reports nothing: bounces come to the sender's mailbox; note them with "
    "newsletter subscribers suppress FILE|ADDR --reason bounced",
}
#: Domains and hours shown; --json has them all.
_SHOWN = 12


def stats(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what happened to an issue afterwards: delivered, bounced, complained, left."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.store import runs
    from newsletter.store import stats as run_stats
    from newsletter.store.agreement import forgotten

    VOICE.json = as_json
    project = open_project()
    with open_store(project, create=False, read_only=True) as store:
        run = runs.find(store, issue, rehearsal=False)
        more = forgotten(project.root, store, issue)
        if run is None and more:
            raise InputError(more, hint="restore newer records")
        if run is None:
            raise InputError(
                f"issue {issue} was not sent yet, and a rehearsal brings nothing back",
                hint=f"newsletter send --issue {issue}",
            )
        found = run_stats.of_run(store, run)
    if more:
        say(f"warning: {more}")
    if as_json:
        result_json(_as_dict(run, found))
    else:
        _show(found)
        if found.silent >= {"bounced", "complained"}:
            say(f"hint: {_WAY_OUT[run.transport]}")


def _show(found: Stats) -> None:
    accepted = found.totals["accepted"]
    rows = [
        (name, "not reported", "")
        if name in found.silent
        else (name, f"{number:,}", _share(number, accepted))
        for name, number in found.totals.items()
    ]
    result(table(rows, right=frozenset({1, 2})))
    for title, kinds in (("bounced", found.bounces), ("complained", found.complaints)):
        for kind, number in kinds.items():
            result(f"  {title} {number:,}: {kind or 'no kind given'}")
    if found.delayed:
        result(f"  delayed for a while: {found.delayed:,}")
    hours = {f"{hour:%Y-%m-%d %H:00}": row for hour, row in found.hours.items()}
    _columns("domain", found.domains, without=found.silent)
    _columns("hour (UTC)", hours, without=found.silent)


def _columns(title: str, rows: Mapping[str, Mapping[str, int]], *, without: frozenset[str]) -> None:
    if not rows:
        return
    names = [name for name in next(iter(rows.values())) if name not in without]
    shown = [(key, *(f"{row[name]:,}" for name in names)) for key, row in rows.items()]
    result("")
    result(table([(title, *names), *shown[:_SHOWN]], right=frozenset(range(1, len(names) + 1))))
    if len(shown) > _SHOWN:
        result(f"... and {len(shown) - _SHOWN:,} more: --json has them all")


def _share(number: int, accepted: int) -> str:
    return f"{number / accepted * 100:.1f} %" if accepted else ""


def _as_dict(run: Run, found: Stats) -> dict[str, object]:
    return {
        "issue": run.content.issue,
        "started_at": run.started_at.isoformat(),
        **{name: None if name in found.silent else number for name, number in found.totals.items()},
        "delayed": found.delayed,
        "bounces": found.bounces,
        "complaints": found.complaints,
        "by_domain": [{"domain": name, **row} for name, row in found.domains.items()],
        "by_hour": [{"hour": hour.isoformat(), **row} for hour, row in found.hours.items()],
    }
