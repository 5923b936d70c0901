"""Contrast as mail programs draw it: what colour a text has, by day and by night, and behind it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.check import RuleContext, check
from newsletter.render.colours import as_hex, contrast, from_hex, ink_on
from tests.support.letter_samples import OPTIONS, a_letter, an_issue

NIGHT = "<style>@media (prefers-color-scheme: dark) {{ {} }}</style>"


def found(html: str) -> list[str]:
    """ "mode: colour on colour" of every finding about a page."""
    page = f"<!DOCTYPE html><html><head><title>x</title></head><body>{html}</body></html>"
    letter = RuleContext(issue=an_issue("Hello.\n"), rendered=a_letter(html=page), options=OPTIONS)
    told = [f.message for f in check(letter) if f.id == "contrast"]
    return [re.sub(r'".*" is hard to read in (\w+) mode: (.*) has a.*', r"\1: \2", m) for m in told]


PALE = "light: #cccccc on #ffffff"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<p style="color:#cccccc">a</p>', [PALE]), ('<p style="color:#595959">a</p>', []),
        # what is behind it
        ('<div style="background-color:#000000"><p style="color:#cccccc">a</p></div>', []),
        ('<table bgcolor="#000000"><tr><td style="color:#cccccc">a</td></tr></table>', []),
        ('<div style="background:url(x) #000000"><p style="color:#cccccc">a</p></div>', []),
        ('<div style="background-color:#000000"><p style="background-color:transparent;color:#333333">a</p></div>', ["light: #333333 on #000000"]),
        ('<div style="background:url(x)"><p style="color:#cccccc">a</p></div>', []),
        # how a colour is written
        ('<p style="color:rgb(204, 204,204)">a</p>', [PALE]), ('<p style="color:white">a</p>', ["light: #ffffff on #ffffff"]), ('<p style="color:BLACK">a</p>', []),
        ('<p style="color:papayawhip">a</p>', []), ('<p style="color:#cccccc"><b style="color:inherit">a</b></p>', [PALE]), ('<p style="COLOR:#CCCCCC">a</p>', [PALE]),
        # what counts as text
        ('<p style="color:#cccccc"> \u00a0\u034f</p>', []), ('<div style="display:none;color:#cccccc">a</div>', []), ('<p style="color:#cccccc"><!-- a --></p>', []),
        ('<p style="color:#cccccc"><b style="color:#000000">a</b> tail</p>', [PALE]), ('<img alt="a" style="color:#cccccc">', [PALE]), ('<img alt="" style="color:#cccccc">', []),
        # large text may stand out less
        ('<p style="color:#8a8a8a;font-size:24px">a</p>', []), ('<p style="color:#8a8a8a;font-size:23px">a</p>', ["light: #8a8a8a on #ffffff"]),
        ('<h1 style="color:#8a8a8a;font-size:19px">a</h1>', []), ('<p style="color:#8a8a8a;font-size:19px">a</p>', ["light: #8a8a8a on #ffffff"]),
        ('<div style="font-size:10px"><p style="color:#8a8a8a;font-size:2.4em">a</p></div>', []), ('<div style="font-size:20px"><p style="color:#8a8a8a;font-size:120%">a</p></div>', []),
        ('<p style="color:#8a8a8a;font-size:large">a</p>', ["light: #8a8a8a on #ffffff"]), ('<h1 style="color:#8a8a8a;font-size:19px;font-weight:400">a</h1>', ["light: #8a8a8a on #ffffff"]),
        # each pair of colours once
        ('<p style="color:#cccccc">a</p><p style="color:#cccccc">b</p>', [PALE]),
    ],
)  # fmt: skip
def test_a_text_is_judged_by_its_colour_its_ground_and_its_size(html, expected):
    assert [one for one in found(html) if one.startswith("light")] == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("p { color: #222222 !important }", ["dark: #222222 on #000000"]),
        ("p { color: #222222 }", []),  # what is written into the tag wins
        ("p { color: #222222 !important } p.a { color: #eeeeee !important }", []),
        (
            "p.a { color: #eeeeee !important } p { color: #222222 !important }",
            [],
        ),  # the stronger rule
        ("p:hover { color: #222222 !important }", []),
        ("b, p { color: #222222 !important }", ["dark: #222222 on #000000"]),
        ("div { background: #eeeeee !important }", ["dark: #dddddd on #eeeeee"]),
        ("p::selection, ::x(y { color: #222222 !important }", []),
    ],
)
def test_the_night_changes_what_its_rules_insist_on(rules, expected):
    page = '<div style="background-color:#000000"><p class="a" style="color:#dddddd">a</p></div>'
    assert found(NIGHT.format(rules) + page) == expected


def test_rules_for_other_windows_change_nothing():
    rule = "p { color: #ffffff !important }"
    sheet = f"<style>@media print {{ {rule} }} @media (max-width: 479px) {{ {rule} }}</style>"
    assert found(sheet + '<p style="color:#000000">a</p>') == []


def test_black_on_white_is_the_most_there_is():
    assert round(contrast((0, 0, 0), (255, 255, 255)), 2) == 21
    assert (
        round(contrast((118, 118, 118), (255, 255, 255)), 2) == 4.54
    )  # WCAG's own example, #767676


COLOURS = st.tuples(*3 * [st.integers(0, 255)])


@given(COLOURS, COLOURS)
def test_contrast_is_the_same_both_ways_and_never_below_one(one, other):
    assert contrast(one, other) == contrast(other, one)
    assert 1 <= contrast(one, other) <= 21.0001
    assert contrast(one, one) == 1


@given(COLOURS)
def test_ink_is_black_or_white_and_the_better_of_the_two(ground):
    ink = ink_on(ground)
    assert contrast(ink, ground) == max(
        contrast((0, 0, 0), ground), contrast((255, 255, 255), ground)
    )
    assert contrast(ink, ground) > 4.5
    assert from_hex(as_hex(ground)) == ground


@given(st.lists(st.sampled_from("a{b:c} @media ( ) ; } { /* */ ' \" color: #fff !important url( \\ , > : \n".split(" ")), max_size=25).map(" ".join))  # fmt: skip
def test_no_style_sheet_is_too_odd(css):
    assert isinstance(
        found(f"<style>{css}</style><p style='{css.replace(chr(39), '')}'>a</p>"), list
    )
