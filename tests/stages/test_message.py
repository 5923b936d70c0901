"""The finished mail, read back the way mail programs read it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import email
import email.policy
import html
import quopri
import re
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter import text_rules
from newsletter.audience import Subscriber
from newsletter.errors import InputError
from newsletter.message import (
    SAMPLE,
    Envelope,
    Stamp,
    compose,
    filled,
    headers,
    quoted_printable,
    seal,
    way_out,
)
from newsletter.render.markdown.fields import UNSUBSCRIBE
from newsletter.render.pipeline import render
from tests.support.effort import examples
from tests.support.letter_samples import (
    LINKED,
    NAME,
    OPTIONS,
    SENDER,
    SLOTS,
    THEME,
    TOWN,
    WAY_OUT,
    a_letter,
    an_issue,
)

STAMP = Stamp(date=dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC), message_id="74.1.1@example.org")
ALL_HEADERS = """
    From Reply-To To Subject Date Message-ID List-Id List-Archive Precedence List-Unsubscribe
    List-Unsubscribe-Post MIME-Version Content-Type
""".split()
NAMES = [
    "", "Sam", "Zoë", "Sam Reader, Esq.", 'Sam "the Reader" O\'Hara', "back\\slash\\", "a@b.example <x>",
    "(comment)", "👩‍👩‍👧‍👦 🏳️‍🌈 🕵🏽‍♀️", "مرحبا بالعالم", "\u202eright to left\u202c", "e\u0301" * 40, "x" * 200,
    "é" * 200, "long name " * 20 + "end", "水" * 200, "non\u00a0breaking", "=?", "=?utf-8", "a =? b ?= c", "?=",
    "=3D", "{{ config.SECRET }}", "__NL_UNSUBSCRIBE__", r"\1 \g<0>", "%s %(x)s %0A", "From me", ".", "a  b", ",;:",
]  # fmt: skip

safe = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
decodable = re.compile(r"=\?[^?]*\?[bBqQ]\?")
one_line = st.text(safe, max_size=200).filter(lambda text: not decodable.search(text))
names = st.sampled_from(NAMES) | one_line


def person(name="Sam", **fields):
    return Subscriber(
        id=1, handle="ab" * 12, address="sam@example.org", name=name, fields=fields or {}
    )


def mail(letter=None, someone=None, *, sender=SENDER, url=WAY_OUT, stamp=STAMP) -> bytes:
    envelope = seal(letter or a_letter(), sender)
    return compose(envelope, someone or person(), unsubscribe_url=url, stamp=stamp)


def header_names(data):
    return email.message_from_bytes(data).keys()


def raw(data, name):
    """A header unfolded (RFC 5322, 2.2.3), still encoded; the modern parser adds blanks."""
    return email.message_from_bytes(data)[name].replace("\r\n", "")


def decoded(text):
    return str(make_header(decode_header(text))) if "=?" in text else text


def display(data, name):
    shown, mailbox = parseaddr(raw(data, name))
    return decoded(shown), mailbox


def parts(data):
    """(text, HTML) with LF line ends."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message.get_content_type() == "multipart/alternative"
    text, page = message.iter_parts()
    assert [p.get_content_type() for p in (text, page)] == ["text/plain", "text/html"]
    assert not message.defects
    return _words_of(text), _words_of(page)


def _words_of(part):
    assert part.get_content_charset() == "utf-8"
    assert not part.defects
    return part.get_payload(decode=True).decode().replace("\r\n", "\n")


