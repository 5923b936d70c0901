"""How front matter says that an issue is not finished: our word for it, and other generators'.

Hugo, Zola and Astro write `draft: true`, Jekyll and Hexo `published: false`, Pelican and WordPress
a status in words. Whoever brings their files along means the same by it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from newsletter.humanize import is_slip
from newsletter.issue.front_matter import Value

#: Keys that say "not finished" unless their value denies it.
_MARKS: Final = frozenset({"draft", "isdraft", "is_draft", "unpublished", "wip"})
#: Keys that say "finished", and the opposite where their value denies it.
_LEAVES: Final = frozenset({"published", "publish", "public"})
#: Keys whose value is a word for how far a text is.
_STATES: Final = frozenset({"status", "state", "post_status", "visibility", "layout"})
_NO: Final = frozenset({"false", "no", "off", "n", "0", ""})
_YES: Final = frozenset({"true", "yes", "on", "y", "published", "public"})
#: Words for a text that is not finished.
UNFINISHED: Final = frozenset(
    {"draft", "drafts", "unpublished", "hidden", "private", "pending", "wip", "in progress", "idea"}
)


class DraftMark(NamedTuple):
    """What makes an issue a draft.

    Attributes:
        key: of the front matter.
        said: that it is a draft, as the end of a sentence about it.
        way: what to do when it is ready; writing "status: ready" does not unsay another key.
    """

    key: str
    said: str
    way: str


def draft_mark(table: Mapping[str, Value]) -> DraftMark | None:
    """What in a front matter says that the issue is a draft, None where nothing does."""
    key = draft_key(table)
    if not key:
        return None
    if key == "status":
        return DraftMark(key=key, said="is a draft", way='set "status: ready"')
    said = f'is a draft: it says "{key}: {table[key]}"'
    return DraftMark(key=key, said=said, way="take that line out when it is ready")


def unclear_key(table: Mapping[str, Value]) -> str:
    """The key whose value may say that the issue is a draft, and is misspelled; "" without one.

    A day or several words behind `published` tell when or where, a layout how it looks.
    """
    for key, value in table.items():
        name = key.casefold()
        word = value.strip().casefold() if isinstance(value, str) else ""
        if draft_key({key: value}):
            continue
        if (name in _LEAVES and word.isalpha() and word not in _YES) or (
            name in _STATES - {"layout"} and any(is_slip(word, one) for one in UNFINISHED)
        ):
            return key
    return ""


def draft_key(table: Mapping[str, Value]) -> str:
    """The key that marks an issue as a draft, "" where none does.

    Args:
        table: the front matter, every scalar as text; letters count the same in either case.
    """
    for key, value in table.items():
        name = key.casefold()
        word = value.strip().casefold() if isinstance(value, str) else ""
        if (
            (name in _MARKS and word not in _NO)
            or (name in _LEAVES and isinstance(value, str) and word in _NO - {""})
            or (name in _STATES and word.replace("-", " ").replace("_", " ") in UNFINISHED)
        ):
            return key
    return ""
