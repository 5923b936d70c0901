"""Arriving, in the records: nobody is on the list who has not confirmed, and nobody is bombed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from newsletter.audience import Status, read_address
from newsletter.audience.letters import LetterKind, LetterState
from newsletter.delivery import Effect, Outcome, Result
from newsletter.errors import NewsletterError
from newsletter.message.letters import Letter
from newsletter.store import Store, confirmations, letters, limits, signups, subscribers
from newsletter.store import suppressions as suppression_records
from newsletter.store.confirmations import LinkState
from newsletter.store.consents import Evidence
from newsletter.store.dossier import dossier
from newsletter.store.folder import backup as backups
from newsletter.store.folder.restore import restoring
from newsletter.store.letters import Budget
from newsletter.store.signups import Answer, Request
from tests.support.store_samples import NOW, a_row, look, store_with, suppress, url_in

FORM = Evidence(source="form", wording="Your mail address [Subscribe]")
PAGE = Evidence(source="confirmation page", wording="Yes, send it to me")
BUDGET = Budget(60, 300)
VALID = dt.timedelta(days=7)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
TAKEN = Outcome(result=Result.ACCEPTED, message_id="m")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_with(
        tmp_path, [a_row("bob@example.org", name="Bob", tags=frozenset({"vip"}))]
    ) as one:
        yield one


def ask(store: Store, address: str, *, at: dt.datetime = NOW, **more) -> Answer:
    request = Request(address=read_address(address), evidence=FORM, **more)
    return signups.ask(store, request, now=at)


def post(store: Store, *, at: dt.datetime = NOW, budget: Budget = BUDGET) -> Letter | None:
    letter = letters.claim(store, budget, now=at)
    if letter is not None:
        letters.settle(store, letter, TAKEN, now=at)
    return letter


def confirm(store: Store, letter: Letter | None, *, at: dt.datetime = NOW, welcome: bool = True):
    assert letter is not None
    return confirmations.confirm(store, letter.token, PAGE, welcome=welcome, valid=VALID, now=at)


def refuse(store: Store, letter: Letter | None, *, at: dt.datetime = NOW):
    assert letter is not None
    return confirmations.refuse(store, letter.token, PAGE, valid=VALID, now=at)


def join(store: Store, address: str, *, at: dt.datetime = NOW) -> None:
    ask(store, address, at=at)
    assert confirm(store, post(store, at=at), at=at) is LinkState.CONFIRMED


def status(store: Store, address: str) -> Status | None:
    person = subscribers.find(store, address)
    return person.status if person else None


# --- joining -------------------------------------------------------------------------------------


def test_nobody_is_a_subscriber_before_a_press(store):
    ask(store, "Ada@Example.org", name="Ada", tags=frozenset({"essays"}))
    letter = post(store)
    assert letter is not None
    assert (letter.kind, letter.address) == (LetterKind.CONFIRM, "Ada@example.org")
    assert confirmations.look(store, letter.token, valid=VALID, now=NOW) is LinkState.OPEN
    assert status(store, "ada@example.org") is None
    assert [one.email for one in signups.waiting(store)] == ["Ada@example.org"]
    assert confirm(store, letter) is LinkState.CONFIRMED
    person = subscribers.find(store, "ada@example.org")
    assert person is not None
    assert (person.status, person.name, person.tags) == (
        Status.ACTIVE,
        "Ada",
        frozenset({"essays"}),
    )
    assert list(signups.waiting(store)) == []


def test_a_second_press_shows_the_same_and_does_nothing(store, tmp_path):
    ask(store, "ada@example.org")
    letter = post(store)
    confirm(store, letter)
    before = look(tmp_path, "select * from letters"), look(tmp_path, "select * from consents")
    assert confirm(store, letter) is LinkState.CONFIRMED
    assert before == (
        look(tmp_path, "select * from letters"),
        look(tmp_path, "select * from consents"),
    )


def test_a_refusal_after_a_yes_counts_once(store, tmp_path):
    ask(store, "ada@example.org")
    letter = post(store)
    confirm(store, letter)
    assert refuse(store, letter) is LinkState.REFUSED
    before = look(tmp_path, "select * from consents")
    assert (refuse(store, letter), confirm(store, letter)) == (LinkState.REFUSED,) * 2
    assert before == look(tmp_path, "select * from consents")
    assert status(store, "ada@example.org") is Status.UNSUBSCRIBED
    assert post(store) is None  # no welcome either


def test_the_log_proves_what_was_asked_and_what_was_pressed(store, tmp_path):
    join(store, "ada@example.org")
    rows = look(
        tmp_path,
        "select event, source, wording, length(wording_hash) from consents where event <> 'imported'",
    )
    assert rows == [
        ("asked", "form", FORM.wording, 64),
        ("confirmed", "confirmation page", PAGE.wording, 64),
    ]


def test_no_record_holds_a_link_that_works(store, tmp_path):
    ask(store, "ada@example.org")
    letter = post(store)
    assert letter is not None
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert letter.token.encode() not in files


def test_a_link_works_for_a_week(store):
    ask(store, "ada@example.org")
    letter = post(store)
    late = NOW + VALID + HOUR
    assert confirm(store, letter, at=late) is LinkState.EXPIRED
    assert confirmations.look(store, "A" * 22, valid=VALID, now=NOW) is LinkState.UNKNOWN
    assert status(store, "ada@example.org") is None


def test_a_second_try_does_not_kill_the_first_mail_and_three_links_are_alive(store):
    found = []
    for day in (0, 2, 4):
        ask(store, "ada@example.org", at=NOW + day * DAY)
        found.append(post(store, at=NOW + day * DAY))
    looked = [confirmations.look(store, one.token, valid=VALID, now=NOW) for one in found if one]
    assert looked == [LinkState.OPEN] * 3
    assert confirm(store, found[0], at=NOW + 5 * DAY) is LinkState.CONFIRMED
    assert confirm(store, found[2], at=NOW + 5 * DAY) is LinkState.CONFIRMED


def test_not_me_keeps_the_address_out_for_good(store):
    ask(store, "ada@example.org")
    letter = post(store)
    assert refuse(store, letter) is LinkState.REFUSED
    assert confirm(store, letter) is LinkState.REFUSED
    assert suppression_records.reason(store, "ada@example.org") == "refused"
    ask(store, "ada@example.org", at=NOW + 40 * DAY)
    assert post(store, at=NOW + 40 * DAY) is None


@pytest.mark.parametrize("reason", ["blocked", "complained"])
def test_who_is_kept_out_after_asking_is_not_let_in_by_an_old_link(store, reason):
    ask(store, "ada@example.org")
    letter = post(store)
    suppress(store, "ada@example.org", reason=reason, now=NOW)
    assert confirm(store, letter) is LinkState.UNKNOWN
    assert status(store, "ada@example.org") is None
    assert suppression_records.reason(store, "ada@example.org") == reason


def test_who_has_left_comes_back_by_a_press_alone(store, tmp_path):
    subscribers.remove(store, "bob@example.org", now=NOW)
    ask(store, "bob@example.org")
    assert status(store, "bob@example.org") is Status.UNSUBSCRIBED
    confirm(store, post(store))
    person = subscribers.find(store, "bob@example.org")
    assert person is not None
    assert (person.status, person.name, person.tags) == (Status.ACTIVE, "Bob", frozenset({"vip"}))


def test_who_left_by_a_link_that_nobody_knew_comes_back_by_a_press(store, tmp_path):
    join(store, "ada@example.org")
    handle = look(tmp_path, "select handle from subscribers where email = 'ada@example.org'")[0][0]
    subscribers.erase(store, "ada@example.org", now=NOW)
    subscribers.allow(store, "ada@example.org", Evidence(source="a mail"), now=NOW)
    store.departures.leave(handle, Evidence(source="page"), now=NOW)
    later = NOW + 2 * DAY
    ask(store, "ada@example.org", at=later)
    post(store, at=later)
    letter = post(store, at=later)
    assert letter is None or letter.kind is not LetterKind.WELCOME
    assert status(store, "ada@example.org") is None


# --- which mail an address gets ------------------------------------------------------------------

KINDS = {
    "new": (None, LetterKind.CONFIRM),
    "waiting": ("ask", None),
    "active": ("add", LetterKind.ALREADY),
    "left": ("leave", LetterKind.CONFIRM),
    "erased": ("erased", LetterKind.CONFIRM),
    "bounced": ("bounced", None),
    "soft": ("soft bounces", None),
    "complained": ("complained", None),
    "blocked": ("blocked", None),
    "refused": ("refused", None),
}  # fmt: skip


def prepare(store: Store, how: str | None) -> None:
    if how == "ask":
        ask(store, "carl@example.org")
        post(store)
    elif how in {"add", "leave"}:
        join(store, "carl@example.org", at=NOW - 40 * DAY)
        post(store, at=NOW - 40 * DAY)
        if how == "leave":
            subscribers.remove(store, "carl@example.org", now=NOW)
    elif how:
        suppress(store, "carl@example.org", reason=how, now=NOW)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", KINDS)
def test_the_mail_follows_from_what_is_known(store, kind):
    how, expected = KINDS[kind]
    prepare(store, how)
    ask(store, "carl@example.org")
    letter = post(store)
    assert (letter.kind if letter else None) is expected


def test_the_same_statements_run_whoever_is_asked_for(tmp_path):
    """What differs in statements differs in time, and tells who is on the list."""
    seen: dict[str, list[str]] = {}
    for kind, (how, _) in KINDS.items():
        with store_with(tmp_path / kind, []) as store:
            ask(store, "other@example.org", visitor="8.8.8.8", nonce=b"1" * 8)
            prepare(store, how)
            statements: list[str] = []

            def note(*arguments, kept=statements):
                kept.append(arguments[2])

            sa.event.listen(store.engine, "before_cursor_execute", note)
            ask(store, "carl@example.org", visitor="9.9.9.9", nonce=b"2" * 8)
            sa.event.remove(store.engine, "before_cursor_execute", note)
            seen[kind] = statements
    assert len(seen["new"]) > 10
    assert {kind: found == seen["new"] for kind, found in seen.items()} == dict.fromkeys(
        KINDS, True
    )


def test_an_address_that_bounced_a_month_ago_is_asked_once(store):
    suppress(store, "ada@example.org", reason="bounced", now=NOW)
    later = NOW + 31 * DAY
    ask(store, "ada@example.org", at=later)
    letter = post(store, at=later)
    assert letter is not None
    ask(store, "ada@example.org", at=later + 2 * DAY)
    assert post(store, at=later + 2 * DAY) is None
    assert confirm(store, letter, at=later + 2 * DAY) is LinkState.CONFIRMED
    assert suppression_records.reason(store, "ada@example.org") == ""


# --- limits --------------------------------------------------------------------------------------

SPELLINGS = [
    "ada@gmail.com", "a.d.a@gmail.com", "ada+1@gmail.com", "Ada+x@GoogleMail.com", "a.da@googlemail.com",
]  # fmt: skip


def test_all_spellings_of_a_mailbox_share_its_limit(store):
    for address in SPELLINGS:
        ask(store, address)
    sent = [post(store) for _ in SPELLINGS]
    assert [one.address for one in sent if one] == ["ada@gmail.com"]


def test_spellings_are_different_people_all_the_same(store):
    join(store, "a.b@gmail.com")
    post(store)
    assert status(store, "ab@gmail.com") is None
    join(store, "carl+x@example.org")
    assert status(store, "carl@example.org") is None


def test_a_mailbox_gets_one_mail_a_day_and_three_a_month(store):
    sent = 0
    for hour in range(0, 24 * 29, 7):
        at = NOW + hour * HOUR
        ask(store, "ada@example.org", at=at)
        sent += post(store, at=at) is not None
    assert sent == 3


def test_a_network_may_ask_five_times_an_hour_and_twenty_a_day(store):
    answers = []
    for number in range(24 * 5):
        at = NOW + number * 12 * dt.timedelta(minutes=1)
        answers.append(ask(store, f"a{number}@example.org", at=at, visitor=f"8.8.8.{number}"))
    assert answers.count(Answer.TAKEN) == limits.NETWORK_DAY  # over midnight, too
    burst = [
        ask(store, f"b{n}@example.org", at=NOW + 9 * DAY, visitor="2001:4860::1") for n in range(7)
    ]
    assert burst == [Answer.TAKEN] * 5 + [Answer.TOO_MANY] * 2
    assert (
        ask(store, "c@example.org", at=NOW + 9 * DAY, visitor="2001:4860:0:100::1") is Answer.TAKEN
    )


def test_limits_survive_a_restart_and_no_network_address_is_kept(tmp_path):
    with store_with(tmp_path, []) as store:
        for number in range(5):
            ask(store, f"a{number}@example.org", visitor="8.8.77.66")
    with Store.open(url_in(tmp_path)) as store:
        assert ask(store, "b@example.org", visitor="8.8.77.99") is Answer.TOO_MANY
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"8.8.77" not in files


def test_what_names_networks_is_forgotten(store, tmp_path):
    ask(store, "ada@example.org", visitor="8.8.8.8", nonce=b"1" * 8)
    limits.forget(store, now=NOW + 3 * DAY)
    assert look(tmp_path, "select count(*) from network_keys") == [(0,)]
    assert look(tmp_path, "select distinct kind from limits") == [("address",)]
    limits.forget(store, now=NOW + 31 * DAY)
    assert look(tmp_path, "select count(*) from limits") == [(0,)]


def test_a_form_counts_once(store):
    assert ask(store, "ada@example.org", nonce=b"1" * 8) is Answer.TAKEN
    assert ask(store, "eve@example.org", nonce=b"1" * 8) is Answer.USED
    assert [one.email for one in signups.waiting(store)] == ["ada@example.org"]


# --- letters -------------------------------------------------------------------------------------


def test_what_is_over_the_budget_waits_in_order(store):
    for number in range(5):
        ask(store, f"a{number}@example.org")
    small = Budget(2, 4)
    first = [post(store, budget=small) for _ in range(3)]
    assert [one.address for one in first if one] == ["a0@example.org", "a1@example.org"]
    told = letters.waiting(store, small, now=NOW)
    assert (told.number, told.held) == (3, 3)
    later = NOW + HOUR + dt.timedelta(minutes=1)
    second = [post(store, budget=small, at=later) for _ in range(3)]
    assert [one.address for one in second if one] == ["a2@example.org", "a3@example.org"]
    # The day's budget is used up; a person lets it go.
    much_later = NOW + 3 * HOUR
    assert post(store, budget=small, at=much_later) is None
    assert letters.release(store) == 1
    released = post(store, budget=small, at=much_later)
    assert released is not None
    assert released.address == "a4@example.org"


def test_what_has_waited_for_a_day_is_dropped_but_a_welcome_is_not(store):
    join(store, "bea@example.org")
    ask(store, "ada@example.org")
    late = NOW + 25 * HOUR
    letter = post(store, at=late)
    assert letter is not None
    assert letter.kind is LetterKind.WELCOME
    assert post(store, at=late) is None


def test_the_budget_does_not_hold_up_a_welcome(store):
    join(store, "bea@example.org")
    ask(store, "ada@example.org")
    letter = post(store, budget=Budget(0, 0))
    assert letter is not None
    assert letter.kind is LetterKind.WELCOME


def test_a_person_is_welcomed_once_ever(store):
    join(store, "ada@example.org")
    assert post(store) is not None
    subscribers.remove(store, "ada@example.org", now=NOW)
    later = NOW + 2 * DAY
    ask(store, "ada@example.org", at=later)
    assert confirm(store, post(store, at=later), at=later) is LinkState.CONFIRMED
    assert post(store, at=later) is None


def test_whoever_has_left_meanwhile_is_not_welcomed(store):
    join(store, "ada@example.org")
    subscribers.remove(store, "ada@example.org", now=NOW)
    assert post(store) is None


def test_a_letter_whose_process_died_is_never_sent_again(store, tmp_path):
    ask(store, "ada@example.org")
    assert letters.claim(store, BUDGET, now=NOW) is not None
    assert letters.recover(store, now=NOW) == 1
    assert post(store) is None
    assert look(tmp_path, "select state from letters") == [("unknown",)]


def test_a_restored_backup_sends_no_letter_that_may_have_been_sent_since(tmp_path):
    kept = tmp_path / "kept.db"
    with store_with(tmp_path, []) as store:
        join(store, "bea@example.org")
        ask(store, "ada@example.org")
        backups.backup(store, kept)
        assert [post(store) is not None for _ in range(3)] == [True, True, False]
    with restoring(tmp_path / "newsletter.db", kept) as restoration:
        restoration.replace(now=NOW)
    with Store.open(url_in(tmp_path)) as store:
        assert post(store) is None
        assert [one.email for one in signups.waiting(store)] == ["ada@example.org"]
        ask(store, "ada@example.org", at=NOW + 2 * DAY)
        assert post(store, at=NOW + 2 * DAY) is not None


@pytest.mark.parametrize("state", ["accepted", "unknown", "refused", "dropped"])
def test_the_database_itself_refuses_to_send_one_again(store, state):
    ask(store, "ada@example.org")
    claimed = letters.claim(store, BUDGET, now=NOW)
    assert claimed is not None
    with store.writing() as connection:
        if state == "dropped":
            connection.exec_driver_sql("UPDATE letters SET state = 'queued'")
        connection.exec_driver_sql(f"UPDATE letters SET state = '{state}'")
    with pytest.raises(NewsletterError), store.writing() as connection:
        connection.exec_driver_sql("UPDATE letters SET state = 'queued'")


def test_what_is_proven_not_accepted_is_tried_three_times_more(store):
    ask(store, "ada@example.org")
    at, states = NOW, []
    while (letter := letters.claim(store, BUDGET, now=at)) is not None:
        states.append(letters.settle(store, letter, Outcome(result=Result.DEFERRED), now=at))
        at += HOUR
    assert states == [LetterState.QUEUED] * 3 + [LetterState.REFUSED]


def test_what_is_the_fault_of_the_way_out_is_tried_until_it_is_too_old(store):
    ask(store, "ada@example.org")
    away = Outcome(result=Result.NOT_SENT, effect=Effect.ABORT, reason="no credentials")
    for hour in range(20):
        at = NOW + hour * HOUR
        letter = letters.claim(store, BUDGET, now=at)
        assert letter is not None
        assert letters.settle(store, letter, away, now=at) is LetterState.QUEUED
    assert letters.claim(store, BUDGET, now=NOW + 25 * HOUR) is None


# --- moving, and being forgotten -----------------------------------------------------------------


def move(store: Store, new: str, *, old: str = "bob@example.org") -> str:
    person = subscribers.find(store, old)
    assert person is not None
    ask(store, new, moves=person.handle)
    letter = post(store)
    assert letter is not None
    assert letter.kind is LetterKind.MOVE
    assert confirm(store, letter) is LinkState.CONFIRMED
    return person.handle


def test_a_subscriber_moves_with_all_they_have(store):
    move(store, "bob@new.example.org")
    person = subscribers.find(store, "bob@new.example.org")
    assert person is not None
    assert (person.status, person.name, person.tags) == (Status.ACTIVE, "Bob", frozenset({"vip"}))
    assert status(store, "bob@example.org") is Status.UNSUBSCRIBED
    letter = post(store)
    assert letter is not None
    assert (letter.kind, letter.address) == (LetterKind.MOVED, "bob@example.org")


def test_the_old_address_stays_until_the_new_one_is_confirmed(store):
    person = subscribers.find(store, "bob@example.org")
    assert person is not None
    ask(store, "bob@new.example.org", moves=person.handle)
    assert status(store, "bob@example.org") is Status.ACTIVE
    refuse(store, post(store))
    assert status(store, "bob@example.org") is Status.ACTIVE


def test_leaving_by_a_link_of_an_old_mail_takes_the_new_address_off(store):
    handle = move(store, "bob@new.example.org")
    store.departures.leave(handle, Evidence(source="page"), now=NOW)
    assert status(store, "bob@new.example.org") is Status.UNSUBSCRIBED


def test_moving_there_and_back_leaves_one_active_address(store):
    move(store, "bob@new.example.org")
    post(store)
    later = NOW + 2 * DAY
    person = subscribers.find(store, "bob@new.example.org")
    assert person is not None
    ask(store, "bob@example.org", moves=person.handle, at=later)
    assert confirm(store, post(store, at=later), at=later) is LinkState.CONFIRMED
    assert status(store, "bob@example.org") is Status.ACTIVE
    assert status(store, "bob@new.example.org") is Status.UNSUBSCRIBED
    store.departures.leave(person.handle, Evidence(source="page"), now=later)
    assert status(store, "bob@example.org") is Status.UNSUBSCRIBED


def test_erasing_forgets_who_has_only_asked(store, tmp_path):
    ask(store, "ada@example.org", name="Ada Unusual")
    post(store)
    assert {n for n, rows in dossier(store, "ada@example.org").items() if rows} == {"signups", "confirmations", "letters"}  # fmt: skip
    assert subscribers.erase(store, "ada@example.org", now=NOW) == (True, True)
    rows = dossier(store, "ada@example.org")
    assert {name for name, found in rows.items() if found} == {"suppressions", "consents"}
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ada@example.org" not in files
    assert b"Ada Unusual" not in files


def test_who_does_not_confirm_is_forgotten_after_thirty_days(store, tmp_path):
    ask(store, "ada@example.org")
    letter = post(store)
    signups.forget(store, valid=VALID, now=NOW + 29 * DAY)
    assert len(list(signups.waiting(store))) == 1
    signups.forget(store, valid=VALID, now=NOW + 31 * DAY)
    letters.forget(store, now=NOW + 31 * DAY)
    assert list(signups.waiting(store)) == []
    for table in ("confirmations", "letters"):
        assert look(tmp_path, f"select count(*) from {table}") == [(0,)]
    assert confirm(store, letter, at=NOW + 31 * DAY) is LinkState.UNKNOWN
