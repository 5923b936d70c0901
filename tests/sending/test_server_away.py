"""A mail server that is away.

In the middle of a run it is waited for, and nobody's tries are spent; where a person begins and it
is not there, nothing is begun, and the letter may be corrected.
"""

from __future__ import annotations

import contextlib
import signal
import socket

import pytest

from newsletter.delivery import Pause
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment
from tests.support.commands import started
from tests.support.faults import World
from tests.support.ports import free_port
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
        call(world, server.port)
        return world.send(), server


def call(world, port):
    world.configure(KIND="smtp", SMTP__HOST="127.0.0.1", SMTP__SECURITY="none", SMTP__PORT=port)


def test_a_short_list_is_paused_for_the_network_and_not_put_off(world):
    ran, _ = send(world, {"greeting": BUSY})
    assert ran.code == 6, ran.err
    assert "paused: nothing could be reached for ten minutes: the mail server takes" in ran.err
    assert [(run.state, run.pause) for run in world.newsletter.runs()] == [
        ("paused", Pause.NETWORK)
    ]


def test_a_server_that_was_away_for_long_leaves_each_recipient_all_tries(world):
    later = ["450 later"] * OFTEN
    busy = [BUSY] * (OFTEN + 1)  # the first is met before the run begins
    ran, _ = send(world, {"greeting": [*busy, "220 ready"], "RCPT": [*later, "250 ok"]})
    assert ran.code == 0, ran.err
    assert world.newsletter.states() == {"accepted": 2}


def test_a_server_that_hangs_up_on_a_mail_spends_a_try_each_time(world):
    ran, _ = send(world, {"RCPT": HANG_UP})
    assert ran.code == 6, ran.err
    assert [one.attempt for one in world.newsletter.outcomes()] == [5, 5]
    assert "paused: what is left was deferred 5 times" in ran.err


def test_a_server_that_goes_away_in_the_middle_is_waited_for(world):
    ran, _ = send(world, {"greeting": ["220 ready", HANG_UP], "MAIL": ["250 ok", HANG_UP]})
    assert ran.code == 6, ran.err
    assert "paused: nothing could be reached for ten minutes: " in ran.err
    assert world.newsletter.states() == {"accepted": 1, "deferred": 1}


@pytest.mark.parametrize("there", [False, True], ids=["nobody", "refused"])
def test_where_none_could_go_the_corrected_letter_goes_to_the_list_of_then(world, there):
    if there:
        ran, _ = send(world, {"greeting": "554 go away"})
    else:
        call(world, free_port())
        ran = world.send()
    assert ran.code == (4 if there else 6)
    world.newsletter.edit(ISSUE, "Slack water", "Still water")
    world.newsletter.write("lists/third.csv", "email\nlorn@example.org\n")
    more = ("subscribers", "import", "lists/third.csv", "--consent-source", "asked")
    assert world.newsletter.run(*more).code == 0
    ran, server = send(world, {})
    assert ran.code == 0, ran.err
    assert len(server.mails) == 3
    assert all(b"Still water" in mail for mail in server.mails)


def test_a_signal_before_anything_is_begun_leaves_nothing_behind(world):
    words = ("send", "--issue", "74", "--confirm", "74")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        call(world, silent.getsockname()[1])
        with started(world.newsletter.root, *words) as process:
            called, _ = silent.accept()
            with called:
                process.send_signal(signal.SIGINT)
                process.stderr.read()
                assert process.wait() == 130
    assert world.newsletter.runs() == ()
