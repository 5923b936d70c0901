"""Sign-ups in `stats`: everybody who asked is in exactly one column of the month they asked in."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
import re

import pytest

from newsletter.audience import read_address
from newsletter.audience.letters import LetterKind
from newsletter.cli.stats_rows import as_csv, as_dict
from newsletter.cli.stats_tables import Screen, as_text
from newsletter.delivery import Outcome, Result
from newsletter.stats.page import page
from newsletter.store import confirmations, history, letters, signups
from newsletter.store.consents import Evidence
from newsletter.store.letters import Budget
from newsletter.store.signup_tables import unanswered
from newsletter.store.signups import Request
from tests.support import readers
from tests.support.pages import elements, parse_page, text_of
from tests.support.store_samples import dialect, look, people, store_with

__all__ = ["dialect"]

START = dt.datetime(2026, 1, 10, 9, tzinfo=dt.UTC)
FORM, PAGE = Evidence(source="form footer"), Evidence(source="confirmation page")
VALID = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)


class Arrivals:
    """People who sign up, and what they do with their mail."""

    def __init__(self, store):
        self.store = store
        self.asked = {}

    def ask(self, number, now, *, moves=""):
        address = read_address(f"new{number}@example.org")
        evidence = Evidence(source=confirmations.MOVING) if moves else FORM
        signups.ask(self.store, Request(address=address, evidence=evidence, moves=moves), now=now)

    def answer(self, now, *words):
        """Mail all that waits, and answer each mail with the next word, "" for nothing."""
        for word in words:
            letter = letters.claim(self.store, Budget(10_000, 10_000), now=now)
            assert letter is not None
            assert letter.kind in {LetterKind.CONFIRM, LetterKind.MOVE}
            letters.settle(
                self.store, letter, Outcome(result=Result.ACCEPTED, message_id="m"), now=now
            )
            if word == "confirmed":
                confirmations.confirm(
                    self.store, letter.token, PAGE, welcome=False, valid=VALID, now=now
                )
            elif word == "refused":
                confirmations.refuse(self.store, letter.token, PAGE, valid=VALID, now=now)

    def told(self, now, since=None):
        return history.overview(self.store, now=now, since=since)


@pytest.fixture
def arrivals(tmp_path, dialect):
    with store_with(tmp_path, people(3)) as store:
        yield Arrivals(store)


def lived(arrivals, months=3, each=12):
    """Some months of sign-ups; what should be told, and when that is."""
    dice, expected = random.Random(74), dict[str, dict[str, int]]()
    words = ("confirmed", "confirmed", "refused", "")
    now = START
    for month in range(months):
        now = START + 31 * DAY * month
        chosen = [dice.choice(words) for _ in range(each)]
        for n, _ in enumerate(chosen):
            arrivals.ask(month * each + n, now)
        arrivals.answer(now + dt.timedelta(minutes=5), *chosen)
        last = month == months - 1
        expected[f"{now:%Y-%m}"] = {
            "asked": each,
            "confirmed": chosen.count("confirmed"),
            "refused": chosen.count("refused"),
            "unanswered": 0 if last else chosen.count(""),
            "waiting": chosen.count("") if last else 0,
        }
        signups.forget(arrivals.store, valid=VALID, now=now + DAY)
    return expected, now + DAY


def test_everybody_who_asked_is_in_one_column_of_their_month(arrivals):
    expected, now = lived(arrivals)
    found = json.loads(json.dumps(as_dict(arrivals.told(now))["signups"]))
    assert {one.pop("month"): one for one in found} == expected
    for row in expected.values():
        assert row["asked"] == sum(n for name, n in row.items() if name != "asked")


def test_the_same_in_every_form(arrivals):
    _, now = lived(arrivals)
    found = arrivals.told(now)
    whole = json.loads(json.dumps(as_dict(found)["signups"]))
    rows = list(csv.DictReader(io.StringIO(as_csv(found, "signups"))))
    assert rows == [{key: str(value) for key, value in one.items()} for one in whole]
    html = page(found, "Slack Water", now=now)
    table = next(e for e in elements(parse_page(html)) if e.get("data-table") == "signups")
    heads, *cells = [
        [text_of(cell) for cell in elements(row) if cell.tag[-2:] in {"td", "th"}]
        for row in elements(table) if row.tag.endswith("tr")
    ]  # fmt: skip
    assert [dict(zip(heads, row, strict=True)) for row in cells] == rows
    assert "Of 36 readers who signed up by the form, " in html
    text = as_text(found, "Slack Water", Screen())
    assert re.search(r"^sign-ups +asked +confirmed", text, re.MULTILINE)
    assert re.search(r"^2026-01 +12 ", text, re.MULTILINE)


def test_days_that_are_given_up_in_steps_add_up(arrivals, tmp_path):
    for n in range(4):
        arrivals.ask(n, START + dt.timedelta(hours=n * 10))
    for later in (dt.timedelta(days=30, hours=11), dt.timedelta(days=40)):
        signups.forget(arrivals.store, valid=VALID, now=START + later)
    assert look(tmp_path, "SELECT * FROM unanswered ORDER BY day") == [
        ("2026-01-10", 2),
        ("2026-01-11", 2),
    ]
    (month,) = arrivals.told(START + 50 * DAY).signups
    assert (month.asked, month.unanswered) == (4, 4)


def test_asking_again_is_one_sign_up(arrivals):
    arrivals.ask(1, START)
    arrivals.ask(1, START + 2 * DAY)
    (month,) = arrivals.told(START + 3 * DAY).signups
    assert (month.asked, month.waiting) == (1, 1)


def test_who_only_changes_the_address_signs_up_for_nothing(arrivals, tmp_path):
    one, other, *_ = readers.people(arrivals.store)
    arrivals.ask(1, START, moves=one.handle)
    assert arrivals.told(START + DAY).signups == ()
    arrivals.answer(START + DAY, "confirmed")
    assert arrivals.told(START + DAY).signups == ()
    arrivals.ask(2, START, moves=other.handle)
    signups.forget(arrivals.store, valid=VALID, now=START + 50 * DAY)
    assert arrivals.told(START + 50 * DAY).signups == ()


def test_who_joined_by_the_form_came_from_there_and_not_from_the_page_of_the_button(arrivals):
    expected, now = lived(arrivals)
    found = as_dict(arrivals.told(now))["sources"]
    confirmed = sum(row["confirmed"] for row in expected.values())
    assert found == {"form footer": confirmed, "test": 3}


def test_since_leaves_out_the_months_before(arrivals):
    expected, now = lived(arrivals)
    found = arrivals.told(now, since=dt.date(2026, 2, 1)).signups
    assert [f"{one.month:%Y-%m}" for one in found] == sorted(expected)[1:]


def test_without_a_form_nothing_is_said_of_sign_ups(arrivals):
    found = arrivals.told(START)
    assert "sign-ups" not in as_text(found, "Slack Water", Screen())
    assert "signed up" not in page(found, "Slack Water", now=START)
    assert as_csv(found, "signups") == "month,asked,confirmed,refused,unanswered,waiting"


def test_no_column_can_say_who_did_not_answer():
    assert unanswered.columns.keys() == ["day", "number"]
