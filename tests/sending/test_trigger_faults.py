"""Whatever goes wrong under a trigger is heard of: by the owner, and by the monitor outside."""

from __future__ import annotations

import os
import shutil

import pytest

from newsletter.alerts import notifier, owner_mail
from newsletter.http import calls
from newsletter.project import Project
from newsletter.sending import due
from newsletter.store.calendar import Calendar
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import ISSUE
from tests.support.schedule_fixtures import (
    DUE,
    OWNER,
    Web,
    approved,
    at,
    folder,
    owned,
    plain_environment,
    post,
    ready,
    store_of,
    web_listener,
)

__all__ = ["approved", "at", "certificate", "folder", "owned", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes


@pytest.fixture
def beats(owned, certificate):
    """What the monitor hears, by path; the owner is told by mail, and announcements are off."""
    patch = owned.newsletter.patch
    patch.setenv("SSL_CERT_FILE", str(certificate))
    patch.setenv("NEWSLETTER_SCHEDULE__CANCEL_WINDOW", "0")
    with web_listener(Web(), server_side(certificate)) as web:
        patch.setenv("NEWSLETTER_SCHEDULE__HEARTBEAT_URL", f"https://127.0.0.1:{web.port}/alive")
        yield lambda: [path for _, path, _ in web.calls]


def known(monkeypatch, *hosts: str) -> None:
    """Take the listener for a service that hears of failures."""
    monkeypatch.setattr(calls, "_KNOW_FAILURES", frozenset({"127.0.0.1", *hosts}))


def broken(kind: type[Exception]):
    def fail(*_: object, **__: object) -> object:
        raise kind("wren.owner@slackwater.example.org reads this")

    return fail


@pytest.mark.parametrize("kind", [OverflowError, RecursionError, MemoryError, OSError, KeyError])
@pytest.mark.parametrize(
    ("module", "name"), [(Project, "issues"), (due, "_decide"), (due, "plan_send")]
)
@pytest.mark.usefixtures("at")
def test_a_bug_is_told_once_and_is_no_sign_of_life(owned, beats, kind, module, name):
    owned.newsletter.patch.setattr(module, name, broken(kind))
    for _ in range(3):
        ran = owned.due()
        assert ran.code == 1
        assert f"something unexpected happened ({kind.__name__})" in ran.error
    (subject,) = owned.subjects
    assert f"Stopped: something unexpected happened ({kind.__name__})" in subject
    assert OWNER not in owned.told[0].as_string().partition("\n\n")[2]
    assert beats() == []


def test_a_monitor_that_knows_failures_hears_of_one(owned, at, beats, monkeypatch):
    known(monkeypatch)
    monkeypatch.setattr(due, "_decide", broken(ValueError))
    assert owned.due().code == 1
    assert beats() == ["/alive/fail"]


@pytest.mark.parametrize(
    ("url", "failed"),
    [
        ("https://hc-ping.com/0c8f-uuid", "https://hc-ping.com/0c8f-uuid/fail"),
        ("https://HC-PING.com/key/slug/?create=1", "https://HC-PING.com/key/slug/fail?create=1"),
        ("https://uptime.betterstack.com/api/v1/heartbeat/abc",
         "https://uptime.betterstack.com/api/v1/heartbeat/abc/fail"),
        ("https://cronitor.link/p/key/name", ""),
        ("https://hc-ping.com.example.org/0c8f-uuid", ""),
        ("https://[hc-ping.com/", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_failure_is_called_where_its_service_knows_it(url, failed):
    assert calls.failure_url(url) == failed


def test_an_orderly_end_is_a_sign_of_life_whatever_it_was(owned, at, beats, monkeypatch):
    known(monkeypatch)
    at("2026-11-22 07:00")
    assert owned.due().code == 0  # nothing due
    at("2026-11-22 08:00")
    assert owned.due("--limit", "5").code == 6
    assert owned.due().code == 0  # a person's turn
    assert beats() == ["/alive"] * 3


def test_a_lock_that_another_holds_is_an_orderly_end(owned, at, beats, monkeypatch):
    with store_of(owned.newsletter) as store, store.lock():
        assert owned.due().code == 0
    assert beats() == ["/alive"]
    assert owned.told == []


def test_a_refusal_is_told_and_is_no_sign_of_life(owned, at, beats, monkeypatch):
    known(monkeypatch)
    owned.newsletter.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    assert [owned.due().code, owned.due().code] == [8, 8]
    assert len(owned.told) == 1
    assert beats() == ["/alive/fail"] * 2


def test_a_pause_that_nobody_could_be_told_of_is_no_sign_of_life(owned, at, beats, monkeypatch):
    known(monkeypatch)
    monkeypatch.setattr(owner_mail, "notice", broken(RuntimeError))
    ran = owned.due("--limit", "5")
    assert ran.code == 6
    assert "the owner was not told: RuntimeError" in ran.err
    assert beats() == ["/alive/fail"]


def test_what_keeps_the_owner_from_hearing_does_not_hide_the_fault(owned, at, monkeypatch):
    monkeypatch.setattr(due, "_decide", broken(OverflowError))
    monkeypatch.setattr(notifier.Notifier, "_tell", broken(ZeroDivisionError))
    ran = owned.due()
    assert ran.code == 1
    assert "(OverflowError)" in ran.error
    assert "the owner was not told: ZeroDivisionError" in ran.err


def test_a_mail_that_fails_does_not_keep_the_webhook_from_being_called(
    owned, at, beats, monkeypatch
):
    url = os.environ["NEWSLETTER_SCHEDULE__HEARTBEAT_URL"].replace("/alive", "/hook")
    owned.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__WEBHOOK", url)
    monkeypatch.setattr(due, "_decide", broken(OverflowError))
    monkeypatch.setattr(owner_mail, "notice", broken(ZeroDivisionError))
    assert [owned.due().code, owned.due().code] == [1, 1]
    assert beats() == ["/hook"]


# --- what cannot even be opened ---------------------------------------------------------------


def garbage(newsletter):
    (newsletter.root / ".newsletter/newsletter.db").write_bytes(b"Dear reader, " * 500)


def missing(newsletter):
    shutil.rmtree(newsletter.root / ".newsletter")


@pytest.mark.parametrize("spoil", [garbage, missing])
def test_records_that_cannot_be_opened_are_told_once(owned, at, beats, spoil):
    spoil(owned.newsletter)
    for _ in range(3):
        assert owned.due().code == 2
    assert len(owned.told) == 1
    assert beats() == []


def test_records_that_cannot_say_who_was_told_leave_it_to_files(owned, at, monkeypatch):
    monkeypatch.setattr(due, "_decide", broken(OverflowError))
    monkeypatch.setattr(Calendar, "begin_notice", broken(OSError))
    assert [owned.due().code for _ in range(3)] == [1, 1, 1]
    assert len(owned.told) == 1


def test_an_owner_who_cannot_be_reached_is_tried_five_times_without_records_too(owned, at):
    garbage(owned.newsletter)
    owned.newsletter.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__PORT", "1")
    tried = [owned.due().err.count("the owner was not told") for _ in range(7)]
    assert tried == [1] * 5 + [0] * 2


@pytest.mark.parametrize(
    "fault",
    ["[schedule]\ntime = 25\n", "[site]\ntimezone = 7\n", "[schedule", "[nonsense]\na = 1\n",
     "[schedule]\nanchor = 0001-01-01\n", "[transprt]\nkind = 1\n"],
)  # fmt: skip
def test_settings_with_a_fault_are_told_as_far_as_they_name_an_owner(owned, at, beats, fault):
    owned.newsletter.write("newsletter.toml", fault)
    for name in ("FROM_NAME", "FROM_ADDRESS"):
        value = "Wren" if name == "FROM_NAME" else "wren@slackwater.example.org"
        owned.newsletter.patch.setenv(f"NEWSLETTER_SENDER__{name}", value)
    for _ in range(2):
        assert owned.due().code == 2
    assert len(owned.told) == 1
    assert "Stopped: " in owned.subjects[0]
    assert beats() == []


def test_a_fault_in_the_way_out_sends_no_mail_into_nowhere(owned, at, beats):
    url = os.environ["NEWSLETTER_SCHEDULE__HEARTBEAT_URL"].replace("/alive", "/hook")
    owned.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__WEBHOOK", url)
    owned.newsletter.patch.setenv("NEWSLETTER_TRANSPORT__KIND", "pigeon")
    assert owned.due().code == 2
    assert owned.told == []
    assert beats() == ["/hook"]
    assert not (owned.newsletter.root / "mail").exists()


def test_a_dry_run_tells_nobody_of_a_fault(owned, at, beats, monkeypatch):
    monkeypatch.setattr(due, "_decide", broken(OverflowError))
    assert owned.newsletter.run(*DUE, "--dry-run").code == 1
    assert (owned.told, beats()) == ([], [])
