"""The preview on records that were restored: it does not say that an issue is still to go."""

from __future__ import annotations

import pytest

from tests.preview.test_preview_sending import front_page, sending, shelf
from tests.support.schedule_fixtures import (
    approved,
    at,
    folder,
    plain_environment,
    post,
    ready,
)

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes

FILE = "issues/.ledger/74.json"


@pytest.mark.parametrize(("copy", "state"), [("before.db", "sending"), ("five.db", "paused")])
def test_an_issue_that_has_gone_in_part_is_none_that_waits(post, copy, state):
    newsletter = post.newsletter
    assert newsletter.run("db", "backup", "before.db").code == 0
    assert newsletter.send("--limit", "5").code == 6
    assert newsletter.run("db", "backup", "five.db").code == 0
    assert newsletter.send("--limit", "7").code == 6
    assert FILE not in shelf(newsletter)[74].note
    assert newsletter.run("db", "restore", copy, "--yes").code == 0
    entry = shelf(newsletter)[74]
    assert (entry.state, FILE in entry.note) == (state, True)
    [notice] = front_page(newsletter).notices
    assert notice.said.startswith("Issue 74: ")
    assert FILE in notice.said
    # A rehearsal is none of the file's business.
    assert FILE not in str(sending(newsletter).ready(74).stops)
    newsletter.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"')
    told = sending(newsletter, '\n[transport.smtp]\nhost = "127.0.0.1"\n').ready(74)
    assert FILE in str(told.stops)
