"""`newsletter send` where it cannot write, and what it tells on the way."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from newsletter.cli import progress
from tests.support.cli_fixtures import Ran, folder, plain_environment, ready
from tests.support.terminal import Terminal

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


def only_json(ran: Ran) -> dict[str, Any]:
    """The one object on stdout, and nothing else there."""
    found = json.loads(ran.out)
    assert found["schema"] == 1
    return dict(found)


# --- where the mails cannot be written -------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "in_the_way"),
    [("mail", "mail"), ("mail", "mail/074"), ("/dev/null/mail", ""), ("sub/mail", "sub")],
)
def test_a_folder_that_cannot_be_written_stops_the_first_mail(ready, setting, in_the_way):
    ready.edit("newsletter.toml", 'kind = "folder"', f'kind = "folder"\nfolder = "{setting}"')
    if in_the_way:
        ready.write(in_the_way, "a file where a folder should be")
    ran = ready.send()
    assert ran.code == 4
    assert ran.out == ""
    assert ran.error == "error: folder refuses every mail: the folder cannot be written"
    assert ran.hint == "hint: fix that, then: newsletter send --issue 74"
    assert ready.states() == {"queued": 25}
    if in_the_way:
        (ready.root / in_the_way).unlink()
        assert ready.send().code == 0
        assert len(list((ready.root / setting / "074").glob("*.eml"))) == 25


def test_a_folder_that_fails_on_the_way_pauses_the_run(ready):
    ready.send("--limit", "5")
    (ready.root / "mail").rename(ready.root / "elsewhere")
    ready.write("mail", "a file where a folder should be")
    ran = ready.send()
    assert ran.code == 6
    assert ran.err.endswith(
        "paused: the folder cannot be written\nnext: newsletter send --issue 74 goes on with 20\n"
    )
    assert ready.states() == {"accepted": 5, "queued": 20}
    (ready.root / "mail").unlink()
    (ready.root / "elsewhere").rename(ready.root / "mail")
    assert ready.send().code == 0
    assert len(ready.mails()) == 25


def test_an_old_mail_that_cannot_be_taken_away_stops_a_new_run(ready):
    (ready.root / "mail/074/0001.eml").mkdir(parents=True)
    ran = ready.send()
    assert ran.code == 4
    assert ran.error == "error: a mail of an earlier rehearsal cannot be taken away: 0001.eml"
    assert ran.hint == "hint: empty the folder 074/ yourself"
    assert ready.runs() == ()


# --- progress and JSON -----------------------------------------------------------------------


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(ready, monkeypatch):
    assert " of 25, " not in ready.send("--limit", "1").err  # ten seconds have not passed
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    ran = ready.send("--limit", "20")
    form = r"^\d+ of 24, [\d.,]+/s, about \d+ seconds? left, accepted \d+$"
    lines = re.findall(form, ran.err, re.MULTILINE)
    assert len(lines) == 20
    assert lines[-1].startswith("20 of 24, ")
    assert not set(ran.err) & set("\x1b\r")
    assert ready.run("-q", "send", "--issue", "74", "--confirm", "74").err == ""


@pytest.mark.parametrize("words", [(), ("--color", "never")])
def test_a_terminal_shows_a_bar(ready, monkeypatch, words):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert ready.run(*words, "send", "--issue", "74", "--confirm", "74").code == 0
    assert "\x1b" in terminal.getvalue()
    assert "25/25" in terminal.getvalue()


def test_json_is_one_object_and_nothing_else(ready):
    dry = only_json(ready.run("send", "--issue", "74", "--dry-run", "--json"))
    assert dry == {
        "schema": 1, "issue": 74, "rehearsal": True, "dry_run": True, "recipients": 25,
        "left_out": {"outside the segment": 0, "pending": 0, "suppressed": 0, "unsubscribed": 0},
    }  # fmt: skip
    ended = only_json(ready.send("--json", "--limit", "3"))
    assert Path(ended.pop("log")).is_file()
    assert ended == {
        "schema": 1, "issue": 74, "rehearsal": True, "sent_now": 3, "recipients": 25,
        "by_state": {"accepted": 3, "queued": 22}, "state": "paused", "pause": "limit",
        "reason": "the limit is reached",
    }  # fmt: skip
    assert only_json(ready.send("--json"))["sent_now"] == 22
    assert only_json(ready.send("--json"))["sent_now"] == 0
    # The next command speaks to people again.
    assert ready.send().out.startswith("issue 74: 0 mails")


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (("--issue", "74"), 2, "input"),
        (("--issue", "74", "--confirm", "7"), 2, "input"),
        (("--issue", "75", "--confirm", "75"), 5, "not_fit"),
        (("--issue", "74", "--confirm", "74", "--expect", "1"), 8, "refused"),
        (("--issue", "73", "--confirm", "73"), 4, "account"),
        (("--issue", "x"), 2, "input"),
        (("--isue", "74"), 2, "input"),
        ((), 2, "input"),
    ],
)  # fmt: skip
def test_errors_are_json_too(ready, words, code, name):
    ready.write("mail", "a file where a folder should be")
    ran = ready.run("send", *words, "--json")
    assert ran.code == code
    error = only_json(ran)["error"]
    assert set(error) == {"code", "message", "hint"}
    assert error["code"] == name
    assert ran.error == f"error: {error['message']}"
    assert ran.hint == f"hint: {error['hint']}"
    # A fault of the next command is told to people.
    assert ready.run("send", "--issue", "999").out == ""
