from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience import Status
from newsletter.audience.roster import Added, Reject, Row, guarded, read, sniff, unguarded
from newsletter.errors import InputError


def rows(text: str) -> list[Row | Reject]:
    return list(read(io.StringIO(text, newline=""), file="list.csv"))


def all_rows(text: str) -> list[Row]:
    found = rows(text)
    assert not [row for row in found if isinstance(row, Reject)]
    return [row for row in found if isinstance(row, Row)]


def the_row(text: str) -> Row:
    [row] = all_rows(text)
    return row


def reasons(text: str) -> list[tuple[int, str]]:
    return [(r.line, r.reason) for r in rows(text) if isinstance(r, Reject)]


def people(text: str) -> list[tuple[str, str]]:
    return [(r.email, r.name) for r in rows(text) if isinstance(r, Row)]


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
        ("Prénom", "Ada", "", {"prenom": "Ada"}),
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
        ("", Status.ACTIVE, ""),
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
    assert reason == "the row says neither yes nor no to being subscribed"
    assert reasons("email,subscribed\na@b.org,\n")


def test_of_several_answers_the_strictest_counts():
    row = the_row("email,subscribed,status\na@b.org,no,pending\n")
    assert row.status is Status.UNSUBSCRIBED
    row = the_row("email,unsubscribed_at,status\na@b.org,2024-05-01,bounced\n")
    assert row.suppression == "bounced"


# --- exports of other services, with invented people -----------------------------------------


def test_mailchimp_subscribed():
    text = (
        '"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,'
        "CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS\n"
        'ada@example.org,Ada,Lovelace,2,,,"2024-01-01 10:00:00",192.0.2.1,,,,,,,,'
        '"2024-01-01 10:00:00",123,abc,,"""beta"",""vip"""\n'
    )
    row = the_row(text)
    assert (row.name, row.status) == ("Ada Lovelace", Status.ACTIVE)
    assert row.tags == {"beta", "vip"}
    assert row.fields == {"first_name": "Ada", "last_name": "Lovelace"}


@pytest.mark.parametrize(
    ("column", "status", "suppression"),
    [("UNSUB_TIME", Status.UNSUBSCRIBED, ""), ("CLEAN_TIME", Status.UNSUBSCRIBED, "bounced")],
)
def test_mailchimp_tells_who_left_or_bounced_by_a_column(column, status, suppression):
    text = f'Email Address,LEID,EUID,{column}\nada@example.org,1,a,"2024-01-01 10:00:00"\n'
    row = the_row(text)
    assert (row.status, row.suppression) == (status, suppression)


def test_substack():
    text = (
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
        "ada@example.org,false,,other,false,2024-01-01T10:00:00.000Z,\n"
        "bob@example.org,false,,other,true,2024-01-01T10:00:00.000Z,\n"
    )
    ada, bob = all_rows(text)
    assert (ada.status, bob.status) == (Status.ACTIVE, Status.UNSUBSCRIBED)
    assert ada.fields == {}


@pytest.mark.parametrize(
    ("address", "kind"), [("email", "subscriber_type"), ("email_address", "type")]
)
def test_buttondown(address, kind):
    text = (
        f"{address},notes,metadata,tags,referrer_url,{kind},source,creation_date\n"
        'ada@example.org,secret,"{""city"": ""Malmö"", ""Points"": 3, ""pro"": true, ""x"": [1], ""y"": """"}",'
        '"a,b",,regular,api,2024-01-01\n'
        "bob@example.org,,{},,,unactivated,api,2024-01-01\n"
        "cay@example.org,,,,,unsubscribed,api,2024-01-01\n"
        "dan@example.org,,,,,undeliverable,api,2024-01-01\n"
    )
    ada, bob, cay, dan = all_rows(text)
    assert ada.tags == {"a", "b"}
    assert ada.fields == {"city": "Malmö", "points": "3", "pro": "true"}
    assert (bob.status, cay.status) == (Status.PENDING, Status.UNSUBSCRIBED)
    assert dan.suppression == "bounced"


def test_revue():
    text = "email,first_name,last_name,created_at\nada@example.org,Ada,L,2022-01-01\n"
    row = the_row(text)
    assert (row.name, row.fields) == ("Ada L", {"first_name": "Ada", "last_name": "L"})


def test_listmonk():
    text = (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'u1,ada@example.org,Ada,"{""city"": ""Malmö""}",enabled,2024-01-01,2024-01-01\n'
        "u2,bob@example.org,Bob,{},blocklisted,2024-01-01,2024-01-01\n"
        "u3,cay@example.org,Cay,{},disabled,2024-01-01,2024-01-01\n"
    )
    ada, bob, cay = all_rows(text)
    assert (ada.name, ada.fields) == ("Ada", {"city": "Malmö"})
    assert (bob.suppression, cay.status) == ("blocked", Status.UNSUBSCRIBED)


