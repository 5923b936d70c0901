"""Only what was flushed survives a power cut: that is enough, and less would not be."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.campaign import checks, disk
from tests.campaign.disk import Disk, library
from tests.campaign.letters import letters
from tests.campaign.servers import Kind, serving
from tests.support.effort import either

__all__ = ["library"]

pytestmark = pytest.mark.slow

PEOPLE = either(200, 400)
CUTS = either(3, 5)


def outages(
    folder: Path,
    library: Path,
    *bugs: str,
    cuts: int,
    kind: Kind = "ses",
    torn: int | None = None,
    ledger: bool = True,
) -> list[str]:
    """Send, and cut the power again and again, at random moments; all that was violated.

    Args:
        cuts: how often.
        torn: seeds what survives of what was not flushed; None for nothing.
        ledger: whether the second ledger is there to tell what the records have lost.
    """
    chance = random.Random(torn)
    found: list[str] = []
    with serving(kind, folder, latency=0.004) as server:
        made = letters(folder / "letters", server.environ, people=PEOPLE, concurrency=8)
        made.bugs = bugs
        power = Disk(made, library)
        power.plug_in()
        before = made.look()
        for _ in range(cuts):
            more = chance.randrange(1, 2 * PEOPLE // (cuts + 1))
            goal = min(server.ledger.update() + more, PEOPLE - 60)
            with made.sending() as process:
                server.wait(goal)
                process.kill()
            server.settle()
            power.cut(chance if torn is not None else None)
            now = made.look()
            found += checks.unrecorded(server.ledger, now) + checks.uncounted(now)
            found += checks.backwards(before, now)
            before = now
        if not ledger:
            shutil.rmtree(made.root / "issues/.ledger", ignore_errors=True)
        ran = made.send()
        server.settle()
        now, accepted = made.look(), server.ledger
    assert cuts == 0 or accepted.mails
    return [
        *found, *checks.duplicates(accepted), *checks.lost(now), *checks.unrecorded(accepted, now),
        *checks.invented(accepted, now), *checks.uncounted(now), *checks.unsaid(ran.code, now),
    ]  # fmt: skip


def test_nobody_is_sent_twice_when_only_flushed_bytes_survive(tmp_path, library):
    assert outages(tmp_path, library, cuts=CUTS) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_is_sent_twice_when_any_part_of_the_rest_survives_too(tmp_path, library, seed):
    assert (
        outages(tmp_path, library, cuts=CUTS, torn=seed, kind="smtp" if seed == 2 else "ses") == []
    )


def test_without_flushing_every_commit_a_power_cut_sends_mails_again(tmp_path, library):
    found = "\n".join(outages(tmp_path, library, "normal_synchronous", cuts=1, ledger=False))
    assert "the records know nothing of it" in found
    assert "accepted a second mail" in found


def test_the_command_is_watched_at_all(tmp_path, library):
    with serving("ses", tmp_path) as server:
        made = letters(tmp_path / "letters", server.environ, people=3)
        watched = Disk(made, library)
        watched.plug_in()
        assert made.send().code == 0
    kinds = {record.kind for record in disk.read_journal(watched.journal)}
    assert kinds >= {"w", "s", "u"}
    # Frozen; three times claimed and settled; finished; and the log is folded into the file.
    assert len(disk.commits(watched.journal)) >= 9
