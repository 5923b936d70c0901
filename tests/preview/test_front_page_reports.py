"""What the provider reported of the last issue stands on the first page."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from newsletter.delivery import Outcome, Result
from newsletter.preview.front_page import LastResult, read_front_page
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
