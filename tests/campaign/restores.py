"""A backup made while mails leave, `kill -9`, the backup put back, and the command again."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.store.database import Database
from newsletter.store.folder.backup import backup
from newsletter.store.sqlite.backend import SqliteBackend
from tests.campaign import checks
from tests.campaign.checks import DATABASE, Ledger
from tests.campaign.letters import FIRST, Letters, letters
from tests.campaign.servers import Server, serving

DUE = ("--no-input", "send", "--due", "--yes")
BY_HAND = ("send", "--issue", str(FIRST), "--confirm", str(FIRST))
RESTORED = (*BY_HAND, "--restored")

_PEOPLE = 150
_CONCURRENCY = 8
_LATENCY = 0.02


@dataclass(slots=True)
class Tally:
    """What came of all moments.

    Attributes:
        behind: backups that had missed mails by the time they were put back.
        unknown: deliveries that a person's yes made unknown, in all.
        violations: sentences.
    """

    trials: int = 0
    behind: int = 0
    mails: int = 0
    unknown: int = 0
    duplicates: int = 0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"restored backups: {self.trials} moments, {self.behind} had missed mails, "
            f"{self.mails:,} mails, {self.unknown:,} unknown, {self.duplicates} sent twice"
        )


def newsletter(folder: Path, environ: Mapping[str, str], *, people: int) -> Letters:
    """One with an approved issue that is due since midnight."""
    today = dt.datetime.now(dt.UTC).date()
    made = letters(folder, environ, people=people, concurrency=_CONCURRENCY)
    made.environ |= {
        "NEWSLETTER_SITE__TIMEZONE": "UTC",
        "NEWSLETTER_SCHEDULE__RRULE": f"FREQ=WEEKLY;INTERVAL=2;BYDAY={today:%a}".upper()[:-1],
        "NEWSLETTER_SCHEDULE__ANCHOR": today.isoformat(),
        "NEWSLETTER_SCHEDULE__TIME": "00:00",
        "NEWSLETTER_SCHEDULE__CATCH_UP": "48",  # midnight may come while this runs
    }
    path = folder / f"issues/{FIRST}-a-letter.md"
    text = path.read_text("utf-8")
    path.write_text(text.replace("---\n", f"---\ndate: {today}\n", 1), "utf-8")
    ran = made.run("approve", "--issue", str(FIRST))
    assert ran.code == 0, ran.err
    return made


def copied_over(made: Letters, copy: Path) -> None:
    """As `cp` does it: into the file that is there, what lies beside it removed."""
    shutil.copyfile(copy, made.store / DATABASE)
    for name in (f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (made.store / name).unlink(missing_ok=True)


def moved_there(made: Letters, copy: Path) -> None:
    """As `mv` does it: another file of the same name."""
    for file in made.store.glob(f"{DATABASE}*"):
        file.unlink()
    copy.rename(made.store / DATABASE)


def whole_folder(made: Letters, copy: Path) -> None:
    """All of `.newsletter` goes, and only the backup is there."""
    shutil.rmtree(made.store)
    made.store.mkdir()
    shutil.copyfile(copy, made.store / DATABASE)


def log_forgotten(made: Letters, copy: Path) -> None:
    """As `cp` does it, and nobody thinks of the log: SQLite takes it for the copy's own."""
    shutil.copyfile(copy, made.store / DATABASE)


def by_command(made: Letters, copy: Path) -> None:
    """As the program does it."""
    ran = made.run("db", "restore", str(copy), "--yes")
    assert ran.code == 0, ran.err


WAYS: tuple[Callable[[Letters, Path], None], ...] = (
    copied_over, moved_there, by_command, whole_folder, log_forgotten,
)  # fmt: skip


