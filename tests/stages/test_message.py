"""The finished mail, read back the way mail programs read it."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import html
import json
import quopri
import re
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.message import (
    SAMPLE,
    FrozenIssue,
    compose,
    filled,
    freeze,
    headers,
    load_template,
    quoted_printable,
    unsubscribe_by_mail,
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
from tests.support.mails import (
    ALL_HEADERS,
    NAMES,
    STAMP,
    assert_well_formed,
    decoded,
    display,
    header_names,
    mail,
    names,
    parts,
    person,
    raw,
    template_of,
)

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


@pytest.mark.trials
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


@pytest.mark.trials
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


@settings(max_examples=examples(500))
@given(st.text("ab.-_=?&:/ \t\r\nä\0~", max_size=80) | st.integers(70, 80).map("x".__mul__))
@example(".")
def test_a_value_that_stands_for_itself_is_written_as_every_other(value):
    longhand = quoted_printable.before_placeholder(value) if value else ""
    assert quoted_printable.in_placeholder(value) == longhand


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
@pytest.mark.sweep
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
def test_an_issue_is_the_same_after_it_was_frozen_and_makes_the_same_bytes(written, name, town):
    source = "".join(literal + token for literal, token in written)
    letter = a_letter(source, source, subject=f"For {NAME}")
    frozen = freeze(letter, SENDER)
    again = FrozenIssue.load(json.loads(frozen.dump()))
    assert again == frozen
    assert again.dump() == frozen.dump() == freeze(letter, SENDER).dump()
    someone = person(name, town=town)
    first, second = (
        compose(e, someone, unsubscribe_url=WAY_OUT, stamp=STAMP)
        for e in (template_of(letter), load_template(frozen.dump()))
    )
    assert first == second


def test_an_issue_is_frozen_as_the_same_bytes_whatever_the_order_of_its_slots():
    turned = dict(reversed(SLOTS.items()))
    assert freeze(a_letter(slots=turned), SENDER).dump() == freeze(a_letter(), SENDER).dump()


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
        unsubscribe_by_mail(template_of(letter).unsubscribe_mailto)
        == "mailto:leave@slackwater.example.org?subject=unsubscribe"
    )


def test_the_sample_person_opens_nothing_and_lives_nowhere():
    assert SAMPLE.handle == "0" * 24
    assert SAMPLE.address.endswith("@example.org")


def test_a_list_header_over_900_characters_is_refused_and_one_of_900_is_not():
    size = 900 - len("List-Id: ")
    assert headers.whole("List-Id", "x" * size).endswith("x\r\n")
    with pytest.raises(InputError, match="List-Id does not fit"):
        headers.whole("List-Id", "x" * (size + 1))
