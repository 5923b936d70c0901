"""What the rooms below report, the command line prints beside the result, never in it."""

from __future__ import annotations

import io
import sys

from newsletter.cli.show import Console, result, say
from newsletter.reporter import Reporter


def test_a_report_goes_to_stderr_and_a_warning_says_that_it_is_one(capsys):
    console: Reporter = Console()
    console.say("2 new events")
    console.warn("the queue is not empty")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "2 new events\nwarning: the queue is not empty\n")


def test_a_line_leaves_with_its_end_so_that_two_threads_never_share_one(monkeypatch):
    written = []

    class Screen(io.StringIO):
        def write(self, text):
            written.append(text)
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setattr(sys, "stdout", Screen())
    say("2 new events")
    result("3 mails")
    assert written == ["2 new events\n", "3 mails\n"]
