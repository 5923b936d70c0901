"""A mail server that is away: in the middle of a run it is waited for, and nobody's tries are spent."""

from __future__ import annotations

import contextlib

import pytest

from newsletter.delivery import Pause
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.faults import World
from tests.support.smtp_servers import HANG_UP, Scripted

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

BUSY = "421 busy"
#: More often than a recipient is tried.
OFTEN = 8


@pytest.fixture
def world(folder: Folder) -> World:
    """A list of two people, in a world without waiting times."""
    folder.write("lists/two.csv", "email,name\nmara@example.org,Mara\nwren@example.org,Wren\n")
    folder.run("subscribers", "import", "lists/two.csv", "--consent-source", "asked")
    world = World(folder)
    world.hurry()
    return world


def send(world, script):
    with contextlib.closing(Scripted(script)) as server:
        world.configure(
            KIND="smtp", SMTP__HOST="127.0.0.1", SMTP__SECURITY="none", SMTP__PORT=server.port
        )  # fmt: skip
        return world.send()


def test_a_short_list_is_paused_for_the_network_and_not_put_off(world):
    ran = send(world, {"greeting": BUSY})
    assert ran.code == 6, ran.err
    assert "paused: nothing could be reached for ten minutes: the mail server takes" in ran.err
    assert world.newsletter.ask("select state, pause from runs") == [("paused", Pause.NETWORK)]


def test_a_server_that_was_away_for_long_leaves_each_recipient_all_tries(world):
    later = ["450 later"] * OFTEN
    ran = send(world, {"greeting": [*[BUSY] * OFTEN, "220 ready"], "RCPT": [*later, "250 ok"]})
    assert ran.code == 0, ran.err
    assert world.newsletter.states() == {"accepted": 2}


def test_a_server_that_hangs_up_on_a_mail_spends_a_try_each_time(world):
    ran = send(world, {"RCPT": HANG_UP})
    assert ran.code == 6, ran.err
    assert world.newsletter.ask("select attempt from deliveries") == [(5,), (5,)]
    assert "paused: what is left was deferred 5 times" in ran.err
