"""Long lines of HTML, folded where a line end means no more than a blank.

A mail whose encoding somebody else chooses may be cut at 998 bytes a line (RFC 5322, 2.1.1).
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from typing import Final

#: Bytes of a line; what is spliced in later has room beside it.
LONGEST: Final = 900
#: Where nothing is touched: what is shown or read as it stands. Comments hold pages of Outlook's.
_AS_IT_STANDS: Final = (
    r"<(?P<name>pre|code|textarea|style|script|title)\b.*?</(?P=name)\s*>|<!--.*?-->|<!\[.*?\]>"
)
_TAG: Final = r"""<[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>"""
_PIECE: Final = re.compile(
    rf"{_AS_IT_STANDS}|(?P<tag>{_TAG})|(?P<text>[^<]+)", re.DOTALL | re.IGNORECASE
)
#: A blank before an attribute, outside of every value.
_QUOTED_OR_BLANK: Final = re.compile(r""""[^"]*"|'[^']*'| (?=[A-Za-z])""")
_BLANK: Final = re.compile(r"(?<=[^ \n]) (?=[^ \n])")


def folded(page: str) -> str:
    """Fold lines over 900 bytes at blanks of text and between attributes, where there are any."""
    if all(len(line.encode()) <= LONGEST for line in page.split("\n")):
        return page
    places = _places(page)
    lines: list[str] = []
    at = 0
    for line in page.split("\n"):
        end = at + len(line)
        if len(line.encode()) > LONGEST:
            here = places[bisect.bisect_left(places, at) : bisect.bisect_left(places, end)]
            lines += _split(line, [place - at for place in here])
        else:
            lines.append(line)
        at = end + 1
    return "\n".join(lines)


def _split(line: str, places: Sequence[int]) -> Iterator[str]:
    """A line as parts that fit, as far as the places allow; each takes the place of a blank."""
    begun = last = 0
    for place in [*places, len(line)]:
        if last > begun and len(line[begun:place].encode()) > LONGEST:
            yield line[begun:last]
            begun = last + 1
        last = place
    yield line[begun:]


def overlong(page: str) -> int:
    """Bytes of the longest line that could not be folded, 0 where all fit."""
    longest = max(len(line.encode()) for line in folded(page).split("\n"))
    return longest if longest > LONGEST else 0


def _places(page: str) -> list[int]:
    """Where a blank may become a line end."""
    places: list[int] = []
    for piece in _PIECE.finditer(page):
        for name, blanks in (("tag", _QUOTED_OR_BLANK), ("text", _BLANK)):
            if piece[name]:
                at = piece.start(name)
                found = blanks.finditer(piece[name])
                places += (at + blank.start() for blank in found if blank[0] == " ")
    return places
