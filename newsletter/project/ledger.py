"""The second ledger: one small file per real run, in `issues/.ledger/`, meant for git.

It holds no address. It is on the disk before the first mail leaves, and rises with every claim, so
that records restored from an older backup cannot send an issue again that they have forgotten, nor
a part of it (docs/decisions/0008).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from newsletter.delivery import Counts, Delivery, Run, RunState, State
from newsletter.errors import InputError, Place, RefusedError
from newsletter.project import files, git
from newsletter.project.disk import flush, unwritten

#: More than any newsletter has; what is larger was written by another hand.
_MOST: Final = 10**12
_NOT_IN_GIT: Final = (
    "put it back from a backup of this folder; only if these records were never put back from one, "
    "take it away, and the next send writes it again"
)
FOLDER: Final = f"{files.ISSUES}/.ledger"
#: From these more may leave.
_LEFT: Final = (State.QUEUED, State.CLAIMED, State.DEFERRED)


class Reached(NamedTuple):
    """How far a run has come, as the records say it or its file.

    Attributes:
        recipients: how many were frozen.
        attempts: claims in all; never falls.
        position: the last place among the recipients that was ever claimed or passed over, 0 before
            the first; never falls.
    """

    recipients: int
    attempts: int
    position: int

    def lacks(self, told: Reached) -> bool:
        """Whether records that say this know less of a run than was told of it.

        Either number tells of it alone: a machine's file lags behind what others have claimed, so
        that a claim of its own may raise the position in it above the records', and the attempts
        not; a second attempt raises the attempts only.
        """
        return self.attempts < told.attempts or self.position < told.position


class Entry(NamedTuple):
    """What the file of one issue says.

    Attributes:
        file: its path in the newsletter's folder.
        issue: the number.
        run: when the run was begun, to the microsecond, which names it.
        content_hash: SHA-256 in hex of what was sent.
        reached: the claims that may have led to a mail; the records can only have more.
        vouches: whether no mail can have left of which it does not tell. A file without a mark, as
            older versions wrote it, did not rise with the claims: it tells of all of them only
            when nothing was left to be claimed.
    """

    file: str
    issue: int
    run: str
    content_hash: str
    reached: Reached
    vouches: bool

    @classmethod
    def of(cls, run: Run, reached: Reached) -> Self:
        """What a file of a run would say."""
        return cls(
            file=name_of(run.content.issue),
            issue=run.content.issue,
            run=_named(run),
            content_hash=run.content.content_hash,
            reached=reached,
            vouches=True,
        )

    def is_of(self, run: Run) -> bool:
        """Whether it is a run's file, and not that of one that other records know."""
        return self.run == _named(run)


def name_of(issue: int) -> str:
    """The path of an issue's file in the newsletter's folder."""
    return f"{FOLDER}/{issue}.json"


def from_git(root: Path, name: str) -> str:
    """The command that puts a file back as it was last committed, "" where the commit lacks it."""
    command = f"git checkout HEAD -- {name}"
    match git.has(root, name):
        case True:
            return f"put it back: {command}"
        case False:
            return ""
        case None:
            return f"git does not say here whether it has this file; where it does: {command}"


def entries(root: Path) -> tuple[Entry, ...]:
    """What all files say, by number.

    Raises:
        InputError: one of them cannot be read.
    """
    found = sorted((root / FOLDER).glob("*.json"), key=lambda path: (len(path.name), path.name))
    return tuple(_read(path, f"{FOLDER}/{path.name}") for path in found)


def issues(root: Path) -> tuple[int, ...]:
    """The numbers of the issues that have a file, whatever is in it."""
    names = (path.stem for path in (root / FOLDER).glob("*.json"))
    return tuple(sorted(int(name) for name in names if re.fullmatch(r"[0-9]{1,9}", name)))


