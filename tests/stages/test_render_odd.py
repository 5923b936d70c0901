"""Odd characters arrive whole, and nothing an author writes breaks the page."""

from __future__ import annotations

import dataclasses
import json
import re
from xml.etree.ElementTree import tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render import RenderedIssue
from newsletter.render.markdown.fields import UNSUBSCRIBE
from tests.conftest import issue_with
from tests.support.pages import elements, letter_of, parse_page, text_of, with_class
from tests.support.rendering import OPTIONS, PLAIN, preheader_of, quiet_render, rendered

# Odd characters

TORTURE = {
    "variation selector": "Maps 🗺️ and ⚙️",
    "joiners": "👩‍🔧 🕵️‍♀️ 👨‍👩‍👧‍👦",
    "skin tones": "👋🏽 👍🏿",
    "flags": "🇳🇱 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏳️‍🌈",
    "keycaps": "1️⃣ #️⃣",
    "no-break spaces": "a\u00a0b\u202fc\u2007d",
    "thin spaces": "a\u2009b\u200ac\u3000d",
    "combining marks": "e\u0301 n\u0303 Z\u0351\u036b\u0343a",
    "Hindi": "हिन्दी में क्षत्रिय",
    "Hebrew": "שָׁלוֹם, עוֹלָם",
    "Arabic with marks": "\u200fمرحبا\u200e (a)",
    "bidirectional isolates": "\u2068a\u2069 \u202ab\u202c",
    "Thai": "สวัสดี",
    "Chinese": "海の水，「静」",
    "zero width": "a\u200bb\u2060c\ufeffd\u00ade",
    "backslashes": r"C:\new\u{fe0f}\x41\\ \n",
    "double quotes": 'the "long" minute""',
    "single quotes": "the 'long' minute''",
    "angles": "a < b > c </title><script>x</script> <!-- y",
    "ampersands": "R&D &amp;amp; &nbsp; &#x27; &lt;",
    "template braces": "{{ nobody }} {% if %} {# c #} ${x}",
    "format signs": "%s %d {0} {} $1 \\1 __init__",
    "mathematics": "𝒮𝓁𝒶𝒸𝓀 ∑ ≠ ½",
    "private use": "\ue000 \U000f0000",
}


