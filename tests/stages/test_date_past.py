"""When a date that has passed is worth a word: as long as the issue may still go out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from newsletter.project.issues import prepare_issue
from newsletter.settings import Settings
from tests.conftest import read_theme

TODAY = dt.date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    theme = tmp_path / "templates" / "email"
    theme.mkdir(parents=True)
    for name, text in read_theme().files:
        (theme / name).write_text(text, encoding="utf-8")
    (tmp_path / "issues" / ".ledger").mkdir(parents=True)
    return tmp_path


def found(folder: Path, number: int, date: str) -> list[str]:
    name = f"issues/{number:03d}-x.md"
    (folder / name).write_text(f"---\ntitle: x\ndate: {date}\n---\nHello.\n", encoding="utf-8")
    done = prepare_issue(folder, name, Settings(), today=TODAY)
    return [f.message for f in done.findings if f.id == "date-past"]


def test_an_issue_that_was_not_sent_is_told(folder: Path) -> None:
    (folder / "issues/.ledger/6.json").write_text("{}")
    assert found(folder, 7, "2026-11-22") == ["the date 2026-11-22 has passed"]
    assert found(folder, 7, "2026-11-23") == []


@pytest.mark.parametrize("sent", [7, 8, 100])
def test_an_issue_that_was_sent_or_lies_before_one_is_not(folder: Path, sent: int) -> None:
    (folder / f"issues/.ledger/{sent}.json").write_text("{}")
    assert found(folder, 7, "2026-11-22") == []


def test_without_any_issue_sent_every_past_date_is_told(folder: Path) -> None:
    assert found(folder, 0, "2026-11-22") != []
