"""The headers of a mail: what stands in them, and what never can."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import html
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter import text_rules
from newsletter.errors import InputError
from newsletter.message import (
    headers,
)
from newsletter.render.markdown.fields import UNSUBSCRIBE
from tests.support.effort import examples
from tests.support.letter_samples import (
    NAME,
    SENDER,
    SLOTS,
    TOWN,
    WAY_OUT,
    a_letter,
)
from tests.support.mails import (
    ALL_HEADERS,
    NAMES,
    assert_well_formed,
    decoded,
    display,
    header_names,
    mail,
    names,
    one_line,
    parts,
    person,
    raw,
    template_of,
)

# --- headers ---------------------------------------------------------------------------------


def test_a_mail_has_these_headers_in_this_order_and_no_others():
    data = mail()
    assert header_names(data) == ALL_HEADERS
    assert raw(data, "From") == '"Wren Halloran" <wren@slackwater.example.org>'
    assert raw(data, "Reply-To") == "answers@slackwater.example.org"
    assert raw(data, "To") == '"Sam" <sam@example.org>'
    assert raw(data, "Subject") == "A letter"
    assert raw(data, "Date") == "Sun, 22 Nov 2026 09:00:00 +0000"
    assert raw(data, "Message-ID") == "<74.1.1@example.org>"
    assert raw(data, "List-Id") == '"Slack Water" <newsletter.slackwater.example.org>'
    assert raw(data, "List-Archive") == "<https://letters.example.org/archive>"
    assert raw(data, "Precedence") == "bulk"
    assert raw(data, "MIME-Version") == "1.0"


def test_what_is_not_set_has_no_header():
    bare = dataclasses.replace(SENDER, name="", reply_to="", archive_url="", unsubscribe_mailto="")
    data = mail(sender=bare, url="", stamp=None)
    assert (
        header_names(data) == "From To Subject List-Id Precedence MIME-Version Content-Type".split()
    )
    assert raw(data, "From") == "wren@slackwater.example.org"


@given(names)
@settings(max_examples=examples(300))
def test_any_name_reaches_the_one_to_header_as_it_is(name):
    data = mail(someone=person(name))
    assert_well_formed(data)
    assert header_names(data) == ALL_HEADERS
    assert display(data, "To") == (name if name.strip() else "", "sam@example.org")


@pytest.mark.sweep
@pytest.mark.parametrize("name", NAMES)
def test_a_sender_may_have_any_name(name):
    data = mail(sender=dataclasses.replace(SENDER, name=name))
    assert_well_formed(data)
    assert display(data, "From") == (name, "wren@slackwater.example.org")


@given(
    one_line.filter(str.strip)
    | st.lists(st.sampled_from(["a" * n for n in range(1, 90)]), min_size=1).map(" ".join)
)
@example("a" * 66)
@example("a" * 67)
@example("a" * 68)
@example("a" * 75)
@example("a " + "b" * 75)
@example("a " + "b" * 76)
@example("=? a?q?b?=".replace("?q?", "? q ?"))
@settings(max_examples=examples(300))
def test_any_subject_arrives_as_it_is(subject):
    data = mail(a_letter(subject=subject))
    assert_well_formed(data)
    assert header_names(data) == ALL_HEADERS
    modern = email.message_from_bytes(data, policy=email.policy.default)
    # Blanks are folded; spaces of another width, or that do not break, are meant.
    expected = re.sub(r"[ \t\n-\r\x1c-\x1f\x85\u2028\u2029]+", " ", subject).strip(" ")
    assert modern["subject"] == expected
    assert decoded(raw(data, "Subject")) == expected


def test_a_subject_of_ascii_words_is_folded_between_them_and_stays_readable():
    data = mail(a_letter(subject="tide " * 30))
    assert b"Subject: tide tide" in data
    assert b"=?" not in data.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("text", ["=?utf-8", "a =? b ?= c"])
def test_what_looks_half_encoded_is_encoded_whole_so_that_nobody_guesses(text):
    for data in (mail(a_letter(subject=text)), mail(someone=person(text))):
        assert text.encode() not in data.partition(b"\r\n\r\n")[0].replace(b"=?utf-8?b?", b"")


@pytest.mark.parametrize("text", [" a", "a ", "a  b", " ", "a " * 60 + " b"])
def test_blanks_in_a_header_survive_its_folding(text):
    data = headers.text("Subject", text).encode() + b"\r\n"
    assert email.message_from_bytes(data, policy=email.policy.default)["subject"] == text


def test_a_subject_that_comes_out_empty_is_an_empty_header():
    data = mail(
        a_letter(subject=TOWN, slots={**SLOTS, TOWN: dataclasses.replace(SLOTS[TOWN], fallback="")})
    )
    assert b"\r\nSubject: \r\n" in data


@given(names, names)
@settings(max_examples=examples(200))
def test_a_subject_takes_values_once_and_never_reads_them_again(name, town):
    data = mail(a_letter(subject=f"For {NAME}{TOWN}, {NAME}!"), person(name, town=town))
    name, town = " ".join(name.split()) or "there", " ".join(town.split()) or "your town"
    assert_well_formed(data)
    modern = email.message_from_bytes(data, policy=email.policy.default)
    assert modern["subject"] == f"For {name}{town}, {name}!"


BREAKS = [
    "\n",
    "\r",
    "\r\n",
    "\r\n ",
    "\0",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x7f",
    "\t",
]


INJECTIONS = [f"x{end}Bcc: eve@example.net" for end in BREAKS] + [
    "=?UTF-8?Q?=0A?=Bcc: eve@example.net", "=?utf-8?b?Cg==?=Bcc: eve@example.net", "=?utf-8?q?x?=",
    "=? utf-8?q?=0ABcc: x?=", "=?utf-8*en?Q?=0D=0ABcc: x?=", "=??q?x?=",
]  # fmt: skip


@pytest.mark.parametrize("text", [*INJECTIONS, "lone surrogate \ud800"])
@pytest.mark.parametrize("place", ["subject", "sender"])
def test_what_could_become_a_header_is_refused_in_one_sentence_without_repeating_it(place, text):
    sender = dataclasses.replace(SENDER, name=text) if place == "sender" else SENDER
    letter = a_letter(subject=text) if place == "subject" else None
    header = "From" if place == "sender" else "Subject"
    with pytest.raises(InputError) as refused:
        mail(letter, sender=sender)
    assert (
        refused.value.message
        == f"{header} holds a control character or a piece that mail programs would decode"
    )
    assert refused.value.hint == "take it out; it may have been pasted along from elsewhere"


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_value_in_the_subject_never_makes_a_header(text):
    data = mail(a_letter(subject=f"Hello {TOWN}"), person(town=text))
    assert_well_formed(data)
    assert header_names(data) == ALL_HEADERS
    line = " ".join(text.split())
    shown = line if text_rules.stands_in_header(line) else "your town"
    assert decoded(raw(data, "Subject")) == f"Hello {shown}"


@pytest.mark.sweep
@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize(
    "place", ["list_id", "list_name", "archive_url", "unsubscribe_mailto", "url"]
)
def test_a_setting_never_makes_a_header(place, text):
    try:
        if place == "url":
            data = mail(url=f"https://letters.example.org/{text}")
        else:
            data = mail(sender=dataclasses.replace(SENDER, **{place: text}))
    except InputError as refused:
        assert "Bcc" not in str(refused)  # noqa: PT017  # both ends are right
        return
    assert_well_formed(data)
    assert header_names(data) == ALL_HEADERS


@pytest.mark.parametrize(
    "address",
    ["a b@x.org", "a@x.org\r\nBcc: b@y.org", "a@x.org, b@y.org", "a@x.org>", "é@x.org", "a\0@x.org", "", "nobody",
     'a"b@x.org', "a@b@x.org", "(a)@x.org", "a:b@x.org;"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_and_not_repeated(address):
    someone = dataclasses.replace(person(), address=address)
    with pytest.raises(InputError) as refused:
        mail(someone=someone)
    assert refused.value.message == "the address for To cannot be written in a header"


@pytest.mark.parametrize("name", ["", "Sam", "é" * 60])
def test_an_address_too_long_for_a_line_stands_whole_on_its_own(name):
    address = "a" * 64 + "@" + ".".join(["b" * 60, "b" * 60, "b" * 59]) + ".example"
    data = mail(someone=dataclasses.replace(person(name), address=address))
    assert display(data, "To") == (name, address)
    assert max(map(len, data.split(b"\r\n"))) < 300


@pytest.mark.parametrize("size", range(50, 76))
def test_a_name_and_an_address_share_a_line_only_where_both_fit(size):
    data = mail(someone=person("n" * (size - len('To: "" <sam@example.org>'))))
    assert_well_formed(data)
    assert (b'" <sam' in data) is (size <= 76)
    assert_well_formed(mail(someone=person("n" * size)))


def test_a_senders_address_is_read_as_people_type_it():
    sender = dataclasses.replace(
        SENDER, address=" wren@bücher.example ", reply_to="x@bücher.example"
    )
    template = template_of(a_letter(), sender)
    assert template.sender == "wren@xn--bcher-kva.example"
    assert raw(mail(sender=sender), "Reply-To") == "x@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Slack Water", '"Slack Water" '), ("", ""), ('The "Slack" \\ Water', '"The \\"Slack\\" \\\\ Water" '),
     ("Café Crème", ""), ("مرحبا", "")],
)  # fmt: skip
def test_a_list_id_shows_a_name_only_when_it_can_stand_there_unchanged(name, shown):
    data = mail(sender=dataclasses.replace(SENDER, list_name=name))
    assert raw(data, "List-Id") == f"{shown}<newsletter.slackwater.example.org>"


# --- the way out -----------------------------------------------------------------------------


def test_the_unsubscribe_headers_stand_literally_and_whole_however_long():
    url = "https://letters.example.org/u/" + "aB3-_" * 150
    data = mail(url=url)
    both = f"List-Unsubscribe: <{url}>, <mailto:leave@slackwater.example.org?subject=unsubscribe>"
    assert f"\r\n{both}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode() in data


@pytest.mark.parametrize(
    ("url", "mailto", "expected"),
    [
        ("https://x.example/u/t", "a+b@x.example", ["<https://x.example/u/t>, <mailto:a+b@x.example?subject=unsubscribe>", "List-Unsubscribe=One-Click"]),
        ("https://x.example/u/t", "", ["<https://x.example/u/t>", "List-Unsubscribe=One-Click"]),
        ("http://127.0.0.1:8000/u/t", "", ["<http://127.0.0.1:8000/u/t>", None]),
        ("", "a@x.example", ["<mailto:a@x.example?subject=unsubscribe>", None]),
        ("", "a?b&c@x.example", ["<mailto:a%3Fb%26c@x.example?subject=unsubscribe>", None]),
        ("", "", [None, None]),
    ],
)  # fmt: skip
def test_one_click_is_promised_only_beside_an_https_page(url, mailto, expected):
    data = mail(sender=dataclasses.replace(SENDER, unsubscribe_mailto=mailto), url=url)
    message = email.message_from_bytes(data)
    assert [message["List-Unsubscribe"], message["List-Unsubscribe-Post"]] == expected


@pytest.mark.parametrize(
    ("url", "mailto", "expected"),
    [(WAY_OUT, "a@x.example", WAY_OUT), ("", "a@x.example", "mailto:a@x.example?subject=unsubscribe"), ("", "", "")],
)  # fmt: skip
def test_the_link_in_both_parts_is_the_way_out_that_there_is(url, mailto, expected):
    letter = a_letter(f"Leave: {UNSUBSCRIBE}\n", f'<a href="{UNSUBSCRIBE}">Leave</a>\n')
    data = mail(letter, sender=dataclasses.replace(SENDER, unsubscribe_mailto=mailto), url=url)
    assert parts(data) == (f"Leave: {expected}\n", f'<a href="{html.escape(expected)}">Leave</a>\n')


@pytest.mark.parametrize(
    "url", ["https://x.example/u/" + "t" * 900, "https://x.example/ü", "https://x.example/\n"]
)
def test_an_unsubscribe_address_that_does_not_fit_is_refused(url):
    with pytest.raises(InputError) as refused:
        mail(url=url)
    assert str(refused.value) == "List-Unsubscribe does not fit on one line of a mail"
    assert (
        refused.value.hint
        == "site.public_url and sender.unsubscribe_mailto must be plain and short"
    )


def test_a_mailbox_to_leave_by_that_does_not_fit_is_refused_before_anybody_is_written_to():
    with pytest.raises(InputError, match="List-Unsubscribe does not fit"):
        template_of(
            a_letter(), dataclasses.replace(SENDER, unsubscribe_mailto="a" * 900 + "@x.example")
        )
