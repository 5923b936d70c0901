"""HTML and MJML to be read: coloured by what a piece is, the preheader's filler folded away."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterator
from typing import Final

from markupsafe import Markup
from pygments.lexers.html import HtmlLexer
from pygments.token import Comment, Keyword, Literal, Name

#: What a piece is, by the class it gets on the page; the first that holds.
_CLASSES: Final = (
    (Comment, "comment"),
    (Name.Attribute, "attribute"),
    (Name.Entity, "entity"),
    (Name, "tag"),
    (Keyword, "value"),
    (Literal, "value"),
)
# What preheaders are filled up with: nothing of it is seen in a mail, some of it takes room.
_FILLERS: Final = "\u00a0\u00ad\u034f\u061c\u2007\u200a\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_NAMES: Final = ("nbsp", "shy", "numsp", "hairsp", "zwnj", "zwj", "lrm", "rlm", "NoBreak")
_FILLER: Final = "|".join(
    [f"[{_FILLERS}]", *(f"&{name};" for name in _NAMES)]
    + [f"&#(?:0*{ord(one)}|[xX]0*(?i:{ord(one):x}));" for one in _FILLERS]
)
#: So many, blanks between them or none, are no writer's spaces.
_RUN: Final = re.compile(rf"(?:(?:{_FILLER})\s?){{12,}}")
#: Stands for a run while the rest is read; for private use, so that no text has it.
_FOLD: Final = "\ue000"


@functools.lru_cache(maxsize=8)
def coloured(source: str) -> Markup:
    """The source as markup; its text is the source's to the letter."""
    runs = [] if _FOLD in source else [found[0] for found in _RUN.finditer(source)]
    shown = _RUN.sub(_FOLD, source) if runs else source
    first, *rest = "".join(_spans(shown)).split(_FOLD) if runs else ["".join(_spans(shown))]
    folded = (f"{_folded(run)}{after}" for run, after in zip(runs, rest, strict=True))
    return Markup(first + "".join(folded))  # noqa: S704  # every piece is escaped where it is made


def _spans(source: str) -> Iterator[str]:
    for _, kind, text in HtmlLexer().get_tokens_unprocessed(source):
        escaped = html.escape(text)
        name = _class_of(kind)
        yield f'<span class="{name}">{escaped}</span>' if name else escaped


def _class_of(kind: object) -> str:
    return next((name for known, name in _CLASSES if kind in known), "")


def _folded(run: str) -> str:
    label = f"filler, {len(html.unescape(run))} characters"
    # The label is no text of the page, which holds the source and nothing else.
    return (
        f'<details class="filler"><summary aria-label="{label}" data-label="{label}"></summary>'
        f"{html.escape(run)}</details>"
    )
