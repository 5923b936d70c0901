"""Exports of other services, formulas and odd bytes in a list."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience import Status
from newsletter.audience.roster import Added, guarded, read, sniff, unguarded
from newsletter.errors import InputError
from tests.support.rosters import all_rows, people, reasons, rows, the_row

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
