"""Kills at random moments in bulk, with fifty mails in one request, and with three.

A few in each; `--long` makes them a hundred.
"""

from __future__ import annotations

import pytest

from tests.campaign.kills import bulk_variants, campaign, table
from tests.support.effort import either

pytestmark = pytest.mark.slow

KILLS = either(6, 100)


def test_a_kill_leaves_exactly_the_claimed_batches_in_doubt_and_nobody_is_sent_twice(
    tmp_path, capsys
):
    ways = bulk_variants(KILLS)
    tallies = campaign(tmp_path, ways, seed=19)
    with capsys.disabled():
        print(f"\n{table(tallies)}")  # noqa: T201
    assert [words for tally in tallies for words in tally.violations] == []
    for way, tally in zip(ways, tallies, strict=True):
        assert tally.kills == KILLS
        assert (tally.duplicates, tally.losses) == (0, 0)
        assert tally.in_flight >= tally.kills / 3
        assert max(tally.doubts) <= way.in_flight
        assert max(tally.doubts) > way.concurrency, "no kill met a batch"