def begun(root: Path) -> dict[int, dt.datetime]:
    """When the real run of each issue was begun, in UTC, by number.

    Raises:
        InputError: a file cannot be read.
    """
    found = ((one.issue, dt.datetime.fromisoformat(one.run)) for one in entries(root))
    return {issue: moment.astimezone(dt.UTC) for issue, moment in found}


def entry(root: Path, issue: int) -> Entry | None:
    """What an issue's file says, None where there is none.

    Raises:
        InputError: it cannot be read.
    """
    path = root / name_of(issue)
    return _read(path, name_of(issue)) if path.exists() else None


def is_behind(entry: Entry, run: Run | None, reached: Reached) -> bool:
    """Whether a file tells, or may have to tell, of more of its run than the records do.

    Args:
        entry: the file.
        run: the real run of its issue on record.
        reached: how far it has come on record, looked up after the file was read.

    Raises:
        RefusedError: the records know nothing of the run: they are older than it, or another
            newsletter's.
    """
    known = run is not None and run.begun and entry.is_of(run)
    # Nothing more leaves of a run that is finished on record, whatever has left of it.
    told = entry.vouches or (run is not None and run.state is RunState.FINISHED)
    if known and told and not reached.lacks(entry.reached):
        return False
    # Only when all are frozen does everybody stand at the position that the file speaks of.
    if known and reached.recipients == entry.reached.recipients:
        return True
    what = "only in part" if known else "nothing"
    raise RefusedError(
        begun_but(entry, f"these records know {what} of it"),
        place=Place(entry.file),
        cause=OLDER_COPY,
        hint="restore records from after that day, or send from the machine that has them; only "
        f"if that mail never left, take away {entry.file}",
    )


class HighWaterMark:
    """How far the claims of one real run have come, as its file says it.

    It rises in two steps: `count`, in the order of the commits, and `flush`, by any thread. What a
    mail leaves for is flushed before; the records have it before that. So records that lack any of
    what the file tells have lost some.

    Args:
        path: the file.
        run: the row of the run.
        text: what the file says now, made by `write`.
        reached: as in it.
    """

    def __init__(self, path: Path, run: int, text: bytes, reached: Reached) -> None:
        self.run = run
        self._path = path
        self._text = text
        self._made = self._flushed = self._told = reached
        self._flushing = threading.Lock()

    def begin(self) -> None:
        """Call this before a claim: it comes on top of what others are known to have claimed."""
        self._made = highest(self._made, self._told)

    def count(self, taken: Iterable[Delivery]) -> None:
        """Note what was claimed, after its commit and before the next one begins."""
        places = [delivery.position for delivery in taken]
        self._made = self._made._replace(
            attempts=self._made.attempts + len(places),
            position=max(self._made.position, *places, 0),
        )

    @property
    def reached(self) -> Reached:
        """How far the records have told that it came; those that know of less have lost some."""
        return highest(self._made, self._told, self._flushed)

    def rise(self, reached: Reached) -> None:
        """Note how far the run has come by the records, where others send some of it as well."""
        self._told = reached

    def flush(self) -> None:
        """Return when all that was counted until now is in the file and on the disk.

        Raises:
            PausedError: the disk is full.
            InputError: the file cannot be written.
        """
        with self._flushing:
            made = highest(self._made, self._told, self._flushed)
            if made == self._flushed:
                return
            before, after = _marked(self._flushed), _marked(made)
            new = self._text.replace(before, after, 1)
            try:
                there = _overwrite(self._path, self._text.index(before), before, after)
            except OSError as error:
                hint = "make the file and its folder writable for this user"
                message = "the ledger cannot be written"
                raise unwritten(self._path, error, message, hint=hint) from error
            if not there:  # taken away or changed by another hand, such as git's
                files.write_atomic(self._path, new)
            self._text, self._flushed = new, made