def assert_well_formed(data):
    assert data.isascii()
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    for line in data.split(b"\r\n"):
        assert re.fullmatch(rb"[\t\x20-\x7e]*", line)
        assert len(line) <= 76 or line.startswith(b"List-")
    head = data.partition(b"\r\n\r\n")[0]
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^\s]*?\?=(?=\s|$)", head))
    # What a program that reads and writes it again makes of it.
    again = email.message_from_bytes(data, policy=email.policy.default).as_bytes()
    assert sorted(header_names(again)) == sorted(header_names(data))


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
    assert refused.value.message == "the address for To cannot stand in a header"


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
    envelope = seal(a_letter(), sender)
    assert envelope.sender == "wren@xn--bcher-kva.example"
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
        seal(a_letter(), dataclasses.replace(SENDER, unsubscribe_mailto="a" * 900 + "@x.example"))


# --- the two parts ---------------------------------------------------------------------------

TOKENS = [NAME, TOWN, LINKED, UNSUBSCRIBE]
VALUES = [
    *NAMES,
    "\n.\nFrom x\n",
    " ",
    "<b>&\"'",
    "a/b?c=d&e#f",
    "é" * 300,
    "=0A",
    "=\r\n",
    "\tx\t",
]
literals = st.text(st.characters(exclude_categories=["Cs"]), max_size=100) | st.text(
    "_NLFA \n.=", max_size=12
)
pieces = st.lists(
    st.tuples(literals.filter(lambda text: "__NL_" not in text), st.sampled_from(TOKENS)), max_size=6
)  # fmt: skip


def put_in(written, values, escape):
    return "".join(literal + escape(values[token]) for literal, token in written)


@given(
    pieces,
    literals.filter(lambda text: "__NL_" not in text),
    names,
    st.sampled_from(VALUES) | st.text(),
)
@example([("", NAME), ("", NAME), ("", TOWN)], "", "x", "y")
@example([("a\n", NAME), ("\n", TOWN), ("\n", NAME)], "\n", "", "")
@example([("__NL", NAME)], "NL_F_A__", "x", "y")
@example([("_", NAME), ("__", NAME)], "__", "x", "y")
@example([("Hello ", NAME)], " ", "", "")
@example([("é" * 12 + "abc", NAME)], "\n", "x", "y")
@settings(max_examples=examples(600))
def test_both_parts_are_the_rendered_ones_with_each_value_in_its_place(written, end, name, town):
    source = "".join(literal + token for literal, token in written) + end
    data = mail(a_letter(source, source), person(name, town=town))
    town = " ".join(town.split())
    values = {
        NAME: " ".join(name.split()) or "there",
        TOWN: town or "your town",
        LINKED: quote(town or "nowhere", safe=""),
        UNSUBSCRIBE: WAY_OUT,
    }
    assert_well_formed(data)
    assert parts(data) == (
        put_in(written, values, str) + end,
        put_in(written, values, html.escape) + end,
    )


@pytest.mark.parametrize("before", [f"{'x' * n}{tail}" for n in range(60, 80) for tail in ("", " ", "=", "é", "水", "=é", "\t", "=a", "=ab", "=abc", "=é=abcd")])  # fmt: skip
def test_a_hole_at_every_column_leaves_the_bytes_around_it_alone(before):
    data = mail(a_letter(f"{before}{NAME}{before}\n"), person("v" * 77))
    assert_well_formed(data)
    assert parts(data)[0] == f"{before}{'v' * 77}{before}\n"


@pytest.mark.parametrize(
    "value",
    [
        "{{ config.SECRET }}",
        "__NL_UNSUBSCRIBE__",
        "__NL_F_B__",
        r"\1",
        r"\g<0>",
        "%s",
        "=3D",
        "=",
        ".",
        "From me",
        "--=_",
        "$x",
    ],
)
def test_what_looks_like_an_instruction_arrives_literally_and_once(value):
    letter = a_letter(f"{NAME}\n", f"<i>{NAME}</i>\n", subject=NAME)
    data = mail(letter, person(value, town="never seen"))
    assert parts(data) == (f"{value}\n", f"<i>{html.escape(value)}</i>\n")
    assert decoded(raw(data, "Subject")) == value
    assert b"never seen" not in data


