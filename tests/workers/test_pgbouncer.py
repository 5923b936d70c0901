"""A pooler that hands every transaction to any connection, and a role with a way of its own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.support import poolers, postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import started
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


@pytest.fixture
def pooled() -> Iterator[None]:
    with poolers.between():
        yield


@pytest.fixture(
    params=["datestyle = 'German, DMY'", "default_transaction_isolation = serializable"]
)
def database(request: pytest.FixtureRequest, folder: Folder, pooled: None) -> str:
    name = postgres.new_database()
    postgres.server().ask("postgres", f"ALTER DATABASE {name} SET {request.param}")
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(name))
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


def test_who_has_records_open_nobody_can_tell_behind_a_pooler_so_they_are_not_moved(folder: Folder):
    database = postgres.new_database()
    with poolers.between():
        folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
        folder.imported()
        ran = folder.run("db", "copy", "--to", "sqlite:///back.db")
        assert ran.code == 2
        assert ran.error.endswith("behind a pooler nobody can tell who has these records open")
        assert "NEWSLETTER_STORE__URL" in ran.hint
        assert not (folder.root / "back.db").exists()
        assert folder.run("subscribers", "list").code == 0
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    assert folder.run("db", "copy", "--to", "sqlite:///back.db").code == 0
