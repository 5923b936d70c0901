"""The newsletter's folder: settings, who can read what, room on the disk, what git has."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from newsletter.doctor.diagnosis import Diagnosis, error, ok, warning, worst
from newsletter.doctor.subject import Subject
from newsletter.errors import InputError
from newsletter.humanize import plural
from newsletter.project import disk, files, git, private

_MEGABYTE: Final = 1 << 20
_LEAST: Final = 200 * _MEGABYTE
#: A backup, an upgrade and its write-ahead log each may take as much as the database.
_TIMES: Final = 3
_OTHERS: Final = 0o077
_PASS: Final = 0o011
_WAYS: Final = ("ses", "smtp")
#: Files that are named in full; of more, only the number.
_NAMED: Final = 3
_SQLITE_HEADER: Final = b"SQLite format 3\0"
_DATABASE: Final = re.compile(r"\.(db|sqlite3?)$", re.IGNORECASE)
_LEFT: Final = re.compile(r"left-[0-9a-f]{12}\.log")
#: The first pages hold the tables' definitions.
_HEAD: Final = 1 << 16


def config(subject: Subject) -> Diagnosis:
    """Whether the settings can be read, and name the way out that they describe."""
    settings = subject.project.settings
    kind = settings.transport.kind
    described = [
        name
        for name in _WAYS
        if any(key.startswith(f"transport.{name}.") for key in settings.origins)
    ]
    if described and settings.origin("transport.kind") == "default":
        name = described[0]
        return warning(
            f"transport.{name} is set, but transport.kind is not: mails are written to a folder",
            f'set transport.kind = "{name}", or "folder" where that is meant',
        )
    return ok(f"{plural(len(settings.origins), 'setting')} read; mails leave through {kind}")


def permissions(subject: Subject) -> Diagnosis:
    """Whether what holds addresses and keys is its owner's alone, and can be written."""
    found = [
        *_unwritable(subject),
        *(one for path in _private(subject) for one in _open_to_others(subject, path)),
    ]
    place = _existing(subject.database.parent)
    if disk.is_on_network(place):
        found.append(
            error(
                f"{subject.named(place)} is on a network file system, whose locks cannot be "
                "relied on",
                "set store.url to a file on a disk of this machine",
            )
        )
    return worst(found, "addresses and keys are this user's alone")


def space(subject: Subject) -> Diagnosis:
    """Whether the disks have room for the records, a backup and an upgrade."""
    database = subject.database
    size = database.stat().st_size if database.exists() else 0
    place, spare = _existing(database.parent), Path(tempfile.gettempdir())
    free, found = shutil.disk_usage(place).free, []
    hint = "free some space"
    if free < _LEAST:
        found.append(error(f"{_size(free)} are free for the records", hint))
    elif free < _TIMES * size:
        what = f"{_size(free)} are free beside records of {_size(size)}"
        found.append(warning(f"{what}: too little for a backup and an upgrade", hint))
    if shutil.disk_usage(spare).free < _LEAST:
        found.append(warning("the folder for temporary files is almost full", f"{hint} in {spare}"))
    return worst(found, f"{_size(free)} are free for the records")


def tracked(subject: Subject) -> Diagnosis:
    """Whether git has people's data or secrets, or would take them at the next commit."""
    root = subject.project.root
    has = [name for name in git.tracked(root) if _is_personal(subject, name)]
    found = []
    if has:
        named = ", ".join(has[:_NAMED]) + (f" and {len(has) - _NAMED} more" if has[_NAMED:] else "")
        shown = " ".join(f"'{name}'" if " " in name else name for name in has[:_NAMED])
        found.append(
            error(
                f"git keeps files with people's data or secrets: {named}",
                f"git rm --cached {shown}; earlier commits still have them",
            )
        )
    wanted = [path for path in _would_hold_people(subject) if str(path) not in has]
    try:
        untaken = [path for path in wanted if git.would_take(root / path)]
    except InputError as fault:
        found.append(warning(f"{fault.message} ({fault.cause})", fault.hint or ""))
        untaken = []
    if untaken:
        listed = ", ".join(untaken)
        found.append(
            warning(
                f"git would take these, with people's data or secrets: {listed}",
                "add them to .gitignore; newsletter init writes one in an empty folder",
            )
        )
    return worst(found, "git has no people's data and no secrets")


def _private(subject: Subject) -> Iterator[Path]:
    """What is there and must be its owner's alone."""
    database = subject.database
    yield subject.project.root / ".env"
    if database.parent.name == private.STORE:
        yield database.parent
    yield database
    yield from sorted(database.parent.glob(f"{database.name}-*"))
    yield from sorted(database.parent.glob("left-*.log"))
    yield from sorted(database.parent.glob("backups/*"))


def _open_to_others(subject: Subject, path: Path) -> Iterator[Diagnosis]:
    try:
        found, above = path.stat(), path.parent.stat()
    except FileNotFoundError:
        return
    folder = stat.S_ISDIR(found.st_mode)
    # What lies in a folder that others cannot enter is out of their reach.
    if found.st_mode & _OTHERS and above.st_mode & _PASS:
        mode = private.FOLDER if folder else private.FILE
        named = subject.named(path)
        yield error(f"other users can reach {named}", f"chmod {mode:o} {named}")
    if found.st_uid != os.geteuid():
        yield error(
            f"{subject.named(path)} belongs to another user",
            "run newsletter as the user whose files these are, or: "
            f"sudo chown $(id -un) {subject.named(path)}",
        )


def _unwritable(subject: Subject) -> Iterator[Diagnosis]:
    """Folders that commands write into."""
    root = subject.project.root
    for path in dict.fromkeys((root, root / files.ISSUES, _existing(subject.database.parent))):
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
            named = "the newsletter's folder" if path == root else subject.named(path)
            yield error(f"{named} cannot be written", f"chmod u+wx {path}")


def _existing(path: Path) -> Path:
    """A folder, or the nearest above it that is there."""
    return next(one for one in (path, *path.parents) if one.is_dir())


def _size(number: int) -> str:
    return f"{number / (1 << 30):,.1f} GB" if number >= 1 << 30 else f"{number // _MEGABYTE:,} MB"


def _is_personal(subject: Subject, name: str) -> bool:
    """Whether a file that git keeps must not be in it, by its name or what is in it."""
    path, rehearsed = Path(name), subject.project.settings.transport.folder
    example = name == f"{files.LISTS}/example.csv"
    return bool(
        path.name == ".env"
        or private.STORE in path.parts
        or _LEFT.fullmatch(path.name)
        or (path.parts[0] == files.LISTS and path.suffix.lower() == ".csv" and not example)
        or (path.is_relative_to(rehearsed) and path.suffix == ".eml")
        or (_DATABASE.search(path.name) and _is_store(subject, subject.project.root / path))
    )


def _is_store(subject: Subject, path: Path) -> bool:
    """Whether a file is records of a newsletter's; one that cannot be read is none."""
    if path.resolve() == subject.database.resolve():
        # Opened and closed it would cost this process, which looks into it, SQLite's locks.
        return True
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False
    return head.startswith(_SQLITE_HEADER) and b"subscribers" in head


def _would_hold_people(subject: Subject) -> list[str]:
    """Where secrets, records, lists and rehearsed mails are, or would be."""
    named = subject.named(subject.database.resolve())
    rehearsed = f"{subject.project.settings.transport.folder}/001/1.eml"
    inside = [named, f"{named}-wal"] if not Path(named).is_absolute() else []  # and its log
    return [".env", *inside, f"{files.LISTS}/people.csv", rehearsed]
