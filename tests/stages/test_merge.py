"""An issue as a template for many readers: what arrives is what the preview shows, to the byte."""

from __future__ import annotations

import dataclasses
import html
import json
import random
import re

import pytest

from newsletter.audience import Subscriber
from newsletter.errors import InputError, RefusedError
from newsletter.message import filled, freeze
from newsletter.message.folding import LONGEST, folded, overlong
from newsletter.message.merge import load_issue, merge, merge_template
from newsletter.render.markdown.fields import UNSUBSCRIBE
from newsletter.ses.bulk import MOST, MOST_BYTES, parameters, requests
from tests.fake_ses import template as handlebars
from tests.support.effort import either
from tests.support.letter_samples import LINKED, NAME, SENDER, TOWN, WAY_OUT, a_letter

MARA = Subscriber(
    id=1,
    handle="a" * 24,
    address="mara@example.org",
    name="{{name}} <& Søn\\",
    fields={"town": "a{{b}}c"},
)
TOKENS = (NAME, TOWN, LINKED, UNSUBSCRIBE)


def made(letter):
    return merge_template(freeze(letter, SENDER))


def mail_for(template, person=MARA, **more):
    given = {"issue": 74, "position": 1, "attempt": 1, "unsubscribe_url": WAY_OUT, "store": "s"}
    return merge(template, person, **{**given, **more})


def arrived(letter, person=MARA):
    """Subject, text and HTML as the service makes them of the request's own bytes."""
    template = made(letter)
    request = next(iter(requests(parameters(template, ""), [mail_for(template, person)])))
    whole = json.loads(request.body)
    content = whole["DefaultContent"]["Template"]["TemplateContent"]
    entry = whole["BulkEmailEntries"][0]["ReplacementEmailContent"]["ReplacementTemplate"]
    read = handlebars.read(content["Subject"], content["Text"], content["Html"], inline=True)
    return read.rendered(handlebars.read_data(entry["ReplacementTemplateData"]))


def previewed(letter, person=MARA):
    shown = filled(letter, person, WAY_OUT)
    return shown.subject, shown.text, shown.html


