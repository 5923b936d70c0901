"""A long list shows how far it has come; a short one is done before there is anything to show."""

from __future__ import annotations

import re

import pytest

from newsletter.cli import progress
from tests.support.cli_fixtures import folder, plain_environment

__all__ = ["folder", "plain_environment"]


def imported(folder, rows, *words):
    lines = "".join(f"reader{n}@slackwater.example.org\n" for n in range(rows))
    folder.write("long.csv", f"email\n{lines}")
    ran = folder.run(*words, "subscribers", "import", "long.csv", "--consent-source", "invented")
    assert ran.code == 0
    assert f"{rows:,} added" in ran.out
    return ran


@pytest.fixture
def often(monkeypatch):
    """A line for everything there is to tell."""
    monkeypatch.setattr(progress, "SECONDS", 0.0)


@pytest.mark.usefixtures("often")
def test_reading_and_adding_are_told_to_their_ends(folder):
    told = re.findall(
        r"^(read|in the records): ([\d,]+) of about 1,500",
        imported(folder, 1_500).err,
        re.MULTILINE,
    )
    steps = {step: [int(rows.replace(",", "")) for name, rows in told if name == step]
             for step in ("read", "in the records")}  # fmt: skip
    assert [step for step, _ in told] == sorted((step for step, _ in told), reverse=True)
    for rows in steps.values():
        assert rows == sorted(set(rows))
        assert rows[-1] == 1_500


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(("rows", "words"), [(20, ()), (1_500, ("--quiet",))])
def test_a_short_list_and_a_quiet_command_tell_nothing(folder, rows, words):
    assert "of about" not in imported(folder, rows, *words).err
