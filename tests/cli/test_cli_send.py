"""`newsletter send`: everybody once, what it shows before, and what a dry run leaves alone."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest

from newsletter.project import git
from newsletter.sending.plan import uncommitted
from newsletter.store import Store, runs
from newsletter.store.consents import Evidence
from tests.support import claiming
from tests.support.cli_fixtures import (
    ISSUE,
    Folder,
    folder,
    list_rows,
    plain_environment,
    ready,
    snapshot,
    whole_letter,
)
from tests.support.store_samples import suppress

__all__ = ["folder", "plain_environment", "ready", "whole_letter"]

pytestmark = pytest.mark.processes

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)


def store_of(newsletter: Folder) -> Store:
    return Store.open(f"sqlite:///{newsletter.root}/.newsletter/newsletter.db", create=False)


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
    assert ran.err.endswith("      mail/074/0001.eml is the mail itself, for any mail program\n")


@pytest.mark.usefixtures("whole_letter")
def test_what_the_checks_warn_of_is_shown_and_not_only_counted(ready):
    for ran in ready.send(), ready.run("approve", "--issue", "74", "--anyway"):
        [told] = [line for line in ran.err.splitlines() if line.startswith(f"{ISSUE}:")]
        assert ": warning utm-foreign: 4 links are tagged" in told
    assert "1 ignored" in ready.send("--again").err  # which is not shown


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
    handle = ready.people()[10].handle
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
    assert ran.error == "error: nobody is on the list yet"
    assert folder.runs() == ()


def test_without_records_the_way_to_begin_is_said(folder):
    ran = folder.send()
    assert ran.code == 2
    assert ran.error.endswith("there is no database here yet")
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
    assert ran.code == 2
    assert ran.error == "error: no AWS region is named"
    assert ran.hint == "hint: set transport.ses.region"
    assert ready.runs() == ()


def test_without_a_sender_nothing_leaves(ready):
    ready.edit("newsletter.toml", 'from_address = "wren@slackwater.example.org"\n', "")
    ran = ready.send()
    assert ran.code == 2
    assert ran.error == "error: there is no sender address"
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
        assert claiming.claim(store, run, now=NOW) is not None
    whole = snapshot(ready.root)
    assert ready.run("send", "--issue", "74", "--dry-run").code == 9
    assert snapshot(ready.root) == whole
    real = ready.send()
    assert real.code == 9
    assert "1 delivery of an earlier run: outcome unknown" in real.err
    told = (
        "next: 1 outcome is unknown and will not be sent again: newsletter status --issue 74 "
        "shows them, and newsletter retry --issue 74 --unknown settles them\n"
    )
    assert told in real.err
    assert ready.states() == {"accepted": 24, "unknown": 1}
    again = ready.send()
    assert again.code == 9
    assert told in again.err


def test_what_is_unknown_of_a_run_that_is_paused_is_told_with_the_way_out(ready):
    ready.send("--limit", "5")
    with store_of(ready) as store:
        run = runs.find(store, 74, rehearsal=True)
        assert run is not None
        runs.resume(store, run, by_hand=True)
        assert claiming.claim(store, run, now=NOW) is not None
    ran = ready.send("--limit", "5")
    assert ran.code == 6
    assert "next: newsletter send --issue 74 goes on with 14\n" in ran.err
    assert "newsletter retry --issue 74 --unknown settles them\n" in ran.err


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


@pytest.mark.parametrize("why", ["not installed", "does not answer", "damaged"])
def test_where_git_cannot_say_it_is_not_called_no_git(tmp_path, monkeypatch, why):
    assert git.state(tmp_path, "a.md") == "no git"
    (tmp_path / ".git").mkdir()
    assert git.state(tmp_path, "a.md") == "no git"  # a folder of that name
    (tmp_path / ".git").rmdir()
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    (tmp_path / "a.md").write_text("x")
    assert git.state(tmp_path, "a.md") == "not in git"
    match why:
        case "not installed":
            monkeypatch.setattr("newsletter.project.git.shutil.which", lambda _: None)
        case "does not answer":
            monkeypatch.setattr(git, "_SECONDS", 0)
        case _:
            (tmp_path / ".git/config").write_text("[core\n")
    assert git.state(tmp_path, "a.md") == "git does not say"
    assert uncommitted(tmp_path, "a.md").startswith("git does not say whether a.md is committed")


def test_without_git_the_state_of_the_file_is_left_open(ready, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"{ISSUE} (no git)" in ready.run("send", "--issue", "74", "--dry-run").err
    broken = tmp_path / "git"
    broken.write_text("not a program")
    broken.chmod(0o755)
    assert f"{ISSUE} (no git)" in ready.run("send", "--issue", "74", "--dry-run").err
