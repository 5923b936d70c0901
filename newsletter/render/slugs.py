"""Names for the headings of a page, as links to a part of it carry them."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 60


def slug(text: str) -> str:
    """The words of a heading in small letters, joined by hyphens; letters of any script stay."""
    words = re.sub(r"[^\w]+", "-", text.lower().replace("'", "").replace("\u2019", ""))
    return words.replace("_", "-")[:_LONGEST].strip("-")


def unused(name: str, taken: set[str]) -> str:
    """`name`, or with a number behind it where it is taken; it is taken from now on.

    Args:
        name: a slug; "" stands for a heading without words.
        taken: the names of the page so far.
    """
    base, number = name or "part", 1
    found = base
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    taken.add(found)
    return found
