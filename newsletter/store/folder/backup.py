"""A copy of the records while they are in use: whole or not at all, checked before it counts.

`restore.py` puts one back.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shutil
import time
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, NewsletterError, PausedError, Place
from newsletter.project import private
from newsletter.project.disk import FULL, flush_path, unwritten
from newsletter.store.database import Database
from newsletter.store.sqlite import files

#: How many backups are kept beside the database, of those that were given no name.
KEPT: Final = 5
_FOLDER: Final = "backups"
_NAME: Final = re.compile(r"newsletter-(\d{8}T\d{6}Z)(?:-(\d+))?\.db")
#: What a killed process has left half written is nobody's any more after a day, in seconds.
_STALE: Final = 86_400


def keep(source: Database, *, now: dt.datetime) -> Path:
    """Back a database up into the folder beside it, where the newest five stay.

    Returns:
        the new file.

    Raises:
        InputError: the records are damaged, or the folder cannot be written.
        PausedError: the disk is full; nothing is left behind.
    """
    folder = folder_of(source.path)
    stamp = f"newsletter-{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"
    target, more = folder / f"{stamp}.db", 1
    while target.exists():
        more += 1
        target = folder / f"{stamp}-{more}.db"
    backup(source, target)
    older = sorted(
        (found[1], int(found[2] or 1), path)
        for path in folder.iterdir()
        if (found := _NAME.fullmatch(path.name)) and path != target
    )
    for *_, path in older[: -(KEPT - 1)]:
        path.unlink(missing_ok=True)
    for path in folder.glob(".newsletter-*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - _STALE:
                # An older version's drafts were files.
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    return target


def renew(source: Database, *, now: dt.datetime) -> int:
    """Put one new backup in the place of all others beside the database, of whatever age.

    They hold whom the database has forgotten.

    Returns:
        how many were deleted; 0 where there were none, and none is made then.

    Raises:
        InputError, PausedError: as `keep`; the others are still there.
    """
    # Not what begins with a dot: it may be another program's backup, just being made.
    old = tuple(path for path in folder_of(source.path).glob("[!.]*") if path.is_file())
    if old:
        keep(source, now=now)
    for path in old:
        path.unlink(missing_ok=True)
    return len([path for path in old if path.suffix == ".db"])


def folder_of(source: Path) -> Path:
    """The folder for backups beside a database, made where it is missing; for this user alone.

    Git does not see what is in it, wherever the database is.

    Raises:
        InputError: it cannot be made.
    """
    folder = source.parent / _FOLDER
    try:
        folder.mkdir(mode=private.FOLDER, exist_ok=True)
        if source.parent.name != private.STORE:  # which git does not see as it is
            private.hide_from_git(folder)
    except OSError as error:
        hint = "make its parent a folder that this user can write"
        raise unwritten(
            folder, error, "the folder for backups cannot be made", hint=hint
        ) from error
    return folder


def backup(source: Database, target: Path) -> int:
    """Copy a database into a new file, as it is at one moment.

    The folder for backups beside the database is made where the file is to lie in it; no other is,
    for its name may be a typing error.

    Returns:
        the size of the copy in bytes.

    Raises:
        InputError: `target` exists, or its folder cannot be written.
        PausedError: the disk is full; nothing is left behind.
    """
    if target.exists():
        raise InputError(
            "this file exists, and a backup never overwrites one",
            place=Place(str(target)),
            hint="name a new file",
        )
    if target.parent.resolve() == (source.path.parent / _FOLDER).resolve():
        folder_of(source.path)
    try:
        with private.drafting(target) as draft:
            draft.touch(private.FILE)
            if found := source.backend.copy_to(draft):
                raise InputError(
                    "the records are damaged, so no backup was made",
                    place=source.backend.place,
                    cause=found,
                    hint="keep this file, and restore an earlier backup",
                )
            flush_path(draft)
            draft.replace(target)
            flush_path(target.parent)
    except OSError as error:
        hint = "name a file in a folder that this user can write"
        raise unwritten(target, error, "the backup cannot be written", hint=hint) from error
    except files.Error as error:
        raise _fault(error, target) from error
    return target.stat().st_size


def _fault(error: files.Error, target: Path) -> NewsletterError:
    full = files.is_full(error)
    kind = PausedError if full else InputError
    return kind(
        FULL if full else "the records cannot be copied",
        place=Place(str(target)),
        cause=str(error),
        hint="free some space, or name a file on another disk",
    )
