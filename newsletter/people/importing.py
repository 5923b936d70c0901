"""Lists of people, checked and imported; `changed` tells where one changed since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path, PurePath
from typing import Final

from newsletter.audience import roster
from newsletter.audience.choices import Choices
from newsletter.audience.header import Column
from newsletter.audience.roles import Role, plain
from newsletter.audience.roster import Added, Reject, Row
from newsletter.errors import NewsletterError
from newsletter.humanize import plural
from newsletter.people.tally import RowTally
from newsletter.project import files
from newsletter.project.archives import PackedList, look_through_all
from newsletter.project.files import ListFile
from newsletter.reporter import Reporter
from newsletter.store import Store, imports
from newsletter.store.imports import Import
from newsletter.store.sqlite.repeats import Repeats
from newsletter.text_rules import one_line

#: Of a list with so many lines somebody says first that it is read as it should be.
_ASKED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One file of a list, and how its columns are understood.

    Attributes:
        name: the file, or the file inside an archive.
        service: the title of the service whose export it is, "" for a plain list, and the name
            that `--from` takes.
        service_name: that name.
        own: whether this program wrote it.
        columns: header and meaning of each column; a field's meaning is "field:NAME".
        notes: what the file does not tell.
    """

    name: str
    service: str
    service_name: str
    own: bool
    columns: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenList:
    """A list of people whose header was read.

    Attributes:
        file: where it is.
        name: how the records name it.
        sha256: of its bytes, in hex.
        lines: how many its files have below their headers, as their bytes tell.
        sheets: its files; one, but for an archive.
        choices: what a person knows better than its header.
    """

    file: Path
    name: str
    sha256: str
    lines: int
    sheets: tuple[Sheet, ...]
    choices: Choices
    _files: tuple[ListFile | PackedList, ...] = field(repr=False)

    @property
    def is_long(self) -> bool:
        """Whether somebody should have looked at how it is read before it is imported."""
        return self.lines >= _ASKED

    @property
    def unjudged(self) -> dict[str, str]:
        """The columns by the fields they are read as, where neither program nor person said so."""
        columns = (column for sheet in self.sheets if not sheet.own for column in sheet.columns)
        return {
            role.removeprefix("field:"): header
            for header, role in columns
            if role.startswith("field:") and plain(header) not in self.choices.columns
        }

    @property
    def tagged(self) -> str:
        """The first column that is read as tags, where nobody said so; or ""."""
        columns = (column for sheet in self.sheets if not sheet.own for column in sheet.columns)
        found = (header for header, role in columns if role == Role.TAGS)
        return next((one for one in found if plain(one) not in self.choices.columns), "")

    @contextmanager
    def rows(self) -> Iterator[Iterator[Row | Reject]]:
        """What it holds, read as it is needed."""
        with Repeats() as seen:
            yield self._read(seen)

    def _read(self, seen: Repeats) -> Iterator[Row | Reject]:
        number = 0
        for one in self._files:
            read = roster.read(
                one.lines(), file=_name(one), seen=seen, choices=self.choices, before=number
            )
            if len(self._files) == 1:
                yield from read
                return
            for row in read:
                number += 1
                yield _of_member(row, one)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCheck:
    """What an import of a list would do; nothing was written.

    Attributes:
        added: what would become of the rows.
        rejected: rows that would be left out.
        tally: what the rows say.
    """

    added: Added
    rejected: int
    tally: RowTally


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did.

    Attributes:
        added: what became of the rows, those of the same import before it was interrupted too.
        rejected: rows that were left out.
        rejects: the file beside the list that they stand in, None where there is none.
        tally: what the rows say; nothing of those that an interrupted import had read.
        resumed: whether an interrupted import of this list has gone on.
        given_up: another list whose import was interrupted and is given up by this one, and how
            many of its rows are not in the records; None where there was none.
    """

    added: Added
    rejected: int
    rejects: Path | None
    tally: RowTally
    resumed: bool
    given_up: tuple[str, int] | None


def open_list(root: Path, file: Path, choices: Choices | None = None) -> OpenList:
    """Look through a list and read its header, before any records are made.

    Args:
        root: the newsletter's folder.
        file: the list, or an archive of lists.
        choices: what a person knows better than the header.

    Raises:
        InputError: the file is missing, no text, or its columns are not understood.
    """
    choices = choices or Choices()
    found = look_through_all(file)
    hashes = [one.sha256 for one in found]
    return OpenList(
        file=file,
        name=files.list_name(root, file),
        sha256=hashes[0] if len(hashes) == 1 else sha256("".join(hashes).encode()).hexdigest(),
        lines=sum(one.length for one in found),
        sheets=tuple(_sheet(one, choices) for one in found),
        choices=choices,
        _files=found,
    )


def check_list(listed: OpenList, store: Store | None, *, now: dt.datetime) -> ListCheck:
    """Read a list to its end and see what would become of its rows; nothing is written.

    Args:
        listed: the list, from `open_list`.
        store: the records; None where there are none yet.
        now: with a time zone.

    Raises:
        InputError: what breaks the whole file, with line and column.
    """
    with listed.rows() as rows:
        outdone = {row.instead_of for row in rows if isinstance(row, Row)} - {None}
    tally, rejected = RowTally(fields=listed.unjudged, tagged=listed.tagged), len(outdone)

    def counted(rows: Iterable[Row | Reject]) -> Iterator[Row]:
        nonlocal rejected
        for place, row in enumerate(tally.looked_at(rows)):
            if isinstance(row, Reject):
                rejected += 1
                tally.note(row)
            elif place not in outdone:
                yield row

    with listed.rows() as rows:
        if store is None:
            added = _all_new(counted(rows))
        else:
            added = imports.foresee(store, counted(rows), now=now)
    return ListCheck(added=added, rejected=rejected, tally=tally)


def import_list(
    listed: OpenList,
    store: Store,
    *,
    source: str,
    now: dt.datetime,
    reporter: Reporter,
    progressed: Callable[[str, int], None] = lambda _step, _rows: None,
) -> ImportResult:
    """Import a list; rejected rows are left out and written down beside it.

    Args:
        listed: the list, from `open_list`.
        store: the records.
        source: how these people agreed, from `consent_source`.
        now: with a time zone.
        reporter: hears how far an import is that something stops, and of rejected rows that could
            not be written down.
        progressed: hears of a long list how many rows a step has done since it was last called.

    Raises:
        InputError: what breaks the whole file; nobody was imported.
        LockedError: another import is going on.
        NewsletterError: whatever is wrong with the records; what was imported by then stays.
    """
    job = Import(
        source=source, now=now, file_name=listed.name, file_hash=listed.sha256,
        choices=str(listed.choices), told=progressed,
    )  # fmt: skip
    tally, kept = RowTally(fields=listed.unjudged, tagged=listed.tagged), None

    def keep(rejects: Iterable[Reject]) -> None:
        nonlocal kept
        kept = _keep_rejects(listed.file, tally.noted(rejects), reporter)

    with _reported_progress(job, reporter), listed.rows() as rows:
        before = imports.unfinished(store)
        job.write(store, tally.looked_at(rows), keep)
        given_up = before is not None and not job.resumed and not imports.unfinished(store)
    return ImportResult(
        added=job.added, rejected=tally.rejected, rejects=kept, tally=tally, resumed=job.resumed,
        given_up=before if given_up else None,
    )  # fmt: skip


@contextmanager
def _reported_progress(job: Import, reporter: Reporter) -> Iterator[None]:
    """Say what has been done by then when something stops an import in the middle."""
    try:
        yield
    except BaseException:
        if done := job.added.rows:
            rows = plural(done, "row is", "rows are")
            reporter.say(f"{rows} in the records by now; the same command goes on with the rest")
        raise


def _keep_rejects(file: Path, rejects: Iterator[Reject], reporter: Reporter) -> Path | None:
    """Write them down beside the list, where there are any."""
    first = next(rejects, None)
    if first is None:
        return None
    lines = ((reject.line, reject.reason) for reject in chain((first,), rejects))
    try:
        return files.write_rejects(file, lines)
    except NewsletterError as fault:
        # The good rows are in the records by now, so this is no reason to fail.
        reporter.warn(f"the list of rejected rows is missing: {fault}")
        return None


def _all_new(rows: Iterable[Row]) -> Added:
    """What becomes of rows where there are no records yet."""
    suppressed = [bool(row.suppression) for row in rows]
    return Added(added=suppressed.count(False), suppressed=suppressed.count(True))


# --- the files of a list ---------------------------------------------------------------------


def _name(one: ListFile | PackedList) -> str:
    return one.name if isinstance(one, PackedList) else str(one.path)


def _sheet(one: ListFile | PackedList, choices: Choices) -> Sheet:
    columns = roster.header(one.lines(), file=_name(one), choices=choices)
    service = columns.service
    notes = (service.note, "" if columns.tells_standing else service.unsaid) if service else ()
    return Sheet(
        name=_name(one),
        service=service.title if service else "",
        service_name=service.name if service else "",
        own=columns.own,
        columns=tuple((one_line(column.header), _meaning(column)) for column in columns.columns),
        notes=tuple(filter(None, notes)),
    )


def _meaning(column: Column) -> str:
    return f"field:{column.name}" if column.role is Role.FIELD else column.role.value


def _of_member(row: Row | Reject, one: ListFile | PackedList) -> Row | Reject:
    """A row of an archive; what is odd about it names the file in which its line is."""
    if isinstance(row, Row):
        aside, undated = (
            f"{_short(one)}: {why}" if why else "" for why in (row.aside, row.undated)
        )
        return row._replace(aside=aside, undated=undated) if aside or undated else row
    return replace(row, reason=f"{_short(one)}: {row.reason}")


def _short(one: ListFile | PackedList) -> str:
    return PurePath(_name(one)).name
