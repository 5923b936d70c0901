"""The second ledger: one small file per real run, in `issues/.ledger/`, meant for git.

It holds no address. It is on the disk before the first mail leaves, and rises with every claim, so
that records restored from an older backup cannot send an issue again that they have forgotten, nor
a part of it (docs/decisions/0008).
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from newsletter.delivery import Run, RunState, State
from newsletter.errors import InputError, Place, RefusedError
from newsletter.project import files, git

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


class Claim(NamedTuple):
    """One claim: the place among the recipients, and its attempt; 0 and 0 is none."""

    position: int = 0
    attempt: int = 0


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
        claimed: the last claim that was made from here; its commit stands for all before it.
    """

    file: str
    issue: int
    run: str
    content_hash: str
    reached: Reached
    vouches: bool
    claimed: Claim = Claim()

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


def is_behind(entry: Entry, run: Run | None, reached: Reached, *, unclaimed: bool) -> bool:
    """Whether a file tells, or may have to tell, of more of its run than the records do.

    Args:
        entry: the file.
        run: the real run of its issue on record.
        reached: how far it has come on record, looked up after the file was read.
        unclaimed: whether its last claim is not on record, and could be made again.

    Raises:
        RefusedError: the records know nothing of the run: they are older than it, or another
            newsletter's.
    """
    known = run is not None and run.begun and entry.is_of(run)
    # Nothing more leaves of a run that is finished on record, whatever has left of it.
    told = entry.vouches or (run is not None and run.state is RunState.FINISHED)
    if known and told and not (unclaimed or reached.lacks(entry.reached)):
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


def entry_of(root: Path, run: Run) -> Entry | None:
    """What the file of a run says, None where there is none that can be read."""
    try:
        found = entry(root, run.content.issue)
    except InputError:
        return None
    return found if found is not None and found.is_of(run) else None


def highest(*reached: Reached) -> Reached:
    """What is true when all of them are, of one run that only comes further."""
    return reached[0]._replace(
        attempts=max(one.attempts for one in reached),
        position=max(one.position for one in reached),
    )


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
        recipients, told = _number(body, "recipients", _MOST), body.get("claimed", {})
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
            claimed=Claim(
                *(_number(Claim()._asdict() | told, name, _MOST) for name in Claim._fields)
            ),
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