ODD = [
    f"{{{NAME}}}", f"{{{{{NAME}}}}}", f"{{{{{{{NAME}}}}}}}", f"C:\\{NAME}", f"C:\\\\{NAME}\\\\\\{TOWN}",
    "\\{{x}}", "\\\\{{x}}", "{{#if x}}{{/if}}", "{{!--c--}}", "a{b}}c{{{d", "{{~ x ~}}\n\n", "\\",
    f"p{{color:red}}{NAME}}}", f"{LINKED}{{", "{{{{raw}}}}", "{{v0}} {{ob}} {{subject}}",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_braces_and_backslashes_arrive_as_they_are_written(text):
    letter = a_letter(f"{text}\n", f"<p>{text}</p>\n", subject=f"{text} end".replace("\n", " "))
    assert arrived(letter) == previewed(letter)


PIECES = ("{", "}", "{{", "}}", "\\", "\\\\", "\n", "\r", " ", "&", "#", "!", ">", "^", "~", "x",
          "ü🪞", "{{x}}")  # fmt: skip


def odd_letter(chance):
    """A letter of odd pieces and holes, and a reader whose values are of the same."""
    text = "x" + "".join(chance.choices((*PIECES, *TOKENS), k=chance.randint(1, 24)))
    odd = "".join(chance.choices(PIECES, k=chance.randint(1, 8)))
    person = dataclasses.replace(MARA, name=odd, fields={"town": odd[::-1]})
    return a_letter(text, text, subject=re.sub(r"\s", " ", text)), person


def test_random_texts_arrive_as_the_preview_shows_them():
    chance = random.Random(19)
    for _ in range(either(500, 25_000)):
        letter, person = odd_letter(chance)
        assert arrived(letter, person) == previewed(letter, person), repr(letter.text)


def test_every_entry_has_every_variable_and_no_other():
    template = made(a_letter(f"{NAME} {TOWN} {{", f"<p>{NAME} {LINKED}</p>"))
    source = handlebars.read(template.subject, template.text, template.html, inline=True)
    for person in (MARA, dataclasses.replace(MARA, name="", fields={})):
        values = mail_for(template, person).values
        assert source.names <= values.keys() == template.names


def test_a_value_is_escaped_for_the_place_it_stands_in():
    person = dataclasses.replace(MARA, name='A&B <i>"x"', fields={"town": "Ås & Co"})
    subject, text, page = arrived(
        a_letter(f"{NAME} {LINKED}", f"<p>{NAME} {LINKED}</p>", subject=NAME), person
    )
    assert subject == 'A&B <i>"x"'
    assert text == 'A&B <i>"x" %C3%85s%20%26%20Co'
    assert page == f"<p>{html.escape(person.name)} %C3%85s%20%26%20Co</p>"


def test_a_subject_that_no_header_can_hold_falls_back_for_that_reader():
    person = dataclasses.replace(MARA, name="=?utf-8?q?=0a?=")
    assert arrived(a_letter(subject=f"Hi {NAME}"), person)[0] == "Hi there"


def test_addresses_and_headers_are_in_ascii_and_in_one_line():
    template = made(a_letter())
    mail = mail_for(template, dataclasses.replace(MARA, name="Søren " + "Ø" * 80))
    said = [
        template.sender,
        template.reply_to,
        mail.to,
        *(v for _, v in (*template.headers, *mail.headers)),
    ]
    assert all(value.isascii() and value.isprintable() and value for value in said)
    assert mail.to.endswith("<mara@example.org>")
    assert dict(mail.headers) == {
        "List-Unsubscribe": f"<{WAY_OUT}>, <mailto:leave@slackwater.example.org?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert dict(template.headers).keys() == {"List-Id", "List-Archive", "Precedence"}


def test_who_cannot_be_mailed_is_refused_alone():
    person = dataclasses.replace(MARA, address="=?x?q?y?=@example.org")
    with pytest.raises(InputError):
        mail_for(made(a_letter(NAME)), person)


def test_requests_are_split_by_number_and_by_bytes_and_keep_the_order():
    template = made(a_letter(f"{NAME}{TOWN}", "x" * 300_000))
    mails = [mail_for(template, position=n) for n in range(1, 2 * MOST + 2)]
    split = list(requests(parameters(template, ""), mails))
    assert [len(one.mails) for one in split] == [MOST, MOST, 1]
    big = dataclasses.replace(MARA, name="ü" * 9_000, fields={"town": "{" * 3_000})
    mails = [mail_for(template, big, position=n) for n in range(1, MOST + 1)]
    split = list(requests(parameters(template, ""), mails))
    assert len(split) > 1
    assert all(len(one.body) <= MOST_BYTES + 100 for one in split)
    assert [mail for one in split for mail in one.mails] == mails
    for one in split:
        entries = json.loads(one.body)["BulkEmailEntries"]
        tags = [entry["ReplacementTags"][0]["Value"] for entry in entries]
        assert tags == [mail.tag for mail in one.mails]


def test_what_an_older_version_froze_is_not_guessed_at():
    with pytest.raises(RefusedError, match="cannot be sent in bulk"):
        load_issue(b'{"version": 1, "pieces": []}')


# --- folding ---------------------------------------------------------------------------------

LONG = " ".join(["wind and water"] * 100)
ATTRIBUTES = " ".join(f'data-{n}="a b {n}"' for n in range(200))


@pytest.mark.parametrize(
    "page",
    [
        f"<p>{LONG}</p>",
        f"<p {ATTRIBUTES}>x</p>",
        f"<p>{LONG} <b {ATTRIBUTES}>{LONG}</b></p>\n<p>y</p>",
    ],
)
def test_long_lines_are_folded_at_blanks_only(page):
    shown = folded(page)
    assert max(len(line.encode()) for line in shown.split("\n")) <= LONGEST
    assert shown.replace("\n", " ") == page.replace("\n", " ")
    assert re.findall(r'"[^"]*"', shown) == re.findall(r'"[^"]*"', page)
    assert folded(shown) == shown


@pytest.mark.parametrize("name", ["pre", "code", "textarea", "style", "script", "title"])
def test_what_is_read_as_it_stands_is_not_folded_and_is_told(name):
    page = f"<{name}>{LONG}</{name}>"
    assert folded(page) == page
    assert overlong(page) == len(page)


def test_short_lines_stay_as_they_are():
    page = "<p>" + " x" * 440 + "</p>\n" * 3
    assert folded(page) == page
    assert overlong(page) == 0
