"""A list of people as a file: its shape, its rows, who has left."""

from __future__ import annotations

import csv

import pytest

from newsletter.audience import Status
from newsletter.audience.roster import Row
from newsletter.errors import InputError
from tests.support.rosters import people, reasons, rows, the_row

# --- the shape of the file -------------------------------------------------------------------


def test_a_plain_list_becomes_rows():
    text = 'email,name,tags,City\nAda@Example.org,Ada,"beta, VIP Customer",Malmö\n'
    assert rows(text) == [
        Row(
            line=2,
            email="Ada@example.org",
            canonical="ada@example.org",
            name="Ada",
            status=Status.ACTIVE,
            suppression="",
            tags=frozenset({"beta", "vip-customer"}),
            fields={"city": "Malmö"},
        )
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_told(delimiter, end):
    text = end.join(["name;email".replace(";", delimiter), "Ada;a@b.org".replace(";", delimiter)])
    assert people(text) == [("a@b.org", "Ada")]
    assert people(text + end) == [("a@b.org", "Ada")]


def test_the_delimiter_is_told_outside_of_quotes():
    assert people('"e-mail";"name";"a,b,c,d"\nx@b.org;Ada;1') == [("x@b.org", "Ada")]


def test_the_line_with_which_spreadsheets_name_the_delimiter_is_understood():
    assert people("sep=;\nemail;name\na@b.org;A, B\n") == [("a@b.org", "A, B")]
    [row] = rows("\nsep=,\nemail\na@b.org\n")
    assert row.line == 4


def test_a_byte_order_mark_and_empty_lines_are_passed_over():
    text = "\ufeff\n\nemail,name\n\na@b.org,Ada\n,\n  , \nc@d.org,Cay\n"
    assert [row.line for row in rows(text)] == [5, 8]


def test_a_list_of_one_column_needs_no_delimiter():
    assert people("email\na@b.org\n") == [("a@b.org", "")]


def test_cells_may_hold_delimiters_quotes_and_line_ends():
    text = 'email,name\na@b.org,"Smith, ""Al""\nJr."\nc@d.org,Cay\n'
    assert people(text) == [("a@b.org", 'Smith, "Al" Jr.'), ("c@d.org", "Cay")]
    assert [row.line for row in rows(text)] == [2, 4]


def test_blanks_after_a_delimiter_do_not_hide_a_quote():
    assert people('email, name\na@b.org, "Smith, Al"\n') == [("a@b.org", "Smith, Al")]


def test_a_header_alone_is_an_empty_list():
    assert rows("email,name\n") == []


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", " \r\n"])
def test_nothing_at_all_is_an_error(text):
    with pytest.raises(InputError, match="this list is empty"):
        rows(text)


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("name,city\nAda,Malmö\n", "no column of this list is named email", "list.csv:1:1"),
        ("\n\nname\nAda\n", "no column of this list is named email", "list.csv:3:1"),
        ("a@b.org\nc@d.org\n", "holds an address where the names", "list.csv:1:1"),
        ("email,name,city,City\n", "columns 3 and 4 mean the same", "list.csv:1:17"),
        ("email,E-Mail\n", "columns 1 and 2 mean the same", "list.csv:1:7"),
        ('"email","full\nname",name\n', "columns 2 and 3 mean the same", "list.csv:2:7"),
        ("email,名前\n", "no merge field can have the name", "list.csv:1:7"),
        ("email,2nd\n", "no merge field can have the name", "list.csv:1:7"),
        ('em"ail,name\n"email"x,y\n', "no column of this list", "list.csv:1:1"),
        ('"email"x,name\n', "a quote stands inside a cell", "list.csv:1:1"),
        ('email,name\na@b.org,"Ada\nc@d.org,Cay\n', "a quote is opened here", "list.csv:2:9"),
        ('email,name\n"a@b.org","Ada', "a quote is opened here", "list.csv:2:11"),
        ('email,name\na@b.org,"A\nc@d.org,"Cay"\n', "a quote is opened here", "list.csv:2:9"),
        ('email,name\na@b.org,"x\ny","z\nc@d.org,Cay\n', "a quote is opened here", "list.csv:3:4"),
    ],
)
def test_what_breaks_the_file_is_an_error_with_its_place(text, words, place):
    with pytest.raises(InputError, match=words) as caught:
        rows(text)
    assert str(caught.value.place) == place
    assert caught.value.hint


def test_a_quote_that_swallows_more_than_a_cell_may_hold_is_an_error():
    text = 'email,name\na@b.org,"Ada\n' + "c@d.org,Cay\n" * 20_000
    with pytest.raises(InputError, match="a quote is opened here") as caught:
        rows(text)
    assert str(caught.value.place) == "list.csv:2:9"


def test_a_column_without_a_header_is_left_out():
    assert the_row("email,name,,\na@b.org,Ada,x,y\n").fields == {}


