"""What is overridden of premailer changes what it costs and fetches, and never what it writes."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import cssutils
import pytest
from premailer import Premailer

from newsletter.render import inline, tree
from newsletter.render.inline import OPTIONS, Inliner, inline_styles
from tests.conftest import ROOT
from tests.support.rendering import rendered

PAGES = {
    path.stem: path.read_text("utf-8") for path in sorted((ROOT / "tests/golden").glob("*.html"))
}
SHEETS = {
    "weights": "p { color: #112233 } p.a { color: #445566 } #b { color: #778899 } .a { margin: 0 }",
    "important": "p { color: #112233 !important; margin: 0 } p.a { color: #445566; margin: 1px }",
    "lists of selectors": "p, .a, td p { color: #112233 } .none, p > em { color: #445566 }",
    "pseudo classes": "a:hover { color: #112233 } p:first-child { margin: 0 } p:not(.a) { margin: 1px }",
    "comments and escapes": "/* p{} */ p { font-family: 'a;b' } .a::before { content: '}' }",
    "not for every window": "@media print { p { color: #112233 } } p { color: #445566 }",
    "classes of one element": "td .a { color: #112233 } .c { margin: 0 } .a.c, p.a.c { margin: 3px } #b.c { color: #445566 } tr > .d, .d p { margin: 4px } .e ~ .e, .e + em { margin: 5px } .e:first-child { color: #778899 }",
    "classes of several": ".f { color: #112233 } .f .e, .F { margin: 0 } .none.f { margin: 1px }",
    "unset": "p { color: #112233; margin: 0 } .a { color: unset }",
    "no sheet": "",
}
BODY = (
    '<p class="a" style="margin: 2px">x <em>y</em></p><p id="b" class="a c">z</p>'
    "<table><tr><td class='d f'><p class='f a'>t <em class='e'>u</em> <em class='e'>v</em></p></td></tr></table><a href='https://a.example/'>l</a>"
)


def plain(page: str) -> str:
    """What the library alone makes of a page."""
    return tree.write(Premailer(tree.parse(page), **OPTIONS).transform())


def page_of(css: str) -> str:
    head = f"<head><title>x</title><style>{css}</style></head>"
    return f"<!DOCTYPE html><html>{head}<body>{BODY}</body></html>"


def counted(name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The style sheets that a method of the inliner is given, none of them known before."""
    calls: list[str] = []
    whole = getattr(Inliner, name)

    def spy(self: Inliner, css: str, *rest: Any, **named: Any) -> Any:
        calls.append(css)
        return whole(self, css, *rest, **named)

    monkeypatch.setattr(Inliner, name, spy)
    inline._rules.cache_clear()
    return calls


@pytest.mark.sweep
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_whole_page_is_what_the_library_alone_writes(page):
    assert tree.write(inline_styles(tree.parse(page))) == plain(page)


@pytest.mark.parametrize("css", SHEETS.values(), ids=SHEETS)
def test_any_sheet_comes_out_as_the_library_alone_writes_it(css):
    assert tree.write(inline_styles(tree.parse(page_of(css)))) == plain(page_of(css))


@pytest.mark.parametrize("name", ["_parse_css_string", "_parse_style_rules"])
def test_the_library_still_has_what_is_overridden_and_calls_it(name, monkeypatch):
    ours, theirs = (inspect.signature(getattr(c, name)) for c in (Inliner, Premailer))
    assert list(ours.parameters) == list(theirs.parameters)
    calls = counted(name, monkeypatch)
    inline_styles(tree.parse(page_of("p { margin: 0 }")))
    assert len(calls) == 1


def test_a_sheet_is_read_once_for_all_letters(monkeypatch):
    calls = counted("_parse_css_string", monkeypatch)
    rendered("One.", "title: One")
    first = len(calls)
    rendered("Another, with [a link](https://a.example/).", "title: Two")
    assert first >= 1
    assert len(calls) == first


@pytest.mark.parametrize("start", ["", "<!-- ", "/* x */ ", "} "])
def test_no_sheet_fetches_another(start, monkeypatch):
    fetched: list[str] = []
    monkeypatch.setattr(cssutils.util, "_defaultFetcher", fetched.append)
    page = page_of(f"{start}@import 'https://a.example/x.css'; p {{ margin: 0 }}")
    inline_styles(tree.parse(page))
    assert fetched == []
    cssutils.CSSParser(loglevel=logging.CRITICAL).parseString("<!-- @import 'https://a.example/x';")
    assert fetched  # so it would have been seen


def test_classes_are_looked_for_on_the_element_that_has_them(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(inline, "_selector", noting(asked))
    inline_styles(tree.parse(page_of(".d, .f p, .c, tr .d em.e, .e:first-child { margin: 0 }")))
    assert {"td.d", ".f p", "p.c", "tr td.d em.e", "em.e:first-child"} <= set(asked)


def noting(asked: list[str]) -> Any:
    whole = inline._selector

    def noted(selector: str) -> Any:
        asked.append(selector)
        return whole(selector)

    return noted


def test_white_stays_six_digits():
    assert "#ffffff" in tree.write(inline_styles(tree.parse(page_of("p { color: #ffffff }"))))
