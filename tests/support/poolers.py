"""A pgbouncer of the tests' own: it hands every transaction to any connection to the server."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import require
from tests.support import postgres

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
#: Runs a pooler until the pipe it reads from is closed, as it is when the process that made it
#: dies, and takes away what it has written.
_KEEPER = '"$@" & read -r _; kill -INT $!; wait; rm -rf "$0"'
#: With two connections at least, which take turns, what one transaction leaves in a session is
#: missing in the next one.
_SETTINGS = {
    "listen_port": "5432",
    "auth_type": "any",
    "pool_mode": "transaction",
    "default_pool_size": "8",
    "min_pool_size": "2",
    "server_round_robin": "1",
    "max_client_conn": "500",
}


@dataclass(frozen=True)
class Pooler:
    """A pooler that runs.

    Attributes:
        folder: where its socket is.
    """

    folder: Path

    def url(self, database: str) -> str:
        """A database behind it, as an author writes it."""
        return f"postgresql://nobody@/{database}?host={quote(str(self.folder))}"


@contextlib.contextmanager
def pooler(
    server: Path, settings: Mapping[str, object] | None = None, *, databases: str = ""
) -> Iterator[Pooler]:
    """One before the server with its socket in this folder.

    Args:
        server: that folder.
        settings: that differ from the usual ones.
        databases: its section of that name, all databases of the server unless it is given.
    """
    require(PROGRAM, "no pgbouncer (apt install pgbouncer): poolers need its program")
    assert PROGRAM
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pool-"))  # the name of a socket is short
    chosen = _SETTINGS | {"unix_socket_dir": str(folder)}
    chosen |= {name: str(value) for name, value in (settings or {}).items()}
    lines = [f"{name} = {value}" for name, value in chosen.items()]
    sections = ["[databases]", databases or f"* = host={server} user=nobody", "[pgbouncer]", *lines]
    file = folder / "pgbouncer.ini"
    file.write_text("\n".join(sections) + "\n")
    as_nobody = postgres.NOBODY if os.geteuid() == 0 else []
    if as_nobody:
        os.chown(folder, 65534, 65534)
    with (folder / "log").open("w") as log:
        keeper = subprocess.Popen(
            [*as_nobody, "sh", "-c", _KEEPER, str(folder), PROGRAM, str(file)],
            stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, cwd="/",
        )  # fmt: skip
    try:
        end = time.monotonic() + 20
        # Its socket is there a moment before anybody listens.
        while "process up" not in (said := (folder / "log").read_text()):
            assert keeper.poll() is None, said
            assert time.monotonic() < end
            time.sleep(0.02)
        yield Pooler(folder)
    finally:
        assert keeper.stdin
        keeper.stdin.close()
        keeper.wait()


@contextlib.contextmanager
def between() -> Iterator[None]:
    """Inside the block programs reach the tests' server through a pooler.

    Each has one of its own: it keeps connections to every database that it was asked for.
    """
    with pooler(postgres.server().folder) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "door", made.folder)
        yield
