"""`newsletter subscribers`: the people on the list, all of them or one."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from newsletter import clocks
from newsletter.cli import arriving
from newsletter.cli.command import Commands
from newsletter.cli.show import VOICE, Console, result, result_json, say, table
from newsletter.errors import InputError, PausedError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.audience import Address
    from newsletter.audience.roster import Reject
    from newsletter.store.subscribers import Member

Who = Annotated[str, typer.Argument(metavar="ADDR", help="The subscriber's address.")]
Consent = Annotated[
    str, typer.Option(metavar="TEXT", help="How this subscriber agreed, for the consent log.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]

#: Rows left out that are told one by one.
_SHOWN: Final = 5

app = Commands(help="The people on the list.", no_args_is_help=True)


@app.callback()
def _subscribers() -> None:
    """The people on the list."""


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A CSV file, or the zip a service gives.")
    ],
    *,
    consent_source: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="How these subscribers agreed, for the consent log; not for --dry-run.",
        ),
    ] = "",
    service: Annotated[
        str, typer.Option("--from", metavar="NAME", help="The service it comes from, or plain.")
    ] = "auto",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=ROLE", help="What a column is; may be repeated."),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option(
            "--map-status",
            metavar="WORD=STATUS",
            help="What a word means, or with nothing before the = an empty cell; may be repeated.",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="A tag for all of them; may be repeated."),
    ] = None,
    dates: Annotated[
        Literal["day-first", "month-first"] | None,
        typer.Option(metavar="day-first|month-first", help="How dates like 3/4/2024 are read."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add subscribers from a list or another service's export; who has left is not added again."""
    from newsletter.audience.choices import read_choices
    from newsletter.cli import imports
    from newsletter.cli.context import from_directory, open_project, open_records
    from newsletter.cli.progress import progress_of_rows
    from newsletter.people import consent
    from newsletter.people.importing import check_list, import_list, open_list

    VOICE.json = as_json
    file = from_directory(file)
    choices = read_choices(
        service=service, columns=columns or (), words=words or (), tags=tag or (),
        dates=dates or "",
    )  # fmt: skip
    project = open_project()
    listed = open_list(project.root, file, choices)
    example = "the form of the old site"
    source = "" if dry_run else consent.consent_source(consent_source, example=example)
    if dry_run:
        with open_records(project) as records:
            found = check_list(listed, records, now=clocks.now())
        imports.say_sheets(listed.sheets)
        imports.show_check(listed, found, as_json=as_json)
        return
    imports.say_sheets(listed.sheets)
    imports.confirm_import(listed)
    with imports.open_to_import(project) as store, progress_of_rows(listed.lines) as progressed:
        done = import_list(
            listed, store, source=source, now=clocks.now(), reporter=Console(),
            progressed=progressed,
        )  # fmt: skip
    imports.show_import(listed, done, as_json=as_json)


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
    """List people, their addresses shortened; -v shows them whole."""
    from newsletter.audience import recognizable
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
                one.name,
                one.email if whole else recognizable(one.email),
                one.suppression or one.status.value,
                " ".join(sorted(one.tags)),
                f"{one.created_at:%Y-%m-%d}",
            )
            for one in list_people(store, status=status, tag=tag)
        ]
    names = ("name", "address", "status", "tags", "since")
    if as_json:
        result_json({"people": [dict(zip(names, row, strict=True)) for row in rows]})
    elif rows:
        result(table([names, *rows]))
        if not whole:
            say("hint: -v shows the addresses whole")
    elif status or tag:
        asked = " and ".join(filter(None, (status, tag and f'tagged "{tag}"')))
        result(f"nobody on the list is {asked}")
    else:
        result("nobody is on the list yet")
        say("next: newsletter subscribers import FILE --consent-source TEXT")


@app.command("show")
def show(
    who: Who,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every row about this address.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one subscriber, the address shortened unless with -v; --all --json gives every row."""
    from newsletter.audience import recognizable
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
    known = person.email if person else address.mailbox
    shown = known if VOICE.verbosity > 0 else recognizable(known)
    lines = [("address", shown), ("suppressed", reason or "no")]
    if person is not None:
        facts = {"name": person.name, "tags": " ".join(sorted(person.tags)), **person.fields}
        since = ("since", f"{person.created_at:%Y-%m-%d}")
        lines[1:1] = [("status", person.status.value), *facts.items(), since]
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


@app.command("suppress")
def suppress(
    which: Annotated[
        str, typer.Argument(metavar="FILE|ADDR", help="An address, or a file of addresses.")
    ],
    *,
    reason: Annotated[
        Literal["bounced", "complained"],
        typer.Option(metavar="bounced|complained", help="What came back from them."),
    ],
    as_json: AsJson = False,
) -> None:
    """Never mail addresses again whose mails bounced, or whose owners complained, to you."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.feedback import Suppression
    from newsletter.people.suppress import suppress as suppress_addresses

    VOICE.json = as_json
    found = _reported(which)
    with open_store(open_project(), create=False) as store:
        done = suppress_addresses(store, found, Suppression(reason), now=clocks.now())
    for reject in done.rejected[:_SHOWN]:
        say(f"{which}:{reject.line}: left out: {reject.reason}")
    if as_json:
        result_json({**asdict(done), "rejected": len(done.rejected)})
        return
    result(
        f"{done.suppressed:,} suppressed ({done.strangers:,} of them not on the list), "
        f"{done.before:,} kept out before, {done.repeated:,} repeated, "
        f"{len(done.rejected):,} rejected"
    )


def _reported(which: str) -> list[Address | Reject]:
    """The addresses that are meant, all of them read before any is written."""
    from newsletter.audience.reported import read_reported
    from newsletter.cli.context import from_directory
    from newsletter.project import files

    file = from_directory(Path(which))
    if "@" in which and not file.exists():
        return [_address(which)]
    return list(read_reported(files.look_through(file).lines()))


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


app.command("form")(arriving.form)
app.command("waiting")(arriving.waiting)
