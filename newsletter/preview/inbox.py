"""The row of a mail in an inbox, as Apple Mail on a phone and Gmail in a browser cut it.

Lengths are columns: a wide character, such as a Chinese one or an emoji, takes two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, cast

import lxml.html
from wcwidth import iter_graphemes, wcswidth

# Columns before the cut: what Apple Mail shows on an iPhone (subject, and two lines of words below
# it), and Gmail in a window of 1280 px (both in one line).
_PHONE_SUBJECT: Final = 48
_PHONE_WORDS: Final = 99
_WEB: Final = 90
# Enough for any program.
_READ: Final = 400
# A joiner between two pictures makes one of them.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u200b\u200c\u200e\u200f\u2060\ufeff]"
    "|\u200d(?![\u2190-\u2bff\U0001f000-\U0001faff])"
)
_TEXTS: Final = ".//text()[not(parent::script or parent::style or parent::template)]"
# Between subject and words in a row of a web mail.
_BETWEEN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """One row of an inbox.

    Attributes:
        subject: as much as fits, with "…" where it is cut.
        preheader: the author's words after it, as much as fits.
        leak: words of the letter that fill what is left, which nobody meant to be there.
    """

    subject: str
    preheader: str
    leak: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """The row in two programs.

    Attributes:
        phone: subject and words on lines of their own.
        web: both on one line.
        leaks: whether words of the letter follow the preheader in either.
    """

    phone: InboxRow
    web: InboxRow
    leaks: bool


def inbox(subject: str, preheader: str, html: str) -> Inbox:
    """Cut a mail's row.

    Args:
        subject: one line.
        preheader: the author's, may be empty.
        html: the HTML part, whose first words programs show after the subject.
    """
    words = first_words(html)
    phone = _row(subject, preheader, words, subject_room=_PHONE_SUBJECT, words_room=_PHONE_WORDS)
    left = max(_WEB - wcswidth(subject) - _BETWEEN, 0)
    web = _row(subject, preheader, words, subject_room=_WEB, words_room=left)
    return Inbox(phone=phone, web=web, leaks=bool(phone.leak or web.leak))


def first_words(html: str) -> str:
    """The first words of a page as mail programs collect them, hidden ones included.

    Zero-width filler is left out; a no-break space takes its place and stays.
    """
    body = lxml.html.document_fromstring(html).find("body")
    pieces: list[str] = []
    length = 0
    for text in [] if body is None else cast(list[str], body.xpath(_TEXTS)):
        pieces.append(_INVISIBLE.sub("", text))
        length += len(pieces[-1].strip())
        if length > _READ:
            break
    return re.sub(r"[ \t\r\n\f]+", " ", " ".join(pieces)).strip(" ")


def _row(
    subject: str, preheader: str, words: str, *, subject_room: int, words_room: int
) -> InboxRow:
    meant = " ".join(preheader.split())
    plain = _INVISIBLE.sub("", meant)
    starts = words.startswith(plain)
    own = words[: len(plain)] if starts else ""
    rest = _fitting(words[len(own) :], words_room - wcswidth(own))
    return InboxRow(
        subject=_cut(subject, subject_room),
        preheader=_cut(own, words_room),
        leak=f"{rest.strip()}…" if rest.strip("\xa0 ") else "",
    )


def _cut(text: str, room: int) -> str:
    return text if wcswidth(text) <= room else f"{_fitting(text, room - 1).rstrip()}…"


def _fitting(text: str, room: int) -> str:
    """As much of the beginning as fits; what readers see as one character stays whole."""
    taken = ""
    for one in iter_graphemes(text):
        room -= max(wcswidth(one), 0)
        if room < 0:
            break
        taken += one
    return taken
