"""Who left or is kept out, once more beside the database: a restored backup learns it from there.

A backup knows nothing of those who left after it was made. So each departure is also a line of a
file next to the database: its kind and the keyed hash of the address, never an address. And while
another program keeps the database locked, a departure stands in the file alone for a while.

The database counts the lines it knows (changed in the same transaction).
docs/decisions/0007 has the rules that hold the two together:

1. A line that is on the disk is never changed or taken away.
2. Every line the database counts has had its effect in it.
3. Each write transaction begins by making up for the lines it does not count yet; one that others
   share begins only when there are none.
4. Lines are added by who has the file's lock alone. A write transaction holds it until it is
   durable, so that a departure comes wholly before or wholly after a claim; those that share one
   another hold it together.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from newsletter.audience.tokens import Key
from newsletter.errors import InputError, PausedError, Place
from newsletter.project import private
from newsletter.project.disk import flush_path, unwritten
from newsletter.store.consents import Evidence
from newsletter.store.database import Database, NotAloneError
from newsletter.store.departure_rules import FORGOTTEN, HANDLE, LEFT, RELEASED, RETURNED
from newsletter.store.signing_keys import address_key
from newsletter.store.tables import subscribers

_WAITED: Final = "waited"
#: Kinds by their letter in the file; any other reason of a suppression is "k".
_KINDS: Final = {
    "u": LEFT, "i": RETURNED, "b": "bounced", "c": "complained", "s": "soft bounces",
    "e": "erased", "x": "blocked", "k": "kept out", "j": RELEASED, "f": FORGOTTEN,
    "h": HANDLE, "w": _WAITED,
}  # fmt: skip
#: A person's row, its status, and the address's suppression are three things, each with a last word
#: of its own; what is not named here is about the suppression.
_ABOUT: Final = {LEFT: "status", RETURNED: "status", FORGOTTEN: "row"}
_LETTERS: Final = {kind: letter for letter, kind in _KINDS.items()}
#: A letter, a blank, 64 characters, a line feed: all of one length, so that the size tells the
#: number. The 64 are a hash, or a handle, followed by the time where the line had to wait.
_LINE: Final = 67
_NO_LINE: Final = b"-" + b" " * (_LINE - 2) + b"\n"
_WHOLE: Final = re.compile(
    r"(?P<kind>[a-z]) (?P<name>[0-9a-f]{24,64})(?: (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ))? *\n"
)
_WHEN: Final = "%Y-%m-%dT%H:%M:%SZ"
_OLDER: Final = Evidence(source="left after this backup was made")
#: By the page or by a mail program: the line has no room for which.
_LATE: Final = Evidence(source="unsubscribe link, while the records were busy")
#: The file's lock is held for as long as a short transaction takes to reach the disk.
_LOCK_SECONDS: Final = 10
_BETWEEN: Final = 0.002
#: How long those who leave do not wait for a database that another program has just kept locked.
_HURRIED_SECONDS: Final = 1.0
#: Lines of one step of catching up, a tenth of a second's work; and the pause after each, in which
#: a writer that waits gets its turn.
_STEP: Final = 250
_PAUSE: Final = 0.02


def attach(database: Database, *, clock: Callable[[], dt.datetime]) -> Departures:
    """Have a database write down who leaves from now on, and learn whom it has missed."""
    with database.reading() as connection:
        key = address_key(connection)
        known = database.backend.counted(connection)
    departures = Departures(database, key, clock)
    database.around = departures.kept
    departures.behind = departures.missed(known)
    if departures.behind and not database.read_only:
        # Whoever keeps it locked makes up when they write the next time, and so do we.
        with contextlib.suppress(PausedError):
            departures.catch_up()
    return departures


class _Line(NamedTuple):
    """A line of the file: who left, how, and when that was told."""

    kind: str
    name: str
    evidence: Evidence
    at: dt.datetime


class Departures:
    """The file beside one database.

    Args:
        database: whose people these are.
        key: hashes its addresses; a backup has the same, another store another one.
        clock: tells the time, in UTC.

    Attributes:
        behind: whether somebody's leaving is in the file alone, as far as this process knows.
    """

    def __init__(self, database: Database, key: Key, clock: Callable[[], dt.datetime]) -> None:
        self._name = list_name(key)
        self._database = database
        self._backend = database.backend
        self._clock = clock
        self._new = bytearray()
        self._hurried_until = 0.0
        #: How many lines the next transaction makes up for at most, None for all.
        self._step: int | None = None
        #: The number of a line, and it with all behind it, as a step has read them.
        self._seen: tuple[int, list[_Line]] = 0, []
        self._kept_out: set[str] = set()
        self.behind = False

    @property
    def kept_out(self) -> int:
        """How many people the database did not know to have left: only a restored backup does not.

        Each counts once, in however many lines and steps.
        """
        return len(self._kept_out)

    @property
    def _path(self) -> Path:
        return self._backend.departures_file(self._name)

    def missed(self, counted: int) -> bool:
        """Whether there are more lines than a database counts."""
        return lines_in(self._path) > counted

    @contextlib.contextmanager
    def kept(
        self, connection: sa.Connection, until_durable: contextlib.ExitStack
    ) -> Iterator[None]:
        """Put around a write transaction: make up first, and write down who leaves inside.

        A transaction that fails after all leaves its lines, and the next one makes up for them:
        nobody is mailed for that.

        Args:
            connection: inside the transaction.
            until_durable: closed when the transaction is committed or undone.

        Raises:
            NotAloneError: there is something to make up for, and the transaction is shared.
            PausedError: the disk is full, or another program does not let go of the file.
            InputError: the file cannot be written.
        """
        if connection.get_execution_options().get("shared", False):
            file = until_durable.enter_context(self._locked(shared=True))
            if _lines(file) > self._backend.counted(connection):
                raise NotAloneError
            yield  # in which nobody leaves
            return
        self._backend.watch(connection, self._note)
        file = until_durable.enter_context(self._locked())
        self._make_up(connection, file)
        self._new.clear()  # what was made up for stands in the file already
        yield
        self._backend.departed(connection, self._note)
        if self._new:
            number = self._append(file, self._backend.counted(connection), bytes(self._new))
            self._backend.count(connection, number)

    def leave(self, handle: str, evidence: Evidence, *, now: dt.datetime) -> bool:
        """Note, durably, that the person with this handle leaves.

        Where the database cannot be written now, it is noted in the file alone (`behind`). Whoever
        writes to the database next makes up for it first, so that nobody is claimed who has left
        like this.

        Returns:
            whether the person is known.

        Raises:
            NewsletterError: neither can be written, or this is a bug; nobody has left then.
        """
        from newsletter.store.subscribers import unsubscribe  # noqa: PLC0415  # as in `_make_up`

        if time.monotonic() >= self._hurried_until:
            try:
                with self._database.writing() as connection:
                    return unsubscribe(connection, handle, evidence, now=now)
            except (PausedError, InputError):
                self._hurried_until = time.monotonic() + _HURRIED_SECONDS
        name = f"{handle} {now.astimezone(dt.UTC).strftime(_WHEN)}"
        held = sa.select(subscribers.c.id).where(subscribers.c.handle == handle)
        with self._locked() as file, self._database.reading() as connection:
            self._append(file, self._backend.counted(connection), _line(_WAITED, name))
            self.behind = True
            return connection.execute(held).first() is not None

    def catch_up(self) -> None:
        """Have the database learn who has left beside it, unless another writer was first.

        In steps: behind an old backup there may be very many, and nobody could leave meanwhile.
        """
        self.behind = False
        try:
            while not self._learn_some():
                time.sleep(_PAUSE)
        except BaseException:
            self.behind = True
            raise

    def _learn_some(self) -> bool:
        """One step; whether it was the last."""
        # No other thread may write meanwhile: what it claims, it claims after making up for all.
        with self._database.writer:
            self._step = _STEP
            try:
                with self._database.writing() as connection:  # which begins by making up
                    return not self.missed(self._backend.counted(connection))
            finally:
                self._step = None

    def _make_up(self, connection: sa.Connection, file: int) -> None:
        """Have the database learn the lines that it does not count, or the next `_step` of them.

        Letting somebody in is not repeated: whoever had left in the backup stays out.
        """
        known, number = self._backend.counted(connection), _lines(file)
        if number <= known:
            return
        # Nearly always there is nothing to make up for, and nobody's rows are touched.
        from newsletter.store.folder.departed import learn  # noqa: PLC0415

        lines = self._uncounted(connection, file, known, number)
        last = {(line.name, _ABOUT.get(line.kind, "")): at for at, line in enumerate(lines)}
        step = len(lines) if self._step is None else min(len(lines), self._step)
        # A line has its effect when its turn comes, unless a later one has the last word: so it is
        # the same in however many steps.
        out = [
            lines[at]
            for at in sorted(last.values())
            if at < step and lines[at].kind not in {"", RETURNED, RELEASED}
        ]
        kept_out = {line.name for line in out if learn(connection, *line)}
        late = {line.name for line in out if line.evidence is _LATE}
        self._kept_out |= kept_out - late
        self._backend.departed(connection, lambda *_: None)
        self._backend.count(connection, known + step)
        if step == len(lines):
            self._seen = 0, []

    def _uncounted(
        self, connection: sa.Connection, file: int, known: int, number: int
    ) -> list[_Line]:
        """The lines that a database does not count; what the last step has read is read once."""
        begin, seen = self._seen
        lines = seen[known - begin :] if known >= begin else []
        start = known + len(lines)
        data = os.pread(file, (number - start) * _LINE, start * _LINE)
        lines += [
            self._read(connection, data[at : at + _LINE].decode("ascii", "replace"))
            for at in range(0, len(data), _LINE)
        ]
        self._seen = known, lines
        return lines

    def _read(self, connection: sa.Connection, text: str) -> _Line:
        """A line; what a power cut has made of one that was not on the disk yet says nothing."""
        found = _WHOLE.fullmatch(text)
        kind = _KINDS.get(found["kind"], "") if found else ""
        if found is None or (kind == _WAITED) is not bool(found["at"]):
            return _Line("", "", _OLDER, self._clock())
        if kind != _WAITED:
            return _Line(kind, found["name"], _OLDER, self._clock())
        at = dt.datetime.fromisoformat(found["at"])
        held = sa.select(subscribers.c.address_hash).where(subscribers.c.handle == found["name"])
        hashed = connection.execute(held).scalar()
        # By the hash, where there is one: the same person may have come back in a later line.
        return _Line(LEFT, hashed, _LATE, at) if hashed else _Line(HANDLE, found["name"], _LATE, at)

    def _note(self, kind: str, name: str) -> None:
        self._new += _line(kind, name)

    @contextlib.contextmanager
    def _locked(self, *, shared: bool = False) -> Iterator[int]:
        """The file, open, and nobody else at it who adds to it; without one it is made."""
        with self._writable():
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
        try:
            with self._writable():
                self._lock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _lock(self, file: int, kind: int) -> None:
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise PausedError(
                        "another program keeps the list of those who left locked",
                        place=Place(str(self._path)),
                        hint="end it, then run the same command again",
                    ) from None
                time.sleep(_BETWEEN)
            else:
                return

    def _append(self, file: int, counted: int, lines: bytes) -> int:
        """Add lines, durably, behind those that are there and those the database counts.

        Returns:
            the number of all lines.
        """
        there = _lines(file)
        lost = max(0, counted - there)  # the file was, or its end
        data = _NO_LINE * lost + lines
        number = there + len(data) // _LINE
        at = there * _LINE  # over a line that a power cut has torn
        with self._writable():
            while data:
                written = os.pwrite(file, data, at)
                data, at = data[written:], at + written
            os.fsync(file)
            if not there:
                flush_path(self._path.parent)  # its name is new
        return number

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritten(
                self._path, error, "who has left cannot be written down",
                hint="make the file and its folder writable for this user",
            ) from error  # fmt: skip


def list_name(key: Key) -> str:
    """What tells the list of one newsletter's records from that of others beside them."""
    return hashlib.sha256(b"departures" + key.secret).hexdigest()[:12]


def lines_in(path: Path) -> int:
    """How many whole lines a list has, 0 where there is none.

    Raises:
        InputError: it cannot be told.
    """
    try:
        return path.stat().st_size // _LINE
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise unwritten(
            path, error, "who has left cannot be told",
            hint="make the file and its folder readable for this user",
        ) from error  # fmt: skip


def _lines(file: int) -> int:
    """How many whole lines there are."""
    return os.fstat(file).st_size // _LINE


def _line(kind: str, name: str) -> bytes:
    return f"{_LETTERS.get(kind, 'k')} {name:<64}\n".encode("ascii")
