"""Whose address a reader's is, with proxies in between and anybody writing headers."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from newsletter import site as public
from newsletter.audience.tokens import make_token
from newsletter.errors import InputError
from newsletter.store import signing_keys
from tests.support import readers
from tests.support.store_samples import LATER, people, store_with
from tests.support.web_fixtures import settings_of

pytestmark = pytest.mark.processes

RECORD = "[web]\nrecord_visitors = true\n"
PROXIES = 'trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]\n'


def recorded(folder, settings, peer, *forwarded):
    """The address in the consent log after one press of the button."""
    with store_with(folder, people(1)) as store:
        app = public.application(store=store, settings=settings_of(settings), clock=lambda: LATER)
        [person] = readers.people(store)
        path = f"/u/{make_token(person.handle, signing_keys.newest(store))}"
        headers = [("X-Forwarded-For", one) for one in forwarded]
        assert TestClient(app, client=(peer, 4711)).post(path, headers=headers).status_code == 200
        [_, left] = readers.rows_about(store, person.email, "consents")
    assert left["event"] == "unsubscribed"
    return left["ip"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "ip"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [" "], "127.0.0.1"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),  # no proxy of ours
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),  # what the reader wrote
        ("127.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, 10.0.0.7"], "203.0.113.9"),  # two proxies of ours
        ("::ffff:127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["10.9.9.9"], "10.9.9.9"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["unknown"], ""),
        ("127.0.0.1", ["198.51.100.1, <script>"], ""),
        ("127.0.0.1", ["203.0.113.9:443"], "203.0.113.9"),  # as some proxies write it
        ("127.0.0.1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("127.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("127.0.0.1", ["203.0.113.9:443, 10.0.0.7:80"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9:x"], ""),
        ("127.0.0.1", ["198.51.100.1,"], ""),
        ("127.0.0.1", ["%%%"], ""),
    ],
)  # fmt: skip
def test_a_proxy_of_ours_is_believed_and_nobody_else(tmp_path, peer, forwarded, ip):
    assert recorded(tmp_path, RECORD + PROXIES, peer, *forwarded) == ip


def test_without_a_setting_only_this_machine_may_stand_in_between(tmp_path):
    (tmp_path / "a").mkdir()
    assert recorded(tmp_path / "a", RECORD, "127.0.0.1", "203.0.113.9") == "203.0.113.9"
    (tmp_path / "b").mkdir()
    assert recorded(tmp_path / "b", RECORD, "10.0.0.1", "203.0.113.9") == "10.0.0.1"


def test_an_environment_that_other_programs_read_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert recorded(tmp_path, RECORD, "10.0.0.1", "203.0.113.9") == "10.0.0.1"


@pytest.mark.parametrize("wrong", ["*", "localhost", "10.0.0.1/8", "", "1.2.3", "10.0.0.0/33"])
def test_what_is_no_address_is_no_proxy(wrong):
    with pytest.raises(InputError, match=r"web[.]trusted_proxies"):
        settings_of(f'[web]\ntrusted_proxies = ["{wrong}"]\n')
