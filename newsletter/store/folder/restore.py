"""A backup put in the place of the records: checked first, swapped at once, the old ones kept.

What must outlive the records stays beside them: who has left since (`departures.py`), and how far
runs have come (`ledger.py`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, LockedError, Place, RefusedError
from newsletter.project import private
from newsletter.project.disk import flush_path, unwritten
from newsletter.store.database import Database
from newsletter.store.folder.backup import folder_of
from newsletter.store.folder.lock import alone_in, locked
from newsletter.store.folder.place import expect_one_name
from newsletter.store.revisions import HEAD, revision
from newsletter.store.schema import expect_ours, refusal
from newsletter.store.sqlite import files
from newsletter.store.sqlite.backend import SqliteBackend
from newsletter.store.sqlite.contents import Contents, contents

_ALL: Final = ("", *files.BESIDE)
#: Seconds; who writes now will have written then.
_PATIENCE: Final = 2.0


class Restoration:
    """One backup, checked, and not yet in the place of the records.

    Attributes:
        copy: what is in it.
        missing: whether there are no records now.
        present: what is in them, None where they are missing or cannot be read.
        outdated: whether it needs `newsletter db upgrade`.
    """

    def __init__(self, path: Path, draft: Path, found: str) -> None:
        self._path, self._draft = path, draft
        self.copy = contents(draft)
        self.outdated = found != HEAD
        self.present: Contents | None = None
        self.missing = not path.exists()
        if not self.missing:
            with contextlib.suppress(files.Error):
                self.present = contents(path)

    def expect_same_newsletter(self) -> None:
        """Refuse another newsletter's backup where it would bury records that are in use.

        Raises:
            RefusedError: it is one.
        """
        now = self.present
        if now is None or now.newsletter == self.copy.newsletter:
            return
        if now.numbers["issues begun"] or now.numbers["of them unsubscribed"]:
            raise RefusedError(
                "this is a backup of other records than the ones that are here",
                cause="they were made with another key; those who left these would be forgotten",
                hint=f"if it is meant, move {self._path.name} away first",
            )

    def replace(self, *, now: dt.datetime) -> Path | None:
        """Put the backup in the place of the records.

        Returns:
            where the old records are kept, None when there were none.

        Raises:
            LockedError: a run is sending, or another program has the records open.
            PausedError: the disk is full; nothing was changed.
            InputError: the folder cannot be written.
        """
        path = self._path
        with locked(path.with_name(f"{path.name}.sending.lock")), alone_in(path.parent):
            self._keep_keys()
            files.drop_letters(self._draft)
            flush_path(self._draft)
            _expect_alone(path)
            try:
                aside = _set_aside(path, now)
                # Without the log first: SQLite would take the old one for the new file's.
                for end in files.BESIDE:
                    path.with_name(path.name + end).unlink(missing_ok=True)
                self._draft.replace(path)
                flush_path(path.parent)
            except OSError as error:
                raise _unwritten(path.parent, error) from error
        return aside

    def _keep_keys(self) -> None:
        """Carry keys over that were made since, or links in mails sent since would open nothing."""
        if self.present is None or self.present.newsletter != self.copy.newsletter:
            return
        new = [row for number, row in self.present.keys.items() if number not in self.copy.keys]
        files.insert_rows(self._draft, "signing_keys", new)
        flush_path(self._draft)


@contextlib.contextmanager
def restoring(path: Path, file: Path) -> Iterator[Restoration]:
    """Copy a backup beside the records and check it; nothing is left of it unless it replaced them.

    Args:
        path: the records, which may be missing or damaged.
        file: the backup, not changed; what lies beside it as its log belongs to it.

    Raises:
        InputError: it is missing, damaged, no store of this program, or of a newer one; or the
            records have a second name.
        RefusedError: the records were moved from there, so that nothing there counts.
        PausedError: the disk is full.
    """
    place = SqliteBackend(path, read_only=True, create=False)
    if fault := refusal(place, place.moved_to):
        raise fault
    if not file.is_file():
        raise InputError(
            "there is no such backup", place=Place(str(file)), hint="see .newsletter/backups/"
        )
    if path.exists() and path.samefile(file):
        raise InputError(
            "these are the records themselves",
            place=Place(str(file)),
            hint="name a backup, such as one of .newsletter/backups/",
        )
    expect_one_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with private.drafting(path) as draft:
            draft.touch(private.FILE)
            for end in ("", files.LOG):
                if (beside := file.with_name(file.name + end)).exists():
                    shutil.copyfile(beside, draft.with_name(draft.name + end))
            _check(draft, file)
            flush_path(draft)
            yield Restoration(path, draft, _revision(draft, file))
    except OSError as error:
        raise _unwritten(path.parent, error) from error


def _check(draft: Path, file: Path) -> None:
    """Make one file of a copy and its log, and read all of it."""
    if found := files.make_whole(draft):
        raise InputError(
            "this backup is damaged, or is none",
            place=Place(str(file)),
            cause=found,
            hint="take another one; nothing was changed",
        )


def _revision(draft: Path, file: Path) -> str:
    backend = SqliteBackend(draft, read_only=True, create=False)
    database = Database(backend, read_only=True)
    try:
        with database.reading(opening=True) as connection:
            found = revision(connection)
    finally:
        database.close()
    expect_ours(found, Place(str(file)))
    assert found is not None
    return found


def _expect_alone(path: Path) -> None:
    """Fold the log into the file, which nobody else may have open for that.

    Raises:
        LockedError: somebody has.
    """
    if path.exists() and not files.fold_log(path, patience=_PATIENCE):
        raise LockedError(
            "another program has these records open",
            place=Place(str(path)),
            hint="end what uses them, such as newsletter serve; nothing was changed",
        )


def _set_aside(path: Path, now: dt.datetime) -> Path | None:
    """Copy the records, so that there is no moment without any; where they are kept."""
    stamp = f"before-restore-{now.astimezone(dt.UTC):%Y%m%dT%H%M%S%fZ}.db"
    kept = None
    for end in _ALL:
        if (old := path.with_name(path.name + end)).exists():
            kept = folder_of(path) / stamp
            new = kept.with_name(stamp + end)
            new.touch(0o600)
            shutil.copyfile(old, new)
            flush_path(new)
    if kept:
        flush_path(kept.parent)
    return kept


def _unwritten(folder: Path, error: OSError) -> Exception:
    return unwritten(
        folder, error, "the backup cannot be put back",
        hint="make it a folder that this user can write; nothing was changed",
    )  # fmt: skip