def test_a_value_in_a_link_is_percent_encoded_and_comes_back_whole():
    value = "Zoë & Söhne/100% #1?"
    data = mail(
        a_letter(html=f'<a href="https://x.example/?t={LINKED}">x</a>\n'), person(town=value)
    )
    [encoded] = re.findall(r"t=([^\"]*)", parts(data)[1])
    assert re.fullmatch(r"[A-Za-z0-9%._-]+", encoded)
    assert unquote(encoded) == value


def test_a_value_is_on_one_line_and_a_person_without_a_value_gets_the_fallback():
    letter = a_letter(f"{NAME}|{TOWN}\n")
    assert parts(mail(letter, person(" Sam   Reader ", town="")))[0] == "Sam Reader|your town\n"
    assert parts(mail(letter, person("", town="Port\r\n Example\n")))[0] == "there|Port Example\n"


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text(" \t\n\r.=aé", max_size=200))
@example("a\rb\r\n.\n \t\n=\n")
@example("x" * 75 + " ")
@settings(max_examples=examples(500))
def test_quoted_printable_is_undone_by_any_decoder(text):
    encoded = quoted_printable.encode(text)
    assert re.fullmatch(r"[\t\x20-\x7e\r\n]*", encoded)
    assert encoded.count("\r") == encoded.count("\n") == encoded.count("\r\n")
    for line in encoded.split("\r\n"):
        assert len(line) <= 76
        assert line == line.rstrip(" \t")
    assert quopri.decodestring(encoded.encode()).replace(b"\r\n", b"\n").decode() == text


# --- whole mails -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Sam", "", "Zoë <b>&", "__NL_UNSUBSCRIBE__", "é" * 100])
def test_a_letter_through_the_whole_pipeline_arrives_as_it_was_rendered(name):
    body = (
        'Hello {{ name }}__{{ name | default("you") }}\n\n\\{{ name }} `{{ name }}` {{ nme }}\n\n'
        "[a](<https://x.example/?who={{ name }}&b=1>) [b](https://x.example/?c=__)\n"
    )
    rendered = render(an_issue(body), THEME, OPTIONS)
    data, shown = mail(rendered, person(name)), filled(rendered, person(name), WAY_OUT)
    assert_well_formed(data)
    assert parts(data) == (shown.text, shown.html)
    assert decoded(raw(data, "Subject")) == shown.subject
    for part in parts(data):
        words = html.unescape(part)
        assert f"Hello {name or 'there'}__{name or 'you'}" in words
        assert f"?who={quote(name or 'there', safe='')}&b=1" in words
        assert "?c=__&" in words
        assert words.count("{{ name }}") == 2
        assert WAY_OUT in words
        assert "{{ nme }}" in words


