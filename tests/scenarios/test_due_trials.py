"""The schedule with real processes, real clocks and a real mail server, again and again.

A few trials every time; `--long` makes them 200 and 100.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.campaign import checks
from tests.campaign.letters import FIRST, Letters, letters
from tests.campaign.servers import Server, serving
from tests.fake_ses import FakeSes
from tests.support.commands import HANGS

pytestmark = pytest.mark.processes

DUE = ("--no-input", "send", "--due", "--yes", "--json")
PEOPLE = 6
_SECONDS = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving("smtp", tmp_path) as running:
        yield running


def newsletter(folder: Path, environ: Mapping[str, str], *, people: int = PEOPLE) -> Letters:
    """One with an approved issue that is due since midnight."""
    today = dt.datetime.now(dt.UTC).date()
    made = letters(folder, environ, people=people)
    made.environ |= {
        "NEWSLETTER_SITE__TIMEZONE": "UTC",
        # Midnight may come while this runs.
        "NEWSLETTER_SCHEDULE__RRULE": f"FREQ=WEEKLY;INTERVAL=2;BYDAY={today:%a}".upper()[:-1],
        "NEWSLETTER_SCHEDULE__ANCHOR": today.isoformat(),
        "NEWSLETTER_SCHEDULE__TIME": "00:00",
        "NEWSLETTER_SCHEDULE__CATCH_UP": "48",
    }
    path = folder / f"issues/{FIRST}-a-letter.md"
    text = path.read_text("utf-8")
    path.write_text(text.replace("---\n", f"---\ndate: {today}\n", 1), "utf-8")
    assert made.run("approve", "--issue", str(FIRST)).code == 0
    return made


def copied(made: Letters, folder: Path) -> Letters:
    """The same newsletter on another machine."""
    shutil.copytree(made.root, folder)
    return Letters(folder, made.environ)


def trials(request: pytest.FixtureRequest, few: int, many: int) -> int:
    return many if request.config.getoption("--long") else few


# --- two at once -----------------------------------------------------------------------------


def test_of_two_triggers_at_once_one_sends_and_the_other_ends_well(tmp_path, server, request):
    made = newsletter(tmp_path / "letters", server.environ)
    number = trials(request, 3, 200)
    for trial in range(number):
        machine = copied(made, tmp_path / f"trial-{trial}")
        before = server.ledger.update()
        with machine.start(*DUE) as one, machine.start(*DUE) as other:
            said = [process.communicate(timeout=HANGS) for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), said
        assert sorted(json.loads(out)["sent_now"] for out, _ in said) == [0, PEOPLE]
        assert server.ledger.update() - before == PEOPLE
        shutil.rmtree(machine.root)
    everybody = {to for _, to in server.ledger.mails}
    assert len(everybody) == PEOPLE
    assert len(server.ledger.mails) == number * PEOPLE


# --- restored records ------------------------------------------------------------------------


def test_records_from_an_older_backup_never_send_again(tmp_path, server, request):
    made = newsletter(tmp_path / "letters", server.environ)
    chance = random.Random(8)
    for trial in range(trials(request, 2, 100)):
        machine = copied(made, tmp_path / f"trial-{trial}")
        before = server.ledger.update()
        had = chance.randrange(PEOPLE)
        if had:  # Wednesday's backup may also have been made in the middle
            ran = machine.run("send", "--issue", str(FIRST), "--confirm", str(FIRST), "--limit", str(had))  # fmt: skip
            assert ran.code == 6
        backup = tmp_path / f"wednesday-{trial}.db"
        assert machine.run("db", "backup", str(backup)).code == 0
        done = machine.run("send", "--issue", str(FIRST), "--confirm", str(FIRST))
        assert done.code == 0
        for file in machine.store.glob("newsletter.db*"):
            file.unlink()
        shutil.copy(backup, machine.store / "newsletter.db")
        by_hand = ("send", "--issue", str(FIRST), "--confirm", str(FIRST))
        for words in (DUE, by_hand, DUE) if chance.random() < 0.5 else (by_hand, DUE):
            ran = machine.run(*words)
            assert ran.code == 8, ran.err
            assert f"issues/.ledger/{FIRST}.json" in ran.err
        assert server.ledger.update() - before == PEOPLE
        shutil.rmtree(machine.root)


# --- cancelled on the way --------------------------------------------------------------------


@pytest.mark.parametrize("began", [DUE, ("send", "--issue", str(FIRST), "--confirm", str(FIRST))])
def test_cancelled_on_the_way_nothing_is_claimed_any_more(tmp_path, began):
    people = 20
    with serving("smtp", tmp_path, hold=3) as server:
        made = newsletter(tmp_path / "letters", server.environ, people=people)
        with made.start(*began) as sending:
            server.wait(4)  # the fourth is taken, and not answered yet
            ran = made.run("cancel", "--issue", str(FIRST))
            assert ran.code == 0, ran.err
            # Nothing is claimed once this has returned; what is in flight is waited for.
            claimed = attempts(made)
            assert server.postman
            server.postman.resume()
            sending.communicate(timeout=HANGS)
        assert sending.returncode == 6
        arrived = server.ledger.update()
        assert attempts(made) == claimed == arrived == 4
        assert made.look().states() == {"accepted": arrived, "queued": people - arrived}
        for _ in range(2):
            ran = made.run(*DUE)
            assert (ran.code, json.loads(ran.out)["sent_now"]) == (0, 0)
        assert server.ledger.update() == arrived
        made.environ["NEWSLETTER_TRANSPORT__CONCURRENCY"] = "32"
        assert made.run("send", "--issue", str(FIRST), "--confirm", str(FIRST)).code == 0
        assert server.ledger.update() == people
    assert checks.duplicates(server.ledger) == []


def attempts(made: Letters) -> int:
    """How often anything was claimed."""
    return sum(row.attempt for row in made.look().rows.values())


def test_cancelled_while_it_waits_for_its_pace_it_ends(tmp_path):
    with FakeSes(rate=0.1, burst=1) as fake:  # each further mail waits 10 seconds
        environ = {"NEWSLETTER_TRANSPORT__KIND": "ses", **fake.environ}
        made = newsletter(tmp_path / "letters", environ)
        with made.start(*DUE) as sending:
            until = time.monotonic() + _SECONDS
            while not fake.state.accepted:
                assert time.monotonic() < until
                time.sleep(0.01)
            assert made.run("cancel", "--issue", str(FIRST)).code == 0
            claimed = attempts(made)
            sending.communicate(timeout=HANGS)
        assert sending.returncode == 6
        assert attempts(made) == claimed


# --- two checkouts ---------------------------------------------------------------------------


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=w", "-c", "user.email=w@example.org", *words],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def test_what_is_approved_on_a_laptop_goes_from_the_server_and_not_one_byte_else(tmp_path, server):
    laptop = newsletter(tmp_path / "laptop", server.environ)
    for words in (
        ("init", "-q"),
        ("add", "-A", "--", ":!.newsletter"),
        ("commit", "-qm", "Friday"),
    ):
        git(laptop.root, *words)
    for name in ("server", "careless"):
        git(tmp_path, "clone", "-q", "laptop", name)
        shutil.copytree(laptop.store, tmp_path / name / ".newsletter")
    careless = Letters(tmp_path / "careless", laptop.environ)
    theme = careless.root / "templates/email/style.css"
    theme.write_bytes(theme.read_bytes() + b"\n")
    ran = careless.run(*DUE)
    assert ran.code == 8
    assert "changed since it was approved" in ran.err
    assert server.ledger.update() == 0
    ran = Letters(tmp_path / "server", laptop.environ).run(*DUE)
    assert ran.code == 0, ran.err
    assert server.ledger.update() == PEOPLE
