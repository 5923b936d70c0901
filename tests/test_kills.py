"""300 kills at random moments, through SES and SMTP, with 1, 8 and 32 mails in flight."""

from __future__ import annotations

import pytest

from tests.campaign.kills import campaign, table, variants

pytestmark = pytest.mark.slow

KILLS = 300


def test_nobody_is_sent_twice_and_nobody_is_lost_whenever_the_command_is_killed(tmp_path, capsys):
    tallies = campaign(tmp_path, kills=KILLS, seed=74)
    with capsys.disabled():
        print(f"\n{table(tallies)}")  # noqa: T201
    assert [words for tally in tallies for words in tally.violations] == []
    assert sum(tally.kills for tally in tallies) == KILLS
    assert sum(tally.recipients for tally in tallies) >= 6_000
    for tally in tallies:
        # Kills that hit nothing prove nothing.
        assert tally.in_flight >= tally.kills / 3, tally.name
        assert tally.before_freezing, tally.name
        assert tally.accepted > tally.recipients / 10, tally.name


@pytest.mark.parametrize("kills", [300, 1000])
def test_the_kills_are_spread_evenly(kills):
    spread = variants(kills)
    assert sum(variant.kills for variant in spread) == kills
    assert {(v.kind, v.concurrency) for v in spread} == {
        (kind, number) for kind in ("ses", "smtp") for number in (1, 8, 32)
    }
