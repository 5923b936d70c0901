"""`newsletter subscribers`: the people on the list, all of them or one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, Console, result, result_json, say, table
from newsletter.errors import InputError, PausedError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.audience import Address
    from newsletter.audience.roster import Reject
    from newsletter.people.importing import ImportResult, ListCheck
    from newsletter.store.subscribers import Member

Who = Annotated[str, typer.Argument(metavar="ADDR", help="The subscriber's address.")]
Consent = Annotated[
    str, typer.Option(metavar="TEXT", help="How this subscriber agreed, for the consent log.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]

app = typer.Typer(help="The people on the list.", no_args_is_help=True)


@app.callback()
def _subscribers() -> None:
    """The people on the list."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with an email column.")],
    *,
    consent_source: Annotated[
        str, typer.Option(metavar="TEXT", help="How these subscribers agreed, for the consent log.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add subscribers from a CSV file; who has left is not added again."""
    from newsletter.cli.context import from_directory, open_project, open_store
    from newsletter.cli.progress import progress_of_rows
    from newsletter.people import consent
    from newsletter.people.importing import check_list, import_list, open_list

    VOICE.json = as_json
    file = from_directory(file)
    project = open_project()
    source = consent.consent_source(consent_source, example="sign-up form")
    with open_list(project.root, file) as listed:
        if dry_run:
            _report_check(file, check_list(listed), as_json=as_json)
            return
        with open_store(project) as store, progress_of_rows(listed.lines) as progressed:
            done = import_list(
                listed, store, source=source, now=clocks.now(), reporter=Console(),
                progressed=progressed,
            )  # fmt: skip
    _report_import(file, done, as_json=as_json)


def _report_check(file: Path, found: ListCheck, *, as_json: bool) -> None:
    _report_rows(file, found.first_rejected, found.rejected, found.odd_names)
    if as_json:
        result_json({"dry_run": True, "good": found.good, "rejected": found.rejected})
    else:
        good = plural(found.good, "row")
        result(f"{good} can be imported, {found.rejected:,} cannot; nothing was written")


def _report_import(file: Path, done: ImportResult, *, as_json: bool) -> None:
    if done.given_up:
        name, number = done.given_up
        left = plural(number, "row of it is", "rows of it are")
        say(f"warning: the import of {name} was interrupted and is given up; {left} "
            "not in the records: import it again")  # fmt: skip
    if done.resumed:
        say("an interrupted import of this list was resumed")
    _report_rows(file, done.first_rejected, done.rejected, done.odd_names)
    added = done.added
    if as_json:
        result_json({"dry_run": False, **asdict(added), "rejected": done.rejected})
    else:
        result(
            f"{added.added:,} added, {added.updated:,} updated, {added.unchanged:,} unchanged, "
            f"{added.kept_out:,} kept out, {done.rejected:,} rejected"
        )


def _report_rows(file: Path, first: Sequence[Reject], rejected: int, odd_names: int) -> None:
    for reject in first:
        say(f"{file}:{reject.line}: left out: {reject.reason}")
    if rejected > len(first):
        say(f"... and {rejected - len(first):,} more")
    if odd_names:
        names = plural(odd_names, "name stands", "names stand")
        say(f"{names} in no header of a mail; those mails name the address alone")


@app.command("export")
def export(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The new file; without it, stdout.")
    ] = "",
) -> None:
    """Write everybody as a CSV file that `import` and spreadsheets read."""
    from newsletter.cli.context import from_directory, open_project, open_store
    from newsletter.people.export import export_file, export_to

    with open_store(open_project(), create=False, read_only=True) as store:
        if file:
            path = from_directory(Path(file))
            done = export_file(path, store)
            result(str(path))
        else:
            done = export_to(sys.stdout, store)
    say(f"{plural(done.people, 'person', 'people')}; keep it as you keep a password")
    if done.hashes_only:
        kept = plural(done.hashes_only, "suppressed address is", "suppressed addresses are")
        say(f"{kept} on record as a hash only, and cannot be exported")


@app.command("list")
def list_(
    *,
    status: Annotated[
        str, typer.Option(metavar="WORD", help="Only pending, active, unsubscribed or suppressed.")
    ] = "",
    tag: Annotated[str, typer.Option(metavar="TAG", help="Only people with this tag.")] = "",
    as_json: AsJson = False,
) -> None:
    """List people, their addresses masked; -v shows them whole."""
    from newsletter.audience import mask
    from newsletter.cli.context import open_project, open_store
    from newsletter.people.show import STATUSES, list_people

    VOICE.json = as_json
    if status and status not in STATUSES:
        raise InputError(
            f'"{status}" is no status', hint="pending, active, unsubscribed or suppressed"
        )
    whole = VOICE.verbosity > 0
    with open_store(open_project(), create=False, read_only=True) as store:
        rows = [
            (
                one.email if whole else mask(one.email),
                one.suppression or one.status.value,
                " ".join(sorted(one.tags)),
                f"{one.created_at:%Y-%m-%d}",
            )
            for one in list_people(store, status=status, tag=tag)
        ]
    names = ("address", "status", "tags", "since")
    if as_json:
        result_json({"people": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        result(table([names, *rows]))


@app.command("show")
def show(
    who: Who,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every row about this address.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is on record about one subscriber; --all --json gives every row."""
    from newsletter.audience import mask
    from newsletter.cli.context import open_project, open_store
    from newsletter.people.show import look_up

    VOICE.json = as_json
    address = _address(who)
    with open_store(open_project(), create=False, read_only=True) as store:
        found = look_up(store, address, every_row=every)
    person, reason = found.person, found.suppression
    if as_json:
        asked = found.asked_at.isoformat() if found.asked_at else None
        told = {"address": address.canonical, "person": _as_dict(person), "suppressed": reason,
                "asked_at": asked}  # fmt: skip
        result_json(told | ({"rows": found.rows} if every else {}))
        return
    lines = [("address", mask(address.mailbox)), ("suppressed", reason or "no")]
    if person is not None:
        facts = {"name": person.name, "tags": " ".join(sorted(person.tags)), **person.fields}
        lines[1:1] = [("status", person.status.value), *facts.items()]
    if found.asked_at:
        lines.append(("asked", f"{found.asked_at:%Y-%m-%d %H:%M} UTC by the form, not confirmed"))
    lines += [(name, plural(len(rows), "row")) for name, rows in found.rows.items()]
    result(table(lines))


@app.command("add")
def add(
    who: Who,
    *,
    consent_source: Consent,
    name: Annotated[str, typer.Option(metavar="TEXT", help="The subscriber's name.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="A tag; may be repeated.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="A merge field; may be repeated."),
    ] = None,
) -> None:
    """Add or update one subscriber; who has left is not added again."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.people.add import Change
    from newsletter.people.add import add as add_person

    address, source = _address(who), _source(consent_source)
    fields = dict(_field(text) for text in field or ())
    with open_store(open_project()) as store:
        done = add_person(
            store, address, name=name, tags=tag or (), fields=fields, source=source,
            now=clocks.now(),
        )  # fmt: skip
    if done.odd_name:
        say("mails to this subscriber carry only the address: a header cannot hold the name")
    result("unchanged" if done.change is Change.NONE else done.change.value)


@app.command("remove")
def remove(who: Who) -> None:
    """Unsubscribe somebody who asked for it; the record stays, and no import undoes it."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.people.remove import remove as remove_person

    address = _address(who)
    with open_store(open_project(), create=False) as store:
        gone = remove_person(store, address, now=clocks.now())
    result("unsubscribed" if gone else "had left already")


@app.command("erase")
def erase(
    who: Who,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a subscriber everywhere; only a keyed hash stays, so that no import adds them again."""
    from newsletter.cli.confirm import confirm
    from newsletter.cli.context import open_project, open_store
    from newsletter.people.erase import erase as erase_person
    from newsletter.people.erase import files_naming

    address = _address(who)
    if not yes:
        confirm(
            "erase", to="to forget this person for good", subject="erasing", hint="--yes",
            unchanged="nothing was changed",
        )  # fmt: skip
    project = open_project()
    with open_store(project, create=False) as store:
        done = erase_person(store, address, now=clocks.now())
    result(
        "erased" if done.known else "no subscriber had this address; it is never mailed from now on"
    )
    for name in files_naming(project, address):
        say(f"warning: the address is still in {name}")
    if done.renewed_backups:
        say(f"{plural(done.renewed_backups, 'backup')} beside the records held what they held: "
            "deleted, and a new one is made")  # fmt: skip
    say("copies of the records elsewhere hold what they held; delete them, or restore and erase")
    if not done.clean:
        raise PausedError(
            "another program was reading the records, and old pages of the file remain",
            hint="end it, then run the same command again",
        )


@app.command("allow")
def allow(who: Who, *, consent_source: Consent) -> None:
    """Allow an address again that has left or is suppressed, because its owner asked for it."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.people.remove import allow as allow_person

    address, source = _address(who), _source(consent_source)
    with open_store(open_project(), create=False) as store:
        done = allow_person(store, address, source=source, now=clocks.now())
    if done.kept_out:
        result(f"allowed again (was: {done.kept_out})")
    else:
        result("nothing kept this address out")
    if not done.known:
        say("next: newsletter subscribers add ADDR --consent-source TEXT")


def _address(text: str) -> Address:
    from newsletter.audience import read_address

    return read_address(text)


def _source(text: str) -> str:
    from newsletter.people import consent

    return consent.consent_source(text, example="a mail of today")


def _field(text: str) -> tuple[str, str]:
    from newsletter.text_rules import one_line

    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or name != name.lower():
        raise InputError("a field is written NAME=TEXT", hint="--field city=Ghent")
    return name, one_line(value)


def _as_dict(one: Member | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "email": one.email,
        "name": one.name,
        "status": one.status.value,
        "tags": sorted(one.tags),
        "fields": dict(one.fields),
        "created_at": one.created_at.isoformat(),
        "updated_at": one.updated_at.isoformat(),
    }
