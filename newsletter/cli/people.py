"""Commands about the people on the list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.errors import InputError, NewsletterError
from newsletter.wording import plural

if TYPE_CHECKING:
    from newsletter.audience.roster import Added, Reject, Row
    from newsletter.cli.desk import Desk
    from newsletter.store.sql import Store

app = typer.Typer(help="The people on the list.", no_args_is_help=True)

_SHOWN = 5


@app.callback()
def _people() -> None:
    """The people on the list."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with an email column.")],
    *,
    consent_source: Annotated[
        str, typer.Option(metavar="TEXT", help="How these people agreed, for the consent log.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Add people from a CSV file; nobody who left comes back this way."""
    from newsletter.audience import roster
    from newsletter.cli.desk import clock, given, open_desk
    from newsletter.store import files
    from newsletter.text_rules import one_line

    VOICE.json = as_json
    file = given(file)
    desk = open_desk()
    if not (source := one_line(consent_source)):
        raise InputError("the source of consent is empty", hint='--consent-source "sign-up form"')
    listed = files.look_through(file)
    rejects: list[Reject] = []
    odd: list[int] = []
    read = _sorted_out(roster.read(listed.lines(), file=str(file)), rejects, odd)
    rows = _begun(read)
    if dry_run:
        good = sum(1 for _ in rows)
        _tell_odd(odd)
        _report(file, None, good, rejects, as_json=as_json)
        return
    with desk.store() as store:
        added = store.add(
            rows,
            source=source,
            now=clock(),
            file_name=files.list_name(desk.root, file),
            file_hash=listed.sha256,
        )
    if rejects:
        _write_rejects(file, rejects)
    _tell_odd(odd)
    _report(file, added, 0, rejects, as_json=as_json)


def warn_of_unimported(desk: Desk, store: Store) -> None:
    """Lists are only ever imported: one that changed since is not what will be mailed."""
    from newsletter.store import files

    for path in files.list_files(desk.root):
        name = files.list_name(desk.root, path)
        imported = store.imported_hash(name)
        if imported is not None and imported != _hash(path):
            say(f"warning: {name} changed since it was imported; the records are what counts")


def _hash(path: Path) -> str:
    from newsletter.store import files

    try:
        return files.look_through(path).sha256
    except InputError:
        # It was imported once, so it has changed; nobody reads it now.
        return ""


def _write_rejects(file: Path, rejects: list[Reject]) -> None:
    from newsletter.store import files

    try:
        files.write_rejects(file, ((reject.line, reject.reason) for reject in rejects))
    except NewsletterError as fault:
        # The good rows are in the records by now, so this is no reason to fail.
        say(f"warning: the list of rejected rows is missing: {fault}")


def _begun(rows: Iterator[Row]) -> Iterator[Row]:
    """The same rows, the first read already: a wrong header is told before records are made."""
    return chain(list(islice(rows, 1)), rows)


def _sorted_out(
    read: Iterator[Row | Reject], rejects: list[Reject], odd: list[int]
) -> Iterator[Row]:
    """The rows that are imported; `odd` gets the lines of those whose names stand in no header."""
    from newsletter.audience.roster import Row
    from newsletter.text_rules import stands_in_header

    for item in read:
        if isinstance(item, Row):
            if not stands_in_header(item.name):
                odd.append(item.line)
            yield item
        else:
            rejects.append(item)


def _tell_odd(lines: list[int]) -> None:
    if lines:
        names = plural(len(lines), "name stands", "names stand")
        say(f"{names} in no header of a mail; those mails name the address alone")


def _report(
    file: Path, added: Added | None, good: int, rejects: list[Reject], *, as_json: bool
) -> None:
    for reject in rejects[:_SHOWN]:
        say(f"{file}:{reject.line}: left out: {reject.reason}")
    if len(rejects) > _SHOWN:
        say(f"... and {len(rejects) - _SHOWN:,} more")
    if as_json:
        counts = {"good": good} if added is None else _counts(added)
        result_json({"dry_run": added is None, **counts, "rejected": len(rejects)})
    elif added is None:
        result(
            f"{plural(good, 'row')} can be imported, {len(rejects):,} cannot; nothing was written"
        )
    else:
        result(
            f"{added.added:,} added, {added.updated:,} updated, {added.unchanged:,} unchanged, "
            f"{added.kept_out:,} kept out, {len(rejects):,} rejected"
        )


def _counts(added: Added) -> dict[str, int]:
    return {
        "added": added.added,
        "updated": added.updated,
        "unchanged": added.unchanged,
        "kept_out": added.kept_out,
        "suppressed": added.suppressed,
    }
