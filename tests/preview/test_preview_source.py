"""HTML and MJML on the page: coloured, the filler folded, and to the letter what is sent."""

from __future__ import annotations

import html.parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.preview.source import coloured
from tests.support.preview_fixtures import a_preview, by_id, desk

__all__ = ["desk"]

FILLER = "\u034f\u200c\u00a0"
ODD = [
    "", "plain", "<p>a</p>\r\n<p>b</p>\r", "\ufeff<html>", "<style>a{b:c}</style", "<!-- -- > -->", "<a b='\"<>&'>",
    "<script>if (a < b) </script>", "&amp;&lt;&#847;&", "\ue000<b>\ue000</b>", "\n\n<x>\n\n", "<p>\x00\x0c</p>",
    f"Short. {FILLER * 70}<p>", f"{FILLER * 70}and {FILLER * 70}", "&#847;&#8204;&#160;" * 70, "\ue000" + FILLER * 70,
]  # fmt: skip


class Text(html.parser.HTMLParser):
    """The text of a piece of markup, and the classes of its elements."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.classes: list[str] = []
        self.feed(str.__str__(markup))
        self.close()

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attrs):
        self.classes.append(f"{tag}.{dict(attrs).get('class')}")


@pytest.mark.parametrize("source", ODD)
def test_the_text_is_the_source_s_to_the_letter(source):
    assert Text(coloured(source)).text == source


@given(st.text(st.sampled_from("<>/&;!-'\"= \nabc{}:#847\u034f\u00a0\ue000"), max_size=80))
def test_and_so_it_is_whatever_is_written(source):
    assert Text(coloured(source)).text == source


def test_pieces_are_marked_by_what_they_are():
    shown = coloured('<a href="x">b</a><!-- c --> &nbsp;')
    for piece in (
        '<span class="tag">a</span>', '<span class="attribute">href</span>', 'class="value"',
        'class="comment"', '<span class="entity">&amp;nbsp;</span>',
    ):  # fmt: skip
        assert piece in shown


@pytest.mark.parametrize(
    "filler",
    [FILLER * 4, "&#847;&#8204;&#160;" * 4, "&#x34F;&#x200C;&#XA0;" * 4, "&nbsp;&zwnj; " * 6, "\u200b\u2007\u00ad\ufeff" * 3, f"{FILLER}\n" * 4],
)  # fmt: skip
def test_filler_is_folded_in_every_spelling(filler):
    shown = Text(coloured(f"<p>Words.{filler}more</p>"))
    assert [one for one in shown.classes if one.startswith("details")] == ["details.filler"]


@pytest.mark.parametrize(
    "text", ["a&nbsp;b", "&nbsp;" * 11, "&amp;" * 40, " " * 40, "a\u200cb " * 20]
)
def test_an_author_s_own_spaces_are_not(text):
    assert "details" not in coloured(text)


def test_the_page_holds_it_as_it_is_sent(desk):
    page = f"<!DOCTYPE html><html><body>Short.{FILLER * 70}<p class='x'>&amp;</p></body></html>"
    desk.made[74] = a_preview(html=page, mjml=page)
    for part in ("html", "mjml"):
        shown = by_id(desk.page(f"/issues/74?tab={part}"), part)
        assert "".join(shown.itertext()).removeprefix("\n") == page
        assert [e.get("class") for e in shown.iter("details")] == ["filler"]
