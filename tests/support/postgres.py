"""A PostgreSQL server of the tests' own: made in a temporary folder, reached by a socket alone."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from newsletter.store import Store
from tests.conftest import require

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
#: No server runs as root.
_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 100
shared_buffers = 16MB
autovacuum = off
max_wal_size = 256MB
log_min_messages = fatal
"""


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    folder: Path
    binaries: Path

    def start(self) -> None:
        self._control("start", "-w", "-o", f"-k {self.folder}")

    def stop(self, mode: str = "fast") -> None:
        self._control("stop", "-w", "-m", mode)

    def url(self, database: str, *, user: str = "nobody") -> str:
        """As an author writes it."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.folder))}"

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

    def _control(self, *words: str) -> None:
        log = self.folder / "log"
        command = [str(self.binaries / "pg_ctl"), "-D", str(self.folder / "data"), "-l", str(log)]
        subprocess.run([*_as_nobody(), *command, *words], check=True, stdout=subprocess.DEVNULL)


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
    return _NOBODY if os.geteuid() == 0 else []


@functools.cache
def template(identity: str = "") -> str:
    """The name of a database with an empty store, its keys and identity the same in every copy.

    Args:
        identity: its id, "" for any.
    """
    name = f"template_{identity or 'any'}"
    server().ask("postgres", f"CREATE DATABASE {name}")
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        if identity:
            patch.setattr(secrets, "token_hex", lambda _: identity)
        Store.open(f"{server().url(name)}&folder={made}").close()
    return name


_numbers = itertools.count(1)


def new_database(copied: str = "") -> str:
    """The name of a new database: empty, or a copy of one that nobody uses."""
    name = f"news{next(_numbers)}"
    copy = f" TEMPLATE {copied}" if copied else ""
    server().ask("postgres", f"CREATE DATABASE {name}{copy}")
    return name


@functools.cache
def server() -> Server:
    """The server of this process's tests; stopped at its end."""
    require(_PLACES, "no postgresql (apt install postgresql): PostgreSQL's tests need its programs")
    made = new_server()
    atexit.register(_end, made, os.getpid())
    return made


def new_server() -> Server:
    """One more server, begun; whoever asks ends it."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-", dir=place))
    binaries = _PLACES[-1]
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), "--no-sync", "-A", "trust",
              "--locale=C", "-E", "UTF8", "-U", "nobody"]  # fmt: skip
    subprocess.run([*_as_nobody(), *initdb], check=True, stdout=subprocess.DEVNULL)
    with (folder / "data" / "postgresql.conf").open("a") as stream:
        stream.write(_SETTINGS.format(folder=folder))
    made = Server(folder, binaries)
    made.start()
    return made


def _end(made: Server, owner: int) -> None:
    """At once: nothing of it is kept. A process that was forked off does not end its parent's."""
    if os.getpid() != owner:
        return
    pid = int((made.folder / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(made.folder, ignore_errors=True)
