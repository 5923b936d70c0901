"""Links to a heading of the same letter, and slugs."""

from __future__ import annotations

import re

import pytest

from newsletter.slugs import slug
from tests.support.checked_letters import a_letter, said


def ids(html: str) -> list[str]:
    return re.findall(r'<h\d[^>]* id="([^"]*)"', html)


def targets(html: str) -> list[str]:
    return re.findall(r'href="(#[^"]*)"', html)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("link", "heading", "anchor"),
    [
        ("#the-lamps", "The lamps", "the-lamps"),
        ("#The-Lamps", "The `lamps`!", "the-lamps"),
        ("#über-uns", "Über uns", "uber-uns"),
        ("#%C3%BCber-uns", "Über uns", "uber-uns"),
        ("#uber-uns", "Über uns", "uber-uns"),
        ("#strasse", "Straße", "strasse"),
        ("#言葉", "言葉", "section-1"),
        ("#whats-new", "What's new", "whats-new"),
        ("#what-s-new", "What's new", "whats-new"),
        ("#3-tides-c", "3. Tides & C#", "3-tides-c"),
        ("#the-lamps", "The [lamps](https://x.example)", "the-lamps"),
    ],
)
def test_a_link_leads_to_the_heading_of_its_name(link: str, heading: str, anchor: str) -> None:
    letter = a_letter(
        f"See [x]({link}).\n\n## Another\n\n## {heading}\n".replace("## Another\n\n", "")
    )
    assert ids(letter.rendered.html) == [anchor]
    assert targets(letter.rendered.html) == [f"#{anchor}"]
    assert said(letter, "link-anchor") == said(letter, "link-relative") == []


def test_headings_of_the_same_words_have_names_of_their_own() -> None:
    body = "[a](#notes) [b](#notes-1) [c](#notes-2)\n\n## Notes\n\n## Notes\n\nNotes\n---\n"
    letter = a_letter(body)
    assert ids(letter.rendered.html) == ["notes", "notes-1", "notes-2"]
    assert targets(letter.rendered.html) == ["#notes", "#notes-1", "#notes-2"]


def test_headings_that_only_sound_alike_in_ascii_keep_apart() -> None:
    letter = a_letter("[a](#über) [b](#uber-1)\n\n## Über\n\n## Uber\n")
    assert ids(letter.rendered.html) == ["uber", "uber-1"]


def test_a_heading_nobody_leads_to_has_no_id() -> None:
    assert ids(a_letter("## A\n\n## B\n").rendered.html) == []


def test_author_html_leads_and_is_led_to() -> None:
    body = '<p>See <a href="#lamps">x</a></p>\n\na <a href=\'#lamps\'>y</a> [z](#own) [o](#old)\n\n## Lamps\n\n<p><a id="own"></a>here, <a name="old">there</a></p>\n'
    letter = a_letter(body)
    assert ids(letter.rendered.html) == ["lamps"]
    assert targets(letter.rendered.html) == ["#lamps", "#lamps", "#own", "#old"]
    assert said(letter, "link-anchor") == []


def test_the_text_part_says_the_words_alone() -> None:
    text = a_letter(
        "See [the lamps](#the-lamps), [b](https://x.example).\n\n## The lamps\n"
    ).rendered.text
    assert "See the lamps, b [1]." in text
    assert "#the-lamps" not in text


@pytest.mark.parametrize("link", ["#nope", "#", "#top"])
def test_a_section_that_is_not_there_is_told_with_those_that_are(link: str) -> None:
    (found,) = said(a_letter(f"x [y]({link}) z\n\n## One\n\n## Two words\n"), "link-anchor")
    assert found == (
        f':5:7|the link "{link}" leads to no section of this letter|its headings are #one, #two-words'
    )
    assert said(a_letter(f"x [y]({link}) z\n"), "link-relative") == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The tide at Straße 7", "the-tide-at-strasse-7"),
        ("Smørrebrød & Æbler", "smorrebrod-aebler"),
        ("Łódź, İstanbul, ığdır", "lodz-istanbul-igdir"),
        ("Œuvre, Þór, Đà Nẵng", "oeuvre-thor-da-nang"),
        ("潮汐", ""),
        ("Go 言語", "go"),
        ("Привет", ""),
        ("it’s -- done!", "its-done"),
        ("", ""),
    ],
)
def test_a_slug_is_ascii(text: str, wanted: str) -> None:
    assert slug(text) == wanted


@pytest.mark.parametrize(
    "body",
    [
        "# Hello\n",
        "\n\nHello\n===\n\nx\n",
        "<h1>Hello</h1>\n\nx\n",
        '<h1 align="center">Hello\n</h1>',
    ],
)
def test_a_letter_that_begins_with_a_title_is_told(body: str) -> None:
    (found,) = said(a_letter(body), "heading-title")
    assert 'begins with the title "Hello"' in found


@pytest.mark.parametrize(
    "body", ["## Hello\n", "x\n\n# Hello\n", "#Hello\n", "![a](b.png)\n\n# Hello\n"]
)
def test_a_letter_that_begins_otherwise_is_not(body: str) -> None:
    assert said(a_letter(body), "heading-title") == []