def campaign(
    folder: Path, *, moments: int, each_run: int, seed: int, bugs: tuple[str, ...] = ()
) -> Tally:
    """Back up at random moments, so many, and kill after them.

    Args:
        folder: to work in.
        moments: how many backups are made, and put back.
        each_run: how many of them are made in the same run; all are tried, the last is sent to
            its end.
        seed: chooses the moments.
        bugs: planted in the command, see `planted`.
    """
    chance, tally = random.Random(seed), Tally()
    with serving("smtp", folder, latency=_LATENCY, seed=seed) as server:
        made = newsletter(folder / "letters", server.environ, people=_PEOPLE)
        while tally.trials < moments:
            machine = Letters(folder / f"run-{tally.trials}", made.environ, bugs)
            shutil.copytree(made.root, machine.root)
            log = server.ledger.path
            server.ledger = Ledger(log, _read=log.stat().st_size)
            copies = _voyage(machine, server, chance, min(each_run, moments - tally.trials))
            for number, copy in enumerate(copies, 1):
                both: list[tuple[str, ...]] = [BY_HAND, DUE]
                chance.shuffle(both)
                asked = both if each_run == 1 else both[:1]
                WAYS[tally.trials % len(WAYS)](machine, copy)
                found = _refused(machine, server, tally, asked)
                if number == len(copies):
                    found += _to_the_end(machine, server, tally)
                found += checks.duplicates(server.ledger)
                tally.violations += [f"moment {tally.trials}: {words}" for words in found]
                tally.trials += 1
            tally.mails += len(server.ledger.mails)
            tally.duplicates += len(server.ledger.mails) - len(set(server.ledger.mails))
            shutil.rmtree(machine.root)
    return tally


def _voyage(machine: Letters, server: Server, chance: random.Random, number: int) -> list[Path]:
    """Send, back up so many times, and kill; the backups."""
    began = DUE if chance.random() < 0.5 else BY_HAND
    *moments, killed = sorted(chance.sample(range(1, _PEOPLE - 4), number + 1))
    copies = [machine.root / f"copy-{moment}.db" for moment in moments]
    file = SqliteBackend(machine.store / DATABASE, read_only=True, create=False)
    records = Database(file, read_only=True)
    with machine.start(*began) as process:
        try:
            for moment, copy in zip(moments, copies, strict=True):
                server.wait(moment)
                backup(records, copy)
            server.wait(killed)
            time.sleep(chance.uniform(0, 2 * _LATENCY))
        finally:
            process.kill()
    time.sleep(4 * _LATENCY)  # what was under way has been answered
    server.ledger.update()
    return copies


def _refused(
    machine: Letters, server: Server, tally: Tally, asked: Sequence[tuple[str, ...]]
) -> list[str]:
    """Nothing goes on from a backup that has missed mails, by hand or by a trigger."""
    tried = _tried(machine)
    # Each mail beyond the attempts of the backup is one it does not know of.
    if len(server.ledger.mails) <= tried:
        return []
    tally.behind += 1
    found = []
    for words in asked:
        ran = machine.run(*words)
        # Of the killed sender's mails some may be under way yet: what was claimed tells.
        if ran.code != 8 or "--restored" not in ran.err or _tried(machine) != tried:
            found.append(f"{' '.join(words)} ended with {ran.code}: {ran.err}")
    return found


def _tried(machine: Letters) -> int:
    return sum(row.attempt for row in machine.look().rows.values())


def _to_the_end(machine: Letters, server: Server, tally: Tally) -> list[str]:
    """A person says that it is a backup: those who may have got the issue are unknown."""
    queued = {mail for mail, row in machine.look().rows.items() if row.state == "queued"}
    left = queued - set(server.ledger.mails)
    ran = machine.run(*RESTORED)
    server.ledger.update()
    now = machine.look()
    tally.unknown += len(now.of("unknown"))
    # In doubt is at most who was in flight, besides those who got it.
    missed = {mail for mail in left if mail not in set(server.ledger.mails)}
    found = [] if len(missed) <= 2 * _CONCURRENCY else [f"{len(missed)} were left out for nothing"]
    return [
        *found, *checks.unsaid(ran.code, now), *checks.lost(now), *checks.uncounted(now),
        *checks.unrecorded(server.ledger, now), *checks.invented(server.ledger, now),
    ]  # fmt: skip
