"""The letter's HTML says, shows and links exactly what CommonMark's own implementation does."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options as CMark
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from newsletter.issue import Issue, parse
from newsletter.render.markdown import quick_links
from newsletter.render.pipeline import render
from tests.conftest import (
    ROOT,
    corpus_file,
    corpus_names,
    example_options,
    issue_with,
    own_issues,
    read_theme,
)
from tests.support.pages import elements, letter_of, parse_page, text_of, with_class

Seen = dict[str, list[tuple[str, str]] | str]

SHAPES = set(
    "p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong s del hr table tr th td img a".split()
)
THEME, OPTIONS = read_theme(), example_options()
TAG = "utm_source=slack-water&utm_medium=email&utm_campaign=issue-74"
FIELD = re.compile(r'\{\{ name \| default\("there"\) \}\}|__NL_F_A__')


def ours(issue: Issue) -> Element:
    return letter_of(render(issue, THEME, OPTIONS).html)


def theirs(body: str) -> Element:
    """The oracle's reading: plain CommonMark with the three extensions the product promises."""
    html = cmarkgfm.markdown_to_html_with_extensions(
        body,
        options=CMark.CMARK_OPT_FOOTNOTES | CMark.CMARK_OPT_UNSAFE,
        extensions=["table", "strikethrough"],
    )
    page = parse_page(html)
    for mark in with_class(page, "footnote-ref"):
        mark.text = f"[{text_of(mark)}]"
        mark.remove(mark[0])
    for paragraph in page.iter("p"):
        for back in with_class(paragraph, "footnote-backref"):
            paragraph.remove(back)
    return page


def words(text: str) -> str:
    return " ".join(FIELD.sub("FIELD", text).split())


def target(url: str) -> str:
    """A link without our tag, as browsers compare it."""
    url = re.sub(rf"[?&]{re.escape(TAG)}", "", url)
    return unquote(re.sub(r"^(https?://[^/?#]+)(?=[?#]|$)", r"\1/", url))


def local(src: str) -> str:
    return unquote(src.removeprefix("https://assets.slackwater.example.org/"))


def seen(root: Element) -> Seen:
    return {
        "text": words(text_of(root)),
        "links": [(target(a.get("href", "-")), words(text_of(a))) for a in root.iter("a")],
        "images": [(local(i.get("src", "-")), words(i.get("alt", "-"))) for i in root.iter("img")],
    }


def shape(root: Element) -> Seen:
    tags = " ".join(str(e.tag) for e in elements(root) if e.tag in SHAPES)
    return {**seen(root), "shape": re.sub(r"\b(s|del)\b", "strike", tags)}


@pytest.mark.trials
@pytest.mark.corpus
@pytest.mark.parametrize("name", corpus_names())
def test_a_real_letter_is_read_as_commonmark_reads_it(name: str) -> None:
    issue = parse(corpus_file(name), file=name)
    plain = cmarkgfm.markdown_to_html(issue.body, options=CMark.CMARK_OPT_UNSAFE)
    expected = parse_page(plain)
    assert shape(ours(issue)) == shape(expected)
    assert len(str(seen(expected)["text"])) > 3000


@pytest.mark.parametrize("name", own_issues())
def test_an_example_letter_is_read_as_commonmark_reads_it(name: str) -> None:
    issue = parse((ROOT / name).read_bytes(), file=name)
    found, expected = shape(ours(issue)), shape(theirs(issue.body.replace("{utm=off}", "")))
    assert found == expected
    assert len(str(expected["text"])) > 500


