"""How much one letter may hold: far more than any that can be sent, so that none takes minutes.

Mail programs cut a page of 102,400 bytes; what is refused here has several times that.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from newsletter.errors import InputError, Place
from newsletter.issue import Issue
from newsletter.render.markdown import Document

#: Characters of Markdown.
CHARACTERS: Final = 100_000
#: Lines of Markdown.
LINES: Final = 10_000
#: Signs that may end a cell of a table.
CELLS: Final = 10_000
#: Pieces the Markdown is read into: paragraphs, words between signs, links, cells.
PIECES: Final = 20_000
#: Pictures, each of which costs as much as ten other pieces.
PICTURES: Final = 2_000
#: Signs around the same words, such as the stars of `***both***`, which is two.
AROUND: Final = 100

_IMG: Final = re.compile(r"<img\b", re.IGNORECASE)
_SHORTER: Final = "make several issues of it"


def expect_length(issue: Issue) -> None:
    """Refuse a letter too long to be read as Markdown in a moment.

    Raises:
        InputError: with the line on which it becomes too long.
    """
    if len(issue.body) > CHARACTERS:
        what = f"the letter is longer than {CHARACTERS:,} characters"
        raise _refused(issue, what, issue.body.count("\n", 0, CHARACTERS), _SHORTER)
    if issue.body.count("\n") > LINES:
        raise _refused(issue, f"the letter has more than {LINES:,} lines", LINES, _SHORTER)
    if issue.body.count("|") > CELLS:
        at = next(m.start() for n, m in enumerate(re.finditer(r"\|", issue.body)) if n == CELLS)
        what = f"the tables of this letter have more than {CELLS:,} cells"
        raise _refused(issue, what, issue.body.count("\n", 0, at), "link to the table instead")


def expect_few_pieces(issue: Issue, document: Document) -> None:
    """Refuse a letter of so many pieces that its page would take minutes.

    Raises:
        InputError: with the line on which they become too many.
    """
    pictures = [image.line for image in document.images]
    pictures += [raw.line for raw in document.raws for _ in _IMG.findall(raw.html)]
    if len(pictures) > PICTURES:
        what = f"the letter has more than {PICTURES:,} pictures"
        raise _refused(issue, what, sorted(pictures)[PICTURES] - 1, _SHORTER)
    many = bisect_right(document.pieces, PIECES)
    deep = next((at for depth, at in document.depths if depth > AROUND), many)
    if many < len(document.tokens) and many <= deep:
        what = f"the letter has more than {PIECES:,} links, words in bold, cells and the like"
        raise _refused(issue, what, _line(document, many), _SHORTER)
    if deep < len(document.tokens):
        what = f"here words stand in more than {AROUND} signs such as * and **, one in another"
        raise _refused(issue, what, _line(document, deep), "take most of them out")


def _line(document: Document, at: int) -> int:
    place = document.tokens[at].map
    return place[0] if place else 0


def _refused(issue: Issue, what: str, line: int, hint: str) -> InputError:
    return InputError(what, place=Place(issue.file, issue.body_line + line), hint=hint)
