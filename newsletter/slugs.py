"""A few words as they stand in a file name or an anchor: small letters, digits and hyphens."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Letters that are no other letter with a mark on it, so that Unicode does not take them apart.
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o",
        "đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "þ": "th", "Þ": "th", "ł": "l", "Ł": "l",
        "ħ": "h", "Ħ": "h", "ŧ": "t", "Ŧ": "t", "ŋ": "ng", "Ŋ": "ng", "\u0131": "i", "ĸ": "k",
    }
)  # fmt: skip
_QUOTES: Final = re.compile("['\u2019]")


def slug(text: str) -> str:
    """`text` in ASCII with hyphens between its words; "" of a script that has no Latin letters."""
    latin = unicodedata.normalize("NFKD", text.translate(_LETTERS)).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "-", _QUOTES.sub("", latin.decode().lower())).strip("-")
