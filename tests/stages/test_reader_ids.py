"""A link that was copied from somebody's mail does not say on a page whose mail it was."""

from __future__ import annotations

import pytest

from newsletter.exports.faithful import convert
from newsletter.issue import parse
from newsletter.render.utm import anonymous
from newsletter.render.web import web_letter


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("https://a.example/x?mc_cid=1&mc_eid=2ce0&b=2#c", "https://a.example/x?mc_cid=1&b=2#c"),
        ("https://a.example/?MC_EID=1", "https://a.example/"),
        ("https://a.example/?_hsenc=p2&_hsmi=7&a=%20&&b", "https://a.example/?a=%20&&b"),
        ("https://a.example/?ck_subscriber_id=1#x?mkt_tok=2", "https://a.example/#x?mkt_tok=2"),
        ("https://a.example/mc_eid=1?q=mc_eid", "https://a.example/mc_eid=1?q=mc_eid"),
        ("https://a.example/?", "https://a.example/?"),
        ("mailto:a@b.example", "mailto:a@b.example"),
    ],
)
def test_only_the_id_goes(url, left):
    assert anonymous(url) == left


def test_a_page_has_none_whatever_its_author_says_of_tags():
    body = (
        "[a](https://a.example/?mc_eid=1&x=2){utm=off} <https://a.example/?vero_id=3>\n\n"
        '<p><a href="https://a.example/?mkt_tok=1" data-utm="off">b</a></p>'
    )
    issue = parse(f"---\ntitle: x\n---\n\n{body}\n".encode(), file="issues/001.md")
    letter = web_letter(
        issue, fields={}, language="en", tag=lambda url: url, shown=lambda src: src, sizes={}
    )
    assert letter.html.count("https://a.example/") >= 3
    for name in ("mc_eid=", "mkt_tok="):
        assert name not in letter.html


def test_an_import_keeps_what_its_author_wrote_and_finds_it_the_same():
    done = convert('<p><a href="https://a.example/?mc_eid=1&amp;b=2">a</a></p>', "")
    assert (done.body, done.left_out) == ("[a](https://a.example/?mc_eid=1&b=2)\n", ())
