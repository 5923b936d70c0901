"""Each kind of letter that costs more than it is worth is refused at its limit, and not before.

The limits are counts; how long the dearest letters within them take is `benchmarks/odd_letters.py`'s
to tell.
"""

from __future__ import annotations

import pytest

from newsletter.check import check, rule
from newsletter.check.rule import RuleContext
from newsletter.errors import InputError
from newsletter.render import limits
from newsletter.render.markdown import parse
from newsletter.render.markdown.fields import Fields
from newsletter.render.pipeline import render
from tests.conftest import example_options, issue_with, read_theme

#: What repeats, and which limit it meets first.
KINDS = {
    "one word": ("a", "characters"),
    "stars in a row": ("***", "characters"),
    "open brackets": ("[", "characters"),
    "images without an end": ("![", "characters"),
    "entities": ("&amp;", "characters"),
    "quotes in a line": ("> ", "characters"),
    "lists in a line": ("- ", "characters"),
    "emphasis without an end": ("*a ", "characters"),
    "lines": ("word\n", "lines"),
    "rules": ("***\n", "lines"),
    "rules apart": ("***\n\n", "lines"),
    "fences": ("```\na\n```\n", "lines"),
    "paragraphs": ("a\n\n", "lines"),
    "references": ("[a]: /x\n", "lines"),
    "list items": ("- a\n", "lines"),
    "callouts": ("> [!NOTE]\n> a\n\n", "lines"),
    "cells": ("|a", "cells"),
    "emphasis": ("*a* ", "pieces"),
    "links": ("[a](b) ", "pieces"),
    "mail links": ("<a@b.example> ", "pieces"),
    "pictures": ("![a](b.png) ", "pictures"),
    "tags of the author's HTML": ("<ul>", "pieces"),
    "comments without an end": ("<!--", "pieces"),
    "pictures of the author's HTML": ("<img src=a.png> ", "pictures"),
    "pictures in one block": ("<p><IMG src=a.png>", "pictures"),
    "pictures that are links": ("[![a](b.png)](c) ", "pictures"),
}
SAID = {
    "characters": f"longer than {limits.CHARACTERS:,} characters",
    "lines": f"more than {limits.LINES:,} lines",
    "cells": f"more than {limits.CELLS:,} cells",
    "pieces": f"more than {limits.PIECES:,} links",
    "pictures": f"more than {limits.PICTURES:,} pictures",
}


def refusal(body: str) -> InputError | None:
    """What a letter is refused with before anything is rendered."""
    issue = issue_with(body)
    try:
        limits.expect_length(issue)
        limits.expect_few_pieces(issue, parse(issue.body, Fields({})))
    except InputError as error:
        return error
    return None


def just_above(piece: str, limit: str) -> int:
    """So many of a piece are too many, by two at most."""
    match limit:
        case "characters":
            return limits.CHARACTERS // len(piece) + 2
        case "lines":
            return limits.LINES // piece.count("\n") + 2
        case "cells":
            return limits.CELLS + 2
        case "pictures":
            return limits.PICTURES + 2
        case _:
            # A link or emphasis is an opening, words, a closing and the space behind it.
            return limits.PIECES // (4 if piece.endswith(" ") else 1) + 2


@pytest.mark.sweep
@pytest.mark.parametrize(("piece", "limit"), KINDS.values(), ids=KINDS)
def test_each_kind_meets_its_limit_with_its_place(piece, limit):
    error = refusal(piece * just_above(piece, limit))
    assert error
    assert SAID[limit] in str(error)
    assert error.hint
    assert error.place
    assert error.place.line >= 4


@pytest.mark.sweep
@pytest.mark.parametrize(
    "body",
    [
        "word " * 19_000, "a\n\n" * 4_900, "***\n" * 9_900, "*a* " * 4_900, "|a" * 9_000,
        "![a](b.png) " * 1_900, "[a](b) " * 4_000, "".join(f"[a{n}]: /x\n" for n in range(7_000)),
    ],
    ids="words paragraphs rules emphasis cells pictures links references".split(),
)  # fmt: skip
def test_what_is_just_below_is_none_of_it(body):
    assert refusal(body) is None


def test_a_link_to_a_mailbox_knows_its_line():
    document = parse("a\n\nb\n<wren@example.org> c\n<wren@example.org>\n", Fields({}))
    assert [link.line for link in document.links] == [4, 5]


def test_a_letter_of_many_findings_is_split_into_lines_once():
    rule._lines.cache_clear()
    body = "".join(f"A line with [a link](missing-{n}.html).\n\n" for n in range(200))
    issue = issue_with(body)
    options = example_options()
    found = check(
        RuleContext(issue=issue, rendered=render(issue, read_theme(), options), options=options)
    )
    assert len(found) >= 200
    assert rule._lines.cache_info().misses == 1
