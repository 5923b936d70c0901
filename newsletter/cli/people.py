"""Commands about the people on the list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.errors import InputError, NewsletterError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.audience.roster import Added, Reject, Row
    from newsletter.cli.desk import Desk
    from newsletter.store import Store
    from newsletter.store.imports import Import

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
    from newsletter.project import files
    from newsletter.store import imports
    from newsletter.store.imports import Import
    from newsletter.store.sqlite.repeats import Repeats
    from newsletter.text_rules import one_line

    VOICE.json = as_json
    file = given(file)
    desk = open_desk()
    if not (source := one_line(consent_source)):
        raise InputError("the source of consent is empty", hint='--consent-source "sign-up form"')
    listed = files.look_through(file)
    job = Import(
        source=source,
        now=clock(),
        file_name=files.list_name(desk.root, file),
        file_hash=listed.sha256,
    )
    rejects = _Rejects(file)
    with Repeats() as seen:
        read = roster.read(listed.lines(), file=str(file), seen=seen)
        rows = _begun(rejects.looked_at(read))
        if dry_run:
            rejects.count(rows)
            _report(rejects, None, as_json=as_json)
            return
        with desk.store() as store, _told_how_far(job):
            before = imports.unfinished(store)
            job.write(store, rows, rejects.keep)
            given_up = before and not job.resumed and not imports.unfinished(store)
    if before and given_up:
        left = plural(before[1], "row of it is", "rows of it are")
        say(f"warning: the import of {before[0]} was interrupted and is given up; {left} "
            "not in the records: import it again")  # fmt: skip
    if job.resumed:
        say("an import of this list that was interrupted has gone on")
    _report(rejects, job.added, as_json=as_json)


@contextmanager
def _told_how_far(job: Import) -> Iterator[None]:
    """Say what has been done by then when something stops an import in the middle."""
    try:
        yield
    except BaseException:
        if done := sum(_counts(job.added).values()):
            rows = plural(done, "row is", "rows are")
            say(f"{rows} in the records by now; the same command goes on with the rest")
        raise


def warn_of_unimported(desk: Desk, store: Store) -> None:
    """Lists are only ever imported: one that changed since is not what will be mailed."""
    from newsletter.project import files
    from newsletter.store import imports

    for path in files.list_files(desk.root):
        name = files.list_name(desk.root, path)
        imported = imports.imported_hash(store, name)
        if imported is not None and imported != _hash(path):
            say(f"warning: {name} changed since it was imported; the records are what counts")


def _hash(path: Path) -> str:
    from newsletter.project import files

    try:
        return files.look_through(path).sha256
    except InputError:
        # It was imported once, so it has changed; nobody reads it now.
        return ""


@dataclass(slots=True)
class _Rejects:
    """The rows of a list that cannot be imported, and what is odd about others.

    Attributes:
        file: the list.
        good: how many rows can be, where they were counted here.
        number: how many cannot.
        first: a few of those.
        odd: how many have a name that stands in no header.
    """

    file: Path
    good: int = 0
    number: int = 0
    first: list[Reject] = field(default_factory=list)
    odd: int = 0

    def looked_at(self, rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
        """The same rows, with odd names counted as they pass."""
        from newsletter.audience.roster import Row
        from newsletter.text_rules import stands_in_header

        for row in rows:
            self.odd += isinstance(row, Row) and not stands_in_header(row.name)
            yield row

    def count(self, rows: Iterable[Row | Reject]) -> None:
        """Count both, and write nothing."""
        from newsletter.audience.roster import Reject

        for row in rows:
            if isinstance(row, Reject):
                self._note(row)
            else:
                self.good += 1

    def keep(self, rejects: Iterable[Reject]) -> None:
        """Count them, and write them down beside the list where there are any."""
        from newsletter.project import files

        counted = self._counted(rejects)
        first = next(counted, None)
        if first is None:
            return
        lines = ((reject.line, reject.reason) for reject in chain((first,), counted))
        try:
            files.write_rejects(self.file, lines)
        except NewsletterError as fault:
            # The good rows are in the records by now, so this is no reason to fail.
            say(f"warning: the list of rejected rows is missing: {fault}")

    def _counted(self, rejects: Iterable[Reject]) -> Iterator[Reject]:
        for reject in rejects:
            self._note(reject)
            yield reject

    def _note(self, reject: Reject) -> None:
        self.number += 1
        if self.number <= _SHOWN:
            self.first.append(reject)


def _begun(rows: Iterator[Row | Reject]) -> Iterator[Row | Reject]:
    """The same rows, the first read already: a wrong header is told before records are made."""
    return chain(list(islice(rows, 1)), rows)


def _report(rejects: _Rejects, added: Added | None, *, as_json: bool) -> None:
    for reject in rejects.first:
        say(f"{rejects.file}:{reject.line}: left out: {reject.reason}")
    if rejects.number > _SHOWN:
        say(f"... and {rejects.number - _SHOWN:,} more")
    if rejects.odd:
        names = plural(rejects.odd, "name stands", "names stand")
        say(f"{names} in no header of a mail; those mails name the address alone")
    if as_json:
        counts = {"good": rejects.good} if added is None else _counts(added)
        result_json({"dry_run": added is None, **counts, "rejected": rejects.number})
    elif added is None:
        good = plural(rejects.good, "row")
        result(f"{good} can be imported, {rejects.number:,} cannot; nothing was written")
    else:
        result(
            f"{added.added:,} added, {added.updated:,} updated, {added.unchanged:,} unchanged, "
            f"{added.kept_out:,} kept out, {rejects.number:,} rejected"
        )


def _counts(added: Added) -> dict[str, int]:
    return {
        "added": added.added,
        "updated": added.updated,
        "unchanged": added.unchanged,
        "kept_out": added.kept_out,
        "suppressed": added.suppressed,
    }
