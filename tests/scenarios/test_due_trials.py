"""The schedule with real processes, real clocks and a real mail server, again and again.

A few trials every time; `--long` makes them 200 and 100.
"""

from __future__ import annotations

import contextlib
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
from tests.support.cli_fixtures import SCRIPT

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
    assert run(made, "approve", "--issue", str(FIRST)).returncode == 0
    return made


@contextlib.contextmanager
def started(made: Letters, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command; it is killed with the block, unless it has ended."""
    with subprocess.Popen(
        [str(SCRIPT), *words], cwd=made.root, env=made.environ, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def run(made: Letters, *words: str) -> subprocess.CompletedProcess[str]:
    with started(made, *words) as process:
        out, err = process.communicate(timeout=_SECONDS)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


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
        with started(machine, *DUE) as one, started(machine, *DUE) as other:
            said = [process.communicate(timeout=_SECONDS) for process in (one, other)]
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
            ran = run(machine, "send", "--issue", str(FIRST), "--confirm", str(FIRST), "--limit", str(had))  # fmt: skip
            assert ran.returncode == 6
        backup = tmp_path / f"wednesday-{trial}.db"
        assert run(machine, "db", "backup", str(backup)).returncode == 0
        done = run(machine, "send", "--issue", str(FIRST), "--confirm", str(FIRST))
        assert done.returncode == 0
        for file in machine.store.glob("newsletter.db*"):
            file.unlink()
        shutil.copy(backup, machine.store / "newsletter.db")
        by_hand = ("send", "--issue", str(FIRST), "--confirm", str(FIRST))
        for words in (DUE, by_hand, DUE) if chance.random() < 0.5 else (by_hand, DUE):
            ran = run(machine, *words)
            assert ran.returncode == 8, ran.stderr
            assert f"issues/.ledger/{FIRST}.json" in ran.stderr
        assert server.ledger.update() - before == PEOPLE
        shutil.rmtree(machine.root)


# --- cancelled on the way --------------------------------------------------------------------


@pytest.mark.parametrize("began", [DUE, ("send", "--issue", str(FIRST), "--confirm", str(FIRST))])
def test_cancelled_on_the_way_nothing_is_claimed_any_more(tmp_path, began):
    people = 20
    with serving("smtp", tmp_path, hold=3) as server:
        made = newsletter(tmp_path / "letters", server.environ, people=people)
        with started(made, *began) as sending:
            server.wait(4)  # the fourth is taken, and not answered yet
            ran = run(made, "cancel", "--issue", str(FIRST))
            assert ran.returncode == 0, ran.stderr
            # Nothing is claimed once this has returned; what is in flight is waited for.
            claimed = attempts(made)
            assert server.postman
            server.postman.resume()
            sending.communicate(timeout=_SECONDS)
        assert sending.returncode == 6
        arrived = server.ledger.update()
        assert attempts(made) == claimed == arrived == 4
        assert made.look().states() == {"accepted": arrived, "queued": people - arrived}
        for _ in range(2):
            ran = run(made, *DUE)
            assert (ran.returncode, json.loads(ran.stdout)["sent_now"]) == (0, 0)
        assert server.ledger.update() == arrived
        made.environ["NEWSLETTER_TRANSPORT__CONCURRENCY"] = "32"
        assert run(made, "send", "--issue", str(FIRST), "--confirm", str(FIRST)).returncode == 0
        assert server.ledger.update() == people
    assert checks.duplicates(server.ledger) == []


def attempts(made: Letters) -> int:
    """How often anything was claimed."""
    return sum(row.attempt for row in made.look().rows.values())


def test_cancelled_while_it_waits_for_its_pace_it_ends(tmp_path):
    with FakeSes(rate=0.1, burst=1) as fake:  # each further mail waits 10 seconds
        environ = {"NEWSLETTER_TRANSPORT__KIND": "ses", **fake.environ}
        made = newsletter(tmp_path / "letters", environ)
        with started(made, *DUE) as sending:
            until = time.monotonic() + _SECONDS
            while not fake.state.accepted:
                assert time.monotonic() < until
                time.sleep(0.01)
            assert run(made, "cancel", "--issue", str(FIRST)).returncode == 0
            claimed = attempts(made)
            sending.communicate(timeout=60)
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
    ran = run(careless, *DUE)
    assert ran.returncode == 8
    assert "changed since it was approved" in ran.stderr
    assert server.ledger.update() == 0
    ran = run(Letters(tmp_path / "server", laptop.environ), *DUE)
    assert ran.returncode == 0, ran.stderr
    assert server.ledger.update() == PEOPLE
