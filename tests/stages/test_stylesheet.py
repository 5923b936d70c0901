"""A style sheet taken apart: what stands in it, where, and what holds in every window."""

from __future__ import annotations

import logging

import cssutils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.stylesheet import declarations, everywhere


def read(css: str) -> list[tuple[str, ...]]:
    return [(*d.around, d.selector, d.name, d.value, "!" * d.important) for d in declarations(css)]


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("a { b: c; d: e }", [("a", "b", "c", ""), ("a", "d", "e", "")]),
        ("COLOR: Red !IMPORTANT; x:y", [("", "color", "Red", "!"), ("", "x", "y", "")]),
        ("a, b > c { d: e ! important }", [("a, b > c", "d", "e", "!")]),
        ("@media  (x)\n{ a { b: c } d { e: f } } g { h: i }", [("@media (x)", "a", "b", "c", ""), ("@media (x)", "d", "e", "f", ""), ("g", "h", "i", "")]),
        ("@media x { @supports (y) { a { b: c } } }", [("@media x", "@supports (y)", "a", "b", "c", "")]),
        ("@font-face { font-family: x }", [("@font-face", "", "font-family", "x", "")]),
        ("@import 'a;b'; c { d: e }", [("", "@import 'a;b'", "", ""), ("c", "d", "e", "")]),
        ("/* a { b: c } */ d /* ; */ { e: /* f */ g }", [("d", "e", "g", "")]),
        ("a { content: '}'; b: \"{;\\\"}\" }", [("a", "content", "'}'", ""), ("a", "b", '"{;\\"}"', "")]),
        ("a { b: url(data:x;y}) ; c: d }", [("a", "b", "url(data:x;y})", ""), ("a", "c", "d", "")]),
        ("a { b: c", [("a", "b", "c", "")]), ("} a { b: c }", [("a", "b", "c", "")]), ("", []), ("a {}", []), ("/*", []),
    ],
)  # fmt: skip
def test_every_declaration_knows_what_it_stands_in(css, expected):
    assert read(css) == expected


def test_a_declaration_knows_where_it_begins():
    css = "a {\n  /* x */\n  b: c;\n  d: e }\n"
    assert [css[d.index] for d in declarations(css)] == ["b", "d"]
    assert [css.count("\n", 0, d.index) for d in declarations(css)] == [2, 3]


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        ("a { b: c } @media x { a { b: d } } e { f: g }", "a { b: c } e { f: g }"),
        ("@import 'x'; a { b: c }", " a { b: c }"), ("@media x { @media y { a { b: c } } } d { e: f }", " d { e: f }"),
        ("a { b: '@media {' } c { d: e }", "a { b: '@media {' } c { d: e }"), ("/* @media { */ a { b: c }", "/* @media { */ a { b: c }"),
        ("@media x { a { b: c }", "@media x { a { b: c }"), ("", ""),
    ],
)  # fmt: skip
def test_what_holds_in_some_windows_only_is_left_out(css, kept):
    assert everywhere(css) == kept


RULE = st.builds("{} {{ {} }}".format, st.sampled_from(["a", ".b c", "d, e", "f:hover"]), st.sampled_from(["color: red", "content: '{};@'; x: y", "/* } */ g: h", "m: url(i;j)"]))  # fmt: skip
BLOCK = st.one_of(
    RULE,
    st.builds("@media {} {{ {} {} }}".format, st.sampled_from(["print", "(min-width: 1px)"]), RULE, RULE),
    st.sampled_from(["/* @media { */", "@charset 'x';", "@font-face { a: b }"]),
)  # fmt: skip


@given(st.lists(BLOCK, max_size=6).map("\n".join))
def test_the_rules_that_are_copied_are_those_the_whole_sheet_has(css):
    def copied(text):
        parser = cssutils.CSSParser(loglevel=logging.CRITICAL, validate=False)
        return [
            (r.selectorText, r.style.cssText) for r in parser.parseString(text) if r.type == r.STYLE_RULE
        ]  # fmt: skip

    assert copied(everywhere(css)) == copied(css)


@given(st.text("ab{};:@/*'\"\\( )!\n", max_size=40))
def test_no_text_is_too_odd(css):
    assert isinstance(declarations(css), tuple)
    assert isinstance(everywhere(css), str)
