"""The posts of an export, whatever the service; and how its tables and dates are read."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from newsletter import moments
from newsletter.errors import InputError, Place

#: Characters in one cell: a long letter has a hundred thousand.
_LONGEST_CELL: Final = 20_000_000


class ExportFiles(Protocol):
    """The files of an export, by their names with slashes."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in order."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes of one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPost:
    """One post as a service gives it.

    Attributes:
        key: its name at that service, which never changes.
        place: where the export has it.
        title: one line of text.
        slug: the last part of its address there, may be empty.
        day: when readers got it: a moment, a day, or None where it does not say.
        sent: whether readers had it; else it is a draft.
        kept_out: why it gets no page, as the end of a sentence; "" where everybody could read it.
        subject: of the mail, "" where it is the title.
        preheader: one line, may be empty.
        aliases: paths where it was read.
        image: for link previews: an address, or a path in the export.
        canonical: where it first stood, an address.
        number: its own, None where it has none.
        html: what it says; "" where `markdown` does.
        markdown: what it says; "" where `html` does.
        folder: of the export, where its relative pictures start from.
        left_out: what of it does not come along, in words.
    """

    key: str
    place: Place
    title: str
    slug: str = ""
    day: dt.datetime | dt.date | None = None
    sent: bool = True
    kept_out: str = ""
    subject: str = ""
    preheader: str = ""
    aliases: tuple[str, ...] = ()
    image: str = ""
    canonical: str = ""
    number: int | None = None
    html: str = ""
    markdown: str = ""
    folder: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an earlier service gave.

    Attributes:
        service: its name, as people say it.
        posts: its letters, in the order of the export.
        skipped: what else is in it, each with its place and the reason.
        site: the address it was read at, "" where it does not say.
    """

    service: str
    posts: tuple[PastPost, ...]
    skipped: tuple[tuple[Place, str], ...] = ()
    site: str = ""


def text_of(files: ExportFiles, name: str) -> str:
    """A file's text, line ends as line feeds.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        text = files.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "this file is not UTF-8", place=Place(name), hint="export it again, or save it as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def rows_of(files: ExportFiles, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table by the names of its columns, each with the line it begins on.

    Raises:
        InputError: it is no such table.
    """
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        reader = csv.DictReader(io.StringIO(text_of(files, name)), strict=True)
        line = 2
        for row in reader:
            yield line, {(key or "").strip(): (value or "") for key, value in row.items() if key}
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            "this table cannot be read", place=Place(name), cause=str(error),
            hint="export it again",
        ) from error  # fmt: skip
    finally:
        csv.field_size_limit(limit)


def json_of(files: ExportFiles, name: str) -> Any:  # noqa: ANN401  # whatever a service writes
    """What a JSON file holds.

    Raises:
        InputError: it is none.
    """
    try:
        return json.loads(text_of(files, name))
    except (ValueError, RecursionError) as error:
        raise InputError(
            "this is no JSON", place=Place(name), cause=str(error)[:200], hint="export it again"
        ) from error


def moment_of(text: object) -> dt.datetime | dt.date | None:
    """A day or moment as services write it; None where there is none, or none that can be."""
    if isinstance(text, dt.date):
        return text
    words = re.sub(r"\s+UTC$", "+00:00", str(text or "").strip())
    try:
        found = moments.moment(words)
    except ValueError:
        return None
    return found.date() if re.fullmatch(r"\d{4}-\d\d-\d\d", words) else found


def line_of(value: object) -> str:
    """A value as one line of text."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def is_said(row: Mapping[str, object], key: str) -> bool:
    """Whether a value means yes."""
    return str(row.get(key, "")).strip().lower() in {"true", "1", "yes", "t"}


def number_in(title: str) -> int | None:
    """The number that a title names: "#74: ...", "... - Issue 8"."""
    found = re.search(r"^#(\d{1,5})\b|\b[Ii]ssue\s+#?(\d{1,5})\b|#(\d{1,5})$", title.strip())
    return int(next(filter(None, found.groups()))) if found else None
