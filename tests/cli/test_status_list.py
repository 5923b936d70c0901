"""`newsletter status --list`: who got an issue, who did not, and in which run."""

from __future__ import annotations

import csv
import datetime as dt
import stat

import pytest

from newsletter.store import Store
from newsletter.store.consents import Evidence
from tests.fake_ses import FakeSes, Fault
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import ADDRESSES, Folder, folder, plain_environment, ready
from tests.support.faults import imported, world

__all__ = ["folder", "imported", "plain_environment", "ready", "world"]

pytestmark = pytest.mark.processes


def listed(newsletter, *words):
    return newsletter.run("status", "--issue", "74", "--list", *words)


def whole(newsletter: Folder, *words: str) -> list[dict[str, str]]:
    """What the file says, whose addresses are whole."""
    ran = newsletter.run("status", "--issue", "74", *words, "--csv", "who.csv")
    assert (ran.code, ran.out) == (0, "who.csv\n")
    path = newsletter.root / "who.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    path.unlink()
    return rows


@pytest.fixture
def both(world):
    """A rehearsal that stopped after three, then a real run with an unknown outcome."""
    assert world.newsletter.send("--limit", "3").code == 6
    with FakeSes(Fault(kind="reset", accept=True, requests=(5,))) as fake:
        world.environ(fake.environ)
        world.configure(KIND="ses")
        world.hurry()
        assert world.send().code == 9
    return world.newsletter


def test_the_people_of_a_state_are_named_with_their_run(both):
    ran = listed(both, "unknown")
    head, row = ran.out.splitlines()
    assert head.split() == ["run", "recipient", "address", "name", "state", "reason"]
    assert row.split()[:2] == ["ses", "5"]
    assert "@example." in row
    assert "***" in row
    assert "no answer that can be read" in row
    (found,) = only_json(listed(both, "unknown", "--json"))["recipients"]
    assert (found["run"], found["position"], found["state"]) == ("ses", 5, "unknown")


def test_every_line_of_status_says_which_run_it_is_about(both):
    out = both.run("status", "--issue", "74").out
    details = [line for line in out.splitlines() if line.startswith("  74")]
    assert "  74 rehearsal: paused: the limit is reached" in details
    assert any(line.startswith("  74 ses: unknown") for line in details)
    assert all(line.startswith(("  74 rehearsal: ", "  74 ses: ")) for line in details)


def test_all_of_them_are_each_recipient_of_each_run_once(both):
    rows = whole(both, "--list", "all")
    for run in ("rehearsal", "ses"):
        people = [row["email"].lower() for row in rows if row["run"] == run]
        assert sorted(people) == sorted(ADDRESSES)
    states = [row["state"] for row in rows if row["run"] == "ses"]
    assert states.count("unknown") == 1
    assert {row["state"] for row in rows if row["run"] == "rehearsal"} == {"accepted", "queued"}


def test_a_file_is_never_overwritten(both):
    both.write("who.csv", "mine")
    ran = both.run("status", "--issue", "74", "--list", "all", "--csv", "who.csv")
    assert (ran.code, (both.root / "who.csv").read_text()) == (2, "mine")


def test_whoever_left_before_their_turn_is_named_as_skipped_and_whole_with_v(ready):
    ready.send("--limit", "10")
    handle, address = ready.people()[11][:2]
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        store.departures.leave(handle, Evidence(source="test"), now=dt.datetime.now(dt.UTC))
    ready.send()
    ran = listed(ready, "skipped")
    assert address not in ran.out
    assert "unsubscribed" in ran.out
    assert "hint: -v shows the addresses whole" in ran.err
    (row,) = whole(ready, "--list", "skipped")
    assert (row["email"], row["state"], row["reason"]) == (address, "skipped", "unsubscribed")
    assert listed(ready, "refused").out == "no delivery is refused\n"


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("--issue", "74", "--list", "gone"), '"gone" is no state of a delivery', "refused"),
        (("--list", "refused"), "--list is about one issue", "--issue N"),
        (("--issue", "74", "--csv", "x.csv"), "--csv writes the people of a state", "--list all"),
    ],
)
def test_what_is_missing_or_wrong_is_told(ready, words, error, hint):
    ready.send("--limit", "1")
    ran = ready.run("status", *words)
    assert (ran.code, ran.error) == (2, f"error: {error}")
    assert hint in ran.hint


def test_an_issue_that_was_not_sent_has_nobody_to_list(ready):
    assert listed(ready, "refused").out.startswith("issue 74 was not sent yet\n")
