"""How a run of several machines is shown while it goes on."""

from __future__ import annotations

import io
import re
import sys

from rich.console import Console

from newsletter.cli import progress, together
from newsletter.delivery import Attempt, Counts, Outcome, Result, State
from newsletter.store.shares import RunProgress, Share
from tests.support.terminal import Terminal

COUNTS = Counts(by_state={
    State.QUEUED: 3000, State.CLAIMED: 30, State.ACCEPTED: 950, State.REFUSED: 20,
})  # fmt: skip
HERE = Share(worker="here", mails=400, rate=20.0)
OTHER = Share(worker="pid 7 on mail2", mails=550, rate=0.25)


def standing(*shares):
    return RunProgress(counts=COUNTS, shares=shares, rate=20.25, waits=0.0)


def test_a_line_says_how_far_all_are_and_what_each_does():
    assert together.line(standing(HERE, OTHER)) == (
        "970 of 4,000, 20/s, about 2 minutes left, accepted 950, refused 20; "
        "400 from here at 20/s, 550 from pid 7 on mail2 at 0.25/s"
    )


def test_who_sends_alone_is_not_named():
    assert together.line(standing(HERE)).endswith(", refused 20")


def test_a_terminal_shows_a_bar_for_each_and_none_for_who_has_gone(monkeypatch):
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=120)
    monkeypatch.setattr(together, "console", lambda: console)
    monkeypatch.setattr(together, "is_terminal", lambda: True)
    with together.progress_of_all() as shown:
        shown(standing(HERE, OTHER))
        shown(standing(HERE))
    said = drawn.getvalue()
    assert "970/4000" in said
    # The last time that it is drawn, nobody but this process is left.
    assert "mail2" not in said.rpartition("970/4000")[2]


def test_who_sends_a_part_says_of_how_many_and_not_how_long_that_takes(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with progress.progress(4000, shared=True) as told:
        told(Attempt(1, 1, Outcome(result=Result.ACCEPTED, message_id="m")))
    said = capsys.readouterr().err
    assert said.startswith("1 from here, of 4,000, ")
    assert "left" not in said


def test_who_is_deferred_again_and_again_is_counted_once_and_no_more_when_taken(
    monkeypatch, capsys
):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    deferred = Outcome(result=Result.DEFERRED, reason="SMTP 451")
    with progress.progress(2) as told:
        told(Attempt(2, 1, Outcome(result=Result.NOT_SENT)))
        for number in range(1, 4):
            told(Attempt(1, number, deferred))
            told(Attempt(2, number, deferred))
        told(Attempt(1, 4, Outcome(result=Result.ACCEPTED, message_id="m")))
    *_, before, last = capsys.readouterr().err.splitlines()
    assert before.endswith(", deferred 2")
    assert last.endswith(", accepted 1, deferred 1")


def test_the_bar_of_who_sends_a_part_is_as_long_as_the_whole(monkeypatch):
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "console", lambda: console)
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    with progress.progress(4000, shared=True) as told:
        told(Attempt(1, 1, Outcome(result=Result.ACCEPTED, message_id="m")))
    last = drawn.getvalue().rpartition("/4000")
    assert last[0].endswith("   1")
    assert "from here" in last[2]


def test_ctrl_c_that_a_terminal_shows_behind_a_bar_does_not_break_its_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", drawn := Terminal())
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    with together.progress_of_all() as shown:
        shown(standing(HERE, OTHER))
    lines = [
        len(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line))
        for line in re.split(r"[\r\n]+", drawn.getvalue())
    ]
    assert 50 < max(lines) <= 60 - len("^C")
