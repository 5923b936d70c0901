"""A long list is imported at a terminal when somebody has seen how it is read."""

from __future__ import annotations

import sys

import pytest

from tests.support.cli_fixtures import folder, plain_environment
from tests.support.terminal import Terminal

__all__ = ["folder", "plain_environment"]

IMPORT = ("subscribers", "import", "list.csv", "--consent-source", "invented")


@pytest.fixture
def listed(folder):
    def write(rows):
        lines = "".join(f"reader{n}@slackwater.example.org\n" for n in range(rows))
        folder.write("list.csv", f"email\n{lines}")
        return folder

    return write


@pytest.mark.parametrize(
    ("answer", "code", "people"),
    [("import\n", 0, 100), ("y\n", 3, 0), ("\n", 3, 0), ("", 3, 0)],
)
def test_a_long_list_is_shown_first_and_then_asked_about(listed, monkeypatch, answer, code, people):
    folder = listed(100)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ran = folder.run(*IMPORT)
    assert ran.code == code
    read_as, _, question = ran.err.partition("100 lines of list.csv, read as it says above")
    assert "address" in read_as
    assert "Type import to import them, anything else cancels: " in question
    if people:
        assert ran.out.startswith(f"{people} added")
    else:
        assert ran.error == "error: cancelled; nobody was imported"
        assert not (folder.root / ".newsletter").exists()


@pytest.mark.parametrize(
    ("rows", "words"), [(99, ()), (100, ("--no-input",)), (100, ("--dry-run",))]
)
def test_a_short_list_and_whoever_wants_no_questions_are_asked_nothing(
    listed, monkeypatch, rows, words
):
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    before = [word for word in words if word == "--no-input"]
    behind = [word for word in words if word == "--dry-run"]
    ran = listed(rows).run(*before, *(IMPORT if not behind else IMPORT[:3]), *behind)
    assert ran.code == 0
    assert "Type import" not in ran.err


def test_a_script_is_asked_nothing(listed):
    ran = listed(100).run(*IMPORT)
    assert (ran.code, ran.out[:9]) == (0, "100 added")
    assert "Type import" not in ran.err
