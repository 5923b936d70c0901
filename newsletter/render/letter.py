"""What a mail and a page have in common: the letter as a tree of tokens and as a fragment."""

from __future__ import annotations

from typing import NamedTuple

from newsletter.errors import Place
from newsletter.issue import Issue
from newsletter.render.limits import expect_few_pieces, expect_length
from newsletter.render.markdown import Document, parse
from newsletter.render.markdown.fields import RESERVED, TOKEN, Fields, reserved
from newsletter.render.markdown.html import fragment
from newsletter.render.quotes import like_body
from newsletter.render.words import callouts


class ComposedLetter(NamedTuple):
    """A letter before it is put anywhere.

    Attributes:
        document: its tokens.
        html: the fragment, targets still numbers, merge fields still tokens.
        subject: one line, like the next two with merge fields as tokens.
        title: one line, its quotation marks those of the letter.
        preheader: one line, may be empty.
    """

    document: Document
    html: str
    subject: str
    title: str
    preheader: str


def compose(issue: Issue, fields: Fields, language: str, taken: frozenset[str]) -> ComposedLetter:
    """Read a letter's Markdown.

    Args:
        issue: as written.
        fields: the declared merge fields; those used are noted in it.
        language: a BCP 47 tag, for the titles of callouts.
        taken: classes that author HTML cannot have.

    Raises:
        InputError: the letter is too long, or the author's text holds a reserved token.
    """
    expect_length(issue)
    _refuse_reserved(issue)
    # The order decides which token a field gets, and golden mails hold them.
    subject = fields.in_text(issue.subject)
    title = fields.in_text(like_body(issue.title, issue.body))
    preheader = fields.in_text(issue.preheader)
    document = parse(issue.body, fields, callouts(language), taken)
    expect_few_pieces(issue, document)
    html = fragment(document)
    refuse_forged(issue, document, fields, html)
    return ComposedLetter(
        document=document, html=html, subject=subject, title=title, preheader=preheader
    )


def refuse_forged(issue: Issue, document: Document, fields: Fields, written: str) -> None:
    """Stop where entities or comments in the author's text add up to a token never given out.

    Raises:
        InputError: with the line.
    """
    targets = [*(x.href for x in document.links), *(x.src for x in document.images)]
    whole = " ".join([written, *targets])
    for token in TOKEN.findall(whole):
        if token not in fields.slots:
            lines = (line for text, line in document.words if token in text)
            line = issue.body_line + next(lines, 1) - 1
            raise reserved(Place(issue.file, line))


def _refuse_reserved(issue: Issue) -> None:
    for key in ("title", "subject", "preheader"):
        if RESERVED in getattr(issue, key):
            raise reserved(issue.place(key))
    if (at := issue.body.find(RESERVED)) >= 0:
        line = issue.body_line + issue.body.count("\n", 0, at)
        raise reserved(Place(issue.file, line, at - issue.body.rfind("\n", 0, at)))
