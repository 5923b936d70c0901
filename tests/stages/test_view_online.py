"""A mail links to its page in the archive where there will be one."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from newsletter.publishing.select import select_issues
from newsletter.render.pipeline import render
from tests.conftest import example_options, issue_with, read_theme

ZONE = ZoneInfo("Europe/Amsterdam")
SAID = ["", "archive: yes", "archive: no", "archive: False", "archive: 'NO'", "archive: on"]
TO = ["", "segment: tag:beta"]


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("to", TO)
def test_a_mail_links_to_a_page_that_the_archive_makes(said, to):
    front = "\n".join(["number: 74", "title: A title", *filter(None, [said, to])])
    issue, options = issue_with("Words.\n", front=front), example_options()
    now = dt.datetime(2026, 11, 22, tzinfo=ZONE)
    chosen = select_issues([issue], {74: now}, include="sent", today=now.date(), zone=ZONE)
    mail = render(issue, read_theme(), options)
    link = f"{options.archive_url.rstrip('/')}/74/"
    shown = link in mail.html, link in mail.text
    assert shown == (bool(chosen.issues),) * 2