def escaped(text: str) -> str:
    """Markdown that means exactly `text`."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


@pytest.mark.sweep
@pytest.mark.parametrize("case", TORTURE)
def test_an_odd_text_arrives_character_for_character(case: str) -> None:
    text = TORTURE[case]
    yaml = json.dumps(text.replace("&", "&amp;"), ensure_ascii=False)
    body = f'![{escaped(text)}](a.png)\n\n[{escaped(text)}](https://a.example "{escaped(text)}")'
    done = rendered(body, f"title: {yaml}\npreheader: {yaml}")
    page = parse_page(done.html)
    assert done.subject == text
    assert [text_of(e) for e in page.iter("title")] == [text]
    assert [text_of(e) for e in page.iter("h1")] == [text]
    assert {e.attrib["aria-label"] for e in elements(page) if "aria-label" in e.attrib} == {text}
    [image] = letter_of(done.html).iter("img")
    [link] = letter_of(done.html).iter("a")
    assert (image.attrib["alt"], link.attrib["title"], text_of(link)) == (text, text, text)
    assert text_of(preheader_of(page)).strip("\u034f\u200c\u00a0 ") == text.strip(
        "\u034f\u200c\u00a0 "
    )
    assert "\\u{" not in done.html.replace(text, "").replace("\\u{fe0f}\\x41", "")
    assert text in re.sub(r"\n(?=\S)", " ", done.text)


@given(st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp", "Cn")), min_size=1).filter(lambda t: t.strip(" ") == t and "  " not in t and "=?" not in t and "__NL_" not in t))  # fmt: skip
def test_any_title_arrives_character_for_character(title: str) -> None:
    issue = dataclasses.replace(issue_with("Hello."), title=title, subject=title)
    page = parse_page(quiet_render(issue, options=dataclasses.replace(OPTIONS, fields={})).html)
    if r"\{{" not in title:
        assert [text_of(e) for e in page.iter("title")] == [title]
        assert [text_of(e) for e in page.iter("h1")] == [title]


# Nasty Markdown

NASTY = [
    "<p>unclosed", "<div><div><b>unclosed", "a < b and c > d", "</div></div></td></tr></table>", "</body></html>", "<td>x</td></tr>",
    "<table><tr><td>x", "<table>x</table>", "<p><table><tr><td>x</td></tr></table></p>", "<script>alert('</div>')</script>", "<script>",
    "<style>* { display: none }</style>", "<style>", "<!-- never closed", "<!-- a -- b -->", "<!--[if mso]><p>x</p><![endif]-->", "<![CDATA[ x < y ]]>",
    "<?php echo 1 ?>", "<!DOCTYPE html>", "<mj-section><mj-column><mj-text>x", "</mj-text></mj-column>", "<mj-raw>{{ content }}</mj-raw>",
    "<title>x", "<textarea>x", "<plaintext>x", "<noscript><p>x", "<svg><style><a></style>x", "<math><mi//xlink:href=x>", "<template><div>",
    "<base href='https://evil.example/'>", "<meta http-equiv=refresh content=0>", "<body onload=x style='display:none'>", "<b><p></b>x</p>",
    "<a href='x'><a href='y'>z</a></a>", "<select><option>x", "&#0; &#x110000; &#xD800; &bogus", "\x80\x9f", "\ufdcf\ufffd\U0001ffff",
    "<a href='&#1;x'>y</a>", '<a data-l="0" data-i="0" data-line="²" data-utm="on" href="https://a.example">x</a>', f'<a data-l="{"9" * 5000}">x</a>',
    '<img data-i="0" data-l="1">', "[a](<b\tc>)", "![a](\\\\server\\x)", "[a](\u202ehttps://a.example)", "[a](https://[::1)", "[a](http://a.example:99999/)",
    "[" * 500, "*" * 500, "> " * 100 + "x", "- " * 60 + "x", "<div>" * 600 + "x", "<b>" * 600 + "x", "<div>" * 3000 + "x", "`" * 333, "\\" * 99, "a" * 5000, "[^1]: x\n[^1]",
    "{% raw %}{{ content }}{% endraw %}{{ unsubscribe_url }}", "\ud7ff\U0010ffff", "<span style='position:fixed'>x</span>", "<details open ontoggle=x>y",
]  # fmt: skip


def skeleton(html: str) -> bytes:
    """The page without what is inside the letter."""
    page = parse_page(html)
    [cell] = [e for e in with_class(page, "letter") if e.tag == "td"]
    [letter] = list(cell)
    style = letter.attrib
    letter.clear()
    letter.attrib.update(style)
    return bytes(tostring(page))


@pytest.mark.trials
@pytest.mark.parametrize("body", NASTY, ids=lambda body: ascii(body[:30]))
@pytest.mark.parametrize("frame", ["{}", "para {} graph\n\n> {}\n\n- {}\n", "<div>{}\n"])
def test_nothing_an_author_writes_breaks_the_page(frame: str, body: str) -> None:
    done = rendered(frame.replace("{}", body))
    assert skeleton(done.html) == skeleton(PLAIN.html)
    assert done.html.count(UNSUBSCRIBE) == 1
    assert done.text.count(UNSUBSCRIBE) == 1
    assert not re.search(
        r"<script|<style[^>]*>\*|<iframe|<meta http-equiv=.?refresh|onload=|ontoggle=",
        letter_source(done),
    )


def letter_source(done: RenderedIssue) -> str:
    return tostring(letter_of(done.html), encoding="unicode").lower()


MARKUP = st.sampled_from(
    "<div> </div> <p> </p> <b> </b> <table> <tr> <td> </table> <a href=x> </a> <!-- --> <script> </script> <mj-text> <li> <ul> "
    "</ul> * _ ` ``` > # - | [ ] ( ) ![ & &amp; {{ }} {% %} \\ \n \n\n x <textarea> <title> <svg> </svg> <math> <select> <h1> <pre>".split(" ")
)  # fmt: skip


@pytest.mark.trials
@given(st.lists(MARKUP, max_size=25).map(" ".join) | st.lists(MARKUP, max_size=25).map("".join))
def test_no_heap_of_markup_breaks_the_page(body: str) -> None:
    assert skeleton(rendered(body).html) == skeleton(PLAIN.html)
