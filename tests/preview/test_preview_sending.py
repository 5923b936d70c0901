"""Before a send: the preview's summary is the command's, and its test mail is the command's."""

from __future__ import annotations

import datetime as dt
import os
import socket
from email import message_from_bytes, policy
from typing import Any

import pytest
from playwright.sync_api import expect

from newsletter import clocks
from newsletter.delivery import OccurrenceState
from newsletter.errors import InputError, NotFitError
from newsletter.preview.front_page import FrontPage, read_front_page
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.readers import READERS
from newsletter.preview.sending import Obstacle, Sending
from newsletter.preview.shelf import ListedIssue
from newsletter.schedule import Occurrence
from newsletter.store.calendar import Calendar, Used
from tests.support.cli_fixtures import ADDRESSES, ISSUE, Folder, folder, plain_environment, ready
from tests.support.preview_browser import chromium, look, preview, tab
from tests.support.schedule_fixtures import store_of
from tests.support.smtp_servers import scripted
from tests.support.web_fixtures import settings_of

__all__ = ["chromium", "folder", "plain_environment", "ready", "tab"]

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def sending(folder: Folder, more: str = "") -> Sending:
    """The preview's look at a folder, with further settings."""

    def settings() -> Any:
        return settings_of((folder.root / "newsletter.toml").read_text("utf-8") + more)

    previews = IssuePreviews(folder.root, settings, clocks.now)
    return Sending(folder.root, previews.prepared, os.environ, lambda: NOON)


def shelf(folder: Folder, now: dt.datetime = NOON) -> dict[int, ListedIssue]:
    """The list of issues at a moment, by number."""
    return {entry.number: entry for entry in front_page(folder, now).issues}


def front_page(folder: Folder, now: dt.datetime = NOON, settings: Any = None) -> FrontPage:
    """The first page at a moment."""

    def read() -> Any:
        return settings_of((folder.root / "newsletter.toml").read_text("utf-8"))

    previews = IssuePreviews(folder.root, settings or read, lambda: now)
    return read_front_page(folder.root, settings or read, previews.prepared, lambda: now)


# --- the summary -------------------------------------------------------------------------------


@pytest.mark.processes
def test_the_summary_is_the_one_of_the_command(ready):
    said = ready.run("send", "--issue", "74", "--dry-run").err
    told = sending(ready).ready(74)
    assert told.stops == ()
    assert len(told.rows) > 5
    lines = [f"{name:>10}  {value}" for name, value in told.rows]
    assert [line for line in lines if line not in said.splitlines()] == []
    assert said.splitlines()[: len(lines)] == lines


def test_looking_needs_no_store_and_makes_none(folder):
    told = sending(folder).ready(74)
    assert told.rows == ()
    assert any("there is no database here yet" in stop.reason for stop in told.stops)
    assert not (folder.root / ".newsletter").exists()


@pytest.mark.processes
def test_what_stops_a_send_is_said_with_a_way_out(ready):
    ready.edit(ISSUE, "Put the kettle on", "![](images/none.png) Put the kettle on")
    assert sending(ready).ready(74).stops == (
        Obstacle(reason="1 error in the checks", tab="checks"),
    )
    # For real, through a server, readers need a way out.
    ready.edit(
        "newsletter.toml",
        'public_url = "https://letters.slackwater.example.org"',
        'public_url = ""',
    )
    ready.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"')
    told = sending(ready, '\n[transport.smtp]\nhost = "127.0.0.1"\n').ready(74)
    assert "readers could not unsubscribe from this mail" in [stop.reason for stop in told.stops]


