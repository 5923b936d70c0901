"""Cells that hold more than one thing: tags, and objects of further fields."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from newsletter.audience.roles import plain
from newsletter.audience.segment import tag_name
from newsletter.text_rules import one_line

#: What a merge field may be called.
FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_TAG: Final = re.compile(r'"([^"]*)"|([^,;|\[\]"]+)')
#: phpList's word for no tag at all.
_NO_TAGS: Final = frozenset({"no lists"})


class UnfitCellError(Exception):
    """A cell cannot be what its column says."""


@lru_cache(maxsize=4096)
def tags_of(cell: str) -> frozenset[str]:
    """The tags of a cell; most people of a list share a few."""
    if cell.strip().lower() in _NO_TAGS:
        return frozenset()
    names = (tag_name(quoted or bare) for quoted, bare in _TAG.findall(cell))
    return frozenset(filter(None, names))


def table_of(cell: str) -> Iterator[tuple[str, str]]:
    """The plain values of an object by name; lists and tables inside it are left out.

    Raises:
        UnfitCellError: it is no object; the text says so.
    """
    if not cell.strip():
        return
    table = _parsed(cell)
    if not isinstance(table, dict):
        raise UnfitCellError("the attributes are not a JSON object")
    for key, value in table.items():
        name = plain(str(key))
        if FIELD_NAME.fullmatch(name) and isinstance(value, str | int | float):
            text = value if isinstance(value, str) else json.dumps(value)
            if line := one_line(text):
                yield name, line


def _parsed(cell: str) -> object:
    """JSON, or the literal in which Buttondown writes its metadata."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        fault = error
    try:
        return ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise UnfitCellError("the attributes are not valid JSON") from fault
