"""HTML becomes Markdown that comes back with the same words, links and pictures, whatever it is."""

from __future__ import annotations

from typing import Any

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.exports.faithful import convert
from newsletter.render.web import web_letter
from tests.conftest import issue_with
from tests.support.effort import examples

SITE = "https://old.example.org"
X = "https://x.example/"


def rendered(body: str) -> str:
    return web_letter(
        issue_with(f"\n{body}"), fields={}, language="en", tag=lambda url: url,
        shown=lambda src: src, sizes={},
    ).html  # fmt: skip


CASES = [
    # emphasis, and what only looks like it
    ("<p>a <b>bold </b>word and <i>x</i>y</p>", "a **bold** word and *x*y"),
    ("<p><b>Foo:</b>bar</p>", "<strong>Foo:</strong>bar"),
    ("<p><i>a</i><b>b</b></p>", "*a*<strong>b</strong>"),
    ("<p>2*3*4 snake_case _x_ **y** `z` [a](b)</p>", r"2\*3\*4 snake_case \_x\_ \*\*y\*\* \`z\` \[a\](b)"),
    ('<p><b style="font-weight: normal">no</b> <font>words</font></p>', "no words"),
    ("<p>x<sup>2</sup> <del>gone</del></p>", "x<sup>2</sup> ~~gone~~"),
    ("<p>&lt;b&gt; &amp;amp; AT&amp;T {{ name }} {% x %}</p>", r"\<b> \&amp; AT&T \{{ name }} {% x %}"),
    # links and pictures
    (f'<p>see<a href="{X}a_(b)"> this </a>.</p>', f"see [this](<{X}a_(b)>) ."),
    (f'<p><a href="{X}">{X}</a></p>', f"<{X}>"),
    ('<p><a href="/about/?a=1&amp;copy=2">x</a></p>', f"[x]({SITE}/about/?a=1&copy=2)"),
    (f'<p>wow!<a href="{X}">x</a> <a href="{X}"></a></p>', rf"wow\![x]({X})"),
    (f'<p><img src="{X}a b.png" alt="A [b]"></p>', rf"![A \[b\]]({X}a%20b.png)"),
    (f'<figure><img src="{X}a.png" alt="A"><figcaption>By <i>me</i></figcaption></figure>', f"![A]({X}a.png)\n\n*By me*"),
    (f'<a href="{X}fetch/https%3A%2F%2Fb.example%2Fa.png"><img src="{X}a.png" alt="A"></a>', f"![A]({X}a.png)"),
    # blocks
    ("<p>1. no list</p><p># no</p><p>- no</p><p>&gt; no</p>", "1\\. no list\n\n\\# no\n\n\\- no\n\n\\> no"),
    ("<p>a<br>b<br><br>c</p>", "a\\\nb\n\nc"),
    ("a<div>b<span> c</span></div>d<br><br>e", "a\n\nb c\n\nd\n\ne"),
    ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul><ol start=3><li>d</li></ol><ul><li>e</li></ul>",
     "- a\n  - b\n- c\n\n<!-- -->\n\n3. d\n\n<!-- -->\n\n- e"),
    ("<ol><li><p>a</p><p>b</p></li></ol>", "1. a\n\n   b"),
    ("<blockquote><p>a</p><blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
    ('<pre><code class="language-py">a = "```"\n\n*b*</code></pre>', '````py\na = "```"\n\n*b*\n````'),
    ("<table><tr><th>a|b</th><th>c</th></tr><tr><td>1</td><td></td></tr></table>", "| a\\|b | c |\n| --- | --- |\n| 1 |  |"),
    ("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>", "| a |\n| --- |\n| 1 |"),
    ('<p>x<img src="https://x.example/line.png" width="1" height="80" alt=""></p>', "x![](https://x.example/line.png)"),
    ('<table><tr><td><p style="color:red">placed</p></td></tr></table>', "placed"),
    ("<table><tr><td colspan=2 class=x>a</td></tr><tr><td>b</td><td>c</td></tr></table>",
     '<table><tr><td colspan="2">a</td></tr><tr><td>b</td><td>c</td></tr></table>'),
    # what is no fragment
    ("a</div><p>b</p></body><p>c</p></html>d", "a\n\nb\n\nc\n\nd"),
    ("<!DOCTYPE html><html><head><title>T</title><style>p {}</style></head><body class=x><p>a</p></body></html>", "a"),
    # footnotes, of Substack's and of Markdown's kind
    ('<p>a<a class="footnote-anchor" id="footnote-anchor-1" href="#footnote-1">1</a>.</p><div class="footnote"><a id="footnote-1" href="#footnote-anchor-1" class="footnote-number">1</a><div class="footnote-content"><p>N <b>b</b></p></div></div>',
     "a[^1].\n\n[^1]: N **b**"),
    ('<p>a<sup class="footnote-ref"><a href="#fn1" id="fnref1">[1]</a></sup></p><section class="footnotes"><ol><li id="fn1"><p>N <a href="#fnref1" class="footnote-backref">back</a></p></li></ol></section>',
     "a[^1]\n\n[^1]: N"),
]  # fmt: skip


