"""The checks of the campaign have teeth: thirteen planted bugs, each found."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsletter.store import Store, subscribers
from newsletter.store.consents import Evidence
from tests.campaign import checks
from tests.campaign.letters import FIRST, Letters, letters
from tests.campaign.planted import BUGS
from tests.campaign.servers import Server, serving
from tests.fake_ses import Fault
from tests.support.store_samples import NOW

pytestmark = pytest.mark.slow

#: The server takes the mail, and its answer is lost.
LOST = Fault(kind="reset", accept=True, requests=(2,))


def silent_after(answered: int) -> Fault:
    """All mails are taken, but only the first of them are answered."""
    return Fault(kind="stall", accept=True, requests=tuple(range(answered + 1, 100)))


#: The server takes the mail, and a gateway answers in its place.
OVERRULED = Fault(kind="html", status=429, accept=True, requests=(2,))


#: Strikes what comes on a connection that has rested: such a request was never read.
RESTED = Fault(kind="reset_unread", idle_over=1.0)


@dataclass(frozen=True)
class Scene:
    """A newsletter, an SES, and what goes wrong in the world."""

    letters: Letters
    server: Server

    def speak(self) -> None:
        """Answer from now on."""
        assert self.server.ses is not None
        self.server.ses.script(clear=True)

    def found(self, code: int) -> list[str]:
        """All that is violated at the end."""
        self.server.settle()
        ledger, now = self.server.ledger, self.letters.look()
        return [
            *checks.duplicates(ledger), *checks.unrecorded(ledger, now),
            *checks.invented(ledger, now), *checks.uncounted(now), *checks.lost(now),
            *checks.unsaid(code, now), *checks.unwelcome(ledger, now.left),
        ]  # fmt: skip


@contextmanager
def scene(folder: Path, *bugs: str, **options) -> Iterator[Scene]:
    faults, rate = options.pop("faults", ()), options.pop("rate", "1000")
    with serving("ses", folder, *faults) as server:
        environ = {**server.environ, "NEWSLETTER_TRANSPORT__SES__MAX_RATE": rate}
        made = letters(folder / "letters", environ, **{"people": 6, **options})
        made.bugs = bugs
        yield Scene(made, server)


def crash(scene: Scene, accepted: int) -> None:
    """Kill when the server has taken so many mails, and speaks again afterwards."""
    with scene.letters.sending() as process:
        scene.server.wait(accepted)
        process.kill()
    scene.server.settle()
    scene.speak()


# --- eight ways to come to grief -------------------------------------------------------------


def a_crash(folder, *bugs):
    with scene(folder, *bugs, faults=[silent_after(1)]) as it:
        crash(it, 2)
        found = checks.unrecorded(it.server.ledger, it.letters.look())
        return found + it.found(it.letters.send().code)


def a_crash_with_many_in_flight(folder, *bugs, prepare=lambda _: None):
    with scene(folder, *bugs, people=20, concurrency=8, faults=[silent_after(4)]) as it:
        prepare(it.letters)
        crash(it, 12)
        before = it.letters.look()
        found = it.found(it.letters.send().code)
        return found + checks.backwards(before, it.letters.look())


def a_lost_answer(folder, *bugs):
    with scene(folder, *bugs, faults=[LOST]) as it:
        return it.found(it.letters.send().code)


def an_overruled_answer(folder, *bugs):
    with scene(folder, *bugs, faults=[OVERRULED]) as it:
        return it.found(it.letters.send().code)


def a_freezing(folder, *bugs, prepare=lambda _: None):
    with scene(folder, *bugs) as it:
        prepare(it.letters)
        ran = it.letters.send()
        if ran.code == 1 and not it.letters.look().runs:
            return [ran.err]
        return it.found(ran.code)


def two_senders(folder, *bugs):
    with scene(folder, *bugs, faults=[silent_after(0)]) as it, it.letters.sending() as first:
        it.server.wait(1)
        it.speak()
        second = it.letters.send()
        assert first.poll() is None
        return checks.crowded([0, second.code])


def somebody_leaves(folder, *bugs):
    with scene(folder, *bugs) as it:
        assert it.letters.send(FIRST, "--limit", "2").code == 6
        with Store.open(f"sqlite:///{it.letters.store}/{checks.DATABASE}") as store:
            reader = subscribers.find(store, "reader5@example.org")
            assert reader
            assert store.departures.leave(reader.handle, Evidence(source="test"), now=NOW)
        return it.found(it.letters.send().code)


def a_slow_pace(folder, *bugs):
    with scene(folder, *bugs, people=2, rate="0.25", faults=[RESTED]) as it:
        ran = it.letters.send()
        now = it.letters.look()
        return it.found(ran.code) + checks.false_doubts(it.server.ledger, now)


Scenario = Callable[..., list[str]]

SCENARIOS: list[Scenario] = [
    a_crash, a_crash_with_many_in_flight, a_lost_answer, an_overruled_answer, a_freezing,
    two_senders, somebody_leaves, a_slow_pace,
]  # fmt: skip
PLANTED: list[tuple[str, Scenario, str]] = [
    ("record_before_claim", a_crash, "accepted a second mail"),
    ("claim_without_commit", a_crash, "accepted a second mail"),
    ("outcome_dropped", a_lost_answer, "no end has come to"),
    ("default_retries", a_lost_answer, "accepted a second mail"),
    ("retry_on_timeout", a_lost_answer, "accepted a second mail"),
    ("trust_the_exception", a_lost_answer, "accepted a second mail"),
    ("trust_any_4xx", an_overruled_answer, "accepted a second mail"),
    ("recipients_twice", a_freezing, "the list changes all the time"),
    ("resume_from_a_cursor", a_crash_with_many_in_flight, "no end has come to"),
    ("finish_with_unknown", a_lost_answer, "the exit code is 0, it should be 9"),
    ("lock_off", two_senders, "2 senders were let in"),
    ("no_second_look", somebody_leaves, "mailed after they left"),
    ("idle_connections", a_slow_pace, "in doubt, and never left"),
]


def without_triggers(made: Letters) -> None:
    """The database's own guards are gone."""
    with contextlib.closing(sqlite3.connect(made.store / checks.DATABASE)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.commit()


def without_unique_keys(made: Letters) -> None:
    """The table of deliveries knows no key but its id."""
    with contextlib.closing(sqlite3.connect(made.store / checks.DATABASE)) as connection:
        (table,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'deliveries'"
        ).fetchone()
        bare, number = re.subn(r",\s*CONSTRAINT \w+ UNIQUE \([^)]*\)", "", table)
        assert number == 3
        connection.execute("DROP TABLE deliveries")
        connection.execute(bare)
        connection.commit()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_without_a_bug_nothing_is_violated(tmp_path, scenario):
    assert scenario(tmp_path) == []


@pytest.mark.parametrize(("bug", "scenario", "words"), PLANTED, ids=[bug for bug, *_ in PLANTED])
def test_a_planted_bug_is_found(tmp_path, bug, scenario, words):
    assert words in "\n".join(scenario(tmp_path, bug))


@pytest.mark.parametrize(
    ("bug", "scenario", "prepare", "words"),
    [
        ("recipients_twice", a_freezing, without_unique_keys, "accepted a second mail"),
        (
            "resume_from_a_cursor",
            a_crash_with_many_in_flight,
            without_triggers,
            "accepted a second mail",
        ),
    ],
)
def test_what_the_database_refuses_is_found_without_its_guards_as_well(
    tmp_path, bug, scenario, prepare, words
):
    assert words in "\n".join(scenario(tmp_path, bug, prepare=prepare))


def test_all_thirteen_are_there():
    assert {bug for bug, *_ in PLANTED} | {"normal_synchronous"} == set(BUGS)
    assert len(PLANTED) == 13