@pytest.mark.processes
def test_after_a_rehearsal_the_summary_still_says_what_a_send_would_do(ready):
    before = sending(ready).ready(74)
    assert [step.command for step in before.steps] == ["newsletter send --issue 74"] * 2
    assert ready.send().code == 0
    told = sending(ready).ready(74)
    assert told.sent.startswith("rehearsed on 20")
    assert (told.rows, told.stops, told.final) == (before.rows, (), False)
    rows = dict(told.rows)
    assert rows["recipients"] == str(len(ADDRESSES))
    assert "wren@slackwater.example.org" in rows["from"]
    assert rows["through"].startswith("the folder mail/")
    again, for_real = told.steps
    assert again.command == "newsletter send --issue 74 --again"
    assert ready.send("--again").code == 0
    assert "transport.kind" in for_real.purpose
    # What would stop the next send is said after a rehearsal, too.
    ready.edit(ISSUE, "Put the kettle on", "![](images/none.png) Put the kettle on")
    assert [stop.tab for stop in sending(ready).ready(74).stops] == ["checks"]


@pytest.mark.processes
def test_a_rehearsal_that_was_begun_goes_on(ready):
    assert ready.send("--limit", "10").code == 6
    told = sending(ready).ready(74)
    assert told.sent == ""
    assert dict(told.rows)["recipients"].startswith(f"{len(ADDRESSES) - 10} left")


@pytest.mark.processes
def test_an_issue_that_was_sent_for_real_says_who_got_it(ready):
    with scripted(RCPT=["250 ok", "550 no such box", "250 ok"]) as server:
        for name, value in {"KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": server.port,
                            "SMTP__SECURITY": "none"}.items():  # fmt: skip
            ready.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", str(value))
        assert ready.send().code == 0
    smtp = f'\n[transport.smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
    ready.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"')
    ready.edit(ISSUE, "Put the kettle on", "![](images/none.png) Put the kettle on")
    told = sending(ready, smtp).ready(74)
    assert told.sent.startswith("sent on 20")
    assert (told.final, told.stops) == (True, ())
    rows = dict(told.rows)
    assert rows["recipients"] == str(len(ADDRESSES))
    assert rows["result"] == f"{len(ADDRESSES) - 1} accepted, 1 refused"
    assert rows["from"] == "wren@slackwater.example.org"
    assert [step.command for step in told.steps] == ["newsletter status --issue 74"]


def test_an_issue_that_is_not_there_is_not_ready(ready):
    assert sending(ready).ready(99).rows == ()
    assert sending(ready).trial(99, "ada@example.org") is None


def test_a_fault_is_a_reason_too(ready):
    ready.edit(ISSUE, "status: ready", "status: [ready")
    [stop] = sending(ready).ready(74).stops
    assert ISSUE in stop.reason


# --- a test mail -------------------------------------------------------------------------------


def test_a_test_mail_is_the_one_of_the_command_and_counts_nowhere(ready):
    done = sending(ready).trial(74, "ada@example.org")
    assert done is not None
    assert done.accepted
    assert done.said.startswith("ada@example.org accepted: mail/")
    [mail] = (ready.root / "mail").rglob("*.eml")
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    assert str(message["Subject"]).startswith("[TEST] ")
    assert str(message["To"].addresses[0].addr_spec) == "ada@example.org"
    assert ready.runs() == ()


def test_a_wrong_address_sends_nothing(ready):
    with pytest.raises(InputError, match="not a mail address"):
        sending(ready).trial(74, "not an address")
    assert not (ready.root / "mail").exists()


def test_a_mail_nobody_could_leave_is_not_sent(ready):
    ready.edit(
        "newsletter.toml",
        'public_url = "https://letters.slackwater.example.org"',
        'public_url = ""',
    )
    ready.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"')
    with pytest.raises(NotFitError, match="could not unsubscribe"):
        sending(ready, '\n[transport.smtp]\nhost = "127.0.0.1"\n').trial(74, "ada@example.org")


# --- the list ----------------------------------------------------------------------------------


def test_the_list_holds_drafts_and_broken_issues_newest_first(folder):
    folder.write("issues/080-broken.md", "---\ntitle: [\n---\n")
    found = shelf(folder)
    assert [(e.number, e.state) for e in found.values()] == [(80, "broken"), (75, "draft"), (74, "ready"), (73, "ready")]  # fmt: skip
    assert found[80].fault.startswith("issues/080-broken.md:")


