"""What the provider reported of the last issue stands on the first page."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from newsletter.delivery import Outcome, Result, RunState
from newsletter.preview.front_page import LastResult, read_front_page
from newsletter.store import runs
from tests.support.owned_events import begin, hand_over, hear, sent, store
from tests.support.ses_events import bounce, complaint
from tests.support.store_samples import LATER, url_in
from tests.support.web_fixtures import settings_of

__all__ = ["store"]

TAKEN = Outcome(result=Result.ACCEPTED, message_id="m")


def last(folder: Path) -> LastResult:
    (folder / "issues").mkdir(exist_ok=True)
    settings = settings_of(f'[store]\nurl = "{url_in(folder)}"\n')
    now = LATER + dt.timedelta(days=1)
    found = read_front_page(folder, lambda: settings, lambda _: None, lambda: now).last
    assert found is not None
    return found


def test_who_bounced_and_complained_is_told_beside_the_states(store, tmp_path):
    hand_over(store, begin(store), 4, TAKEN)
    assert dict(last(tmp_path).counts) == {"accepted": 4}
    hear(store, bounce("Permanent", "General", sent(1)), bounce("Transient", "General", sent(2)))
    assert dict(last(tmp_path).counts) == {"accepted": 4, "bounced": 1}
    hear(store, complaint("abuse", None, sent(3)))
    assert dict(last(tmp_path).counts) == {"accepted": 4, "bounced": 1, "complained": 1}


def test_what_was_reported_of_an_earlier_issue_is_not_the_last_one_s(store, tmp_path):
    hand_over(store, begin(store), 4, TAKEN)
    hear(store, bounce("Permanent", "General", sent(1)))
    hand_over(store, begin(store, issue=75, now=LATER), 1, TAKEN, now=LATER)
    assert last(tmp_path).number == 75
    assert "bounced" not in last(tmp_path).counts


def test_mails_nobody_knows_of_and_a_cancelled_run_say_what_to_do(store, tmp_path):
    run = begin(store)
    hand_over(store, run, 4)
    runs.set_state(store, run, RunState.FINISHED, LATER)
    done = last(tmp_path)
    assert (done.said, dict(done.counts)) == ("sent on 2026-11-22", {"unknown": 4})
    assert done.notice is not None
    assert done.notice.said == "It is unknown whether 4 mails arrived."
    assert done.notice.command == "newsletter status --issue 74"
    other = begin(store, issue=75, now=LATER)
    hand_over(store, other, 1, TAKEN, now=LATER)
    runs.set_state(store, other, RunState.CANCELLED, LATER)
    assert (last(tmp_path).said, last(tmp_path).notice) == ("cancelled", None)
