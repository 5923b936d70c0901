"""Columns whose names say nothing: those whose cells may tell who left are asked about."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from newsletter.audience import Status
from newsletter.audience.choices import read_choices
from newsletter.audience.columns import Columns
from newsletter.audience.joined import is_like_a_date
from newsletter.audience.roles import Role
from newsletter.audience.roster import Row, header, read
from newsletter.errors import InputError
from tests.support.rosters import the_row

ASKED = "may tell who left"


def column(name: str, *cells: str) -> str:
    rows = (f"p{number}@example.org,{cell}\n" for number, cell in enumerate(cells))
    return f"email,{name}\n{''.join(rows)}"


def opened(text: str, *columns: str) -> Columns:
    choices = read_choices(service="auto", columns=columns, words=(), tags=())
    return header(io.StringIO(text, newline=""), file="list.csv", choices=choices)


def statuses(text: str, *columns: str) -> list[Status]:
    choices = read_choices(service="auto", columns=columns, words=(), tags=())
    found = read(io.StringIO(text, newline=""), file="list.csv", choices=choices)
    return [row.status for row in found if isinstance(row, Row)]


@pytest.mark.parametrize(
    "name",
    ["Odhlásený", "Zrušeno", "Leiratkozott", "Peruutettu", "Frameldt", "Exit date", "end", "Stop", "Uit", "Xyzzy"],
)  # fmt: skip
@pytest.mark.parametrize(
    "cells",
    [("2024-01-31", ""), ("", "31.1.24"), ("1. ledna 2024", "-"), ("x", ""), ("1", "0"), ("ja", "nee"),
     ("ano", "ne"), ("Igen", "nem"), ("kyllä", "ei"), ("✓", ""), ("❌", "✅"), ("gone 1/2/2024", ""), ("2024-01-31", "unknown"),
     ("0", "2024-01-31 10:00:00"), ("gekündigt", "aktiv"), ("GEKUNDIGT", ""), ("geku\u0308ndigt", "laufend")],
)  # fmt: skip
def test_a_column_that_may_tell_who_left_by_its_cells_is_asked_about(name, cells):
    text = column(name, *cells)
    with pytest.raises(InputError, match=ASKED) as caught:
        opened(text)
    assert str(caught.value.place) == "list.csv:1:7"
    assert (caught.value.hint or "").startswith(f'--map "{name}=ROLE": status, left')
    for role in ("left", "field", "ignore"):
        assert opened(text, f"{name}={role}").columns[1].role == role


@pytest.mark.parametrize("at", [0, 1, 1500])
def test_one_who_left_far_below_is_found(at):
    cells = ["" for _ in range(1600)]
    cells[at] = "2024-01-31"
    with pytest.raises(InputError, match=ASKED):
        opened(column("Uit", *cells))


def test_words_of_no_known_language_are_asked_about_where_four_rows_have_but_two():
    cells = ["läuft"] * 3 + ["umgezogen"]
    assert opened(column("Typ", *cells[1:])).columns[1].role is Role.FIELD
    for text in (column("Typ", *cells), column("Typ", "", "", "", "will nicht mehr")):
        with pytest.raises(InputError, match=ASKED):
            opened(text)
    assert opened(column("Typ", *cells, "neu")).columns[1].role is Role.FIELD
    assert opened(column("Typ", *cells, *[""] * 5)).columns[1].role is Role.FIELD
    with pytest.raises(InputError, match=ASKED):
        opened(column("Typ", *cells, *[""] * 6))


@pytest.mark.parametrize("never", ["31.12.9999", "2099-12-31", "1970-01-01 00:00:00", "01.01.1970", "1900-01-01"])  # fmt: skip
def test_a_date_that_stands_for_none_is_none(never):
    with pytest.raises(InputError, match=ASKED):
        opened(column("Ende", "2024-01-31", never))
    assert opened(column("Ende", "2024-01-31", "2024-02-01")).columns[1].role is Role.FIELD


@pytest.mark.parametrize(
    "name", ["VIP", "Kinder", "Open count", "Lead score", "Last clicked at", "Sign-up page", "Spende", "Birth year"]
)  # fmt: skip
@pytest.mark.parametrize("cells", [("0", "1"), ("yes", ""), ("2024-01-31", "")])
def test_what_is_counted_and_when_somebody_last_read_is_a_field(name, cells):
    assert opened(column(name, *cells)).columns[1].role is Role.FIELD


@pytest.mark.parametrize("name", ["City", "Plan", "Geburtstag", "Date of birth", "Langue", "Company name", "Id"])  # fmt: skip
@pytest.mark.parametrize("cells", [("x", ""), ("1980-01-31", ""), ("free", "pro") * 6])
def test_what_is_plainly_about_something_else_is_a_field(name, cells):
    assert opened(column(name, *cells)).columns[1].role is Role.FIELD


@pytest.mark.parametrize(
    "cells",
    [("", ""), ("Hund", "Katze"), ("2", "1"), ("2024-01-31", "2024-02-01"), ("a@b.org", ""), ("w" * 41, ""),
     ("unsubscribed", "x"), ("inactive", "fine", "other"), ("same",) * 12],
)  # fmt: skip
def test_cells_that_tell_nothing_are_not_asked_about(cells):
    assert opened(column("Xyzzy", *cells)).columns[1].role is Role.FIELD


def test_all_columns_are_asked_about_in_one_message_however_they_were_found():
    text = "email,Stop,State,Отписан,city,Uit\na@example.org,x,y,z,Oslo,\nb@example.org,,y,z,Rome,1.2.24\n"
    with pytest.raises(
        InputError, match='columns "Stop", "State", "Отписан" and "Uit" may'
    ) as caught:
        opened(text)
    ways = ("Stop=left", "State=field", "Отписан=ignore", "Uit=left")
    assert all(f'--map "{way.split("=")[0]}=ROLE"' in (caught.value.hint or "") for way in ways)
    assert opened(text, *ways).tells_standing
    assert statuses(text, *ways) == [Status.UNSUBSCRIBED, Status.UNSUBSCRIBED]


def test_a_column_without_a_name_is_asked_about_too_and_an_empty_one_is_not():
    assert opened(column("", "", "")).columns[1].role is Role.IGNORE
    assert opened(column("", "0", "1", "2", "")).columns[1].role is Role.IGNORE
    for cells in (("", "2024-01-31"), ("", "weg", "raus", "tot"), ("", "w" * 41)):
        with pytest.raises(InputError, match="column 2 has no name, and may tell who left"):
            opened(column("", *cells))


def test_no_in_any_language_is_no_where_a_column_tells_who_left():
    gone, *others = statuses(
        column("Stop", "ano", "ne", "nem", "Nie", "ei", "нет", "—"), "Stop=left"
    )
    assert gone is Status.UNSUBSCRIBED
    assert set(others) == {Status.ACTIVE}


def test_what_programs_write_for_nothing_tells_of_nobody_that_they_left():
    cells = ("0.0", "0,0", "NaT", "\\N", "#N/A", "(null)", "<NA>", "1900-01-00", "00.00.0000", "[]")
    assert set(statuses(column("unsubscribed", *cells))) == {Status.ACTIVE}
    assert statuses(column("unsubscribed", "1.0", "0.0"))[0] is Status.UNSUBSCRIBED
    assert statuses(column("active", "1.0", "0.0")) == [Status.ACTIVE, Status.UNSUBSCRIBED]


@pytest.mark.parametrize(
    "remark", ["UNSUBSCRIBED!", "unsubscribed by mail", "Abgemeldet am 3.4.2024", "(bounced) twice", "désinscrit le 1/2/24"]
)  # fmt: skip
def test_a_short_remark_that_begins_with_such_a_word_is_not_passed_over(remark):
    longer = "Bounced back into my life was what this newsletter did"
    found = statuses(column("Notes", remark, "has not unsubscribed", longer))
    assert found == [Status.UNSUBSCRIBED, Status.ACTIVE, Status.ACTIVE]


@pytest.mark.parametrize(
    "text",
    ["Email Address,LEID,EUID,NOTES\na@b.org,1,a,unsubscribed\n", "Email,Stripe plan,Start date,Info\na@b.org,,,unsubscribed\n",
     "email,subscribed on\na@b.org,unsubscribed\n"],
)  # fmt: skip
def test_nor_is_it_in_a_column_that_is_left_out_or_has_dates(text):
    name = text.partition("\n")[0].rpartition(",")[2]
    assert statuses(text) == [Status.UNSUBSCRIBED]
    assert statuses(text, f"{name}=ignore") == [Status.ACTIVE]


@pytest.mark.parametrize("cells", [("no", "yes"), ("0", "1"), ("ja", "")])
def test_a_column_that_should_have_dates_and_has_yes_and_no_is_asked_about(cells):
    text = column("Signed up", *cells)
    with pytest.raises(InputError, match=ASKED):
        opened(text)
    assert opened(text, "Signed up=joined").columns[1].role is Role.JOINED


def test_no_among_dates_of_joining_says_that_one_has_not_and_nothing_says_nothing():
    text = column("Signed up", "2024-01-31", "Nein", "left", "", "0", "-")
    active, *gone = statuses(text)[:3]
    assert (active, set(gone)) == (Status.ACTIVE, {Status.UNSUBSCRIBED})
    assert set(statuses(text)[3:]) == {Status.ACTIVE}


@pytest.mark.parametrize(
    "fields", ["'unsubscribed': 'yes'", "'group': 'unsubscribed'", "'left': True", "'active': False", "'status': 'inactive'"]
)  # fmt: skip
def test_an_object_of_fields_that_says_that_one_left_is_not_passed_over(fields):
    never = "{'unsubscribed': 'no', 'left': '', 'active': True, 'status': 'active', 'note': 'x'}"
    text = f'email,creation_date,metadata\na@b.org,,"{{{fields}}}"\nb@b.org,,"{never}"\n'
    assert statuses(text) == [Status.UNSUBSCRIBED, Status.ACTIVE]
    assert set(statuses(text, "metadata=table")) == {Status.ACTIVE}


@pytest.mark.parametrize("line", ["Unsubscribed,", "Unsubscribed", ",Abgemeldet:", "Former readers,", "--- bounced ---,", "Nicht mehr dabei,"])  # fmt: skip
def test_a_heading_between_the_rows_stops_the_list_for_those_below_may_have_left(line):
    text = f"email,name\na@b.org,Ada\n{line}\nb@b.org,Bo\n"
    with pytest.raises(InputError, match="those below it may have left") as caught:
        statuses(text)
    assert str(caught.value.place).startswith("list.csv:3")


@pytest.mark.parametrize("line", ["Adieu,", "Bajas", "--- old ---,"])
def test_words_where_an_address_would_be_stop_the_list_where_people_stand_below(line):
    text = f"email,name\na@b.org,Ada\n{line}\n"
    assert statuses(text) == [Status.ACTIVE]
    with pytest.raises(InputError, match="there are people below it") as caught:
        statuses(f"{text},Bo\nb@b.org,Bo\n")
    assert str(caught.value.place) == "list.csv:3"


@pytest.mark.parametrize(
    "line", ["n/a,", "ada.example.org,", "12,", ",Ada Lovelace", "Ada,Lovelace", ","]
)
def test_a_person_without_an_address_is_left_out_alone(line):
    assert statuses(f"email,name\n{line}\nb@b.org,Bo\n") == [Status.ACTIVE]


def test_in_a_list_of_addresses_alone_any_other_word_is_left_out():
    assert statuses("email\nfriends\nb@b.org\n") == [Status.ACTIVE]


@pytest.mark.parametrize("line", [",unsubscribed,", ",,unsubscribed", "Choir,,", "spam,left,x", "unsubscribed @x,,"])  # fmt: skip
def test_a_row_without_an_address_is_no_heading(line):
    assert statuses(f"email,status,Lage\na@b.org,active,\n{line}\n") == [Status.ACTIVE]


@pytest.mark.parametrize("word", ["gekündigt", "gekundigt", "Gekuendigt", "geku\u0308ndigt", "DESABONNE", "supprime"])  # fmt: skip
def test_a_word_of_a_status_is_known_without_its_accents(word):
    assert the_row(column("status", word)).status is Status.UNSUBSCRIBED


@pytest.mark.parametrize(
    "text",
    ["Email Address,LEID,EUID,VIP\na@b.org,1,a,yes\nb@b.org,2,b,\n", "email,uuid,attributes,status,Uit\na@b.org,1,{},enabled,x\n"],
)  # fmt: skip
def test_further_columns_of_a_service_that_tells_who_left_are_fields(text):
    assert opened(text).columns[-1].role is Role.FIELD


@pytest.mark.parametrize("cells", [("1.2.2024", ""), ("x", ""), ("1", "0"), ("gone", "here")])
@pytest.mark.parametrize(
    "service", [("Email Address,LEID,EUID,UNSUB_TIME", ",1,a,"), ("email,uuid,attributes,status", ",u,{},enabled"),
                ("email,active_subscription,email_disabled", ",false,false")]
)  # fmt: skip
def test_a_column_of_ones_own_beside_those_of_a_service_is_asked_about(service, cells):
    names, told = service
    rows = (f"p{number}@example.org{told},{cell}\n" for number, cell in enumerate(cells * 2))
    text = f"{names},Ende\n{''.join(rows)}"
    with pytest.raises(InputError, match='the column "Ende" may tell who left'):
        opened(text)
    assert opened(text, "Ende=field").columns[-1].role is Role.FIELD


def test_the_columns_of_substacks_dashboard_are_its_own_and_any_other_is_asked_about():
    names = (
        "Email,Name,Stripe plan,Cancel date,Start date,Paid upgrade date,Bestseller,Emails opened (7d),"
        "num_emails_opened,Last email open,Comments (30d),First paid date,Subscription source (free),"
        "Days active (30d),State/Province,Expiration date,Type,Sections"
    )
    day = "2024-01-31"
    own = f",,{{0}},{day},{{0}},{{1}},{{1}},0,{{0}},{{1}},{{0}},x,3,BE,{{0}},{{2}},\n"
    rows = f"a@b.org,{own.format(day, 1, 'Paid')}b@b.org,{own.format('', 0, 'Free')}"
    columns = opened(f"{names}\n{rows}").columns
    assert {column.role for column in columns[5:]} == {Role.IGNORE}
    with pytest.raises(InputError, match='the column "Ende" may tell who left'):
        opened(f"{names},Ende\n" + rows.replace(",\n", f",,{day}\n", 1).replace(",\n", ",,\n"))


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [("31.1.24", True), ("2024/01/31 10:00", True), ("2024年1月31日", True), ("march 2024", True), ("2024", True),
     ("45322", True), ("1706659200", True), ("1er mars 2024", True), ("31-jan-24", True), ("1 de enero de 2024", True),
     ("soon", False), ("12", False), ("0049 30 123", False), ("10115", False), ("a1", False), ("", False)],
)  # fmt: skip
def test_what_a_person_may_read_as_a_date_is_like_one(cell, is_one):
    assert is_like_a_date(cell) is is_one


def test_nobody_types_for_a_list_that_leaves_nothing_open():
    lines: Sequence[str] = (
        "email,city,Hobby\n",
        "a@b.org,Oslo,chess\n",
        "b@b.org,Rome,tennis\n",
        "c@b.org,Bern,go\n",
    )
    unread = iter((*lines, "d@b.org,Bonn,golf\n"))
    header(unread, file="list.csv")
    assert next(unread) == "d@b.org,Bonn,golf\n"
