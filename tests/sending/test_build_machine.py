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


@pytest.mark.parametrize("way", ["send", "due"])
def test_where_there_are_none_it_is_said_before_anybody_makes_some(
    folder: Folder, keeper: Keeper, way: str
) -> None:
    folder.patch.setenv("CI", "true")
    ran = folder.send() if way == "send" else folder.run("send", "--due", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "a build machine (CI is set) does not keep new ones" in ran.error
    assert "docs/postgresql.md" in ran.hint
    folder.patch.setenv("CI", "false")
    assert "there is no database here yet" in folder.send().error


def test_an_import_says_that_nothing_will_be_sent_from_it(folder: Folder, keeper: Keeper) -> None:
    warned = "warning: these records are new, and a build machine (CI is set) does not keep them"
    source = ("--consent-source", "an invented list")
    assert warned not in folder.run("subscribers", "import", "subscribers/example.csv", *source).err
    folder.patch.setenv("CI", "true")
    ran = folder.run("subscribers", "import", "subscribers/example.csv", *source)
    assert ran.code == 0
    assert warned in ran.err


def test_records_on_a_server_are_not(folder: Folder, keeper: Keeper) -> None:
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.patch.setenv("CI", "true")
    folder.imported()
    assert folder.send().code == 0
    assert len(keeper.mails) == 25


def test_a_rehearsal_may_be_made_anywhere(folder: Folder) -> None:
    folder.patch.setenv("CI", "true")
    assert "there is no database here yet" in folder.send().error
    folder.imported()
    assert folder.send().code == 0