# Python's own library makes one blank of two in a name.
@pytest.mark.parametrize("name", [n for n in NAMES if len(n) < 20 and "  " not in n])
def test_a_mail_reads_as_the_one_pythons_own_library_builds_the_slow_way(name):
    letter = a_letter(
        f"Héllo {NAME},\n\n.\nFrom {TOWN} \n{UNSUBSCRIBE}\n",
        f'<p>Héllo {NAME} <a href="{UNSUBSCRIBE}">x</a></p>\n',
        subject=f"Slack wäter for {NAME}",
    )
    shown = " ".join(name.split()) or "there"
    slow = EmailMessage(policy=email.policy.SMTP.clone(max_line_length=998))
    slow["From"] = Address(SENDER.name, addr_spec=SENDER.address)
    slow["Reply-To"] = SENDER.reply_to
    slow["To"] = Address(name, addr_spec="sam@example.org")
    slow["Subject"] = f"Slack wäter for {shown}"
    slow["Date"] = STAMP.date
    slow["Message-ID"] = f"<{STAMP.message_id}>"
    slow["List-Id"] = f'"{SENDER.list_name}" <{SENDER.list_id}>'
    slow["List-Archive"] = f"<{SENDER.archive_url}>"
    slow["Precedence"] = "bulk"
    slow["List-Unsubscribe"] = (
        f"<{WAY_OUT}>, <mailto:{SENDER.unsubscribe_mailto}?subject=unsubscribe>"
    )
    slow["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    slow.set_content(f"Héllo {shown},\n\n.\nFrom your town \n{WAY_OUT}\n", cte="quoted-printable")
    slow.add_alternative(
        f'<p>Héllo {html.escape(shown)} <a href="{WAY_OUT}">x</a></p>\n',
        subtype="html",
        cte="quoted-printable",
    )
    theirs, ours = slow.as_bytes(), mail(letter, person(name))
    assert parts(ours) == parts(theirs)
    assert sorted(header_names(ours)) == sorted(header_names(theirs))
    for header in ("From", "Reply-To", "To"):
        assert display(ours, header) == display(theirs, header)
    for header in set(ALL_HEADERS) - {"From", "Reply-To", "To", "Content-Type"}:
        assert decoded(raw(ours, header)) == decoded(raw(theirs, header))


@given(pieces, names, names)
@settings(max_examples=examples(100))
def test_an_envelope_is_the_same_after_it_was_stored_and_makes_the_same_bytes(written, name, town):
    source = "".join(literal + token for literal, token in written)
    envelope = seal(a_letter(source, source, subject=f"For {NAME}"), SENDER)
    again = Envelope.load(envelope.dump())
    assert again == envelope
    assert (
        again.dump()
        == envelope.dump()
        == seal(a_letter(source, source, subject=f"For {NAME}"), SENDER).dump()
    )
    someone = person(name, town=town)
    first, second = (
        compose(e, someone, unsubscribe_url=WAY_OUT, stamp=STAMP) for e in (envelope, again)
    )
    assert first == second


def test_an_envelope_is_stored_as_the_same_bytes_whatever_the_order_of_its_slots():
    turned = dict(reversed(SLOTS.items()))
    assert seal(a_letter(slots=turned), SENDER).dump() == seal(a_letter(), SENDER).dump()


def test_two_letters_have_different_boundaries_and_none_lies_in_its_text():
    boundaries = {
        email.message_from_bytes(mail(a_letter(text))).get_boundary() for text in ("a\n", "b\n")
    }
    assert len(boundaries) == 2
    assert all(re.fullmatch("=_[0-9a-f]{40}", str(boundary)) for boundary in boundaries)


def test_what_a_preview_fills_in_is_what_the_mail_says():
    fallback = dataclasses.replace(SLOTS[TOWN], fallback="")
    letter = a_letter(
        f"Hello {NAME} from {TOWN}\n", f"<p>{NAME} {UNSUBSCRIBE}</p>\n", mjml=f"<b>{NAME}</b>",
        subject=f"For {NAME} {TOWN} again", preheader=f"{NAME}!", slots={**SLOTS, TOWN: fallback},
    )  # fmt: skip
    shown = filled(letter, person("<Sam>"), WAY_OUT)
    data = mail(letter, person("<Sam>"))
    assert (shown.text, shown.html) == parts(data)
    assert shown.subject == raw(data, "Subject") == "For <Sam> again"
    assert (shown.preheader, shown.mjml) == ("<Sam>!", "<b>&lt;Sam&gt;</b>")
    assert (
        way_out(seal(letter, SENDER)) == "mailto:leave@slackwater.example.org?subject=unsubscribe"
    )


def test_the_sample_person_opens_nothing_and_lives_nowhere():
    assert SAMPLE.handle == "0" * 24
    assert SAMPLE.address.endswith("@example.org")


def test_a_list_header_over_900_characters_is_refused_and_one_of_900_is_not():
    size = 900 - len("List-Id: ")
    assert headers.whole("List-Id", "x" * size).endswith("x\r\n")
    with pytest.raises(InputError, match="List-Id does not fit"):
        headers.whole("List-Id", "x" * (size + 1))
