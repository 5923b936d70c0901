"""A copy of the database on the same server: its runs are not gone on with as if it were the first."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


@pytest.fixture
def begun(folder: Folder) -> Iterator[tuple[str, Keeper]]:
    """A database on a server from which ten mails have left, and who took them."""
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    with aiosmtpd(keeper := Keeper()) as port:
        through_smtp(folder, port)
        assert folder.send("--limit", "10").code == 6
        yield database, keeper


@pytest.mark.parametrize("renamed", [False, True])
def test_a_copy_made_by_the_server_itself_sends_nothing_by_itself(
    folder: Folder, begun, renamed
) -> None:
    database, keeper = begun
    copy = postgres.new_database(database)
    assert folder.send().code == 0
    # As on another machine, which has sent nothing of it and has no file beside the issue.
    shutil.rmtree(folder.root / "issues/.ledger")
    if renamed:
        postgres.server().ask("postgres", f"ALTER DATABASE {database} RENAME TO {database}old")
        postgres.server().ask("postgres", f"ALTER DATABASE {copy} RENAME TO {database}")
    else:
        folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(copy))
    ran = folder.send()
    assert ran.code == 8
    assert "another server took these records over" in ran.error
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25


def test_a_cancelled_issue_keeps_no_schedule_from_the_next_one(folder: Folder, begun) -> None:
    """Nothing of it leaves by itself; who sends it after all is asked then."""
    database, keeper = begun
    assert folder.run("cancel", "--issue", "74").code == 0
    copy = postgres.new_database(database)
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(copy))
    ran = folder.run("send", "--due", "--yes")
    assert ran.code == 0, ran.err
    assert "nothing due" in ran.err
    # Once a machine has told of more, they lack mails, and maybe whole issues.
    with postgres.by_hand(copy) as execute:
        execute("UPDATE runs SET told_attempts = 10, told_position = 10")
    assert folder.run("send", "--due", "--yes").code == 8
    assert folder.send().code == 8
    assert len(keeper.mails) == 10
