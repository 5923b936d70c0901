"""What real servers and poolers say at the door, and what the program makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.campaign.fleet import Cluster, cluster
from tests.support.certificates import certificate
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import HANGS, started
from tests.support.poolers import pooler
from tests.support.ports import free_port
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["certificate", "folder", "plain_environment"]

pytestmark = pytest.mark.processes

URL, PASSWORD = "NEWSLETTER_STORE__URL", "NEWSLETTER_STORE__PASSWORD"
_SETTINGS = "max_connections = 12\nsuperuser_reserved_connections = 3\n"
_RULES = "local all rosa scram-sha-256\nlocal all carl reject\n"
_ROLES = """
create role rosa login password 'right';
create role carl login;
create role wren login;
create role lone login connection limit 0;
create role mute nologin;
create database letters owner wren;
create database closed allow_connections false;
"""
THERE = "the database cannot be reached: "


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster(settings=_SETTINGS, rules=_RULES) as made:
        with made.connect() as connection:
            for statement in filter(str.strip, _ROLES.split(";")):
                connection.execute(statement)
        yield made


def at(place: Path, *, user: str = "wren", database: str = "letters", more: str = "") -> str:
    return f"postgresql://{user}@/{database}?host={quote(str(place))}{more}"


def refused(folder: Folder, url: str) -> tuple[str, str]:
    """The sentence, after what all of them begin with, and the hint."""
    folder.patch.setenv(URL, url)
    ran = folder.run("status")
    assert ran.code == 2, (ran.out, ran.err)
    assert THERE in ran.error, ran.err
    return ran.error.partition(THERE)[2], ran.hint


@pytest.mark.parametrize(
    ("who", "why", "way"),
    [
        ("rosa:wrong@letters", "its server refuses this user's password", PASSWORD),
        ("rosa@letters", "its server asks for a password, and there is none", PASSWORD),
        ("carl@letters", "its server lets this user not in from this machine", "pg_hba"),
        ("nina@letters", "its server does not know this user, or", "createuser"),
        ("mute@letters", "its server does not know this user, or", "createuser"),
        ("wren@nothing", "there is no such database", "createdb"),
        ("wren@closed", "it takes no connections for now", "ALLOW_CONNECTIONS"),
        ("lone@letters", "its server takes no more connections of this user", "LIMIT"),
    ],
)
def test_a_server_says_why(folder: Folder, server, who, why, way):
    named, _, database = who.partition("@")
    user, _, password = named.partition(":")
    folder.patch.delenv("PGPASSWORD", raising=False)
    if password:
        folder.patch.setenv(PASSWORD, password)
    said, hint = refused(folder, at(server.folder, user=user, database=database))
    assert said.startswith(why)
    assert way in hint


def test_a_server_without_room_says_so(folder: Folder, server):
    with contextlib.ExitStack() as stack:
        info = f"host={server.folder} dbname=letters user=wren"
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(12):
                stack.enter_context(psycopg.connect(info))
        said, hint = refused(folder, at(server.folder))
    assert said == "its server takes no more connections"
    assert "max_connections" in hint
    assert "password" not in hint


def test_a_server_that_shuts_down_says_so(folder: Folder, server):
    file = server.folder / "data/postmaster.pid"
    with server.connect():
        os.kill(int(file.read_text().split()[0]), signal.SIGTERM)  # and it waits for whoever is in
        end = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(f"host={server.folder} dbname=postgres user=nobody").close()
            except psycopg.OperationalError:
                break
            assert time.monotonic() < end
        said, hint = refused(folder, at(server.folder))
    while file.exists():
        time.sleep(0.02)
    server.start()
    assert said == "its server is starting or shutting down"
    assert "wait a moment" in hint


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://wren@nowhere.invalid/letters", "its server is not found by its name"),
        ("postgresql://wren@127.0.0.1:1/letters", "nothing listens there"),
        ("postgresql://wren@/letters?host=/nowhere", "nothing listens there"),
    ],
)
def test_where_there_is_no_server_it_is_said(folder: Folder, url, why):
    said, hint = refused(folder, url)
    assert said == why
    assert "store.url" in hint


def test_a_pooler_says_why(folder: Folder, server):
    known = f"letters = host={server.folder} user=wren"
    nobody_there = "letters = host=/nowhere user=wren"
    users = server.folder / "users"
    users.write_text('"wren" "right"\n')
    known_by_file = {"auth_type": "plain", "auth_file": users}
    for password, databases, settings, why, way in (
        (
            "right", "other = host=/x user=wren", known_by_file,
            "the pooler knows no such database", "[databases]",
        ),
        ("", "other = host=/x user=wren", {}, "the pooler's settings do not fit", "log"),
        (
            "", nobody_there, {"client_login_timeout": 1},
            "the pooler cannot reach the server", "the pooler's settings",
        ),
        ("", known, {"pool_mode": "statement"}, "the pooler gives each statement a", "pool_mode"),
        ("wrong", known, known_by_file, "its server refuses this user's password", PASSWORD),
    ):  # fmt: skip
        folder.patch.setenv(PASSWORD, password)
        with pooler(server.folder, settings, databases=databases) as one:
            said, hint = refused(folder, at(one.folder))
        assert said.startswith(why)
        assert way in hint


def test_a_pooler_without_room_says_so(folder: Folder, server):
    info = "dbname=letters user=wren"
    with pooler(server.folder, {"max_client_conn": 1}) as one:
        with psycopg.connect(f"host={one.folder} {info}"):
            said, hint = refused(folder, at(one.folder))
        assert said == "the pooler takes no more connections"
        assert "max_client_conn" in hint
    one_each = {"default_pool_size": 1, "min_pool_size": 0, "query_wait_timeout": 1}
    with pooler(server.folder, one_each) as one:
        with psycopg.connect(f"host={one.folder} {info}") as held:
            held.execute("select 1")
            said, hint = refused(folder, at(one.folder))
        assert said == "the pooler has had no connection to the server free for too long"
        assert "default_pool_size" in hint


def test_encryption_that_one_side_has_not_is_said(folder: Folder, server, certificate, tmp_path):
    port = free_port()
    url = f"postgresql://wren@127.0.0.1:{port}/letters"
    door = {"listen_addr": "127.0.0.1", "listen_port": port}
    with pooler(server.folder, door):
        said, hint = refused(folder, f"{url}?sslmode=require")
    assert said == "its server does not encrypt connections"
    assert "sslmode=disable" in hint
    for path in (certificate, certificate.with_suffix(".key")):
        shutil.copy(path, server.folder)
        (server.folder / path.name).chmod(0o644)
    shown = server.folder / certificate.name
    tls = {
        "client_tls_sslmode": "require", "client_tls_cert_file": shown,
        "client_tls_key_file": shown.with_suffix(".key"),
    }  # fmt: skip
    with pooler(server.folder, door | tls):
        said, hint = refused(folder, f"{url}?sslmode=disable")
        assert said == "its server lets this user in only with an encrypted connection"
        assert "sslmode=require" in hint
        nobodys = tmp_path / "none.pem"
        for more in (f"&sslrootcert={nobodys}", ""):
            folder.patch.setenv("HOME", str(tmp_path))
            said, hint = refused(folder, f"{url}?sslmode=verify-full{more}")
            assert said == "the certificate of its server is not one that is trusted here"
            assert "sslrootcert" in hint


class Crowded(Keeper):
    """Nobody is let in any more as it takes the third mail, until that is noticed."""

    def __init__(self, server: Cluster) -> None:
        super().__init__()
        self.begun, self.noticed = threading.Event(), threading.Event()
        self.crowding = threading.Thread(target=self._crowd, args=(server,))

    def _crowd(self, server: Cluster) -> None:
        with server.connect() as connection:
            connection.execute("alter role wren connection limit 0")
            connection.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
                "where usename = 'wren'"
            )
            self.begun.set()
            self.noticed.wait(HANGS)
            connection.execute("alter role wren connection limit -1")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if len(self.mails) == 3:
            self.crowding.start()
            await asyncio.to_thread(self.begun.wait, HANGS)
        return answer


def test_a_server_without_room_in_the_middle_is_waited_for(folder: Folder, server):
    folder.patch.setenv(URL, at(server.folder))
    folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
    folder.imported()
    keeper = Crowded(server)
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        with started(folder.root, "send", "--issue", "74", "--confirm", "74") as command:
            try:
                said = command.heard("nothing leaves from here")
            finally:
                keeper.noticed.set()
            said += command.communicate(timeout=HANGS)[1]
        keeper.crowding.join()
    assert command.returncode == 0, said
    assert len({to[0] for _, to, _ in keeper.mails}) == len(keeper.mails) == 25
    why = "its server takes no more connections of this user, or to this database"
    assert f"cannot be reached any more ({why}); nothing leaves from here until it is" in said
