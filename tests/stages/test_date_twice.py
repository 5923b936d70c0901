"""Two ready issues of one date: told as long as a schedule may still come to it."""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.project.issues import prepare_issue
from newsletter.settings import Settings
from newsletter.settings.load import load
from newsletter.settings.sources import ConfigText
from tests.stages.test_date_past import TODAY, folder

__all__ = ["folder"]

SCHEDULE = """
[schedule]
rrule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"
anchor = 2026-12-06
"""
DATED = "date: 2026-12-06"


def found(
    folder: Path,
    other: str,
    *,
    mine: str = DATED,
    settings: str = SCHEDULE,
    sent: int = 0,
    closed: int = 0,
    ask: Callable[[], Container[int]] | None = None,
) -> list[str]:
    """What is said of issue 7, beside another with these lines."""
    (folder / f"issues/.ledger/{sent}.json").write_text("{}")
    for number, lines in ((7, mine), (8, other)):
        text = f"---\ntitle: x\n{lines}\n---\nHello.\n"
        (folder / f"issues/{number:03d}-x.md").write_text(text, encoding="utf-8")
    read: Settings = load(ConfigText("newsletter.toml", settings), environ={})
    done = prepare_issue(
        folder, "issues/007-x.md", read, today=TODAY, closed=ask or (lambda: {closed})
    )
    return [f"{f.place} {f.message}" for f in done.findings if f.id == "date-twice"]


def told(line: int) -> list[str]:
    words = "issues/008-x.md is ready for the same date, so the schedule would send neither"
    return [f"issues/007-x.md:{line}:1 {words}"]


def test_both_files_are_named(folder: Path) -> None:
    assert found(folder, DATED) == told(3)
    later = "date: 2026-12-07\nsend_at: 2026-12-06 18:00"
    assert found(folder, later) == told(3)
    assert found(folder, DATED, mine=later) == told(4)


@pytest.mark.parametrize(
    "other",
    [
        "date: 2026-12-20", f"{DATED}\nstatus: draft", f"{DATED}\nsend_at: 2026-12-20",
        f"{DATED}\nsent_elsewhere: an older service", "date: [", "x: y",
    ],
)  # fmt: skip
def test_what_does_not_go_on_that_date_is_no_rival(folder: Path, other: str) -> None:
    assert found(folder, other) == []


def test_nothing_is_said_of_what_no_schedule_comes_to(folder: Path) -> None:
    assert found(folder, DATED, settings="") == []
    assert found(folder, DATED, mine=f"{DATED}\nstatus: draft") == []
    assert found(folder, "date: 2026-11-22", mine="date: 2026-11-22") == []
    assert found(folder, DATED, sent=8) == []


@pytest.mark.parametrize("closed", [7, 8])
def test_an_issue_that_no_schedule_sends_any_more_is_no_rival(folder: Path, closed: int) -> None:
    assert found(folder, DATED, closed=closed) == []


def test_where_nothing_tells_whether_one_was_sent_it_is_not_called_unsent(folder: Path) -> None:
    def away() -> set[int]:
        raise InputError("the database cannot be reached")

    (said,) = found(folder, DATED, ask=away)
    assert said == (
        "issues/007-x.md:3:1 issues/008-x.md is ready for the same date, and no records tell "
        "whether one of them was sent (the database cannot be reached)"
    )
