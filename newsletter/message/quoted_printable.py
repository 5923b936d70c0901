"""Quoted-printable (RFC 2045, section 6.7) with room for values that are spliced in later.

A placeholder in a text stands alone between two soft line breaks, so that a value of any length can
be put there without touching a byte around it: 0.03 ms instead of building the mail anew.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

_SOFT: Final = "=\r\n"
_LINE: Final = 76
#: A value that stands for itself, in one line: as good as every one. A dot alone would end a mail.
_AS_IT_IS: Final = re.compile(r"(?!\.)[!-<>-~](?:[ -<>-~]{0,73}[!-<>-~])?")


def encode(text: str) -> str:
    """Encode a whole text; lines end in CRLF and have at most 76 characters."""
    # Line by line, because b2a_qp lets a lone CR through in a text of many.
    lines = (binascii.b2a_qp(line.encode(), istext=False) for line in text.split("\n"))
    return "\r\n".join(line.decode("ascii").replace("\n", "\r\n") for line in lines)


def before_placeholder(text: str) -> str:
    """Encode what stands before a placeholder: ends in a soft line break, unless it ends a line."""
    encoded = encode(text)
    head, end, last = encoded.rpartition("\r\n")
    if not last:
        return encoded
    if len(last) >= _LINE:
        cut = _LINE - 4
        # An escape is three characters long and must stay whole.
        while "=" in last[cut - 2 : cut]:
            cut -= 1
        last = last[:cut] + _SOFT + last[cut:]
    return head + end + last + _SOFT


def in_placeholder(value: str) -> str:
    """Encode a value for a placeholder: lines that all end in a soft break, or nothing at all."""
    if _AS_IT_IS.fullmatch(value):
        return value + _SOFT
    return before_placeholder(value) if value else ""
