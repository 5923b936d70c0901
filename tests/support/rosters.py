"""Lists of people, read for tests."""

from __future__ import annotations

import io

from newsletter.audience.roster import Reject, Row, read


def rows(text: str) -> list[Row | Reject]:
    return list(read(io.StringIO(text, newline=""), file="list.csv"))


def all_rows(text: str) -> list[Row]:
    found = rows(text)
    assert not [row for row in found if isinstance(row, Reject)]
    return [row for row in found if isinstance(row, Row)]


def the_row(text: str) -> Row:
    [row] = all_rows(text)
    return row


def reasons(text: str) -> list[tuple[int, str]]:
    return [(r.line, r.reason) for r in rows(text) if isinstance(r, Reject)]


def people(text: str) -> list[tuple[str, str]]:
    return [(r.email, r.name) for r in rows(text) if isinstance(r, Row)]