# --- what is wrong with one row --------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a@b.org", "the row has 1 cells, the header 2"),
        ("a@b.org,Ada,x", "the row has 3 cells, the header 2"),
        (",Ada", "the row has no address"),
        ("ada,Ada", "this is not a mail address"),
        ("ä@b.org,Ada", "the part before the @ holds a letter outside ASCII"),
        ("a\u200b@b.org,Ada", "the address holds an invisible character"),
        ('a@b.org,"Ada"x', "a quote stands inside a cell"),
        ("a@b.org," + "x" * (csv.field_size_limit() + 1), f"a cell is longer than {csv.field_size_limit():,} characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_row_spares_the_others(row, reason):
    text = f"email,name\n{row}\nc@d.org,Cay\n"
    assert reasons(text) == [(2, reason)]
    assert people(text) == [("c@d.org", "Cay")]


def test_the_limit_of_the_csv_module_is_respected():
    before = csv.field_size_limit(100)
    try:
        assert reasons(f"email,name\na@b.org,{'x' * 101}\n") == [
            (2, "a cell is longer than 100 characters")
        ]
    finally:
        csv.field_size_limit(before)


def test_the_second_row_with_an_address_is_rejected():
    text = "email,name\na@b.org,Ada\nbad,Bo\nA@B.org,Other\n\na@b.org,Third\n"
    assert reasons(text) == [
        (3, "this is not a mail address"),
        (4, "line 2 has this address too"),
        (6, "line 2 has this address too"),
    ]
    assert people(text) == [("a@b.org", "Ada")]


def test_no_reason_repeats_an_address():
    text = (
        "email,status\nsecret,active\nsecret@b.org,maybe\nsecret@b.org\n"
        "secret@c.org,active\nSecret@c.org,active\n"
    )
    assert len(reasons(text)) == 4
    assert "secret" not in str(reasons(text))
    assert "@" not in str(reasons(text))


def test_fields_follow_the_same_rules_as_names():
    assert the_row("email,city\na@b.org,\x07\n").fields == {}
    assert the_row("email,city\na@b.org,Mal\x07mö\n").fields == {"city": "Mal mö"}
    assert the_row('email,city\na@b.org,"  Mal\n mö "\n').fields == {"city": "Mal mö"}
    assert the_row("email,city\na@b.org,  \n").fields == {}


def test_names_keep_what_emoji_and_scripts_need_and_lose_what_is_blank():
    assert the_row("email,name\na@b.org,\u3000 👩‍👩‍👧 \u00a0Ada \n").name == "👩‍👩‍👧 Ada"


# --- names and tags --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "cells", "name", "fields"),
    [
        ("First Name,Last Name", "Ada,Lovelace", "Ada Lovelace", {"first_name": "Ada", "last_name": "Lovelace"}),
        ("FNAME,LNAME", "Ada,", "Ada", {"fname": "Ada"}),
        ("first_name", "Ada", "Ada", {"first_name": "Ada"}),
        ("Name,First Name", "Ada L.,Ada", "Ada L.", {"first_name": "Ada"}),
        ("Name,First Name", ",Ada", "Ada", {"first_name": "Ada"}),
        ("Prénom", "Ada", "Ada", {"prenom": "Ada"}),
    ],
)  # fmt: skip
def test_names_come_whole_or_in_parts(header, cells, name, fields):
    row = the_row(f"email,{header}\na@b.org,{cells}\n")
    assert (row.name, row.fields) == (name, fields)


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("", set()),
        ("beta", {"beta"}),
        ('"beta,vip"', {"beta", "vip"}),
        ('"""beta"",""VIP Customer"""', {"beta", "vip-customer"}),
        ("beta;vip|x", {"beta", "vip", "x"}),
        ('"[""beta"", ""vip""]"', {"beta", "vip"}),
        ('" , !? ,"', set()),
    ],
)
@pytest.mark.parametrize("header", ["tags", "Tags", "labels"])
def test_tags_are_told_apart_however_they_are_joined(cell, tags, header):
    assert the_row(f"email,{header}\na@b.org,{cell}\n").tags == tags


# --- who has left ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "status", "suppression"),
    [
        ("Subscribed", Status.ACTIVE, ""),
        ("active", Status.ACTIVE, ""),
        (" PENDING ", Status.PENDING, ""),
        ("unactivated", Status.PENDING, ""),
        ("unsubscribed", Status.UNSUBSCRIBED, ""),
        ("Non-Subscribed", Status.UNSUBSCRIBED, ""),
        ("cleaned", Status.UNSUBSCRIBED, "bounced"),
        ("bounced", Status.UNSUBSCRIBED, "bounced"),
        ("complained", Status.UNSUBSCRIBED, "complained"),
        ("blocklisted", Status.UNSUBSCRIBED, "blocked"),
    ],
)
def test_the_status_column_is_honoured(cell, status, suppression):
    row = the_row(f"email,status\na@b.org,{cell}\n")
    assert (row.status, row.suppression) == (status, suppression)


def test_a_status_nobody_knows_is_rejected_rather_than_mailed():
    assert reasons("email,status\na@b.org,whatever\n") == [
        (2, "the status of the row is not a known one")
    ]


@pytest.mark.parametrize(
    ("header", "cell", "status"),
    [
        ("subscribed", "yes", Status.ACTIVE),
        ("subscribed", "FALSE", Status.UNSUBSCRIBED),
        ("email_disabled", "true", Status.UNSUBSCRIBED),
        ("email_disabled", "false", Status.ACTIVE),
        ("unsubscribed_at", "2024-05-01 10:00", Status.UNSUBSCRIBED),
        ("unsubscribed_at", "null", Status.ACTIVE),
        ("unsubscribed", "1", Status.UNSUBSCRIBED),
    ],
)
def test_columns_of_yes_and_no_and_dates_are_honoured(header, cell, status):
    assert the_row(f"email,{header}\na@b.org,{cell}\n").status is status


def test_neither_yes_nor_no_is_rejected_rather_than_mailed():
    [(_, reason)] = reasons("email,subscribed\na@b.org,maybe\n")
    assert reason == (
        'the column "subscribed" says neither yes nor no to being subscribed; --map it'
    )
    assert reasons("email,subscribed\na@b.org,\n")


def test_of_several_answers_the_strictest_counts():
    row = the_row("email,subscribed,status\na@b.org,no,pending\n")
    assert row.status is Status.UNSUBSCRIBED
    row = the_row("email,unsubscribed_at,status\na@b.org,2024-05-01,bounced\n")
    assert row.suppression == "bounced"
