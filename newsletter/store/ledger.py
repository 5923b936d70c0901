"""The second ledger: one small file per real run, in `issues/.ledger/`, meant for git.

It holds no address. It is on the disk before the first mail leaves, so that records restored from
an older backup cannot send an issue again that they have forgotten.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from newsletter.errors import InputError, Place, RefusedError
from newsletter.outbox import Counts, Run
from newsletter.store import files

FOLDER: Final = f"{files.ISSUES}/.ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the file of one issue says.

    Attributes:
        file: its path in the newsletter's folder.
        issue: the number.
        run: when the run was begun, to the microsecond, which names it.
        content_hash: SHA-256 in hex of what was sent.
        attempts: claims when the file was written; the records can only have more.
    """

    file: str
    issue: int
    run: str
    content_hash: str
    attempts: int


def name_of(issue: int) -> str:
    """The path of an issue's file in the newsletter's folder."""
    return f"{FOLDER}/{issue}.json"


def entries(root: Path) -> tuple[Entry, ...]:
    """What all files say, by number.

    Raises:
        InputError: one of them cannot be read.
    """
    found = sorted((root / FOLDER).glob("*.json"), key=lambda path: (len(path.name), path.name))
    return tuple(_read(path, f"{FOLDER}/{path.name}") for path in found)


def entry(root: Path, issue: int) -> Entry | None:
    """What an issue's file says, None where there is none.

    Raises:
        InputError: it cannot be read.
    """
    path = root / name_of(issue)
    return _read(path, name_of(issue)) if path.exists() else None


def expect_known(entry: Entry, run: Run | None, attempts: int) -> None:
    """Refuse where a file tells of more than the records do.

    Args:
        entry: the file.
        run: the real run of its issue on record.
        attempts: claims on record.

    Raises:
        RefusedError: the records are older than the file, or another newsletter's.
    """
    known = run is not None and run.begun and entry.run == _named(run)
    if known and attempts >= entry.attempts:
        return
    what = "only in part" if known else "nothing"
    raise RefusedError(
        f"issue {entry.issue} was begun on {entry.run[:10]}, but these records know {what} of it",
        place=Place(entry.file),
        cause="they were restored from an older backup, or are another machine's",
        hint="restore records from after that day, or send from the machine that has them; only "
        f"if that mail never left, take away {entry.file}",
    )


def write(
    root: Path, run: Run, counts: Counts, *, attempts: int, occurrence: dt.date | None
) -> None:
    """Write the file of a real run, whole and on the disk when this returns.

    Raises:
        PausedError: the disk is full.
        InputError: the folder cannot be made or written.
    """
    number = run.content.issue
    body = {
        "schema": 1,
        "issue": number,
        "occurrence": occurrence.isoformat() if occurrence else None,
        "run": _named(run),
        "content_hash": run.content.content_hash,
        "source_hash": run.content.source_hash,
        "recipients": counts.total,
        "attempts": attempts,
        "by_state": {state.value: n for state, n in sorted(counts.by_state.items()) if n},
    }
    files.make_folder(root / FOLDER)
    text = json.dumps(body, indent=2) + "\n"
    files.write_atomic(root / name_of(number), text.encode())


def _named(run: Run) -> str:
    return run.started_at.astimezone(dt.UTC).isoformat()


def _read(path: Path, name: str) -> Entry:
    try:
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
        found = Entry(
            file=name,
            issue=int(body["issue"]),
            run=str(body["run"]),
            content_hash=str(body["content_hash"]),
            attempts=int(body["attempts"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "this record of a run cannot be read",
            place=Place(name),
            hint=f"put it back as git has it: git checkout {name}",
        ) from error
    if not re.fullmatch(rf"{found.issue}\.json", path.name):
        raise InputError(
            f"this record is about issue {found.issue}", place=Place(name), hint="undo its renaming"
        )
    return found
