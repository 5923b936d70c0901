"""A build machine throws its files away: with records of its own it sends nothing for real."""

from __future__ import annotations

import pytest

from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


@pytest.fixture
def keeper(folder: Folder):
    kept = Keeper()
    with aiosmtpd(kept) as port:
        through_smtp(folder, port)
        yield kept


def test_new_records_in_a_file_are_refused(folder: Folder, keeper: Keeper) -> None:
    folder.patch.setenv("CI", "true")
    folder.imported()
    for arguments in ((), ("--limit", "3"), ("--dry-run",)):
        ran = folder.send(*arguments)
        assert ran.code == 2
        assert "a build machine (CI is set) does not keep them" in ran.error
        assert "docs/postgresql.md" in ran.hint
    assert not keeper.mails
    folder.patch.setenv("CI", "false")
    assert folder.send("--limit", "3").code == 6
    folder.patch.setenv("CI", "true")  # where the file does stay
    assert folder.send().code == 0
    assert len(keeper.mails) == 25


def test_records_on_a_server_are_not(folder: Folder, keeper: Keeper) -> None:
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.patch.setenv("CI", "true")
    folder.imported()
    assert folder.send().code == 0
    assert len(keeper.mails) == 25


def test_a_rehearsal_may_be_made_anywhere(folder: Folder) -> None:
    folder.patch.setenv("CI", "true")
    folder.imported()
    assert folder.send().code == 0
