"""`newsletter init` told what it needs, by flags or by answers."""

from __future__ import annotations

import signal
import subprocess
import tomllib

import pytest

from tests.support.cli_commands import empty
from tests.support.cli_fixtures import plain_environment, snapshot
from tests.support.terminal import Session

__all__ = ["empty", "plain_environment"]

pytestmark = pytest.mark.processes

TOLD = (
    "--name", 'Ebb "&" {{ sender.from_name }}', "--from-name", "Wren Zoë", "--from-address", "wren@ebb.example",
    "--postal-address", "Ebb, 1 Quay", "--language", "pt-BR", "--timezone", "Europe/Lisbon",
)  # fmt: skip


def written(root):
    return tomllib.loads((root / "newsletter.toml").read_text("utf-8"))


def test_what_is_told_is_what_is_written(empty):
    assert (
        empty.run("init", "--yes", *TOLD, "--rhythm", "monthly", "--first", "2026-11-29").code == 0
    )
    found = written(empty.root)
    assert found["site"] == {
        "name": 'Ebb "&" {{ sender.from_name }}', "postal_address": "Ebb, 1 Quay", "language": "pt-BR",
        "timezone": "Europe/Lisbon",
    }  # fmt: skip
    assert found["sender"] == {
        "from_name": "Wren Zoë", "from_address": "wren@ebb.example",
        "unsubscribe_mailto": "wren@ebb.example",
    }  # fmt: skip
    assert found["schedule"]["rrule"] == "FREQ=MONTHLY;BYDAY=-1SU"
    assert (empty.root / "README.md").read_text("utf-8").startswith('# Ebb "&" {{ sender')
    checked = empty.run("check")
    assert checked.err == "1 issue checked: 0 errors, 1 warning\n"
    assert "this issue is still the one that init wrote" in checked.out


def test_what_is_not_told_is_named_as_what_is_missing(empty):
    ran = empty.run("init", "--yes", "--name", "Ebb", "--from-address", "wren@ebb.example")
    assert "set in newsletter.toml: site.postal_address, sender.from_name\n" in ran.err
    assert "no real mail" not in empty.run("init", "whole", *TOLD).err


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (("--timezone", "Europe/Lisbonne"), "--timezone is not the name of a time zone", 'did you mean "Europe/Lisbon"?'),
        (("--language", "en_US"), '--language is not a language tag such as "en" or "pt-BR"', 'write "en-US"'),
        (("--from-address", "wren"), "--from-address is not an e-mail address", 'write it like this: "wren@example.org"'),
        (("--name", " "), "--name is empty", "leave it out to set it later"),
        (("--name", "a\x07b"), "--name holds the control character U+0007", "remove it; it is often pasted along from another program"),
        (("--first", "2026-11-29"), "--first counts from nothing without a rhythm", "add --rhythm weekly"),
        (("--rhythm", "weekly", "--first", "29.11.2026"), "--first is not a date", "write it like this: 2026-11-22"),
        (("--rhythm", "weekly", "--first", "2026-02-30"), "--first is a day that does not exist", "see its month and day"),
    ],
)  # fmt: skip
def test_a_flag_that_cannot_be_is_told_and_nothing_is_made(empty, words, told, hint):
    ran = empty.run("init", *words)
    assert (ran.code, ran.error, ran.hint) == (2, f"error: {told}", f"hint: {hint}")
    assert snapshot(empty.root) == {}


def test_a_repository_is_made_where_there_is_none_and_only_there(empty):
    empty.run("init", "outer")
    assert (empty.root / "outer/.git").is_dir()
    subprocess.run(["git", "init", "--quiet", empty.root / "site"], check=True)
    ran = empty.run("init", "site/letters")
    assert (ran.code, (empty.root / "site/letters/.git").exists()) == (0, False)
    assert ".git\n" not in ran.err
    git = ["git", "-C", str(empty.root / "outer"), "status", "--porcelain", "--ignored", "-uall"]
    seen = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    assert "?? newsletter.toml" in seen
    assert empty.run("-C", "outer", "subscribers", "import", "subscribers/example.csv", "--consent-source", "x").code == 0  # fmt: skip
    assert "!! .newsletter/newsletter.db" in subprocess.run(git, capture_output=True, text=True, check=True).stdout  # fmt: skip


def test_without_git_the_rest_is_made(empty, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert empty.run("init").code == 0
    assert not (empty.root / ".git").exists()
    assert empty.run("check").code == 0


def test_the_letter_is_another_theme_in_the_same_place(empty):
    empty.run("init", "letter", "--theme", "letter")
    empty.run("init", "magazine", "--theme", "magazine")
    for name in ("letter", "magazine"):
        assert empty.run("-C", name, "build", "--issue", "1", "--out", name).code == 0
    pages = {
        n: (empty.root / n / n / "001.html").read_text("utf-8") for n in ("letter", "magazine")
    }
    assert 'class="card"' not in pages["letter"]
    assert 'class="card"' in pages["magazine"]


# --- asked on a terminal ---------------------------------------------------------------------


def test_on_a_terminal_it_asks_and_asks_again_what_cannot_be(empty):
    session = Session(empty.root, "init", "--language", "nl")
    for question, answer in (
        ("newsletter called?", "Ebb"), ("Who is it from?", ""), ("come from?", "wren"),
        ("this is not an e-mail address", "wren@ebb.example"), ("postal address", "Ebb, 1 Quay"),
        ("time zone", "Europe/Amsterdam"), ("How often", "often"), ("this is no rhythm", "bi"),
        ("On which day", "2026-11-26"),
    ):  # fmt: skip
        session.until(question)
        session.type(f"{answer}\n")
    ran = session.end()
    assert ran.code == 0
    assert "Which language" not in ran.err
    found = written(empty.root)
    assert found["site"]["name"] == "Ebb"
    assert found["sender"]["from_name"] == "My Name"
    assert found["sender"]["from_address"] == "wren@ebb.example"
    assert (found["site"]["language"], found["site"]["timezone"]) == ("nl", "Europe/Amsterdam")
    assert found["schedule"]["rrule"] == "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH;WKST=MO"
    assert str(found["schedule"]["anchor"]) == "2026-11-26"


@pytest.mark.parametrize("way", ["Ctrl-D", "Ctrl-C"])
def test_who_stops_at_a_question_has_made_nothing(empty, way):
    session = Session(empty.root, "init")
    session.until("newsletter called?")
    session.type("Ebb\n")
    session.until("Who is it from?")
    if way == "Ctrl-D":
        session.type("\x04")
    else:
        session.process.send_signal(signal.SIGINT)  # the terminal is not the one that controls it
    ran = session.end()
    assert ran.code == 3
    assert "cancelled; nothing was made" in ran.err
    assert snapshot(empty.root) == {}


@pytest.mark.parametrize("words", [("init", "--yes"), ("--no-input", "init")])
def test_who_says_so_is_asked_nothing_on_a_terminal_either(empty, words):
    session = Session(empty.root, *words)
    ran = session.end()
    assert ran.code == 0
    assert "called?" not in ran.err
