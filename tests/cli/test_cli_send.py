"""`newsletter send` as an author meets it: the folder, the records, the exit code, the words."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from newsletter.cli import progress
from newsletter.cli.desk import Desk, open_desk
from newsletter.cli.draining import Wish
from newsletter.cli.sending import send_issue
from newsletter.delivery import Allowance, Outcome, Result
from newsletter.errors import RefusedError
from newsletter.message import Message
from newsletter.store import Store, runs
from newsletter.store.consents import Evidence
from tests.support.cli_fixtures import (
    ISSUE,
    Folder,
    Ran,
    folder,
    list_rows,
    plain_environment,
    ready,
    snapshot,
)
from tests.support.store_samples import suppress

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def store_of(newsletter: Folder) -> Store:
    return Store.open(f"sqlite:///{newsletter.root}/.newsletter/newsletter.db", create=False)


def only_json(ran: Ran) -> dict[str, Any]:
    """The one object on stdout, and nothing else there."""
    found = json.loads(ran.out)
    assert found["schema"] == 1
    return dict(found)


# --- once, and once only ---------------------------------------------------------------------


def test_everybody_gets_one_mail_and_a_second_send_writes_nothing(ready):
    first = ready.send()
    assert first.code == 0
    assert first.out == "issue 74: 25 mails rehearsed now; in all accepted 25\n"
    before = snapshot(ready.root / "mail")
    assert [name for name in before if name.endswith(".eml")] == [
        f"074/{n:04d}.eml" for n in range(1, 26)
    ]
    second = ready.send()
    assert second.code == 0
    assert "issue 74 was already rehearsed on " in second.err
    assert "send --again repeats a rehearsal" in second.err
    assert second.out == "issue 74: 0 mails rehearsed now; in all accepted 25\n"
    assert snapshot(ready.root / "mail") == before


def test_before_anything_leaves_the_author_sees_what_and_to_whom(ready):
    ready.edit("newsletter.toml", 'reply_to = "wren@slackwater.example.org"', "")
    ran = ready.send()
    for words in (
        "issue  74: Slack water's",
        f"file  {ISSUE} (no",
        "from  Wren Halloran <wren@slackwater.example.org>",
        "replies to  wren@slackwater.example.org",
        "recipients  25",
        "left out  nobody",
        "through  the folder mail/ (a rehearsal: nothing leaves)",
        "of 102,400 bytes",
        "findings  0 errors",
    ):
        assert words in ran.err
    assert ran.err.endswith("look: mail/074/0001.eml opens in any mail program\n")


def test_every_mail_is_right_to_the_byte(ready):
    ready.send()
    ways_out, seen = [], []
    for path, row in zip(ready.mails(), list_rows(), strict=True):
        data = path.read_bytes()
        assert data.isascii()
        assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
        assert b"__NL_" not in data
        for line in data.split(b"\r\n"):
            assert len(line) <= 76 or line.startswith(b"List-"), line
        mail = message_from_bytes(data, policy=policy.default)
        assert mail.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in mail.iter_parts()] == [
            "text/plain",
            "text/html",
        ]
        name, address = parseaddr(str(message_from_bytes(data)["To"]))
        local, _, domain = row["email"].partition("@")
        assert address == f"{local}@{domain.lower()}"
        # Python's newer parser puts a blank between encoded words, against RFC 2047.
        assert str(make_header(decode_header(name))) == " ".join(row["name"].split())
        (way_out,) = re.findall(r"<(https://[^>]+)>", mail["List-Unsubscribe"])
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        for part in mail.iter_parts():
            text = part.get_content()
            assert "__NL_" not in text
            assert way_out in text
        ways_out.append(way_out)
        seen.append(mail["Message-ID"])
    assert len(set(ways_out)) == len(set(seen)) == len(ways_out) == 25


def test_a_person_who_leaves_between_two_runs_gets_nothing(ready):
    assert ready.send("--limit", "10").code == 6
    (handle,) = ready.ask("select handle from subscribers order by id limit 1 offset 10")[0]
    with store_of(ready) as store:
        assert store.departures.leave(handle, Evidence(source="test"), now=NOW)
        assert suppress(store, "ines+slackwater@example.com", reason="bounced", now=NOW)
        assert suppress(store, "two_words-99@example.com", reason="bounced", now=NOW)
    ran = ready.send()
    assert ran.code == 0
    assert ran.out == "issue 74: 13 mails rehearsed now; in all accepted 23, skipped 2\n"
    assert not (ready.root / "mail/074/0011.eml").exists()
    assert len(ready.mails()) == 23
    # The next issue does not ask them either.
    assert "recipients  22" in (other := ready.send(issue=73)).err
    assert "left out  1 unsubscribed, 2 suppressed" in other.err


def test_nobody_on_the_list_is_no_reason_to_freeze_a_run(folder):
    folder.write("nobody.csv", "email\nnobody-home\n")
    folder.run("subscribers", "import", "nobody.csv", "--consent-source", "test")
    ran = folder.send()
    assert ran.code == 5
    assert ran.error == "error: nobody would get this issue"
    assert folder.ask("select count(*) from runs") == [(0,)]


def test_without_records_the_way_to_begin_is_said(folder):
    ran = folder.send()
    assert ran.code == 2
    assert ran.error.endswith("there is no store here")
    assert "newsletter subscribers import FILE" in ran.hint
    assert not (folder.root / ".newsletter").exists()


def test_a_segment_narrows_whom_an_issue_goes_to(ready):
    ready.edit(ISSUE, "number: 74\n", "number: 74\nsegment: tag:tides and not tag:friends\n")
    tides = [r for r in list_rows() if "tides" in r["tags"] and "friends" not in r["tags"]]
    ran = ready.send()
    assert f"recipients  {len(tides)}" in ran.err
    assert f"left out  {25 - len(tides)} outside the segment" in ran.err
    assert len(ready.mails()) == len(tides)


def test_an_issue_that_is_not_there_names_the_nearest(ready):
    ran = ready.send(issue=77)
    assert ran.code == 2
    assert ran.error == "error: issues: there is no issue 77"
    assert ran.hint == "hint: the nearest: 73, 74, 75"


def test_ses_without_a_region_is_refused_in_one_sentence(ready, monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    ready.edit("newsletter.toml", 'kind = "folder"', 'kind = "ses"')
    ran = ready.send()
    assert ran.code == 4
    assert ran.error == "error: no AWS region is named"
    assert ran.hint == "hint: set transport.ses.region"
    assert ready.ask("select count(*) from runs") == [(0,)]


def test_without_a_sender_nothing_leaves(ready):
    ready.edit("newsletter.toml", 'from_address = "wren@slackwater.example.org"\n', "")
    ran = ready.send()
    assert ran.code == 2
    assert ran.error == "error: nobody is named as the sender"
    assert "sender.from_address" in ran.hint


# --- a dry run -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "words", "code"),
    [
        ((), (), 0),
        ((), ("--limit", "25"), 0),
        ((), ("--limit", "24"), 6),
        ((), ("--expect", "24"), 8),
        ((), ("--skip-check", "link-htp"), 2),
        (("--limit", "5"), (), 0),
        (("--limit", "5"), ("--limit", "5"), 6),
        (("--limit", "5"), ("--expect", "20"), 0),
        (("--limit", "25"), (), 0),
        (("--limit", "25"), ("--again",), 0),
    ],
)  # fmt: skip
def test_a_dry_run_changes_not_one_byte_and_ends_as_the_real_run_would(ready, before, words, code):
    if before:
        ready.send(*before)
    whole = snapshot(ready.root)
    dry = ready.run("send", "--issue", "74", "--dry-run", *words)
    assert snapshot(ready.root) == whole
    assert dry.out == "" or "already" in dry.err
    assert dry.code == code
    assert ready.send(*words).code == code


def test_a_dry_run_of_an_unfit_issue_ends_as_the_real_run_would(ready):
    whole = snapshot(ready.root)
    assert ready.run("send", "--issue", "75", "--dry-run").code == 5
    assert snapshot(ready.root) == whole
    assert ready.send(issue=75).code == 5


def test_a_dry_run_foresees_that_an_outcome_stays_unknown(ready):
    ready.send("--limit", "5")
    with store_of(ready) as store:
        run = runs.find(store, 74, rehearsal=True)
        assert run is not None
        runs.resume(store, run, by_hand=True)
        assert store.claim(run, now=NOW) is not None
    whole = snapshot(ready.root)
    assert ready.run("send", "--issue", "74", "--dry-run").code == 9
    assert snapshot(ready.root) == whole
    real = ready.send()
    assert real.code == 9
    assert "1 delivery of an earlier run ended unknown" in real.err
    assert (
        "1 outcome is unknown and not sent again by itself: newsletter status --issue 74"
        in real.err
    )
    assert ready.states() == {"accepted": 24, "unknown": 1}
    assert ready.send().code == 9


def test_a_dry_run_before_any_import_writes_nothing(folder):
    whole = snapshot(folder.root)
    assert folder.run("send", "--issue", "74", "--dry-run").code == 2
    assert snapshot(folder.root) == whole


def test_a_dry_run_leaves_git_alone(ready):
    git = ["git", "-C", str(ready.root), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    assert f"{ISSUE} (committed)" in ready.run("send", "--issue", "74", "--dry-run").err
    # A file that was touched is looked at anew, and git likes to write down that it has.
    (ready.root / ISSUE).touch()
    whole = snapshot(ready.root)
    assert f"{ISSUE} (committed)" in ready.run("send", "--issue", "74", "--dry-run").err
    assert snapshot(ready.root) == whole
    ready.edit(ISSUE, "number: 74\n", "number: 74\nnote: x\n")
    assert f"{ISSUE} (changed)" in ready.run("send", "--issue", "74", "--dry-run").err
    ready.write("issues/080-new.md", "---\ntitle: New\npreheader: x\n---\nHello.\n")
    assert "issues/080-new.md (not in git)" in ready.run("send", "--issue", "80", "--dry-run").err


def test_without_git_the_state_of_the_file_is_left_open(ready, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"{ISSUE} (no git)" in ready.run("send", "--issue", "74", "--dry-run").err
    broken = tmp_path / "git"
    broken.write_text("not a program")
    broken.chmod(0o755)
    assert f"{ISSUE} (no git)" in ready.run("send", "--issue", "74", "--dry-run").err


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
    assert ran.error == "error: sending needs a confirmation, and nobody is there to ask"
    assert ran.hint == "hint: add --confirm 74"
    assert ready.mails() == []
    assert ready.ask("select count(*) from runs") == [(0,)]


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
    assert ready.ask("select count(*) from runs") == [(int(code == 0),)]


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
    assert ready.ask("select count(*) from runs") == [(0,)]


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
    (handle,) = ready.ask("select handle from subscribers order by id desc limit 1")[0]
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
    assert ran.hint == "hint: mend that, then: newsletter send --issue 74"
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
    assert ready.ask("select count(*) from runs") == [(0,)]


# --- progress and JSON -----------------------------------------------------------------------


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(ready, monkeypatch):
    assert " of 25, " not in ready.send("--limit", "1").err  # ten seconds have not passed
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
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


# --- the real thing --------------------------------------------------------------------------


class Postbox:
    """A way out that counts, as the real ones will be: no rehearsal."""

    name = "postbox"
    rehearsal = False
    stamps = True

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.signals: dict[int, list[signal.Signals]] = {}

    def describe(self) -> str:
        return "a postbox"

    def allowance(self) -> Allowance:
        return Allowance()

    def begin(self, issue: int) -> None:
        pass

    def deliver(self, message: Message) -> Outcome:
        self.taken.append(message.to)
        for number in self.signals.pop(len(self.taken), []):
            signal.raise_signal(number)
        return Outcome(result=Result.ACCEPTED, message_id=f"m{message.position}")

    def close(self) -> None:
        pass


class Counter(Desk):
    """A desk whose mail goes into one postbox."""

    __slots__ = ()
    box = Postbox()

    def transport(self) -> Postbox:
        return self.box


@pytest.fixture
def counter(ready: Folder, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.chdir(ready.root)
    ready.run("settings")  # chooses this folder
    desk = open_desk()
    monkeypatch.setattr(Counter, "box", Postbox())
    return Counter(desk.root, desk.settings)


def test_again_never_repeats_a_real_send(counter, capsys):
    assert send_issue(counter, Wish(issue=74, confirm=74, limit=10)) == 6
    assert send_issue(counter, Wish(issue=74, confirm=74, again=True, expect=15)) == 0
    assert len(set(counter.box.taken)) == len(counter.box.taken) == 25
    assert send_issue(counter, Wish(issue=74, confirm=74, again=True)) == 0
    assert "issue 74 was already sent on " in capsys.readouterr().err
    assert len(counter.box.taken) == 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_lets_the_mail_in_flight_finish(counter, ready, capsys, number):
    counter.box.signals = {5: [number]}
    assert send_issue(counter, Wish(issue=74, confirm=74)) == 128 + number
    assert capsys.readouterr().err.endswith(
        "paused: interrupted\nnext: newsletter send --issue 74 goes on with 20\n"
    )
    assert ready.states() == {"accepted": 5, "queued": 20}
    assert send_issue(counter, Wish(issue=74, confirm=74)) == 0
    assert len(set(counter.box.taken)) == len(counter.box.taken) == 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once_and_leaves_one_mail_in_doubt(counter, ready, number):
    counter.box.signals = {5: [number, number]}
    with pytest.raises(SystemExit) as ended:
        send_issue(counter, Wish(issue=74, confirm=74))
    assert ended.value.code == 128 + number
    assert ready.states() == {"accepted": 4, "claimed": 1, "queued": 20}
    assert send_issue(counter, Wish(issue=74, confirm=74)) == 9
    assert ready.states() == {"accepted": 24, "unknown": 1}
    assert len(set(counter.box.taken)) == len(counter.box.taken) == 25


def test_a_signal_with_the_last_mail_changes_nothing(counter, ready):
    counter.box.signals = {25: [signal.SIGINT]}
    assert send_issue(counter, Wish(issue=74, confirm=74)) == 0
    assert ready.states() == {"accepted": 25}


def test_who_typed_the_number_late_finds_it_sent(counter, ready, monkeypatch, capsys):
    class Slow(Terminal):
        def readline(self, *_):
            assert send_issue(counter, Wish(issue=74, confirm=74)) == 0
            return "74\n"

    monkeypatch.setattr(sys, "stdin", Slow())
    finished = "select finished_at from runs"
    assert send_issue(counter, Wish(issue=74)) == 0
    assert "issue 74 was already sent on " in capsys.readouterr().err
    assert len(counter.box.taken) == 25
    assert ready.ask(finished)[0][0]


def test_a_real_run_that_changed_must_go_on_as_it_began(counter, ready, capsys):
    assert send_issue(counter, Wish(issue=74, confirm=74, limit=10)) == 6
    ready.edit(ISSUE, "number: 74\n", "number: 74\npreheader2: x\n")
    with pytest.raises(RefusedError, match="changed since it was begun") as caught:
        send_issue(counter, Wish(issue=74, confirm=74))
    assert "put back what was sent first" in str(caught.value.hint)
    assert len(counter.box.taken) == 10


def test_a_rehearsal_never_stands_in_the_way_of_the_real_thing(counter, ready, capsys):
    assert ready.send().code == 0
    assert send_issue(counter, Wish(issue=74, confirm=74)) == 0
    assert len(counter.box.taken) == 25
    shutil.rmtree(Path(ready.root) / "mail")
    assert ready.send("--again").code == 0
    assert len(counter.box.taken) == 25
