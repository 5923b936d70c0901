"""Three workers and one that sends, and what may happen to machines, networks and databases.

By SMTP, mail by mail, and through SES in bulk, where requests go wrong besides. Eight things
usually; three hundred with `--long`.
"""

from __future__ import annotations

import pytest

from tests.campaign.fleet import EVENTS, fleet
from tests.campaign.letters import FIRST
from tests.campaign.ways import BULK, SMTP
from tests.support.effort import either

pytestmark = [pytest.mark.processes, pytest.mark.slow]

THINGS = either(8, 300)
_PER_ISSUE = either(8, 10)


@pytest.mark.parametrize(
    ("way", "readers"),
    [
        pytest.param(SMTP, either(400, 1000), id="smtp"),
        pytest.param(BULK, either(150, 1000), id="bulk"),
    ],
)
def test_nobody_is_sent_twice_and_nobody_is_lost_whatever_happens(way, readers, tmp_path, capsys):
    issues = -(-THINGS // _PER_ISSUE)
    with fleet(tmp_path, readers=readers, issues=issues, way=way) as ours:
        for issue in range(FIRST, FIRST + issues):
            ours.send(issue, _PER_ISSUE)
        states = ours.look().states()
    with capsys.disabled():
        print(f"\n{dict(ours.happened)}, {ours.wire.cuts} cut, {dict(states)}")  # noqa: T201
    assert ours.violations == []
    assert 0 < ours.happened.total() <= THINGS  # a run may be through before all have happened
    assert sum(states.values()) == issues * readers
    assert set(ours.happened) <= {*EVENTS, *way.troubles}
