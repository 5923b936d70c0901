"""A PostgreSQL server of the tests' own: made in a temporary folder, reached by a socket alone."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from newsletter.store import Store
from tests.conftest import require

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
#: No server runs as root.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
#: Runs a server until the pipe it reads from is closed, as it is when the process that made it
#: dies, and takes away what it has written.
_KEEPER = '"$@" & read -r _; kill -QUIT $!; wait; rm -rf "$0"'
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 100
shared_buffers = 16MB
autovacuum = off
max_wal_size = 256MB
log_min_messages = fatal
"""


#: The folder of the socket that programs reach the server by, None for its own; see `poolers`.
door: Path | None = None


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    folder: Path

    @property
    def reached(self) -> Path:
        """The folder of the socket that programs reach it by."""
        return door or self.folder

    def url(self, database: str, *, user: str = "nobody") -> str:
        """As an author writes it."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.reached))}"

    def ask(self, database: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database itself says, asked past the program; each statement by itself."""
        with self.connect(database) as connection:
            found = connection.execute(statement.replace("?", "%s"), values or None)
            return found.fetchall() if found.description else []

    def connect(self, database: str) -> psycopg.Connection:
        """A connection of its own; each statement is a transaction."""
        info = f"host={self.folder} dbname={database} user=nobody"
        connection = psycopg.connect(info, autocommit=True)
        connection.execute("SET search_path = newsletter")
        return connection


@contextlib.contextmanager
def by_hand(database: str, *, undone: bool = False) -> Iterator[Callable[..., Any]]:
    """Run statements past the program, with question marks for values; each stands by itself.

    Args:
        database: its name.
        undone: whether nothing of it stays.
    """

    def execute(statement: str, values: Sequence[object] = ()) -> psycopg.Cursor[Any]:
        with connection.transaction():
            return connection.execute(statement.replace("?", "%s"), values or None)

    with server().connect(database) as connection, contextlib.ExitStack() as stack:
        if undone:
            stack.enter_context(connection.transaction(force_rollback=True))
        yield execute


def _as_nobody() -> list[str]:
    return NOBODY if os.geteuid() == 0 else []


def template(identity: str = "") -> str:
    """The name of a database with an empty store, its keys and identity the same in every copy.

    Args:
        identity: its id, "" for any.
    """
    return _template(identity)


@functools.cache
def _template(identity: str) -> str:
    name = f"template_{identity or 'any'}"
    server().ask("postgres", f"CREATE DATABASE {name}")
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        if identity:
            patch.setattr(secrets, "token_hex", lambda _: identity)
        # Not through a pooler: it would keep a connection, and what is in use is not copied.
        patch.setattr(sys.modules[__name__], "door", None)
        Store.open(f"{server().url(name)}&folder={made}").close()
    return name


_numbers = itertools.count(1)
#: Takes half as long as what is usual since it can be chosen.
_BY_FILES = " STRATEGY FILE_COPY" if PLACES and int(PLACES[-1].parent.name) >= 15 else ""


def new_database(copied: str = "") -> str:
    """The name of a new database: empty, or a copy of one that nobody uses."""
    name = f"news{next(_numbers)}"
    copy = f" TEMPLATE {copied}{_BY_FILES}" if copied else ""
    server().ask("postgres", f"CREATE DATABASE {name}{copy}")
    return name


@functools.cache
def server() -> Server:
    """The server of this process's tests; it ends with the process, however that ends."""
    require(PLACES, "no postgresql (apt install postgresql): PostgreSQL's tests need its programs")
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-", dir=place))
    binaries = PLACES[-1]
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), "--no-sync", "-A", "trust",
              "--locale=C", "-E", "UTF8", "-U", "nobody"]  # fmt: skip
    subprocess.run([*_as_nobody(), *initdb], check=True, stdout=subprocess.DEVNULL)
    with (folder / "data" / "postgresql.conf").open("a") as stream:
        stream.write(_SETTINGS.format(folder=folder))
    command = [*_as_nobody(), str(binaries / "postgres"), "-D", str(folder / "data")]
    with (folder / "log").open("w") as log:
        keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, str(folder), *command],
            stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    atexit.register(_end, keeper, os.getpid())
    made = Server(folder)
    while not _answers(made):
        if keeper.poll() is not None:
            pytest.fail(f"postgres ended: {(folder / 'log').read_text()}")
        time.sleep(0.02)
    return made


def _answers(made: Server) -> bool:
    try:
        made.ask("postgres", "SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _end(keeper: subprocess.Popen[bytes], owner: int) -> None:
    """A process that was forked off does not end its parent's."""
    if os.getpid() == owner and keeper.stdin:
        keeper.stdin.close()
        keeper.wait()