@pytest.mark.parametrize(("html", "body"), CASES)
def test_html_is_written_as_an_author_would(html, body):
    done = convert(html, SITE)
    assert done.body.strip("\n") == body
    assert done.left_out == ()


@pytest.mark.parametrize(
    ("html", "body", "said"),
    [
        ('<iframe src="https://www.youtube.com/embed/ab_c?x=1"></iframe>', "<https://www.youtube.com/watch?v=ab_c>", "what was shown in a frame is a link now: https://www.youtube.com/watch?v=ab_c"),
        ('<form action="/s"><input value="you@"><button>Subscribe</button></form><p>x</p>', "x", "a form is left out"),
        ('<p><a href="javascript:x()">x</a></p>', "x", "a link that opens no page is text now: javascript:x()"),
        ('<p>x<img src="data:image/png;base64,AAAA"></p>', "x", "a picture that stood inside the text is left out"),
    ],
)  # fmt: skip
def test_what_no_letter_can_hold_is_told(html, body, said):
    done = convert(html, SITE)
    assert (done.body.strip("\n"), done.left_out) == (body, (said,))


@pytest.mark.parametrize(
    "html",
    ["<script>x()</script>", "<style>p {}</style>", "<!-- x -->", "<svg><text>x</text></svg>",
     '<img src="https://t.example/open.gif" width="1" height="1">', '<div style="display:none">x</div>', '<label class="hide-text">x</label>', " "],
)  # fmt: skip
def test_what_nobody_saw_goes_without_a_word(html):
    done = convert(html, SITE)
    assert (done.body, done.left_out) == ("", ())


@pytest.mark.parametrize(
    "html",
    [
        "<b>" * 1500 + "x",
        "<ul><li>" * 500 + "x",
        "<p>" + "*_`[" * 2000,
        "</p></b>x<p",
        "<p>\x00\ud800x\ufdd0</p>",
    ],
)
def test_html_that_nobody_wrote_breaks_nothing(html):
    assert "x" in convert(html, SITE).body or "`" in convert(html, SITE).body


WORDS = st.text("ab *_`[]()<>#-+.!1&;{}|\\~:\"'=\n/", min_size=1, max_size=8)
TEXTS = WORDS.map(lambda text: lxml.html.tostring(_text(text), encoding="unicode")[6:-7])


def _text(text: str) -> Any:
    box: Any = lxml.html.Element("span")
    box.text = text
    return box


INLINE = st.recursive(
    TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(st.sampled_from(["b", "em", "s", "code", "sup", "span"]), inner).map(lambda x: f"<{x[0]}>{x[1]}</{x[0]}>"),
        inner.map(lambda text: f'<a href="{X}a?b=1&amp;c=*_2">{_unlinked(text)}</a>'),
        st.just(f'<img src="{X}a.png" alt="A *b*">'), st.just("<br>"),
    ),
    max_leaves=6,
)  # fmt: skip
BLOCK = st.recursive(
    st.tuples(st.sampled_from(["p", "h2", "div", "blockquote"]), INLINE).map(lambda x: f"<{x[0]}>{x[1]}</{x[0]}>"),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: "<ul>" + "".join(f"<li>{x}</li>" for x in some) + "</ul>"),
        st.lists(inner, min_size=1, max_size=2).map(lambda some: "<ol>" + "".join(f"<li>{x}</li>" for x in some) + "</ol>"),
        inner.map(lambda text: f"<blockquote>{text}</blockquote>"),
    ),
    max_leaves=4,
)  # fmt: skip


def _unlinked(text: str) -> str:
    return text.replace("<a ", "<span data-").replace("</a>", "</span>")


def seen(html: str) -> tuple[str, list[str], list[str]]:
    """All that is not a blank, and the targets; blanks are compared by the table above."""
    root: Any = lxml.html.fromstring(f"<div>{html}</div>")
    links = [
        a.get("href")
        for a in root.iter("a")
        if a.text_content().strip() or a.find(".//img") is not None
    ]
    return "".join(root.text_content().split()), links, [img.get("src") for img in root.iter("img")]


@pytest.mark.trials
@settings(max_examples=examples(300), deadline=None)
@given(st.lists(BLOCK, min_size=1, max_size=4).map("".join))
def test_any_letter_comes_back_with_the_same_words_links_and_pictures(html):
    done = convert(html, SITE)
    assert done.left_out == ()
    assert seen(rendered(done.body)) == seen(html)
