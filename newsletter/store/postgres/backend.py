"""A schema of a PostgreSQL database as the store.

Every transaction says in its first statement what it needs: the schema, a durable commit, and the
store's lock. The lock keeps writers one after another, as SQLite does, so what is looked up and
then written stays right; claims and outcomes share it, and an unsubscribe, which does not, comes
wholly before or wholly after each of them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import secrets
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event

from newsletter.errors import InputError, NewsletterError, PausedError
from newsletter.project import private
from newsletter.project.disk import unwritten
from newsletter.store.copies import copy_to_file
from newsletter.store.database import Database, Note
from newsletter.store.hurry import Hurry
from newsletter.store.postgres import histories, paces
from newsletter.store.postgres import schema as tables
from newsletter.store.postgres.address import ServerAddress
from newsletter.store.postgres.engine import BUSY as _BUSY_SECONDS
from newsletter.store.postgres.engine import allow, open_engine
from newsletter.store.postgres.faults import BUSY, BUSY_HINT, DAMAGED, RESTORE, fault
from newsletter.store.postgres.leases import Leases
from newsletter.store.postgres.others import expect_no_others
from newsletter.store.postgres.silence import ANSWERED, Silence
from newsletter.store.tables import runs, subscribers, tags
from newsletter.store.traces import Traces

#: Connections of a process, besides the two that renew its leases and ask for the pace.
_CONNECTIONS: Final = 5
_OLDEST: Final = 140000
#: Tells this program's locks from others' in the same database.
_LOCKS: Final = 0x6E6C7472

#: What the comment of a schema begins with whose records were moved.
_MOVED: Final = ("were moved to ", "are being moved to ")
# Compiling (jit) takes seconds for a segment of many tags; a role may have its own way with dates.
_PLAIN: Final = 'SET LOCAL search_path = "{schema}"; SET LOCAL jit = off; SET LOCAL datestyle = ISO'
_READ: Final = f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; {_PLAIN}"
#: What a machine that froze in the middle holds is given back after so long.
_LIGHT: Final = f"{_PLAIN}; SET LOCAL idle_in_transaction_session_timeout = '30s'"
_WRITE: Final = (
    "SELECT set_config('search_path', %s, true), set_config('lock_timeout', %s, true), "
    "set_config('idle_in_transaction_session_timeout', %s, true), "
    "set_config('jit', 'off', true), set_config('datestyle', 'ISO', true), "
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)"
)
_ALONE: Final = "pg_advisory_xact_lock(%s, %s)"
_SHARED: Final = "pg_advisory_xact_lock_shared(%s, %s)"
_SAFE: Final = (
    "SELECT current_setting('server_version_num')::int AS version, "
    "current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby, "
    "current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, "
    f"current_setting('default_transaction_read_only') AS read_only, {histories.ASKED}"
)


class PostgresBackend:
    """Connections to one schema.

    Args:
        address: where it is.
        read_only: whether nothing is written, beside it as well.
        patience: how many seconds another writer is waited for, 30 unless it is given.

    Raises:
        InputError: the driver is not installed.
    """

    on_server = True

    def __init__(
        self, address: ServerAddress, *, read_only: bool = False, patience: float | None = None
    ) -> None:
        self.path, self.place, self.schema = address.path, address.place, address.schema
        self.patience = _BUSY_SECONDS if patience is None else patience
        self.hurry = Hurry()
        self._lock = (_LOCKS, zlib.crc32(self.schema.encode()) - 2**31)
        #: What the server's own lists of who is connected show, 63 characters at most.
        self._called = f"newsletter {self.schema}@{os.getpid()} {socket.gethostname()}"[:63]
        reach = functools.partial(
            open_engine, address, called=self._called, begin=self._begin,
            silence=Silence(self.hurry),
        )  # fmt: skip
        self.engine = reach(_CONNECTIONS)
        self._user = address.user
        self.connections = 0
        #: When the server that was written to last had begun.
        self._since = ""
        event.listen(self.engine, "connect", self._count_connection)
        self._renewing = reach(2)
        self._leases = Leases(
            self.place,
            write=lambda: self._transaction(self.engine, writes=True),
            renew=lambda: self._transaction(self._renewing),
            hurry=self.hurry,
        )
        self._read_only = read_only

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self._renewing.dispose()

    def expect_safe(self) -> None:
        """Refuse a server that could lose what it has called written.

        Raises:
            InputError: it is one, or it can only be read, or is too old.
            NewsletterError: it cannot be reached.
        """
        with self._translated(opening=True), self.engine.begin() as connection:
            row = connection.exec_driver_sql(_SAFE).one()
        cause = ""
        if row.version < _OLDEST or row.encoding != "UTF8":
            cause = f"it is version {row.version // 10000} with the encoding {row.encoding}"
            message = "this server cannot hold the records"
            hint = "use PostgreSQL 14 or later, UTF8"
        elif row.standby or row.read_only == "on":
            message = "this database can only be read"
            hint = "set store.url to the primary server, and a user who may write"
        elif (row.fsync, row.full_page_writes) != ("on", "on"):
            message = "the records would not be safe in this database"
            cause = f"fsync is {row.fsync}, full_page_writes is {row.full_page_writes}"
            hint = "set both to on in the server's configuration"
        else:
            return
        raise InputError(message, place=self.place, cause=cause or None, hint=hint)

    def make_folder(self) -> None:
        """Make the folder for files of this machine; git does not see it.

        Raises:
            OSError: a file is in the way, or the place is not writable.
        """
        private.make_folder(self.path.parent)
        private.hide_from_git(self.path.parent)

    def fault(self, error: BaseException | None, *, opening: bool) -> NewsletterError:
        """What an error of the driver means."""
        return fault(
            error, self.place, opening=opening, seconds=self.patience, schema=self.schema,
            user=self._user,
        )  # fmt: skip

    def damaged(self) -> InputError:
        """The fault of records that cannot be read."""
        return InputError(DAMAGED, place=self.place, hint=RESTORE)

    def expect_whole(self) -> None:
        """PostgreSQL tells of damage itself, where it finds any."""

    def locked_too_long(self) -> PausedError:
        """The fault of another program that wrote all the time."""
        return PausedError(BUSY.format(seconds=self.patience), place=self.place, hint=BUSY_HINT)

    def create(self, connection: sa.Connection) -> None:
        """Make the schema where it lacks, and the tables."""
        tables.create(connection, self.schema)

    def reshape(self, connection: sa.Connection) -> None:
        """Give what an upgrade has made numbers that do not run out, and text in byte order."""
        tables.reshape(connection, self.schema)

    def create_guards(self, connection: sa.Connection) -> None:
        """Make all guards."""
        tables.create_guards(connection, self.schema)

    def deviations(self, connection: sa.Connection) -> tuple[str, ...]:
        """The names of guards that are not as they should be."""
        return tables.deviations(connection, self.schema)

    def drop_guards(self, connection: sa.Connection) -> None:
        """Take away all guards."""
        tables.drop_guards(connection, self.schema)

    @contextlib.contextmanager
    def lock(self, name: str, doing: str) -> Iterator[None]:
        """Hold a lock as a lease that ends a minute after its holder was heard last.

        Raises:
            LockedError: held already, by the process and machine the message names.
        """
        with contextlib.ExitStack() as held:
            with self._translated():
                held.enter_context(self._leases.lock(name, doing))
            yield

    def holder(self, name: str) -> str:
        """Who holds a lock, "" when nobody does."""
        with self._translated(), self._transaction(self.engine) as connection:
            return self._leases.holder(connection, name)

    def expect_held(self, connection: sa.Connection) -> None:
        """Refuse to go on once this process's lease has ended.

        Raises:
            PausedError: it has.
        """
        self._leases.expect_held(connection)

    def leads(self) -> bool:
        """Whether it is not only a worker."""
        return self._leases.leads()

    def claimer(self) -> str:
        """The lease that this process claims under."""
        return self._leases.claimer()

    def may_hand_over(self) -> bool:
        """Whether that lease runs for certain."""
        return self._leases.may_hand_over()

    def under_way(self, connection: sa.Connection) -> frozenset[str]:
        """The leases that may have something under way."""
        return self._leases.under_way(connection)

    def workers(self, connection: sa.Connection) -> dict[str, str]:
        """Who works now, by the lease."""
        return self._leases.workers(connection)

    def leader(self, connection: sa.Connection) -> dict[str, str]:
        """Who leads and is no worker, by the lease."""
        return self._leases.leader(connection)

    def take_places(self, account: str, number: int, full: float) -> tuple[float, float]:
        """Take places in the pace of an account, on whichever machine."""
        with self._translated(), self._transaction(self._renewing) as connection:
            return paces.take(connection, account, number, full)

    def cut_pace(self, account: str) -> None:
        """Half the pace of an account, and nothing for a second."""
        with self._translated(), self._transaction(self._renewing) as connection:
            paces.cut(connection, account)

    def ahead(self, connection: sa.Connection, now: dt.datetime) -> dt.timedelta:
        """How far a moment by this machine is ahead of the server's clock."""
        told: dt.datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return now - told

    def expect_there(self) -> None:
        """A connection that is open stays with its database."""

    def watch(self, connection: sa.Connection, note: Note) -> None:
        """Triggers of the database do it, whoever writes."""

    def departed(self, connection: sa.Connection, note: Note) -> None:
        """Tell who has left in this transaction."""
        told = sa.delete(tables.departed).returning(*tables.departed.c)
        for row in sorted(connection.execute(told), key=lambda row: row.id):
            note(row.kind, row.name)

    def departures_file(self, name: str) -> Path:
        """This machine's list of departures: each has its own, and the database counts each."""
        return self.path.with_name(f"left-{name}-{self._machine}.log")

    def counted(self, connection: sa.Connection) -> int:
        """How many lines of this machine's list the database knows."""
        lines = sa.select(tables.departure_lists.c.lines).where(self._mine())
        return int(connection.execute(lines).scalar() or 0)

    def count(self, connection: sa.Connection, number: int) -> None:
        """Have the database know so many lines, from the end of this transaction."""
        table = tables.departure_lists
        known = sa.update(table).where(self._mine()).values(lines=number)
        if not connection.execute(known).rowcount:
            connection.execute(sa.insert(table).values(machine=self._machine, lines=number))

    def copy_to(self, path: Path) -> str:
        """Copy all that is committed, as of one moment, into an empty file."""
        with Database(self, read_only=True).reading() as connection:
            return copy_to_file(connection, self, path, in_part=runs.c.rehearsal.is_(False))

    @property
    def unmark(self) -> str:
        """The comment that says that the records were moved is taken away."""
        return f'run: COMMENT ON SCHEMA "{self.schema}" IS NULL'

    def highest(self, connection: sa.Connection, table: sa.Table) -> int:
        """The highest number that a table has ever given."""
        return tables.highest(connection, table, self.schema)

    def number_from(self, connection: sa.Connection, table: sa.Table, highest: int) -> None:
        """Have a table give only higher numbers."""
        tables.number_from(connection, table, self.schema, highest)

    def moved(self, connection: sa.Connection) -> str:
        """What the comment of the schema says of where the records are now."""
        query = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"
        words = connection.exec_driver_sql(query, (self.schema,)).scalar() or ""
        return words if words.startswith(_MOVED) else ""

    def mark(self, words: str) -> None:
        """Set, or take away, the comment of the schema."""
        text = "'" + words.replace("'", "''").replace("%", "%%") + "'" if words else "NULL"
        with self._translated(), self._transaction(self.engine) as connection:
            connection.exec_driver_sql(f'COMMENT ON SCHEMA "{self.schema}" IS {text}')

    def expect_many_rows(self) -> None:
        """A server looks after its memory itself."""

    def expect_alone(self) -> None:
        """Refuse to go on while another process has these records open, or nobody can tell."""
        with self._translated(), self._transaction(self.engine) as connection:
            expect_no_others(connection, self._called, self.place)

    def scrub(self, database: Database, traces: Traces) -> bool:  # noqa: ARG002  # of SQLite's files
        """Take deleted rows out of the tables; PostgreSQL's own log keeps them for a while."""
        with self._translated(), self.engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            for table in (tags, subscribers):
                connection.exec_driver_sql(f'VACUUM "{self.schema}".{table.name}')
        return True

    def _mine(self) -> sa.ColumnElement[bool]:
        return tables.departure_lists.c.machine == self._machine

    @functools.cached_property
    def _machine(self) -> str:
        """What tells this folder from those of other machines; "" before it was written for."""
        path = self.path.with_suffix(".machine")
        with contextlib.suppress(FileNotFoundError):
            return path.read_text("ascii").strip()
        if self._read_only:
            return ""
        draft = path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            draft.touch(private.FILE)
            draft.write_text(secrets.token_hex(8), "ascii")
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        except OSError as error:
            hint = "make it a folder that this user can write"
            message = "the newsletter's folder for its records cannot be used"
            raise unwritten(path.parent, error, message, hint=hint) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()
        return path.read_text("ascii").strip()

    @contextlib.contextmanager
    def _translated(self, *, opening: bool = False) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            raise self.fault(getattr(error, "orig", error), opening=opening) from error

    @contextlib.contextmanager
    def _transaction(self, engine: sa.Engine, *, writes: bool = False) -> Iterator[sa.Connection]:
        with engine.connect() as plain:
            connection = plain.execution_options(writes=writes, plain=True)
            with connection.begin():
                yield connection

    def _count_connection(self, _connection: object, _record: object) -> None:
        self.connections += 1

    def _note_start(self, since: str) -> None:
        """A pooler keeps our connections while the server behind it is another one."""
        if self._since not in {"", since}:
            self.connections += 1
        self._since = since

    def _begin(self, connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            allow(connection, None)
        elif options.get("writes", False):
            self._begin_writing(connection, shared=options.get("shared", False))
        elif options.get("plain", False):
            connection.exec_driver_sql(_LIGHT.format(schema=self.schema))
        else:
            connection.exec_driver_sql(_READ.format(schema=self.schema))
            allow(connection, None)  # a look through all may take its time

    def _begin_writing(self, connection: sa.Connection, *, shared: bool) -> None:
        lock, idle = (_SHARED, "30s") if shared else (_ALONE, "10min")
        patience = f"{max(1, round(self.patience * 1000))}ms"
        values = (f'"{self.schema}"', patience, idle, *self._lock)
        allow(connection, self.patience + ANSWERED)
        said = connection.exec_driver_sql(f"{_WRITE}, {lock}, {histories.SINCE}", values).one()
        self._note_start(said[-1])
        if not shared:
            allow(connection, None)
