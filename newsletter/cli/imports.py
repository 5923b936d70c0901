"""What `newsletter subscribers import` says of a list and of what became of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from newsletter.cli.confirm import can_ask, confirm
from newsletter.cli.show import result, result_json, say, table
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.audience.roster import Added
    from newsletter.people.importing import ImportResult, ListCheck, OpenList, Sheet
    from newsletter.people.tally import RowTally
    from newsletter.project import Project
    from newsletter.store import Store


def say_sheets(sheets: Iterable[Sheet]) -> None:
    """How the files of a list are understood."""
    for sheet in sheets:
        if sheet.own:
            say(f"{sheet.name}: an export of this program")
        elif sheet.service:
            say(f"{sheet.name}: an export of {sheet.service}; --from plain reads it as any list")
        else:
            say(f"{sheet.name}: a plain list; --from SERVICE reads it as an export")
        rows = [("column", "read as"), *sheet.columns]
        say(table([(header, _meaning(role)) for header, role in rows if role != "ignore"]))
        if unread := [header or "(no name)" for header, role in sheet.columns if role == "ignore"]:
            say(f"left out: {', '.join(unread)}")
        for note in sheet.notes:
            say(f"note: {note}")


def confirm_import(listed: OpenList) -> None:
    """Have a long list confirmed where somebody is there to ask; a script is asked nothing.

    Raises:
        CancelledError: it is not to be imported.
    """
    if not (listed.is_long and can_ask()):
        return
    say(f"{plural(listed.lines, 'line')} of {listed.name}, read as it says above; --dry-run counts "
        "what would become of each")  # fmt: skip
    confirm(
        "import", to="to import them", subject="importing", hint="--dry-run",
        unchanged="nobody was imported",
    )  # fmt: skip


def open_to_import(project: Project) -> Store:
    """The records to add people to, made where there are none.

    Who imports on a build machine hears before the send that nothing goes out from there.

    Raises:
        NewsletterError: see `Store.open`.
    """
    from newsletter.cli.context import open_store
    from newsletter.sending.gate import soon_gone

    store = open_store(project)
    if not project.rehearses and (fault := soon_gone(store, os.environ)):
        say(f"warning: {fault.message}")
        say(f"hint: {fault.hint}")
    return store


def show_check(listed: OpenList, found: ListCheck, *, as_json: bool) -> None:
    """What an import would do."""
    _say_rows(listed, found.tally, found.rejected)
    _say_nobody(found.added, found.rejected)
    if as_json:
        result_json({"dry_run": True, **_facts(listed, found.added, found.rejected, found.tally)})
    else:
        result(f"would be: {_totals(found.added, found.rejected)}; nothing was written")


def show_import(listed: OpenList, done: ImportResult, *, as_json: bool) -> None:
    """What an import did."""
    if done.given_up:
        name, number = done.given_up
        left = plural(number, "row of it is", "rows of it are")
        say(f"warning: the import of {name} was interrupted and is given up; {left} "
            "not in the records: import it again")  # fmt: skip
    if done.resumed:
        say("an interrupted import of this list was resumed")
    _say_rows(listed, done.tally, done.rejected)
    if done.rejects:
        say(f"what was left out stands in {done.rejects}, by line and reason")
    _say_nobody(done.added, done.rejected)
    if as_json:
        result_json({"dry_run": False, **_facts(listed, done.added, done.rejected, done.tally)})
    else:
        result(_totals(done.added, done.rejected))


def _totals(added: Added, rejected: int) -> str:
    """All rows by what became of them; the numbers add up."""
    left = added.kept_out - added.barred
    why = [f"{number:,} {reason}" for number, reason in
           ((left, "left before"), (added.barred, "suppressed before")) if number]  # fmt: skip
    reasons = f" ({', '.join(why)})" if why else ""
    return (
        f"{added.added:,} added, {added.updated:,} updated, {added.unchanged:,} unchanged, "
        f"{added.kept_out:,} kept out{reasons}, "
        f"{added.suppressed:,} suppressed, {rejected:,} rejected"
    )


def _say_rows(listed: OpenList, tally: RowTally, rejected: int) -> None:
    for reject in tally.first:
        say(f"{listed.file}:{reject.line}: left out: {reject.reason}")
    if rejected > len(tally.first):
        say(f"... and {rejected - len(tally.first):,} more")
    for word, number in tally.words.most_common():
        say(f'unknown status "{word}" in {plural(number, "row")}: '
            f'--map-status "{word}=STATUS" says what it means')  # fmt: skip
    _say_columns(tally)
    for reason, odd in tally.undated.items():
        dates = plural(odd.number, "date counts", "dates count")
        say(f"warning: {dates} as none, the first in line {odd.line}: {reason}")
    if tally.odd_names:
        names = plural(tally.odd_names, "name stands", "names stand")
        say(f"{names} in no header of a mail; those mails name the address alone")
    if tally.marked:
        addresses = plural(tally.marked, "address begins", "addresses begin")
        say(f"warning: {addresses} with ', =, + or -, as spreadsheets mark a cell; whoever left "
            "under the address without that mark is not recognised: look at the list")  # fmt: skip
    if said := _said(tally.said):
        say(f"by what the list says: {said}")


def _say_columns(tally: RowTally) -> None:
    """Where columns that are read for something else seem to tell who left."""
    for reason, odd in tally.aside.items():
        rows = plural(odd.number, "row counts", "rows count")
        say(f"warning: {rows} as unsubscribed, the first in line {odd.line}: {reason}")
    most = sorted(tally.doubted.items(), key=lambda one: -one[1].number)
    for (column, word), odd in most:
        rows = f"{plural(odd.number, 'row')}, the first in line {odd.line}"
        where = f'"{word}" stands in the column "{column}" of {rows}'
        way = f'--map "{column}=status" where it tells who left'
        say(f"warning: {where}, taken as active: {way}")
    for column, (remark, odd) in tally.remarks.items():
        rows = f"{plural(odd.number, 'row')}, the first in line {odd.line}"
        where = (
            f'what may say that they left ("{remark}") stands in the column "{column}" of {rows}'
        )
        way = f'give who left a yes in a column "left", or --map "{column}=field" where nobody has'
        say(f"warning: {where}, taken as active: {way}")


def _say_nobody(added: Added, rejected: int) -> None:
    if rejected and not added.rows:
        say(
            "warning: every row was left out, so nobody comes of this list; the reasons stand above"
        )
        say("hint: --map says what a column is, --map-status what a word in it means")


def _said(said: Mapping[str, int]) -> str:
    """How many rows say what, where they do not all say the same."""
    order = ("active", "pending", "unsubscribed", "bounced", "complained", "blocked")
    found = [f"{said[word]:,} {word}" for word in order if said.get(word)]
    return ", ".join(found) if found and not (len(found) == 1 and said.get("active")) else ""


def _facts(listed: OpenList, added: Added, rejected: int, tally: RowTally) -> dict[str, Any]:
    files = [
        {
            "name": sheet.name,
            "service": sheet.service_name,
            "columns": [{"column": header, "role": role} for header, role in sheet.columns],
        }
        for sheet in listed.sheets
    ]
    return {
        "files": files, **asdict(added), "rejected": rejected, "said": dict(tally.said),
        "unknown_words": dict(tally.words),
        "unread_dates": sum(odd.number for odd in tally.undated.values()),
        "doubtful": [
            {"column": column, "word": word, "rows": odd.number}
            for (column, word), odd in tally.doubted.items()
        ] + [
            {"column": column, "word": remark, "rows": odd.number}
            for column, (remark, odd) in tally.remarks.items()
        ],
    }  # fmt: skip


def _meaning(role: str) -> str:
    return {
        "email": "address", "first": "first name", "last": "last name",
        "subscribed": "subscribed: yes or no", "confirmed": "confirmed: yes or no",
        "left": "has left", "bounced": "has bounced", "complained": "has complained",
        "blocked": "is blocked", "joined": "on the list since", "table": "more fields",
    }.get(role, role.replace("field:", "field "))  # fmt: skip
