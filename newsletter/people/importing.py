"""Lists of people, checked and imported; and a warning where one changed since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Final

from newsletter.audience import roster
from newsletter.audience.roster import Added, Reject, Row
from newsletter.errors import InputError, NewsletterError
from newsletter.humanize import plural
from newsletter.project import Project, files
from newsletter.reporter import Reporter
from newsletter.store import Store, imports
from newsletter.store.imports import Import
from newsletter.store.sqlite.repeats import Repeats
from newsletter.text_rules import stands_in_header

#: So many rejected rows are told one by one; the file beside the list has them all.
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenList:
    """A list of people whose header was read.

    Attributes:
        file: where it is.
        name: how the records name it.
        sha256: of its bytes, in hex.
        lines: how many it has, as its bytes tell.
        rows: what it holds, read as it is needed, once.
    """

    file: Path
    name: str
    sha256: str
    lines: int
    rows: Iterator[Row | Reject]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCheck:
    """What an import of a list would find; nothing was written.

    Attributes:
        good: rows that can be imported.
        rejected: rows that cannot.
        first_rejected: a few of those.
        odd_names: people whose name no header of a mail can carry.
    """

    good: int
    rejected: int
    first_rejected: tuple[Reject, ...]
    odd_names: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did.

    Attributes:
        added: what became of the rows, those of the same import before it was interrupted too.
        rejected: rows that were left out; they stand in a file beside the list.
        first_rejected: a few of those.
        odd_names: people whose name no header of a mail can carry.
        resumed: whether an interrupted import of this list has gone on.
        given_up: another list whose import was interrupted and is given up by this one, and how
            many of its rows are not in the records; None where there was none.
    """

    added: Added
    rejected: int
    first_rejected: tuple[Reject, ...]
    odd_names: int
    resumed: bool
    given_up: tuple[str, int] | None


@contextmanager
def open_list(root: Path, file: Path) -> Iterator[OpenList]:
    """Look through a list and read its header, before any records are made.

    Args:
        root: the newsletter's folder.
        file: the list.

    Raises:
        InputError: the file is missing, no text, or has no column of addresses.
    """
    listed = files.look_through(file)
    with Repeats() as seen:
        rows = roster.read(listed.lines(), file=str(file), seen=seen)
        yield OpenList(
            file=file,
            name=files.list_name(root, file),
            sha256=listed.sha256,
            lines=listed.length,
            rows=chain(list(islice(rows, 1)), rows),
        )


def check_list(listed: OpenList) -> ListCheck:
    """Read a list to its end and count its rows; nothing is written.

    Raises:
        InputError: what breaks the whole file, with line and column.
    """
    tally, good = _RowTally(), 0
    for row in tally.looked_at(listed.rows):
        if isinstance(row, Reject):
            tally.note(row)
        else:
            good += 1
    return ListCheck(
        good=good, rejected=tally.rejected, first_rejected=tuple(tally.first),
        odd_names=tally.odd_names,
    )  # fmt: skip


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
        source=source, now=now, file_name=listed.name, file_hash=listed.sha256, told=progressed
    )
    tally = _RowTally()
    with _reported_progress(job, reporter):
        before = imports.unfinished(store)
        job.write(
            store, tally.looked_at(listed.rows),
            lambda rejects: _keep_rejects(listed.file, tally.noted(rejects), reporter),
        )  # fmt: skip
        given_up = before is not None and not job.resumed and not imports.unfinished(store)
    return ImportResult(
        added=job.added, rejected=tally.rejected, first_rejected=tuple(tally.first),
        odd_names=tally.odd_names, resumed=job.resumed, given_up=before if given_up else None,
    )  # fmt: skip


def warn_of_changed_lists(project: Project, store: Store, reporter: Reporter) -> None:
    """Lists are only ever imported: one that changed since is not what will be mailed."""
    for path in files.list_files(project.root):
        name = files.list_name(project.root, path)
        imported = imports.imported_hash(store, name)
        if imported is not None and imported != _hash(path):
            reporter.warn(f"{name} changed since it was imported; the records are what counts")


def _hash(path: Path) -> str:
    try:
        return files.look_through(path).sha256
    except InputError:
        # It was imported once, so it has changed; nobody reads it now.
        return ""


@contextmanager
def _reported_progress(job: Import, reporter: Reporter) -> Iterator[None]:
    """Say what has been done by then when something stops an import in the middle."""
    try:
        yield
    except BaseException:
        if done := sum(asdict(job.added).values()):
            rows = plural(done, "row is", "rows are")
            reporter.say(f"{rows} in the records by now; the same command goes on with the rest")
        raise


def _keep_rejects(file: Path, rejects: Iterator[Reject], reporter: Reporter) -> None:
    """Write them down beside the list, where there are any."""
    first = next(rejects, None)
    if first is None:
        return
    lines = ((reject.line, reject.reason) for reject in chain((first,), rejects))
    try:
        files.write_rejects(file, lines)
    except NewsletterError as fault:
        # The good rows are in the records by now, so this is no reason to fail.
        reporter.warn(f"the list of rejected rows is missing: {fault}")


@dataclass(slots=True)
class _RowTally:
    """What is wrong or odd about the rows of a list, counted as they pass."""

    rejected: int = 0
    first: list[Reject] = field(default_factory=list)
    odd_names: int = 0

    def looked_at(self, rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
        """The same rows, with odd names counted."""
        for row in rows:
            self.odd_names += isinstance(row, Row) and not stands_in_header(row.name)
            yield row

    def noted(self, rejects: Iterable[Reject]) -> Iterator[Reject]:
        """The same rejected rows, noted."""
        for reject in rejects:
            self.note(reject)
            yield reject

    def note(self, reject: Reject) -> None:
        self.rejected += 1
        if self.rejected <= _SHOWN:
            self.first.append(reject)
