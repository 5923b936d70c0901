"""What the rooms below report, the command line prints beside the result, never in it."""

from __future__ import annotations

from newsletter.cli.show import Console
from newsletter.reporter import Reporter


def test_a_report_goes_to_stderr_and_a_warning_says_that_it_is_one(capsys):
    console: Reporter = Console()
    console.say("2 new events")
    console.warn("the queue is not empty")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "2 new events\nwarning: the queue is not empty\n")
