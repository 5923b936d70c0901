"""A worker that is set otherwise than where a run was begun, and one that cannot go on."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from newsletter.sending import run as sending
from newsletter.sending import way
from newsletter.store import Store
from tests.campaign.servers import serving
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd, scripted

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


@pytest.fixture
def begun(folder: Folder, tmp_path, monkeypatch):
    """Begin issue 74 through the server of a port, and leave all of it to workers."""
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv("NEWSLETTER_STORE__URL", url)
    folder.imported()

    def begin(port: int, environ: Mapping[str, str] = MappingProxyType({})) -> Folder:
        through_smtp(folder, port)
        for name, value in environ.items():
            folder.patch.setenv(name, value)
        with Store.open(f"{url}&folder={tmp_path}/another") as store, store.work():
            assert folder.send("--detach").code == 6
        return folder

    return begin


@pytest.mark.parametrize(
    ("setting", "value"),
    [("HOST", "localhost"), ("PORT", "1"), ("SECURITY", "starttls"), ("USERNAME", "wren")],
)
def test_a_worker_with_another_way_out_sends_nothing_and_names_it(begun, setting, value):
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        machine = begun(port)
        for name, its in {setting: value, "PASSWORD": "secret"}.items():
            machine.patch.setenv(f"NEWSLETTER_TRANSPORT__SMTP__{name}", its)
        ran = machine.run("worker", "--once")
    assert (ran.code, keeper.mails) == (8, [])
    assert "settings are not those issue 74 was begun with" in ran.err
    assert f"different here: transport.smtp.{setting.lower()}\n" in ran.err


def test_machines_that_share_a_pace_have_one_rate(begun, tmp_path):
    with serving("ses", tmp_path) as server:
        machine = begun(1, server.environ)
        machine.patch.setenv("NEWSLETTER_TRANSPORT__SES__MAX_RATE", "5")
        ran = machine.run("worker", "--once")
        assert (ran.code, server.ledger.update()) == (8, 0)
        assert "different here: transport.ses.max_rate\n" in ran.err
        machine.patch.delenv("NEWSLETTER_TRANSPORT__SES__MAX_RATE")
        assert machine.run("worker", "--once").code == 0
        assert server.ledger.update() == 25


def test_what_stops_a_worker_says_on_which_machine(begun):
    with scripted(MAIL="530 log in first") as server:
        machine = begun(server.port)
        machine.run("worker", "--once")
        assert f"(on {socket.gethostname()})" in machine.run("status").out


def test_a_run_that_an_earlier_version_began_asks_for_no_more_than_it_knew():
    here = json.dumps({"transport.kind": "smtp", "transport.smtp.port": 25})
    assert way.differences(json.dumps({"transport.kind": "smtp"}), here) == []
    assert way.differences(here, json.dumps({"transport.kind": "ses"})) == [
        "transport.kind", "transport.smtp.port",
    ]  # fmt: skip
