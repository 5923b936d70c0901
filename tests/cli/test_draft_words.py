"""A draft is refused by the very line that makes it one, and that line is the way out."""

from __future__ import annotations

import pytest

from newsletter.preview.front_page import Notice
from tests.preview.test_front_page import DAY, next_date
from tests.preview.test_preview_sending import NOON
from tests.support.cli_fixtures import ISSUE, folder, plain_environment, ready
from tests.support.preview_fixtures import desk
from tests.support.schedule_fixtures import at

__all__ = ["at", "desk", "folder", "plain_environment", "ready"]

OTHERS = ["draft: true", "published: false", "Draft: yes", "wip: 1", "state: private"]
TAKE_OUT = "take that line out when it is ready"


def drafted(newsletter, line):
    """The line of the file at which the issue now says that it is a draft."""
    newsletter.edit(ISSUE, "\nstatus: ready\n", f"\n{line}\n")
    lines = (newsletter.root / ISSUE).read_text("utf-8").splitlines()
    return lines.index(line) + 1


@pytest.mark.sweep
@pytest.mark.parametrize("line", OTHERS)
def test_approve_names_the_line_that_another_generator_left(ready, at, line):
    number = drafted(ready, line)
    ran = ready.run("approve", "--issue", "74")
    assert (ran.code, ran.out) == (5, "")
    assert ran.error == f'error: {ISSUE}:{number}:1: issue 74 is a draft: it says "{line}"'
    assert ran.hint == f"hint: {TAKE_OUT}"
    checked = ready.run("check", "--issue", "74")
    assert (
        f'{ISSUE}:{number}:1: error draft: this issue is a draft: it says "{line}"' in checked.out
    )
    ready.edit(ISSUE, f"\n{line}\n", "\n")
    assert ready.run("approve", "--issue", "74", "--anyway").code == 0


def test_the_projects_own_word_is_set_to_ready(ready, at):
    number = drafted(ready, "status: draft")
    ran = ready.run("approve", "--issue", "74")
    assert (ran.code, ran.error) == (5, f"error: {ISSUE}:{number}:1: issue 74 is a draft")
    assert ran.hint == 'hint: set "status: ready"'


def test_the_first_page_of_the_preview_names_the_line_too(ready):
    draft = next((ready.root / "issues").glob("075-*.md")).relative_to(ready.root).as_posix()
    ready.edit(draft, "\nstatus: draft\n", "\npublished: false\n")
    [notice] = next_date(ready, NOON + 2 * DAY).missing
    said = 'It is a draft: it says "published: false".'
    assert notice == Notice(said=said, way=f"In {draft}: {TAKE_OUT}.")