def test_an_approved_issue_goes_is_due_and_is_too_late(folder):
    assert folder.run("approve", "--issue", "74", "--anyway").code == 0
    day = dt.timedelta(days=1)
    before, after = shelf(folder, NOON - day)[74], shelf(folder, NOON + day)[74]
    assert (before.state, before.note) == ("approved", "goes Sun 22 Nov, 09:00")
    assert shelf(folder, NOON)[74].state == "due"
    assert (after.state, after.note) == ("missed", "too late to go by itself")


def test_the_page_of_an_issue_calls_its_state_as_the_list_does(folder):
    day_before = NOON - dt.timedelta(days=1)

    def states() -> tuple[str, str]:
        previews = IssuePreviews(
            folder.root,
            lambda: settings_of((folder.root / "newsletter.toml").read_text("utf-8")),
            lambda: day_before,
        )
        preview = previews.preview(74, READERS[0])
        assert preview is not None
        return preview.status, shelf(folder, day_before)[74].state

    assert states() == ("ready", "ready")
    assert folder.run("approve", "--issue", "74", "--anyway").code == 0
    assert states() == ("approved", "approved")
    folder.edit("templates/email/style.css", ".bar { width: 48px;", ".bar { width: 31px;")
    assert states() == ("changed", "changed")
    folder.edit(ISSUE, "status: ready", "status: draft")
    assert states() == ("draft", "draft")


def test_an_issue_changed_since_it_was_approved_says_so(folder):
    assert folder.run("approve", "--issue", "74", "--anyway").code == 0
    folder.edit("templates/email/style.css", ".bar { width: 48px;", ".bar { width: 31px;")
    assert shelf(folder)[74].state == "changed"


def test_an_approved_issue_outside_the_schedule_says_so(folder):
    folder.edit(ISSUE, "date: 2026-11-22", "date: 2026-11-21")
    assert folder.run("approve", "--issue", "74", "--anyway").code == 0
    assert (shelf(folder)[74].state, shelf(folder)[74].note) == ("approved", "its date is not in the schedule")  # fmt: skip


def test_what_a_trigger_noted_and_a_person_cancelled_is_told(ready):
    assert ready.run("approve", "--issue", "74", "--anyway").code == 0
    with store_of(ready) as store:
        calendar = Calendar(store, rehearsal=True)
        date = Occurrence(day=dt.date(2026, 11, 22), at=NOON)
        missed = Used(occurrence=date, state=OccurrenceState.MISSED, issue=74, reason="it rained")
        calendar.note([missed], now=NOON)
    entry = shelf(ready, NOON - dt.timedelta(days=1))[74]
    assert (entry.state, entry.note) == ("missed", "it rained; no schedule sends it any more")
    ready.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"\nsmtp.host = "mail.example"')
    assert shelf(ready, NOON - dt.timedelta(days=1))[74].state == "approved"
    assert ready.run("cancel", "--issue", "74").code == 0
    entry = shelf(ready)[74]
    assert (entry.state, dict(entry.counts)) == ("cancelled", {})


def test_an_announced_issue_is_still_to_come(ready):
    assert ready.run("approve", "--issue", "74", "--anyway").code == 0
    with store_of(ready) as store:
        assert Calendar(store, rehearsal=False).announce(74, title="x", source_hash="x", now=NOON)
    entry = shelf(ready, NOON - dt.timedelta(days=1))[74]
    assert (entry.state, entry.note) == ("approved", "goes Sun 22 Nov, 09:00")


@pytest.mark.processes
def test_what_was_rehearsed_and_sent_is_counted(ready):
    assert ready.send().code == 0
    entry = shelf(ready)[74]
    assert (entry.state, dict(entry.counts)) == ("ready", {})
    assert entry.rehearsed == len(ready.mails())


