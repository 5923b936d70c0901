"""Kills at random moments, through SES and SMTP, with 1, 8 and 32 mails in flight.

Ten in each of these six ways; `--long` makes them fifty.
"""

from __future__ import annotations

import pytest

from tests.campaign import reports
from tests.campaign.checks import Ledger
from tests.campaign.kills import campaign, table, variants
from tests.campaign.letters import Letters, environment
from tests.support.effort import either
from tests.support.mailroom import mailroom, post_office

pytestmark = pytest.mark.slow

KILLS = either(60, 300)


@pytest.fixture(scope="module")
def hunted(tmp_path_factory):
    """The campaign, once, and the folder it leaves."""
    folder = tmp_path_factory.mktemp("campaign")
    return campaign(folder, variants(KILLS), seed=74), folder


def test_nobody_is_sent_twice_and_nobody_is_lost_whenever_the_command_is_killed(hunted, capsys):
    tallies, _ = hunted
    with capsys.disabled():
        print(f"\n{table(tallies)}")  # noqa: T201
    assert [words for tally in tallies for words in tally.violations] == []
    assert sum(tally.kills for tally in tallies) == KILLS
    assert sum(tally.recipients for tally in tallies) >= 20 * KILLS
    for tally in tallies:
        # Kills that hit nothing prove nothing.
        assert tally.in_flight >= tally.kills / 3, tally.name
        assert tally.before_freezing, tally.name
        assert tally.accepted > tally.recipients / 10, tally.name


def test_events_settle_every_accepted_unknown_and_no_other(hunted, tmp_path, capsys):
    pulls, accepted, faults = {}, {}, []
    ways = [one for one in variants(KILLS) if one.kind == "ses"]
    trials = [(way, lost) for way in ways for lost in (0.0, 0.1)]
    with post_office() as url:
        # Usually one mail at a time and a tenth lost, and 32 at a time and nothing lost.
        for way, lost in trials[either(1, 0) :: either(3, 1)]:
            place = hunted[1] / way.name.replace(" ", "-")
            ledger = Ledger(place / "accepted.jsonl")
            ledger.update()
            name = f"{way.name} -{lost:.0%}"
            with mailroom(url) as room:
                left = Letters(place / "letters", environment(place, {}, 1))
                copy = reports.copied(left, tmp_path / name)
                done = reports.pull(copy, ledger.path, room, lost=lost, seed=74)
            pulls[name], accepted[name] = done, ledger.mails
            faults += [f"{name}: {words}" for words in reports.wrong(done, ledger.mails)]
            if not lost:
                in_doubt = done.after.of("unknown").keys()
                faults += [f"still unknown: {mail}" for mail in in_doubt & set(ledger.mails)]
    with capsys.disabled():
        print(f"\n{reports.table(pulls, accepted)}")  # noqa: T201
    assert faults == []
    assert pulls["ses x32 -0%"].settled


@pytest.mark.parametrize("kills", [300, 1000])
def test_the_kills_are_spread_evenly(kills):
    spread = variants(kills)
    assert sum(variant.kills for variant in spread) == kills
    assert {(v.kind, v.concurrency) for v in spread} == {
        (kind, number) for kind in ("ses", "smtp") for number in (1, 8, 32)
    }
