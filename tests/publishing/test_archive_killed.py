"""A build that is killed leaves each file old or new, and whole; the next one finishes it."""

from __future__ import annotations

import pytest

from tests.publishing.test_archive_build import DAY, build, contents, dated
from tests.support.cli_fixtures import folder, plain_environment
from tests.support.commands import killed

__all__ = ["dated", "folder", "plain_environment"]

pytestmark = pytest.mark.processes


def test_a_build_that_is_killed_leaves_old_or_new_files(dated):
    body = "Words and words.\n\n" * 400
    for number in range(100, 109):
        dated.write(
            f"issues/{number}-x.md",
            f"---\ntitle: T{number}\ndate: 2026-01-01\nstatus: ready\n---\n{body}",
        )
    assert build(dated).code == 0
    old = contents(dated.root / "site")
    dated.edit("newsletter.toml", 'name = "Slack Water"', 'name = "High Water"')
    assert build(dated, out="wanted").code == 0
    new = contents(dated.root / "wanted")
    for moment in (2, 7):
        killed(dated.root, "archive", "build", "--out", "site", "--today", DAY, at=moment)
        found = {
            name: data for name, data in contents(dated.root / "site").items() if not is_draft(name)
        }
        assert set(found) == set(old)
        for name, data in found.items():
            assert name.startswith(".") or data in {old[name], new[name]}, name
        assert written(found, old) > 0
        assert written(found, new) > 0
    assert build(dated).code == 0
    left = {
        name: data for name, data in contents(dated.root / "site").items() if not is_draft(name)
    }
    assert left == new


def is_draft(name: str) -> bool:
    """What a killed writer leaves beside a file: no page, and no link leads there."""
    return name.rpartition("/")[2].startswith(".") and not name.endswith(".json")


def written(found: dict[str, bytes], before: dict[str, bytes]) -> int:
    """How many files are others than these."""
    return sum(data != before[name] for name, data in found.items())
