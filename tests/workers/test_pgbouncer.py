"""A pooler that hands every transaction to any connection, and a role with a way of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import started
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(PROGRAM is None, reason="no pgbouncer (apt install pgbouncer)"),
]

_SETTINGS = """
[databases]
* = host={server} user=nobody
[pgbouncer]
unix_socket_dir = {folder}
listen_port = 5432
auth_type = any
pool_mode = transaction
default_pool_size = 8
"""


@pytest.fixture(scope="module")
def pooler() -> Iterator[Path]:
    """The folder of its socket."""
    server, place = postgres.server().folder, postgres.server().folder / "pooler"
    place.mkdir()
    settings = place / "pgbouncer.ini"
    settings.write_text(_SETTINGS.format(server=server, folder=place))
    as_nobody = postgres.NOBODY if os.geteuid() == 0 else []
    if as_nobody:
        os.chown(place, 65534, 65534)
    assert PROGRAM
    command = [*as_nobody, PROGRAM, "-q", str(settings)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 20
        while not (place / ".s.PGSQL.5432").exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        yield place
        process.terminate()
    shutil.rmtree(place)


@pytest.fixture(
    params=["datestyle = 'German, DMY'", "default_transaction_isolation = serializable"]
)
def database(request: pytest.FixtureRequest, pooler: Path, folder: Folder) -> str:
    name = postgres.new_database()
    postgres.server().ask("postgres", f"ALTER DATABASE {name} SET {request.param}")
    url = f"postgresql://nobody@/{name}?host={quote(str(pooler))}"
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    return name


def test_an_issue_is_sent_by_several_through_a_pooler(folder: Folder, database: str) -> None:
    folder.imported()
    with aiosmtpd(keeper := Keeper()) as port:
        through_smtp(folder, port)
        with started(folder.root, "worker") as worker:
            while not postgres.server().ask(database, "select 1 from leases"):
                assert worker.poll() is None, worker.communicate()
                time.sleep(0.05)
            ran = folder.send()
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
        assert ran.code == 0, ran.err
        assert folder.run("status").code == 0
    assert len({to[0] for _, to, _ in keeper.mails}) == len(keeper.mails) == 25
    states = postgres.server().ask(database, "select state, count(*) from deliveries group by 1")
    assert states == [("accepted", 25)]
