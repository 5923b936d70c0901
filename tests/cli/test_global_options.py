"""Options before the command, wrong words, and bugs."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from newsletter.cli import app as cli
from tests.support.cli_commands import SOURCE, empty, only_json
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import script

__all__ = ["empty", "folder", "plain_environment", "ready"]


# --- global options --------------------------------------------------------------------------


@pytest.mark.processes
def test_the_folder_option_works_as_if_started_there(folder):
    (folder.root / "elsewhere").mkdir()
    folder.patch.chdir(folder.root)
    inner = Folder(folder.root / "elsewhere", folder.patch, folder.capture)
    assert (
        inner.run("-C", "..", "subscribers", "import", "subscribers/example.csv", *SOURCE).code == 0
    )
    assert inner.run("-C", "..", "build", "--issue", "74").code == 0
    assert (folder.root / "build/074.html").is_file()
    assert (
        inner.run("send", "--issue", "74", "--confirm", "74").code == 0
    )  # a folder above is found
    assert len(folder.mails()) == 25
    assert list(inner.root.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere", "newsletter.toml"])
def test_a_folder_that_is_none_is_told(folder, name):
    ran = folder.run("-C", name, "status")
    assert (ran.code, ran.error) == (2, f"error: {name}: this is not a folder")


def test_outside_a_newsletter_the_way_to_begin_is_said(empty):
    ran = empty.run("check")
    assert ran.code == 2
    assert ran.hint == "hint: newsletter init"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other.toml", "[site]\nname = 'Other'\n"),
        ("pyproject.toml", "[project]\nname = 'x'\n[tool.newsletter.site]\nname = 'Other'\n"),
    ],
)
def test_settings_can_come_from_another_file(folder, name, text):
    (folder.root / "newsletter.toml").unlink()
    folder.write(name, text)
    rows = only_json(folder.run("--config", name, "settings", "--json"))["settings"]
    line = text.count("\n")
    assert {"key": "site.name", "value": "Other", "origin": f"{name}:{line}"} in rows


@pytest.mark.parametrize("data", [None, b"\xff\xfe"])
def test_another_file_that_cannot_be_read_is_told(folder, data):
    if data:
        folder.write("other.toml", data)
    ran = folder.run("--config", "other.toml", "settings")
    assert (ran.code, ran.error) == (2, "error: other.toml: these settings cannot be read")


def test_the_version_is_said(folder):
    assert folder.run("--version").out == "newsletter 0.1.0\n"


def test_no_command_at_all_shows_the_help(folder):
    ran = folder.run()
    assert ran.code == 2
    assert "Usage: newsletter" in ran.out
    assert "error:" not in ran.err


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("sned",), "No such command 'sned'", "newsletter --help"),
        (("send",), "Missing option '--issue'", "newsletter send --help"),
        (("check", "--jsno"), "No such option: --jsno", "newsletter check --help"),
        (
            ("subscribers", "add", "ada@example.org"),
            "Missing option '--consent-source'",
            "newsletter subscribers add --help",
        ),
        (
            ("--color", "green", "check"),
            "Invalid value for '--color': 'green' is not one of 'auto', 'always', 'never'",
            "newsletter --help",
        ),
        (
            ("init", "--rhythm", "daily"),
            "Invalid value for '--rhythm': 'daily' is not one of 'none', 'weekly', ",
            "newsletter init --help",
        ),
        (
            ("send", "--issue", "x"),
            "Invalid value for '--issue': not a whole number",
            "newsletter send --help",
        ),
        (
            ("serve", "--port", "99999"),
            "Invalid value for '--port': it should be at most 65535",
            "newsletter serve --help",
        ),
        (("send", "74"), "Got unexpected extra argument", "did you mean --issue 74?"),
        (("status", "-v", "074"), "Got unexpected extra argument", "did you mean --issue 74?"),
        (
            ("check", "issues/074-the-long-minute.md"),
            "Got unexpected extra argument",
            "did you mean --issue 74?",
        ),
        (("send", "74", "75"), "Got unexpected extra argument", "newsletter send --help"),
        (("doctor", "74"), "Got unexpected extra argument", "newsletter doctor --help"),
        (
            ("send", "--issue", "74", "--due"),
            "--due and --issue do not go together",
            "--due finds the issue by its date; leave out --issue, or --due",
        ),
        (
            ("send", "--due", "--yes", "--again", "--restored"),
            "--due and --again do not go together",
            "--due finds the issue by its date; leave out --again and --restored, or --due",
        ),
    ],
)
def test_a_wrong_flag_is_told_in_one_line(folder, words, error, hint):
    ran = folder.run(*words)
    assert ran.code == 2
    assert ran.error.startswith(f"error: {error}")
    assert ran.hint == f"hint: {hint}"
    assert ran.out == ""


def test_colour_can_be_forced(folder):
    assert "\x1b[" in folder.run("--color", "always", "check", "--issue", "75").out
    assert "\x1b[" in folder.run("--color", "always", "send", "--issue", "75").err
    assert "\x1b" not in folder.run("--color", "never", "send", "--issue", "75").err


def test_a_bug_leaves_its_traceback_in_a_file(ready, monkeypatch, tmp_path):
    def stumble(_: object) -> object:
        raise ZeroDivisionError("mara.ellison@example.org")

    monkeypatch.setattr("newsletter.settings.effective", stumble)
    first = ready.run("settings", "--json")
    ran = ready.run("settings", "--json")
    assert ran.code == 1
    assert ran.hint == first.hint  # a trigger calls again and again
    assert ran.error == "error: something unexpected happened (ZeroDivisionError)"
    assert only_json(ran)["error"]
    (log,) = tmp_path.glob("newsletter-*.log")
    assert str(log) in ran.hint
    assert "in stumble" in log.read_text("utf-8")
    assert log.stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError):
        ready.run("--debug", "settings")
    log.unlink()
    log.symlink_to(tmp_path / "elsewhere")
    assert "the details could not be kept" in ready.run("settings").hint
    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_that_takes_half_of_a_traceback_keeps_none(ready, monkeypatch, tmp_path):
    def stumble(_: object) -> object:
        raise ZeroDivisionError

    def full(handle: int, _: str) -> object:
        os.close(handle)
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("newsletter.settings.effective", stumble)
    monkeypatch.setattr(os, "fdopen", full)
    assert "the details could not be kept" in ready.run("settings").hint
    assert list(tmp_path.glob("newsletter-*.log")) == []


@pytest.mark.processes
def test_debug_shows_where_an_expected_fault_came_from(ready):
    done = script(ready.root, "--debug", "send", "--issue", "999")
    assert "Traceback" in done.stderr
    assert "there is no issue 999" in done.stderr


def test_the_console_script_hands_its_code_on(folder):
    folder.patch.chdir(folder.root)
    folder.patch.setattr(sys, "argv", ["newsletter", "stats"])
    with pytest.raises(SystemExit) as ended:
        cli.run_and_exit()
    assert ended.value.code == 2