def test_ghost():
    text = (
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,"
        "deleted_at,labels,tiers\n"
        'x1,ada@example.org,Ada,,true,false,,2024-01-01,,"vip,beta",\n'
        "x2,bob@example.org,Bob,,false,false,,2024-01-01,,,\n"
        "x3,cay@example.org,Cay,,true,false,,2024-01-01,2024-02-02,,\n"
    )
    ada, bob, cay = all_rows(text)
    assert (ada.status, ada.fields) == (Status.ACTIVE, {})
    assert ada.tags == {"vip", "beta"}
    assert (bob.status, cay.status) == (Status.UNSUBSCRIBED, Status.UNSUBSCRIBED)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("{nonsense", "the attributes are not valid JSON"),
        ('"[1]"', "the attributes are not a JSON object"),
        ("[" * 100_000, "the attributes are not valid JSON"),
    ],
)
def test_attributes_that_cannot_be_read_reject_their_row(cell, reason):
    assert reasons(f"uuid,email,attributes\nu,a@b.org,{cell}\n") == [(2, reason)]


def test_a_column_that_only_looks_like_an_exports_is_a_field():
    row = the_row("email,plan,notes,type\na@b.org,gold,likes boats,customer\n")
    assert row.fields == {"plan": "gold", "notes": "likes boats", "type": "customer"}


# --- formulas --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "exported"),
    [("=1+1", "'=1+1"), ("+46", "'+46"), ("-x", "'-x"), ("@x", "'@x"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("'=x", "''=x"), ("'tis", "'tis"), ("Ada", "Ada"), ("", "")],
)  # fmt: skip
def test_an_export_keeps_spreadsheets_from_computing(cell, exported):
    assert guarded(cell) == exported
    assert unguarded(exported) == cell


@given(st.text(alphabet="'=+-@\t\ra ", max_size=8))
def test_an_import_takes_off_exactly_what_an_export_put_on(cell):
    assert unguarded(guarded(cell)) == cell


def test_the_prefix_is_taken_off_every_cell():
    row = the_row("email,name,city\n'+x@b.org,'=Ada,'tis\n")
    assert (row.email, row.name, row.fields) == ("+x@b.org", "=Ada", {"city": "'tis"})


# --- any text --------------------------------------------------------------------------------


@given(st.lists(st.text(alphabet='a@b.org,;"\n\r\t =', max_size=30), max_size=8))
def test_any_text_is_rows_and_rejects_or_one_error(lines):
    text = "email,name\n" + "\n".join(lines)
    try:
        found = rows(text)
    except InputError as error:
        assert error.place is not None  # noqa: PT017  # both ways are right
        return
    assert all(2 <= row.line <= text.count("\n") + text.count("\r") + 1 for row in found)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.text(st.characters(codec="utf-8", categories=["L", "Zs", "P"]), max_size=9)),
        max_size=8,
        unique_by=lambda person: person[0],
    ),
    st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_what_the_csv_module_writes_is_read_back(crowd, delimiter):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["email", "name"])
    writer.writerows([f"r{n}@b.org", guarded(name)] for n, name in crowd)
    wanted = [(f"r{n}@b.org", " ".join(name.split())) for n, name in crowd]
    assert people(out.getvalue()) == wanted


# --- bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"email\na@b.org\n", "utf-8-sig"),
        ("email,name\na@b.org,Zoë\n".encode(), "utf-8-sig"),
        ("email,name\na@b.org,Zoë\n".encode("utf-8-sig"), "utf-8-sig"),
        ("email,name\na@b.org,Zoë\n".encode("utf-16"), "utf-16"),
        ("\ufeffemail,name\na@b.org,Zoë\n".encode("utf-16-be"), "utf-16"),
        ("email,name\na@b.org,Zoë\n".encode("cp1252"), "cp1252"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_encoding_is_told_from_all_bytes_however_they_are_cut(data, encoding, size):
    if size == 1 and encoding == "utf-16":
        size = 2
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    assert sniff(iter(blocks), file="list.csv") == encoding
    assert "email" in data.decode(encoding)


def test_one_odd_byte_at_the_end_makes_it_windows_1252():
    assert sniff([b"email\n" * 100_000, b"\xeb\n"], file="list.csv") == "cp1252"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04rest", "a spreadsheet or a zip archive"),
        (b"email\0\n", "not text"),
        ("email\n".encode("utf-16-le"), "not text"),
        ("email\n".encode("utf-32"), "not text"),
        ("email\n".encode("utf-16") + b"x", "not text"),
        (b"email\n\xeb\x81", "not text"),
    ],
)
def test_what_is_no_list_is_an_error(data, words):
    with pytest.raises(InputError, match=words) as caught:
        sniff([data] if data else [], file="list.csv")
    assert str(caught.value.place) == "list.csv"


def test_a_list_is_read_as_it_comes():
    def lines():
        yield "email\n"
        yield "a@b.org\n"
        raise AssertionError("read too far ahead")

    assert next(iter(read(lines(), file="list.csv"))).line == 2


def test_what_became_of_rows_can_be_added_up():
    total = Added(added=1, updated=2) + Added(added=3, unchanged=4, kept_out=5, suppressed=6)
    assert total == Added(added=4, updated=2, unchanged=4, kept_out=5, suppressed=6)
