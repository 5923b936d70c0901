"""`kill -9` at random moments, again and again, until every issue is through."""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign import checks
from tests.campaign.checks import Snapshot
from tests.campaign.letters import FIRST, Letters, letters
from tests.campaign.servers import Kind, Server, serving
from tests.campaign.ways import BULK_SETTINGS
from tests.support.commands import Command

#: At random moments: before anything can be on record; while it starts; while mails leave; at the
#: very end.
AT_ONCE, STARTING, SENDING, ENDING = "at once", "starting", "sending", "ending"

#: Kills aimed at one issue; an issue more is sent for each so many.
_PER_ISSUE = 10
#: Seconds; a first guess of how long a start takes, corrected by what is seen.
_START = 0.2
_LATENCY = 0.03
_AFTER_THE_LAST = 0.06
#: A batch that the command is made to have, see `planted`.
_FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way of sending: what is killed, how often, with how many recipients for each issue.

    Attributes:
        concurrency: requests in flight at most.
        batch: mails in one of them at most; more than one is bulk.
    """

    kind: Kind
    concurrency: int
    people: int
    kills: int
    batch: int = 1

    @property
    def name(self) -> str:
        """As in the table."""
        bulk = f" bulk {self.batch}" if self.batch > 1 else ""
        return f"{self.kind}{bulk} x{self.concurrency}"

    @property
    def in_flight(self) -> int:
        """Mails in flight at most."""
        return self.concurrency * self.batch


@dataclass(slots=True)
class Tally:
    """What came of one variant; a line of the table.

    Attributes:
        in_flight: kills that met claimed deliveries.
        doubts: how many deliveries were claimed, for each kill.
        before_freezing: kills that came before the run was on record.
        after_the_last: kills that came when nothing was queued or claimed any more.
        violations: sentences of the checks.
    """

    name: str
    kills: int = 0
    recipients: int = 0
    in_flight: int = 0
    before_freezing: int = 0
    after_the_last: int = 0
    accepted: int = 0
    unknown: int = 0
    doubts: list[int] = field(default_factory=list)
    duplicates: int = 0
    losses: int = 0
    violations: list[str] = field(default_factory=list)


def variants(kills: int) -> list[Variant]:
    """Both servers, with 1, 8 and 32 mails in flight, and so many kills in all.

    The more are in flight, the more of the list a kill puts into doubt: the lists are as long as
    it takes for about twenty recipients between kills on the whole.
    """
    people = {1: 80, 8: 200, 32: 320}
    ways: list[tuple[Kind, int]] = [(kind, n) for n in people for kind in ("ses", "smtp")]
    share, rest = divmod(kills, len(ways))
    return [
        Variant(kind=kind, concurrency=n, people=people[n], kills=share + (place < rest))
        for place, (kind, n) in enumerate(ways)
    ]


def bulk_variants(kills: int) -> list[Variant]:
    """Fifty and three mails in one request of SES's, each killed so many times."""
    return [
        Variant(kind="ses", concurrency=2, people=1200, kills=kills, batch=50),
        Variant(kind="ses", concurrency=4, people=200, kills=kills, batch=3),
    ]


def campaign(
    folder: Path, ways: Sequence[Variant], *, seed: int, at_a_time: int = 2
) -> list[Tally]:
    """Run variants, two at a time, each in a folder of its own."""

    def one(variant: Variant) -> Tally:
        place = folder / variant.name.replace(" ", "-")
        place.mkdir(parents=True)
        chance = random.Random(f"{seed} {variant.name}")
        with serving(variant.kind, place, latency=_LATENCY, seed=seed) as server:
            return Hunt(variant, server, place, chance).run()

    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(one, ways))


