"""What an author writes arrives whole: through rendering, encoding, and a mail program's parser."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import json
from email.message import EmailMessage

import pytest

from newsletter.message import SAMPLE, Stamp, compose
from tests.stages.test_markup_fields import OTHERS
from tests.stages.test_render_odd import TORTURE, escaped
from tests.support.letter_samples import WAY_OUT
from tests.support.mails import template_of
from tests.support.pages import letter_of, parse_page, text_of
from tests.support.rendering import preheader_of, rendered

STAMP = Stamp(date=dt.datetime(2026, 11, 22, tzinfo=dt.UTC), message_id="74.1@a.example")
FILLER = "\u034f\u200c\u00a0 "


def received(body: str, front: str = "title: A title\npreheader: P") -> EmailMessage:
    """The mail one person gets, as Python's own library reads it."""
    template = template_of(rendered(body, front))
    data = b"".join(compose(template, SAMPLE, unsubscribe_url=WAY_OUT, stamp=STAMP))
    return email.message_from_bytes(data, policy=email.policy.default)


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert isinstance(found, EmailMessage)
    return str(found.get_content()).replace("\r\n", "\n")


@pytest.mark.sweep
@pytest.mark.parametrize("case", TORTURE)
def test_an_odd_text_arrives_in_every_place_it_can_stand(case: str) -> None:
    text = TORTURE[case]
    yaml = json.dumps(text.replace("&", "&amp;"), ensure_ascii=False)
    words = escaped(text)
    body = f'![{words}](a.png)\n\n[{words}](https://a.example "{words}")\n'
    mail = received(body, f"title: {yaml}\npreheader: {yaml}")
    page = parse_page(part(mail, "html"))
    [image] = letter_of(part(mail, "html")).iter("img")
    [link] = letter_of(part(mail, "html")).iter("a")
    found = {
        "subject": str(mail["Subject"]),
        "page title": text_of(next(page.iter("title"))),
        "heading": text_of(next(page.iter("h1"))),
        "alt": image.get("alt"),
        "link title": link.get("title"),
        "link": text_of(link),
    }
    assert found == dict.fromkeys(found, text)
    assert text_of(preheader_of(page)).strip(FILLER) == text.strip(FILLER)
    assert text in part(mail, "plain").replace("\n", " ")


@pytest.mark.parametrize("where", ["alt", "title"])
def test_a_line_break_in_an_attribute_breaks_no_attribute(where: str) -> None:
    body = "![one\ntwo](a.png)" if where == "alt" else '[x](https://a.example "one\ntwo")'
    letter = letter_of(part(received(body), "html"))
    [element] = [*letter.iter("img"), *letter.iter("a")]
    assert (element.get(where) or "").split() == ["one", "two"]


@pytest.mark.sweep
@pytest.mark.parametrize("snippet", OTHERS)
def test_quoted_template_syntax_arrives_byte_for_byte(snippet: str) -> None:
    body = f"In words {snippet} here.\n\n* {snippet}\n\n> {snippet} x\n\n    {snippet}\n\n| a |\n|---|\n| b {snippet.replace('|', chr(92) + '|')} |\n"
    quoted = snippet.replace("'", "''")
    mail = received(body, f"title: '{quoted}'\npreheader: '{quoted}'")
    html, plain = part(mail, "html"), part(mail, "plain")
    assert text_of(letter_of(html)).count(snippet) == 5
    assert plain.count(snippet) >= 5
    assert text_of(preheader_of(parse_page(html))).startswith(snippet)
    assert mail["Subject"] == snippet


def test_the_number_of_quoted_snippets_and_odd_texts_is_what_was_promised() -> None:
    assert len(OTHERS) >= 40
    assert len(TORTURE) >= 22
