"""The pace of an account, given out by the database."""

from __future__ import annotations

import pytest

from newsletter.store import Store
from tests.campaign.servers import serving
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


def test_places_of_two_machines_follow_one_another_and_a_throttle_slows_both(tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    with (
        Store.open(f"{url}&folder={tmp_path}/a") as one,
        Store.open(f"{url}&folder={tmp_path}/b") as other,
    ):
        first, rate = one.backend.take_places("account", 1000, 10.0)
        assert (round(first), rate) == (0, 10.0)
        second, _ = other.backend.take_places("account", 1, 10.0)
        assert 1 < second <= 100  # behind the hundred seconds that the first has taken
        one.backend.cut_pace("account")
        _, rate = other.backend.take_places("account", 1, 10.0)
        assert 5.0 <= rate < 10.0


def test_an_issue_leaves_through_ses_with_records_on_a_server(folder: Folder, tmp_path) -> None:
    database = postgres.new_database()
    folder.patch.setenv("NEWSLETTER_STORE__URL", postgres.server().url(database))
    folder.imported()
    with serving("ses", tmp_path) as server:
        for name, value in server.environ.items():
            folder.patch.setenv(name, value)
        ran = folder.send()
        assert ran.code == 0, ran.err
        assert server.ledger.update() == len(set(server.ledger.mails)) == 25
    assert postgres.server().ask(database, "select count(*) from paces") == [(1,)]
