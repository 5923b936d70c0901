"""`newsletter send` is confirmed, and told by flags what to do."""

from __future__ import annotations

import datetime as dt
import re
import sys

import pytest

from newsletter.store import Store
from newsletter.store.consents import Evidence
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready, snapshot
from tests.support.terminal import Terminal

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)


def store_of(newsletter: Folder) -> Store:
    return Store.open(f"sqlite:///{newsletter.root}/.newsletter/newsletter.db", create=False)


# --- confirming ------------------------------------------------------------------------------


def test_the_confirmation_must_name_the_same_issue(ready):
    whole = snapshot(ready.root)
    ran = ready.run("send", "--issue", "74", "--confirm", "73")
    assert ran.code == 2
    assert ran.error == "error: --confirm says 73, --issue says 74"
    assert snapshot(ready.root) == whole


@pytest.mark.parametrize("words", [(), ("--no-input",)])
def test_without_a_terminal_the_flag_is_named(ready, words):
    ran = ready.run(*words, "send", "--issue", "74")
    assert ran.code == 2
    assert ran.error == "error: sending needs a confirmation, and there is no terminal to ask on"
    assert ran.hint == "hint: add --confirm 74"
    assert ready.mails() == []
    assert ready.runs() == ()


@pytest.mark.parametrize(
    ("answer", "code", "mails"),
    [("74\n", 0, 25), (" 74 \n", 0, 25), ("73\n", 3, 0), ("y\n", 3, 0), ("\n", 3, 0), ("", 3, 0)],
)
def test_typing_the_number_sends_and_anything_else_cancels(ready, monkeypatch, answer, code, mails):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ran = ready.run("send", "--issue", "74")
    assert ran.code == code
    assert "Type 74 to send it, anything else cancels: " in ran.err
    assert len(ready.mails()) == mails
    assert len(ready.runs()) == int(code == 0)


def test_no_input_asks_nobody_even_at_a_terminal(ready, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal("74\n"))
    assert ready.run("--no-input", "send", "--issue", "74").code == 2
    assert ready.mails() == []


def test_ctrl_c_at_the_prompt_sends_nothing(ready, monkeypatch):
    class Impatient(Terminal):
        def readline(self, *_):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Impatient())
    assert ready.run("send", "--issue", "74").code == 130
    assert ready.mails() == []


# --- flags -----------------------------------------------------------------------------------


def test_a_limit_pauses_and_the_same_command_goes_on(ready):
    first = ready.send("--limit", "10")
    assert first.code == 6
    assert first.out == "issue 74: 10 mails rehearsed now; in all accepted 10, queued 15\n"
    assert first.err.endswith(
        "paused: the limit is reached\nnext: newsletter send --issue 74 goes on with 15\n"
    )
    old = snapshot(ready.root / "mail")
    second = ready.send("--limit", "15")
    assert second.code == 0
    assert "recipients  15 left of a run begun earlier" in second.err
    assert old.items() <= snapshot(ready.root / "mail").items()
    assert len(ready.mails()) == 25


def test_no_limit_below_one_is_taken(ready):
    ran = ready.send("--limit", "0")
    assert ran.code == 2
    assert ran.error.startswith("error: Invalid value for '--limit'")
    assert ran.hint == "hint: newsletter send --help"


def test_the_expected_number_must_be_met(ready):
    ran = ready.send("--expect", "26")
    assert ran.code == 8
    assert ran.error == "error: --expect says 26, but there are 25 recipients"
    assert ready.mails() == []
    assert ready.send("--expect", "25").code == 0


def test_findings_of_severity_error_stop_a_send(ready):
    ran = ready.send(issue=75)
    assert ran.code == 5
    assert re.search(
        r"^issues/075-[\w-]+\.md:\d+:1: error draft: this issue is a draft", ran.err, re.MULTILINE
    )
    assert ran.error == "error: issue 75 is not fit to send: 1 error"
    assert ran.hint.endswith("newsletter check --issue 75")
    assert ready.mails(75) == []
    assert ready.runs() == ()


def test_a_finding_can_be_answered_for_on_the_command_line(ready):
    assert ready.send("--skip-check", "no-address", issue=75).code == 5
    assert ready.send("--skip-check", "no-address", "--skip-check", "draft", issue=75).code == 0
    assert len(ready.mails(75)) == 25


def test_a_check_that_nobody_knows_cannot_be_skipped(ready):
    ran = ready.send("--skip-check", "drafd", issue=75)
    assert (ran.code, ran.error) == (2, 'error: no check is called "drafd"')
    assert ran.hint == 'hint: did you mean "draft"?'
    assert ready.send("--skip-check", "zzz").hint == "hint: docs/checks.md lists them"


def test_again_repeats_a_rehearsal_and_clears_old_mails_away(ready):
    ready.send()
    handle = ready.people()[-1].handle
    with store_of(ready) as store:
        store.departures.leave(handle, Evidence(source="test"), now=NOW)
    old = snapshot(ready.root / "mail")
    ran = ready.send("--again")
    assert ran.code == 0
    assert ran.out == "issue 74: 24 mails rehearsed now; in all accepted 24\n"
    new = snapshot(ready.root / "mail")
    assert len(ready.mails()) == 24
    assert not {name for name in new if new[name] == old[name] and name.endswith(".eml")}
    assert ready.states() == {"accepted": 24}


def test_who_left_meanwhile_is_told_where_a_run_goes_on(ready):
    ready.send("--limit", "5")
    people = ready.people()
    for last in people[6], people[-1]:
        with store_of(ready) as store:
            store.departures.leave(last.handle, Evidence(source="test"), now=NOW)
    told = ready.run("send", "--issue", "74", "--dry-run")
    assert "  left out  whoever has left since\n" in told.err
    ready.send("--limit", "5")
    told = ready.run("send", "--issue", "74", "--dry-run")
    assert "  left out  1 unsubscribed so far, and whoever has left since\n" in told.err
    assert ready.send().out == (
        "issue 74: 13 mails rehearsed now; in all accepted 23, skipped 2\n"
    )  # fmt: skip


def test_a_changed_issue_is_not_sent_to_the_rest(ready):
    ready.send("--limit", "5")
    text = (ready.root / ISSUE).read_text("utf-8")
    ready.write(ISSUE, f"{text}\nOne more line.\n")
    before = snapshot(ready.root)
    ran = ready.send()
    assert ran.code == 8
    assert ran.error == "error: issue 74, its theme or its settings changed since it was begun"
    assert "--again" in ran.hint
    assert snapshot(ready.root).items() - before.items() == set()
    ready.write(ISSUE, text)
    assert ready.send().code == 0
    assert len(ready.mails()) == 25


def test_a_changed_list_is_told_but_does_not_stop_a_send(ready):
    path = ready.root / "subscribers/example.csv"
    path.write_text(path.read_text("utf-8") + "late@example.org,Late,\n", "utf-8")
    told = "warning: subscribers/example.csv changed since it was imported; the records are what counts"
    assert told in ready.run("check").err
    path.write_bytes(b"")
    ran = ready.send()
    assert told in ran.err
    assert ran.code == 0
    assert len(ready.mails()) == 25