class Hunt:
    """One variant: sends, kills, looks, starts again."""

    def __init__(
        self, variant: Variant, server: Server, folder: Path, chance: random.Random
    ) -> None:
        self._variant, self._server, self._chance = variant, server, chance
        issues = max(1, variant.kills)  # more than are ever begun
        environ = server.environ | (BULK_SETTINGS if variant.batch > 1 else {})
        self._letters: Letters = letters(
            folder / "letters", environ,
            people=variant.people, issues=issues, concurrency=variant.concurrency,
        )  # fmt: skip
        if variant.batch == _FEW:
            self._letters.bugs = ("three_a_request",)
        self._start = _START
        self._before = Snapshot()
        self.tally = Tally(variant.name)

    def run(self) -> Tally:
        """Send issue after issue until there were enough kills, and the last to its end."""
        issue = FIRST
        least = -(-self._variant.kills // _PER_ISSUE)
        while self.tally.kills < self._variant.kills or issue < FIRST + least:
            self._send(issue)
            issue += 1
        self._conclude()
        return self.tally

    def _send(self, issue: int) -> None:
        """One issue, with its share of the kills."""
        for turn in range(_PER_ISSUE):
            if self.tally.kills == self._variant.kills:
                break
            moment = self._moment(turn)
            with self._letters.sending(issue) as process:
                self._wait(process, issue, moment, kills=_PER_ISSUE - turn)
                process.kill()
                ended = process.wait() >= 0
            if ended:
                self._look(issue)
                break
            self.tally.kills += 1
            self._look(issue, killed=True)
        ran = self._letters.send(issue)
        now = self._look(issue)
        own = Snapshot(rows={mail: row for mail, row in now.rows.items() if mail[0] == issue})
        self._note(checks.unsaid(ran.code, own))
        if now.runs.get(issue) != "finished":
            self._note([f"issue {issue} is {now.runs.get(issue)}: {ran.err}"])

    def _moment(self, turn: int) -> str:
        if turn == _PER_ISSUE - 1:
            return ENDING
        if not self.tally.kills:
            return AT_ONCE  # so each way meets it, however few its kills are
        return STARTING if turn == 0 or self._chance.random() < 0.2 else SENDING

    def _wait(self, process: Command, issue: int, moment: str, *, kills: int) -> None:
        """Let the process live for a while."""
        began = time.monotonic()
        if moment in {AT_ONCE, STARTING}:
            self._chance_sleep(process, self._start * (0.25 if moment == AT_ONCE else 1.3))
            return
        there = self._server.ledger.update()
        left = self._left(issue)
        goal = left if moment == ENDING else self._goal(left, kills)
        self._until(process, there + 1)
        if process.poll() is None:
            self._start += (time.monotonic() - began - self._start) / 8
        self._until(process, there + goal)
        self._chance_sleep(process, _AFTER_THE_LAST if moment == ENDING else 2 * _LATENCY)

    def _goal(self, left: int, kills: int) -> int:
        """Up to twice what makes the list last for the remaining kills, in-flight ones apart."""
        room = left / kills - self._variant.in_flight
        return max(1, min(left, round(self._chance.uniform(0, 2 * max(room, 1)))))

    def _left(self, issue: int) -> int:
        rows = [row for mail, row in self._before.rows.items() if mail[0] == issue]
        return sum(row.state == "queued" for row in rows) if rows else self._variant.people

    def _until(self, process: Command, accepted: int) -> None:
        while self._server.ledger.update() < accepted and process.poll() is None:
            time.sleep(0.002)

    def _chance_sleep(self, process: Command, most: float) -> None:
        try:
            process.wait(timeout=self._chance.uniform(0, most))
        except subprocess.TimeoutExpired:
            return

    def _look(self, issue: int, *, killed: bool = False) -> Snapshot:
        """Read the records and hold them against what was and against the server."""
        self._server.settle()
        before, now, ledger = self._before, self._letters.look(), self._server.ledger
        self._note(checks.backwards(before, now))
        self._note(checks.growth(before, now, issue=issue))
        self._note(checks.unrecorded(ledger, now))
        self._note(checks.uncounted(now))
        if killed:
            claimed = len(now.of("claimed"))
            self.tally.doubts.append(claimed)
            self.tally.in_flight += claimed > 0
            self.tally.before_freezing += issue not in now.runs
            own = {row.state for mail, row in now.rows.items() if mail[0] == issue}
            self.tally.after_the_last += bool(own) and not own & {"queued", "claimed"}
        self._before = now
        return now

    def _conclude(self) -> None:
        self._server.settle()
        now, ledger, tally = self._letters.look(), self._server.ledger, self.tally
        twice = checks.duplicates(ledger)
        losses = checks.lost(now) + checks.unrecorded(ledger, now) + checks.invented(ledger, now)
        self._note(twice + losses)
        tally.recipients = sum(now.frozen.values())
        tally.accepted, tally.unknown = len(now.of("accepted")), len(now.of("unknown"))
        tally.duplicates = len(ledger.mails) - len(set(ledger.mails))
        tally.losses = len(losses)
        if tally.accepted + tally.unknown != tally.recipients:
            self._note([f"{now.states()} are not {tally.recipients}"])

    def _note(self, violations: list[str]) -> None:
        self.tally.violations += [f"{self._variant.name}: {words}" for words in violations]


def table(tallies: list[Tally]) -> str:
    """The campaign as a table, one line for each variant and one for all."""
    head = (
        "variant", "kills", "recipients", "in flight", "not begun", "all sent", "accepted",
        "unknown", "per kill", "most", "duplicates", "losses",
    )  # fmt: skip
    rows = [head, *(_line(tally.name, [tally]) for tally in tallies), _line("all", tallies)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _line(name: str, tallies: list[Tally]) -> tuple[str, ...]:
    doubts = [number for tally in tallies for number in tally.doubts]
    counted = (
        [sum(getattr(tally, field) for tally in tallies)]
        for field in ("kills", "recipients", "in_flight", "before_freezing", "after_the_last",
                      "accepted", "unknown")
    )  # fmt: skip
    return (
        name,
        *(f"{number:,}" for (number,) in counted),
        f"{statistics.fmean(doubts):.1f}" if doubts else "-",
        str(max(doubts, default=0)),
        str(sum(tally.duplicates for tally in tallies)),
        str(sum(tally.losses for tally in tallies)),
    )
