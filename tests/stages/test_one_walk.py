"""Markdown is walked once: what is put in order on the way does not depend on a second look."""

from __future__ import annotations

import pytest

from newsletter.errors import InputError
from newsletter.render import limits
from newsletter.render.markdown import Document, parse
from newsletter.render.markdown.fields import Fields
from tests.conftest import issue_with
from tests.support.markup import rendered
from tests.support.pages import elements, letter_of, text_of, with_class

LINK = "https://x.example"
SHAPES = {"caption", "figure", "button"}


def read(body: str, fields: Fields | None = None) -> Document:
    return parse(body, fields or Fields({}))


def words(body: str) -> list[str]:
    return [text for text, _ in read(body).words]


def test_what_has_no_line_of_its_own_stands_on_that_of_the_block_before_it():
    document = read(f"a\n\nb ^[c [d]({LINK})]\n")
    assert document.words == (("a", 1), ("b ", 3), ("c d", 3))
    assert all(token.map for token in document.tokens)


def test_what_follows_a_callout_does_not_stand_in_it():
    page = letter_of(rendered("> [!NOTE]\n> a\n>\n> > [!TIP] b\n>\n> c\n\nd\n").html)
    outer, inner = with_class(page, "callout")
    assert " ".join(text_of(inner).split()) == "b"
    assert " ".join(text_of(outer).split()) == "Note a b c"


def test_the_links_of_a_line_get_their_fields_before_its_html():
    fields = Fields({"a": "", "b": ""})
    read(f'<a href="{LINK}/{{{{b}}}}">b</a> [a]({LINK}/{{{{a}}}})\n', fields)
    assert [slot.name for slot in fields.slots.values()] == ["", "a", "b"]


def test_a_link_in_the_words_of_another_ends_both():
    document = read(f"[a <{LINK}/in> b]({LINK}/out) c\n")
    assert [(link.text, link.href) for link in document.links] == [
        (f"a {LINK}/in", f"{LINK}/out"), (f"{LINK}/in", f"{LINK}/in"),
    ]  # fmt: skip
    assert words(f"[`a` b]({LINK})") == [" b"]
    assert read(f"[`a` b]({LINK})").links[0].text == "a b"


@pytest.mark.parametrize("body", [f"中[ ]({LINK})\n文", f"[中 ]({LINK})\n文", f"中\n[ 文]({LINK})"])
def test_a_blank_that_leaves_a_link_still_keeps_words_apart(body: str):
    [line] = words(body)
    assert line.split() == ["中", "文"]
    assert line.count(" ") == 2


def test_the_words_in_no_link_are_those_outside_markdowns_and_the_authors():
    [(text, _)] = read(f"a [b]({LINK}) c <a href='{LINK}'>d</a> e <A>f").unlinked
    assert text.split() == ["a", "c", "e"]


def test_a_caption_stands_right_behind_its_figure():
    page = letter_of(rendered("![a](a.png)\n\n*a*\n\n![b](b.png)\n\nc\n\n*b*\n\n*a*\n").html)
    assert [text_of(caption) for caption in with_class(page, "caption")] == ["a"]
    body = f"![a](a.png) ![a](b.png)\n\n*a*\n\n**[a]({LINK}) [b]({LINK})**\n"
    assert not [e for e in elements(letter_of(rendered(body).html)) if e.get("class") in SHAPES]


def test_a_heading_is_told_with_its_code_and_its_fields():
    assert read("# a `b`\n").headings == ((1, "a b", 1),)
    assert words("# a `b`\n") == ["a "]


def test_the_line_that_is_told_is_the_first_with_too_much():
    many = "a\n\n" * 3 + "[a](b) " * (limits.PIECES // 4 + 2)
    around = "a\n\n" + "<b>x</b>\n\n" + "**a *b " * 70 + "c" + "* d**" * 70
    both = f"{around}\n\n{many}"
    for body, line, said in ((many, 7, "links"), (around, 5, "signs"), (both, 5, "signs")):
        issue = issue_with(body)
        with pytest.raises(InputError, match=said) as error:
            limits.expect_few_pieces(issue, parse(issue.body, Fields({})))
        assert error.value.place
        assert error.value.place.line == issue.body_line + line - 1
