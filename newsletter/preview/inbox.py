"""The row of a mail in an inbox, as a phone and a web mail cut it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, cast

import lxml.html

# Characters before the cut, measured on a 390 px phone and a 1280 px window: subject and the
# words below it on the phone; both in one line in the web mail.
_PHONE_SUBJECT: Final = 38
_PHONE_WORDS: Final = 84
_WEB: Final = 118
# Enough for any program.
_READ: Final = 400
_INVISIBLE: Final = re.compile("[\u00ad\u034f\u061c\u200b-\u200f\u2060\ufeff]")
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
    left = max(_WEB - len(subject) - _BETWEEN, 0)
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
    rest = words[len(own) :][: max(words_room - len(own), 0)]
    return InboxRow(
        subject=_cut(subject, subject_room),
        preheader=_cut(own, words_room),
        leak=f"{rest.strip()}…" if rest.strip("\xa0 ") else "",
    )


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 0)].rstrip()}…"
