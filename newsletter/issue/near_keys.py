"""Keys of the front matter that nobody reads, but that are nearly one that is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from newsletter.humanize import nearest
from newsletter.issue import KEYS, Value
from newsletter.issue.drafts import UNFINISHED, draft_key
from newsletter.issue.page import PAGE_KEYS
from newsletter.issue.values import is_near_key

_READ: Final = tuple(sorted(KEYS | PAGE_KEYS))
#: Keys of other generators and of data that are one letter away from ours.
_OTHERS: Final = frozenset({"images", "data"})
#: Words of other generators for a draft, and what they say where they say so.
_BORROWED: Final = {
    "draft": frozenset({"true", "yes", "on", "y", "1"}),
    "published": frozenset({"false", "no", "off", "n", "0"}),
}
_NO: Final = frozenset({"off", "false", "no", ""})
#: Words that may stand for a status, also with a slip.
_STATUS: Final = UNFINISHED | {"ready"}


class NearKey(NamedTuple):
    """A key that is nearly another.

    Attributes:
        key: as written.
        meant: the one that was probably meant.
        decides: whether the letter would go to nobody, to fewer or later, if it were that one.
    """

    key: str
    meant: str
    decides: bool


def near_keys(table: Mapping[str, Value]) -> Iterator[NearKey]:
    """The keys of a front matter that are nearly ones that are read."""
    for key in table:
        if key in _READ or key in _OTHERS or draft_key({key: table[key]}):
            continue
        meant = next((one for one in (*_READ, *_BORROWED) if is_near_key(key, one)), "")
        decides = bool(meant) and meant not in table and _decides(table[key], meant)
        # What looks like a borrowed word may be anything, unless it says "draft"; so may a word of
        # the author's beside the one that it is like.
        if decides or (meant in _READ and not _is_own(key, meant, table)):
            yield NearKey(key=key, meant=meant, decides=decides)


def _is_own(key: str, meant: str, table: Mapping[str, Value]) -> bool:
    """Whether a key is a word of the author's: "titles" beside `title`, "stats" with a table."""
    if meant == "status":
        return not isinstance(table[key], str)
    return key.casefold() == key and meant in table


def _decides(value: Value, meant: str) -> bool:
    if meant == "status":
        return _is_status(value) and str(value).strip().casefold() != "ready"
    if not isinstance(value, str):
        return False
    word = value.strip().casefold()
    if meant in _BORROWED:
        return word in _BORROWED[meant]
    return meant in {"segment", "send_at", "sent_elsewhere"} and word not in _NO


def _is_status(value: Value) -> bool:
    """Whether this may say how far an issue is."""
    word = value.strip().casefold() if isinstance(value, str) else ""
    return bool(nearest(word, _STATUS, ""))