def write(
    root: Path,
    run: Run,
    counts: Counts,
    reached: Reached,
    *,
    occurrence: dt.date | None,
) -> HighWaterMark:
    """Write the file of a real run, whole and on the disk when this returns.

    Args:
        root: the newsletter's folder.
        run: the real run.
        counts: deliveries by state.
        reached: how far it has come.
        occurrence: the date of the schedule it was begun for, None by hand.

    Returns:
        what raises the mark in it while the run goes on.

    Raises:
        PausedError: the disk is full.
        InputError: the folder cannot be made or written.
    """
    number = run.content.issue
    body = {
        "schema": 1,
        "issue": number,
        "attempts": reached.attempts,
        "position": reached.position,
        "occurrence": occurrence.isoformat() if occurrence else None,
        "run": _named(run),
        "content_hash": run.content.content_hash,
        "source_hash": run.content.source_hash,
        "recipients": reached.recipients,
        "by_state": {state.value: n for state, n in sorted(counts.by_state.items()) if n},
    }
    plain = f'"attempts": {reached.attempts},\n  "position": {reached.position},'.encode()
    text = f"{json.dumps(body, indent=2)}\n".encode().replace(plain, _marked(reached), 1)
    path = root / name_of(number)
    files.make_folder(root / FOLDER)
    files.write_atomic(path, text)
    return HighWaterMark(path, run.id, text, reached)


def highest(*reached: Reached) -> Reached:
    """What is true when all of them are, of one run that only comes further."""
    return reached[0]._replace(
        attempts=max(one.attempts for one in reached),
        position=max(one.position for one in reached),
    )


def _marked(reached: Reached) -> bytes:
    """Two of the numbers as they stand in the file: always of one length, within one sector."""
    return f'"attempts": {reached.attempts:>12},\n  "position": {reached.position:>12},'.encode()


def _overwrite(path: Path, offset: int, before: bytes, after: bytes) -> bool:
    """Change bytes in place, durably; false where others stand there by now."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if os.pread(handle, len(before), offset) != before:
            return False
        os.pwrite(handle, after, offset)
        flush(handle)
    finally:
        os.close(handle)
    return True


#: Why they mostly do.
OLDER_COPY: Final = "they were restored from an older backup, or are another machine's"


def begun_but(entry: Entry, what: str) -> str:
    """The beginning of what there is to say of a run whose file and records disagree."""
    return f"issue {entry.issue} was begun on {entry.run[:10]}, but {what}"


def _named(run: Run) -> str:
    return run.started_at.astimezone(dt.UTC).isoformat()


def _number(body: dict[str, Any], name: str, most: int) -> int:
    """A whole number of a file, from 0 to `most`.

    Raises:
        ValueError: it is none.
    """
    found = body[name]
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
        raise ValueError(name)
    return found


def _left(body: dict[str, Any]) -> int:
    """How many deliveries were still to be made when a file was written.

    Raises:
        ValueError, TypeError, KeyError: it does not tell.
    """
    by_state = {state.value: 0 for state in _LEFT} | body["by_state"]
    return sum(_number(by_state, state.value, _MOST) for state in _LEFT)


def _read(path: Path, name: str) -> Entry:
    try:
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
        recipients = _number(body, "recipients", _MOST)
        found = Entry(
            file=name,
            issue=_number(body, "issue", _MOST),
            run=dt.datetime.fromisoformat(body["run"]).isoformat(),
            content_hash=str(body["content_hash"]),
            reached=Reached(
                recipients=recipients,
                attempts=_number(body, "attempts", _MOST),
                # A version that wrote no mark: anybody may have been tried.
                position=_number({"position": recipients} | body, "position", recipients),
            ),
            vouches="position" in body or not _left(body),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            "this record of a run cannot be read",
            place=Place(name),
            hint=from_git(path.parent.parent.parent, name) or _NOT_IN_GIT,
        ) from error
    if not re.fullmatch(rf"{found.issue}\.json", path.name):
        raise InputError(
            f"this record is about issue {found.issue}", place=Place(name), hint="undo its renaming"
        )
    return found
