"""`newsletter serve`, the command."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import threading
import urllib.request

import pytest

from newsletter import server
from newsletter import site as public
from newsletter.audience import Status
from newsletter.audience.tokens import make_token
from newsletter.store import Store, signing_keys, subscribers
from tests.support import readers
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import HANGS, started
from tests.support.ports import free_port
from tests.support.site_fixtures import SETTINGS, site
from tests.support.store_samples import LATER
from tests.support.web_fixtures import settings_of

__all__ = ["folder", "plain_environment", "ready", "site"]


# --- the command -------------------------------------------------------------------------------


@pytest.mark.processes
def test_the_command_serves_links_until_it_is_told_to_stop(ready: Folder):
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        reader = next(subscribers.each(store, status=Status.ACTIVE))
        token = make_token(reader.handle, signing_keys.newest(store))
    with started(ready.root, "serve", "--port", str(free_port()), world="graceful") as process:
        assert select.select([process.stderr], [], [], 120)[0]
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found
        request = urllib.request.Request(f"{found[0]}/u/{token}", method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200
        assert ready.status_of(reader.email) == "unsubscribed"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=HANGS)
        form = f"the sign-up form is at {found[0]}/subscribe\n"
        rehearsal = "sign-up is a rehearsal: its mails lie in the folder mail/, none leaves\n"
        assert (process.returncode, out, err) == (0, "", f"{form}{rehearsal}")


@pytest.mark.processes
def test_it_serves_until_told_to_stop_in_this_very_process(site):
    door = server.listen("127.0.0.1", 0)
    url, seen = f"{server.url_of(door)}{site.path()}", []

    def act() -> None:
        with urllib.request.urlopen(url, data=b"", timeout=20) as answer:
            seen.append((answer.status, site.status()))
        os.kill(os.getpid(), signal.SIGTERM)

    acting = threading.Thread(target=act)
    public.serve(site.store, settings_of(SETTINGS), lambda: LATER, door, acting.start)
    acting.join(20)
    assert seen == [(200, "unsubscribed")]
    [_, left] = readers.rows_about(site.store, "reader1@example.org", "consents")
    told = (left["event"], left["source"], left["at"])
    assert told == ("unsubscribed", "mail program (one click)", LATER)


def test_without_records_there_is_nothing_to_serve(folder: Folder):
    ran = folder.run("serve")
    assert ran.code == 2
    assert "there is no database here yet" in ran.error


@pytest.mark.processes
def test_a_taken_port_is_said_and_no_other_is_tried(ready: Folder):
    port = str(free_port())
    with socket.create_server(("127.0.0.1", int(port))):
        ran = ready.run("serve", "--port", port)
    assert ran.code == 2
    assert f"port {port} is taken" in ran.error


@pytest.mark.processes
def test_a_newsletter_without_a_public_url_hears_of_it(ready: Folder):
    ready.edit("newsletter.toml", 'public_url = "https://letters.slackwater.example.org"\n', "")
    with started(ready.root, "serve", "--port", str(free_port())) as process:
        lines = [process.stderr.readline() for _ in range(2)]
        assert lines[1].startswith("hint: set site.public_url")
