"""The columns of a list, and what the cells of a row say by them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from newsletter.audience.cells import UnfitCellError, table_of, tags_of
from newsletter.audience.choices import Choices
from newsletter.audience.header import Column, by_file, understood
from newsletter.audience.joined import joined, unread
from newsletter.audience.roles import BY_NAME, STANDING, Role, folded, plain
from newsletter.audience.services import Service
from newsletter.audience.standing import (
    BLANK,
    DOUBTFUL,
    GONE,
    NO,
    WORDS,
    ReaderStanding,
    confirmed,
    marked,
    says_gone,
    yes_or_no,
)
from newsletter.errors import Place
from newsletter.text_rules import one_line

_MARKED: Final = {
    Role.LEFT: ReaderStanding.LEFT,
    Role.BOUNCED: ReaderStanding.BOUNCED,
    Role.COMPLAINED: ReaderStanding.COMPLAINED,
    Role.BLOCKED: ReaderStanding.BLOCKED,
}

#: What no date of joining is, but for a zero, which programs write for none.
_NOT_SINCE: Final = frozenset(word for word in NO | DOUBTFUL if not word[0].isdigit())
#: What is read for something else, or for nothing as it has no name or is a service's own.
_UNJUDGED: Final = frozenset({Role.FIELD, Role.TAGS, Role.JOINED, Role.IGNORE})


class RejectedError(Exception):
    """Why one row cannot be imported.

    Attributes:
        word: the word of a status column that nobody knows, or "".
    """

    def __init__(self, reason: str, *, word: str = "") -> None:
        super().__init__(reason)
        self.word = word


class Person(NamedTuple):
    """What the cells of one row say; `email` as it stands, all else fit for use.

    `aside` tells which column says that they left that is read for something else, or "";
    `undated` why a date of the row counts as none, or "".
    """

    email: str
    name: str
    standing: ReaderStanding
    joined: dt.datetime | None
    tags: frozenset[str]
    fields: Mapping[str, str]
    aside: str
    undated: str


class Columns:
    """The columns of one list, and how a row is read by them.

    Attributes:
        columns: all of them, in the order of the list.
        service: whose export it is; None for a plain list.
        own: whether this program wrote it.
        order: which number of a date such as 1/2/2024 is the day.
        least: where everybody stands by the name of the file.
        dated: which columns hold dates.
        about_whom: which columns tell who somebody is, the first among them.
    """

    def __init__(
        self, columns: Sequence[Column], service: Service | None, choices: Choices, *, own: bool
    ) -> None:
        self.columns = tuple(columns)
        self.service = service
        self.own = own
        self.order = choices.order
        self.least = ReaderStanding.ACTIVE
        self._words = {
            **WORDS,
            **(service.words if service else {}),
            **{folded(word): meant for word, meant in choices.words.items()},
            **choices.words,
        }
        self._tags = choices.tags
        self._email = self._at(Role.EMAIL)[0]
        self._name, self._first, self._last = (
            next(iter(self._at(role)), None) for role in (Role.NAME, Role.FIRST, Role.LAST)
        )
        named = (Role.EMAIL, Role.NAME, Role.FIRST, Role.LAST)
        first = () if columns[0].role in STANDING else (0,)
        self.about_whom = {*first, *chain.from_iterable(map(self._at, named))}
        self._tagged = self._at(Role.TAGS)
        self._tables = [
            (at, plain(columns[at].header) not in choices.columns) for at in self._at(Role.TABLE)
        ]
        self.dated = self._at(Role.JOINED)
        self._fields = [
            (at, column.name)
            for at, column in enumerate(columns)
            if column.role in {Role.FIELD, Role.FIRST, Role.LAST}
        ]
        #: What nobody has said of; a word there that can mean one thing alone is not passed over.
        self._unjudged = [
            (at, column.role is Role.TAGS)
            for at, column in enumerate(columns)
            if column.role in _UNJUDGED and not own and plain(column.header) not in choices.columns
        ]
        self._judges: list[tuple[int, Callable[[str], ReaderStanding]]] = [
            (at, self._judge(column))
            for at, column in enumerate(columns)
            if column.role in STANDING
        ]

    @classmethod
    def read(
        cls,
        header: Sequence[str],
        place: Callable[[int], Place],
        choices: Choices | None = None,
        rows: Iterable[Sequence[str]] = (),
    ) -> Columns:
        """Understand a header.

        Args:
            header: the cells of the first record.
            place: where the n-th of them stands.
            choices: what a person knows better.
            rows: the cells below it, for columns that only these tell about.

        Raises:
            InputError: no column of addresses, two of one meaning, a name that no field can have,
                one that speaks of leaving or may tell of it and is not understood, or a choice
                about a column that there is not.
        """
        choices = choices or Choices()
        found, service, own = understood(header, place, choices, rows)
        columns = cls(found, service, choices, own=own)
        if not columns.tells_standing:
            columns.least = by_file(place(0).file, service)
        return columns

    def is_heading(self, at: int, word: str) -> bool:
        """Whether the only words of a row are some where an address would be: "Old readers"."""
        if at != self._email or len(self.columns) == 1:
            return False
        # An address with a slip in it has a sign of one.
        return folded(word) not in BLANK and "@" not in word and (" " in word or word.isalpha())

    @property
    def tells_standing(self) -> bool:
        """Whether a column tells who may be mailed."""
        return bool(self._judges)

    def person(self, cells: Sequence[str]) -> Person:
        """Read one row.

        Raises:
            RejectedError: a cell cannot be what its column says.
        """
        standing, doubt = self.least, None
        for at, judge in self._judges:
            try:
                standing = max(standing, judge(cells[at].strip().lower()))
            except RejectedError as unclear:
                doubt = doubt or unclear
        aside = "" if standing >= ReaderStanding.LEFT else self._aside(cells)
        if aside:
            standing = ReaderStanding.LEFT
        # Whoever has left by one column has left, whatever another one fails to say.
        if doubt and standing < ReaderStanding.LEFT:
            raise doubt
        email = cells[self._email].strip()
        if not email:
            raise RejectedError("the row has no address")
        service = self.service
        if service and service.forgotten and email.lower().endswith(f"@{service.forgotten}"):
            raise RejectedError(f"{service.title} has deleted this person")
        tags = self._tags
        for at in self._tagged:
            if cell := cells[at]:
                tags |= tags_of(cell)
        fields: dict[str, str] = {}
        for at, unjudged in self._tables:
            try:
                table = dict(table_of(cells[at]))
            except UnfitCellError as error:
                if standing < ReaderStanding.LEFT:
                    raise RejectedError(str(error)) from error
                continue
            fields.update(table)
            if unjudged and standing < ReaderStanding.LEFT and (said := _said_in(table)):
                standing, header = ReaderStanding.LEFT, one_line(self.columns[at].header)
                way = f'--map "{header}=table" where it does not'
                aside = f'"{said}" in the column "{header}" says that they left; {way}'
        for at, name in self._fields:
            if (cell := cells[at]) and (line := one_line(cell)):
                fields[name] = line
        since, undated = self._joined(cells) if self.dated else (None, "")
        return Person(email, self._whole_name(cells), standing, since, tags, fields, aside, undated)

    def _aside(self, cells: Sequence[str]) -> str:
        """Which column that is read for something else says that they left, with the way on."""
        for at, tagged in self._unjudged:
            cell = cells[at]
            if not cell or (cell[0].isdigit() and not tagged):
                continue  # most of what a service adds: dates and numbers
            role, cell = self.columns[at].role, folded(cell.strip())
            if (
                says_gone(cell)
                or (tagged and not GONE.isdisjoint(tags_of(cell)))
                or (role is Role.JOINED and cell in _NOT_SINCE)
            ):
                header = one_line(self.columns[at].header)
                if not header:
                    return f"column {at + 1} without a name says that they left; name it"
                way = f'--map "{header}={role}" where it does not'
                return f'the column "{header}" says that they left; {way}'
        return ""

    def _at(self, role: Role) -> list[int]:
        return [at for at, column in enumerate(self.columns) if column.role is role]

    def _whole_name(self, cells: Sequence[str]) -> str:
        if self._name is not None and (name := one_line(cells[self._name])):
            return name
        parts = [cells[at] for at in (self._first, self._last) if at is not None]
        return one_line(" ".join(parts)) if parts else ""

    def _joined(self, cells: Sequence[str]) -> tuple[dt.datetime | None, str]:
        """Of several dates the latest, for who was asked again agreed then; and why one is none."""
        found, undated = [], ""
        for at in self.dated:
            if date := joined(cells[at], self.order):
                found.append(date)
            else:
                undated = undated or unread(cells[at], self.order)
        return max(found, default=None), undated

    def _judge(self, column: Column) -> Callable[[str], ReaderStanding]:
        role, header = column.role, one_line(column.header)
        if role is Role.STATUS:
            return lambda cell: self._status(cell, header)
        if role is Role.SUBSCRIBED:
            return lambda cell: _subscribed(cell, header)
        if role is Role.CONFIRMED:
            return lambda cell: _confirmed(cell, header)
        meant = _MARKED[role]
        return lambda cell: meant if marked(cell) else ReaderStanding.ACTIVE

    def _status(self, cell: str, header: str) -> ReaderStanding:
        standing = self._words.get(cell)
        if standing is None:
            standing = self._words.get(folded(cell))
        if standing is not None:
            return standing
        if cell:
            raise RejectedError("the status of the row is not a known one", word=cell)
        raise RejectedError(
            f'the column "{header}" is empty; --map-status "=active" where that means active'
        )


def _said_in(table: Mapping[str, str]) -> str:
    """Which value of an object says that the person left, as a column of its name would; or ""."""
    return next((name for name, value in table.items() if _says_left(name, folded(value))), "")


def _says_left(name: str, cell: str) -> bool:
    role = BY_NAME.get(name)
    if role is Role.STATUS:
        return WORDS.get(cell, ReaderStanding.ACTIVE) >= ReaderStanding.LEFT
    if role is Role.SUBSCRIBED:
        return yes_or_no(cell) is False
    return says_gone(cell) or (role in _MARKED and marked(cell))


def _subscribed(cell: str, header: str) -> ReaderStanding:
    said = yes_or_no(cell)
    if said is None:
        raise RejectedError(
            f'the column "{header}" says neither yes nor no to being subscribed; --map it'
        )
    return ReaderStanding.ACTIVE if said else ReaderStanding.LEFT


def _confirmed(cell: str, header: str) -> ReaderStanding:
    said = confirmed(cell)
    if said is None:
        raise RejectedError(
            f'the column "{header}" says neither yes nor no to being confirmed; --map it'
        )
    return ReaderStanding.ACTIVE if said else ReaderStanding.PENDING