SNIPPETS = [
    "> one\n\n> two", "> one\n>\n> two", "* a\n  * b\n    * c\n\n      d", "1. a\n1. b\n\n   c", "3) x\n4) y",
    "a\nb  \nc\\\nd", "***a** b*", "**a*b*c**", "a_b_c *d*e", "`` a`b `` and `c  d`", "    indented\n\n\n    code",
    "```py\n<b> & {{ x }}\n```", "# a\n\n## b #\n\nc\n===\n\nd\n---", "---\n***\n___", "\\*a\\* \\[b\\] \\\\ \\<",
    "&copy; &#35; &nbsp;x &unknown; AT&T", "<https://a.example/?b&c> <wren@a.example>", "[a](<b c> 'd') [e][f]\n\n[f]: /g 'h'",
    "![a *b* `c`](d.png 'e') ![](f.png)", "[![a](b.png)](https://c.example/)", "[a](https://b.example/(c)) [d](e\\)f)",
    "a < b > c & d \"e\" 'f'", "~~gone~~ ~~not\n\ngone~~", "| a | b |\n|---|:-:|\n| `c\\|d` | **e** |\n| f |", "a[^1] b[^x]\n\n[^1]: one\n[^x]: two *three*",
    "- a\n- b\n\n\n- c", "- a\n\n  > b\n  > - c", "a\n- b\n1. c", "[a]: /b\n[a] [a][] [c]", "[ a ](/b)[ *c*](/d)", "**[a](/b)**", "*[a](/b) c*",
    "![x y](z.png)\n\n_x y_", "![x y](z.png)\n\n_x_ y", "![x](z.png)\n_x_", "a\u00a0b\u2003c \u200b d", "हिन्दी שלום 👩‍🔧 🗺️ e\u0301",
]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("body", SNIPPETS)
def test_a_snippet_is_read_as_commonmark_reads_it(body: str) -> None:
    assert shape(ours(issue_with(body))) == shape(theirs(body))


# The short cut for plain links

ADDRESSES = st.text("abcXYZ09-._~!$&'()*+,;=:@/?#%[]|^`{}\\\"<> \n\té\x00", max_size=40)


@given(st.sampled_from(["", "http://", "https://", "HTTPS://", "https://a.example/", "https://A.example"]), ADDRESSES)  # fmt: skip
@example("https://", "a.example/%7e%C3%A9?b=c&d#e")
@example("https://", "a.example/?b&amp;c&#35;&copy&x;y&nothing;")
def test_a_plain_address_is_read_as_the_library_reads_it(start: str, rest: str) -> None:
    plain, quick = MarkdownIt("commonmark"), MarkdownIt("commonmark")
    quick_links.install(quick)
    url = start + rest
    assert quick.normalizeLink(url) == plain.normalizeLink(url)
    assert quick.render(f"[x]({url}) <{url}>") == plain.render(f"[x]({url}) <{url}>")


def test_the_library_still_asks_its_hook_for_every_address() -> None:
    reader, asked = MarkdownIt("commonmark"), list[str]()
    quick_links.install(reader)
    whole = reader.normalizeLink

    def spy(url: str) -> str:
        asked.append(url)
        return whole(url)

    reader.normalizeLink = spy  # type: ignore[method-assign]
    reader.render("[x](https://a.example/) <https://b.example/> ![y](https://c.example/)")
    assert asked == ["https://a.example/", "https://b.example/", "https://c.example/"]


def test_the_library_still_asks_where_an_address_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def spy(text: str, start: int, end: int) -> object:
        asked.append(start)
        return quick_links.destination(text, start, end)

    monkeypatch.setattr(quick_links._HELPERS, "parseLinkDestination", spy)
    reader = MarkdownIt("commonmark")
    quick_links.install(reader)
    reader.render("[x](https://a.example/)\n\n[y]: /z\n\n[y] ![w](<v>)")
    assert asked == [5, 4, 9]  # definitions are read first


# No emoji: the newest CommonMark counts symbols as punctuation, the oracle's edition does not.
PIECES = ["a", "b c", "*", "**", "_", "`", "[", "]", "(", ")", "<", ">", "!", "#", "# ", "- ", "1. ", "> ", "\n", "\n\n", "    ", "  ",
          "\\", "&amp;", "&", "|", "~~", "https://a.example/x", "/y", "[x](/y)", "![z](w.png)", "---", "```", '"', "é", "{", "}}"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_heap_of_markdown_says_what_commonmark_says(body: str) -> None:
    if "~~" in body or "|" in body:
        return  # where the extensions begin, implementations differ
    assert seen(ours(issue_with(body))) == seen(theirs(body))
