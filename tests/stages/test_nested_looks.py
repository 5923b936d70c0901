"""Pieces of a letter inside others: legible by day and by night, and indented in Outlook."""

from __future__ import annotations

import re

import pytest

from newsletter.check import check
from newsletter.render.pipeline import render
from tests.conftest import options_with
from tests.support.checked_letters import a_letter, said
from tests.support.letter_samples import OPTIONS, THEME, an_issue

PIECES = {
    "code block": "```\na = 1\nb = 2\n```",
    "indented code": "x\n\n    a = 1",
    "inline code": "see `code` here",
    "code in a link": "[`code`](https://x.example)",
    "bold code": "**`code`**",
    "link": "[words](https://x.example)",
    "button": "**[Come](https://x.example)**",
    "table": "| a `b` | c |\n|---|---|\n| [d](https://x.example) | `e` |",
    "list": "- a `b`\n  - [c](https://x.example)",
    "heading": "## A `code` [b](https://x.example)",
    "small heading": "##### A `code`",
    "picture": "![words](https://x.example/a.png)",
    "caption": "![words](https://x.example/a.png)\n\n_words_",
    "quote": "> a `b`\n>\n> ```\n> c\n> ```",
    "html": "<p><kbd>a</kbd> <mark>b</mark> <code>c</code></p>\n<pre><code>d</code></pre>",
}
AROUND = {
    "letter": ("", ""),
    "quote": ("> ", "> "),
    "note": ("> [!NOTE]\n> ", "> "),
    "titled warning": ("> [!WARNING] Mind `this` [x](https://x.example)\n> ", "> "),
    "list": ("- x\n\n  ", "  "),
    "quote in a list": ("- > ", "  > "),
    "quote in a quote": ("> > ", "> > "),
}


@pytest.mark.sweep
@pytest.mark.parametrize("around", AROUND)
def test_every_piece_is_legible_inside_every_other_by_day_and_by_night(around) -> None:
    first, rest = AROUND[around]
    body = first + "\n\n".join(PIECES.values()).replace("\n", f"\n{rest}") + "\n"
    assert said(a_letter(body), "contrast") == []


def test_a_finding_about_the_themes_colours_is_one_line_and_names_the_theme() -> None:
    files = dict(THEME.files)
    files["style.css"] += "\n.letter pre code { color: #1f4060; }"
    theme = type(THEME)(folder=THEME.folder, files=tuple(sorted(files.items())))
    letter = a_letter("x\n\n```\na = 1\n\nb = 2\n```\n", theme=theme)
    (finding,) = [f for f in check(letter) if f.id == "contrast"]
    assert finding.message.startswith('"a = 1 b = 2" is hard to read in light mode')
    assert "the theme" in finding.hint
    assert finding.place.line == 8


@pytest.mark.parametrize(("language", "side"), [("en", "left"), ("ar", "right")])
def test_outlook_for_windows_is_told_to_indent_by_margins(language: str, side: str) -> None:
    # Word ignores padding outside table cells; this is what it reads instead.
    html = render(an_issue("- one\n"), THEME, options_with(language=language)).html
    head = html.partition("</head>")[0]
    (rules,) = re.findall(r"<!--\[if mso\]><style>(.*?)</style><!\[endif\]-->", head, re.DOTALL)
    indents = {
        name.strip(): int(pixels)
        for names, block in re.findall(r"([^{}]+)\{([^{}]*)\}", rules)
        for name in names.split(",")
        for pixels in re.findall(rf"margin-{side}: (\d+)px !important", block)
    }
    assert indents[".letter ul"] >= 24
    assert indents[".letter ol"] >= 24
    assert indents[".letter blockquote p"] >= 16
    assert indents[".letter .callout p"] >= 16


def test_readers_elsewhere_never_see_outlooks_rules() -> None:
    html = render(an_issue("- one\n"), THEME, OPTIONS).html
    shown = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    assert "margin-left: 32px" not in shown