@pytest.mark.processes
def test_what_was_sent_for_real_is_counted_by_state_and_dated(ready):
    with scripted(RCPT=["250 ok", "550 no such box", "250 ok"]) as server:
        for name, value in {"KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": server.port,
                            "SMTP__SECURITY": "none"}.items():  # fmt: skip
            ready.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", str(value))
        assert ready.send("--limit", "10").code == 6
        entry = shelf(ready)[74]
        assert (entry.state, dict(entry.counts)) == (
            "paused", {"accepted": 10, "queued": len(ADDRESSES) - 11, "refused": 1}
        )  # fmt: skip
        assert ready.send().code == 0
    entry = shelf(ready)[74]
    assert (entry.state, dict(entry.counts)) == (
        "sent", {"accepted": len(ADDRESSES) - 1, "refused": 1}
    )  # fmt: skip
    assert entry.note.startswith("on 20")
    assert entry.rehearsed == 0
    settings = settings_of((ready.root / "newsletter.toml").read_text("utf-8"))
    made = IssuePreviews(ready.root, lambda: settings, clocks.now).preview(74, READERS[0])
    assert made is not None
    assert made.begun


def test_settings_that_cannot_be_read_leave_the_list_standing(folder):
    def broken() -> Any:
        raise InputError("broken")

    found = front_page(folder, settings=broken)
    assert [notice.said for notice in found.notices] == ["broken"]
    assert [(e.number, e.state) for e in found.issues] == [
        (75, "draft"),
        (74, "ready"),
        (73, "ready"),
    ]


# --- in the browser ----------------------------------------------------------------------------


@pytest.mark.browser
def test_the_summary_stands_on_the_page_and_a_press_sends_one_mail(ready, tab):
    said = ready.run("send", "--issue", "74", "--dry-run").err
    with preview(ready.root, "--issue", "74", "--port", "7840") as running:
        look(tab, running.url, "?tab=send")
        rows = tab.locator("#summary dl div").evaluate_all(
            "rows => rows.map((r) => [...r.children].map((c) => c.textContent))"
        )
        lines = [f"{name:>10}  {value}" for name, value in rows]
        assert lines == said.splitlines()[: len(lines)]
        assert len(lines) > 5
        tab.get_by_label("Where it goes").fill("ada@example.org")
        asked: list[tuple[str, str]] = []
        tab.on("request", lambda request: asked.append((request.method, request.url)))
        tab.get_by_role("button", name="Send one").dblclick()
        expect(tab.locator("#trial-said")).to_contain_text("ada@example.org accepted")
        assert [url for method, url in asked if method == "POST"] == [f"{running.url}/test"]
        assert len(list((ready.root / "mail").rglob("*.eml"))) == 1
        # What was typed stays when the page is renewed.
        ready.edit(ISSUE, "Put the kettle on", "Put the lamp out")
        tab.locator("#tab-send").focus()
        expect(tab.frame_locator("#mail").get_by_text("Put the lamp out")).to_have_count(1)
        expect(tab.get_by_label("Where it goes")).to_have_value("ada@example.org")
        expect(tab.locator("#trial-said")).to_contain_text("accepted")


@pytest.mark.browser
def test_a_refused_press_says_why(folder, tab):
    folder.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"')
    with (folder.root / "newsletter.toml").open("a") as stream:
        stream.write('\n[transport.smtp]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n')
    with preview(folder.root, "--issue", "74", "--port", "7850") as running:
        look(tab, running.url, "?tab=send")
        expect(tab.locator("#summary")).to_contain_text("there is no database here yet")
        tab.get_by_label("Where it goes").fill("ada@example.org")
        tab.get_by_role("button", name="Send one").click()
        expect(tab.locator("#trial-said[data-failed]")).to_contain_text(
            "ada@example.org deferred: the mail server 127.0.0.1:1 cannot be reached"
        )


@pytest.mark.browser
def test_ctrl_c_does_not_wait_for_a_mail_server_that_does_not_answer(folder, tab):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        folder.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"')
        with (folder.root / "newsletter.toml").open("a") as stream:
            stream.write(
                f'\n[transport.smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
            )
        silent.settimeout(120)
        # It would wait for this server for an hour.
        with preview(folder.root, "--issue", "74", "--port", "7870", world="patient") as running:
            look(tab, running.url, "?tab=send")
            tab.get_by_label("Where it goes").fill("ada@example.org")
            tab.get_by_role("button", name="Send one").click()
            connection, _ = silent.accept()
            with connection:
                code, more = running.interrupt()
            assert code in {0, 130}
            assert more == ""
