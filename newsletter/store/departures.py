"""Who left or is kept out, once more beside the database: a restored backup learns it from there.

A backup knows nothing of those who left after it was made. So each departure is also a line of a
file next to the database: its kind and the keyed hash of the address, never an address. The
database counts the lines it has seen (its `user_version`, changed in the same transaction), and one
that has seen fewer than there are makes up for it when it is opened.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.links import Key
from newsletter.store import people
from newsletter.store.database import Database
from newsletter.store.disk import unwritten
from newsletter.store.people import Evidence
from newsletter.store.tables import subscribers

_LEFT, _RETURNED = "left", "returned"
_RELEASED: Final = "released"
_FORGOTTEN: Final = "forgotten"
_HANDLE: Final = "handle"
#: Kinds by their letter in the file; any other reason of a suppression is "k".
_KINDS: Final = {
    "u": _LEFT, "i": _RETURNED, "b": "bounced", "c": "complained", "s": "soft bounces",
    "e": "erased", "x": "blocked", "k": "kept out", "j": _RELEASED, "f": _FORGOTTEN,
    "h": _HANDLE,
}  # fmt: skip
#: A person's row, its status, and the address's suppression are three things, each with a last word
#: of its own; what is not named here is about the suppression.
_ABOUT: Final = {_LEFT: "status", _RETURNED: "status", _FORGOTTEN: "row"}
_LETTERS: Final = {kind: letter for letter, kind in _KINDS.items()}
#: A letter, a blank, 64 hex digits (a handle's 24 and blanks), a line feed: all of one length, so
#: that the size tells the number.
_LINE: Final = 67
_NO_LINE: Final = b"-" + b" " * (_LINE - 2) + b"\n"
_EVIDENCE: Final = Evidence(source="left after this backup was made")
_TRIGGERS: Final = (
    ("suppressed", "INSERT ON main.suppressions", "1", "NEW.reason, NEW.address_hash"),
    ("suppressed_anew", "UPDATE OF reason ON main.suppressions", "1",
     "NEW.reason, NEW.address_hash"),
    ("released", "DELETE ON main.suppressions", "1", f"'{_RELEASED}', OLD.address_hash"),
    ("left", "UPDATE OF status ON main.subscribers",
     f"NEW.status = '{Status.UNSUBSCRIBED}'", f"'{_LEFT}', NEW.address_hash"),
    ("added_as_left", "INSERT ON main.subscribers",
     f"NEW.status = '{Status.UNSUBSCRIBED}'", f"'{_LEFT}', NEW.address_hash"),
    ("returned", "UPDATE OF status ON main.subscribers",
     f"OLD.status = '{Status.UNSUBSCRIBED}' AND NEW.status <> OLD.status",
     f"'{_RETURNED}', NEW.address_hash"),
    ("forgotten", "DELETE ON main.subscribers", "1", f"'{_FORGOTTEN}', OLD.address_hash"),
    ("left_unknown", "INSERT ON main.left_handles", "1", f"'{_HANDLE}', NEW.handle"),
)  # fmt: skip


def attach(database: Database, *, now: dt.datetime) -> int:
    """Have a database write down who leaves from now on, and learn whom it has missed.

    Returns:
        how many people it did not know to have left.
    """
    with database.reading() as connection:
        key = people.keys(connection, "addresses").popitem()[1]
        seen = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    departures = Departures(database.path, key)
    kept_out = 0
    if departures.missed(seen):
        with database.writing() as connection:
            kept_out = departures.make_up(connection, now=now)
    database.around = departures.kept
    return kept_out


class Departures:
    """The file beside one database.

    Args:
        path: the database's.
        key: hashes its addresses; a backup has the same, another store another one.
    """

    def __init__(self, path: Path, key: Key) -> None:
        name = hashlib.sha256(b"departures" + key.secret).hexdigest()[:12]
        self._path = path.with_name(f"left-{name}.log")
        self._new = bytearray()

    def missed(self, seen: int) -> bool:
        """Whether there are more lines than a database has seen."""
        return self._lines() > seen

    @contextlib.contextmanager
    def kept(self, connection: sa.Connection) -> Iterator[None]:
        """Write down who leaves inside the block; durable before the transaction is.

        A transaction that fails after all leaves its lines: nobody is mailed for that.

        Raises:
            PausedError: the disk is full.
            InputError: the file cannot be written.
        """
        self._watch(connection)
        self._new.clear()
        yield
        if self._new:
            seen = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            number = self._append(seen)
            connection.exec_driver_sql(f"PRAGMA user_version = {number}")

    def make_up(self, connection: sa.Connection, *, now: dt.datetime) -> int:
        """Let a database learn what it has missed; says how many people that kept out.

        Letting somebody in is not repeated: whoever had left in the backup stays out.
        """
        seen = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        number = self._lines()
        with self._path.open("rb") as stream:
            stream.seek(seen * _LINE)
            data = stream.read((number - seen) * _LINE).decode("ascii", "replace")
        last: dict[tuple[str, str], str] = {}
        for line in data.splitlines():
            kind, name = _KINDS.get(line[:1], ""), line[2:].strip()
            last[name, _ABOUT.get(kind, "")] = kind
        out = [(kind, name) for (name, _), kind in last.items()
               if kind not in {"", _RETURNED, _RELEASED}]  # fmt: skip
        kept_out = {name for kind, name in out if _leave(connection, kind, name, now)}
        connection.exec_driver_sql(f"PRAGMA user_version = {number}")
        return len(kept_out)

    def _watch(self, connection: sa.Connection) -> None:
        """Have the connection tell who leaves, whichever statement it is."""
        told = connection.connection.info
        if "departures" in told:
            return
        plain = connection.connection.driver_connection
        assert isinstance(plain, sqlite3.Connection)
        plain.create_function("note_departure", 2, self._note)
        for name, what, when, values in _TRIGGERS:
            plain.execute(
                f"CREATE TEMP TRIGGER departure_{name} AFTER {what} WHEN {when} "
                f"BEGIN SELECT note_departure({values}); END"
            )
        told["departures"] = True

    def _note(self, kind: str, name: str) -> None:
        self._new += f"{_LETTERS.get(kind, 'k')} {name:<64}\n".encode("ascii")

    def _lines(self) -> int:
        try:
            return self._path.stat().st_size // _LINE
        except FileNotFoundError:
            return 0

    def _append(self, seen: int) -> int:
        """Add the new lines; the number of all. Others wait: this is inside a write transaction."""
        there = self._lines()
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.seek(there * _LINE)  # over a line that a power cut has torn
                stream.write(_NO_LINE * (seen - there))  # the file was lost
                stream.write(self._new)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise unwritten(
                self._path, error, "who has left cannot be written down",
                hint="make the file and its folder writable for this user",
            ) from error  # fmt: skip
        return max(seen, there) + len(self._new) // _LINE


def _leave(connection: sa.Connection, kind: str, name: str, now: dt.datetime) -> bool:
    if kind == _HANDLE:
        return people.unsubscribe(connection, name, _EVIDENCE, now=now)
    this = subscribers.c.address_hash == name
    if kind == _FORGOTTEN:
        return bool(connection.execute(sa.delete(subscribers).where(this)).rowcount)
    if kind == _LEFT:
        handle = connection.execute(sa.select(subscribers.c.handle).where(this)).scalar()
        if handle is not None:
            return people.unsubscribe(connection, handle, _EVIDENCE, now=now)
        kind = "unsubscribed"
    return people.suppress(connection, name, reason=kind, now=now)
