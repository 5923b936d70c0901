"""What the header of a list says of its columns, and what stops a list there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from newsletter.audience import services
from newsletter.audience.cells import FIELD_NAME
from newsletter.audience.choices import Choices
from newsletter.audience.roles import (
    BY_NAME,
    STANDING,
    Role,
    name_tells,
    parted,
    plain,
    speaks_of_standing,
)
from newsletter.audience.services import Service
from newsletter.audience.standing import ReaderStanding
from newsletter.audience.telling import is_ordinary, telling
from newsletter.errors import InputError, Place
from newsletter.text_rules import one_line

_SINGLE: Final = frozenset({Role.EMAIL, Role.NAME, Role.FIRST, Role.LAST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        header: as it is written.
        name: as a field is named.
        role: what its cells are.
    """

    header: str
    name: str
    role: Role


def understood(
    header: Sequence[str],
    place: Callable[[int], Place],
    choices: Choices,
    rows: Iterable[Sequence[str]] = (),
) -> tuple[list[Column], Service | None, bool]:
    """The columns of a header, whose export it is, and whether this program wrote it.

    Raises:
        InputError: as `Columns.read` does.
    """
    if any("@" in cell for cell in header):
        raise InputError(
            "this line holds an address where the names of the columns should stand",
            place=place(0),
            hint='put a line above it: "email", or "email,name"',
        )
    names = [plain(cell) for cell in header]
    _expect_columns(names, choices, place(0))
    own = choices.service == services.AUTO and tuple(header[:5]) == services.OWN
    if own:
        found, service = _own(header), None
    else:
        service = (
            services.recognised(names, place(0))
            if choices.service == services.AUTO
            else services.named(choices.service)
        )
        found = [_column(*pair, service) for pair in zip(header, names, strict=True)]
    found = [_chosen(column, choices) for column in found]
    _expect_one_of_each(found, place)
    if own:
        _check(found, place, fit=str.isidentifier)
    else:
        open_ = [at for at, one in enumerate(found) if plain(one.header) not in choices.columns]
        _check(found, place, open_, rows, told=_is_told(found, service))
    return found, service, own


def _column(header: str, name: str, service: Service | None) -> Column:
    if not header.strip():
        return Column(header=header, name=name, role=Role.IGNORE)
    known = BY_NAME.get(name) or BY_NAME.get(parted(header))
    if service is None:
        return Column(header=header, name=name, role=known or Role.FIELD)
    bare = name.removeprefix(service.stripped) if service.stripped else name
    role = service.roles.get(name) or _by_prefix(name, service)
    if name in service.dropped:
        role = Role.IGNORE
    role = role or BY_NAME.get(bare) or known
    return Column(header=header, name=bare or name, role=role or Role.FIELD)


def _by_prefix(name: str, service: Service) -> Role | None:
    found = (role for prefix, role in service.prefixes.items() if name.startswith(prefix))
    return next(found, None)


def _own(header: Sequence[str]) -> list[Column]:
    """The columns of our own export: five that are known, then a field in each, as it is named."""
    roles = (Role.EMAIL, Role.NAME, Role.STATUS, Role.TAGS, Role.JOINED)
    known = [
        Column(header=cell, name=cell, role=role)
        for cell, role in zip(services.OWN, roles, strict=True)
    ]
    fields = header[len(known) :]
    return known + [Column(header=cell, name=cell.strip(), role=Role.FIELD) for cell in fields]


def _chosen(column: Column, choices: Choices) -> Column:
    role, name = choices.columns.get(plain(column.header), (column.role, ""))
    return replace(column, role=role, name=name or column.name)


def _expect_columns(names: Sequence[str], choices: Choices, place: Place) -> None:
    for name in choices.columns:
        if name not in names:
            raise InputError(
                f'no column of this list is named "{name}"',
                place=place,
                hint="--map takes the names of its first line",
            )


def _is_told(columns: Sequence[Column], service: Service | None) -> bool:
    """Whether a service says in columns of its own, or in the name of the file, who left."""
    if service is None:
        return False
    return bool(service.by_file) or any(column.role in STANDING for column in columns)


def _check(
    columns: Sequence[Column],
    place: Callable[[int], Place],
    asked: Iterable[int] = (),
    rows: Iterable[Sequence[str]] = (),
    *,
    told: bool = False,
    fit: Callable[[str], object] = FIELD_NAME.fullmatch,
) -> None:
    """Ask about columns that can be no field, or may tell who left.

    Args:
        columns: all of them.
        place: where the header of the n-th stands.
        asked: those that may be asked about, for nobody has said what they are.
        rows: the cells below.
        told: whether a service says who left.
        fit: tells whether a field can have a name.
    """
    fields = [at for at, column in enumerate(columns) if column.role is Role.FIELD]
    unfit = {at for at in fields if not fit(columns[at].name)}
    spoken = {at for at in asked if at in fields and _speaks(columns[at])}
    unknown = [at for at in asked if _says_nothing(columns[at]) and at not in unfit | spoken]
    joined = {at for at in unknown if columns[at].role is Role.JOINED}
    nameless = {at for at in unknown if not columns[at].header.strip()}
    open_ = telling(rows, unknown, beside=told, joined=joined, nameless=nameless)
    undecided = spoken | {at for at in open_ if at not in nameless}
    if found := sorted(unfit | undecided):
        headers = [one_line(columns[at].header) for at in found]
        raise (_undecided if undecided else _unfit)(headers, place(found[0]))
    if open_:
        raise InputError(
            f"column {open_[0] + 1} has no name, and may tell who left",
            place=place(open_[0]),
            hint="name it in the first line, left where it tells who left; or delete it",
        )


def _speaks(column: Column) -> bool:
    return any(map(speaks_of_standing, _names(column)))


def _names(column: Column) -> tuple[str, str]:
    """How its name may be read: "leftOn" is one word, or two."""
    return column.name, parted(column.header)


def _says_nothing(column: Column) -> bool:
    """Whether the name of a column leaves open what it is; "signed up" may have yes and no."""
    if not column.header.strip() or column.role is Role.JOINED:
        return True
    return column.role is Role.FIELD and not (
        is_ordinary(column.name) or is_ordinary(parted(column.header))
    )


def _expect_one_of_each(columns: Sequence[Column], place: Callable[[int], Place]) -> None:
    seen: dict[object, int] = {}
    for at, column in enumerate(columns):
        role, name = column.role, column.name
        if role is Role.IGNORE or not name:
            continue
        meaning: object = role if role in _SINGLE else (role is Role.FIELD, name)
        if meaning in seen:
            raise InputError(
                f"columns {seen[meaning] + 1} and {at + 1} mean the same",
                place=place(at),
                hint="delete or rename one of them, or --map one with =ignore",
            )
        seen[meaning] = at
    if Role.EMAIL not in seen:
        raise InputError(
            "no column of this list is named email",
            place=place(0),
            hint="name the column with the addresses email, or --map COLUMN=email",
        )


def _is_field_name(name: str, *, own: bool) -> bool:
    return name.isidentifier() if own else FIELD_NAME.fullmatch(name) is not None


def _unfit(headers: Sequence[str], place: Place) -> InputError:
    """One question about all columns that can be no field, and may be what tells who left."""
    more = len(headers) > 1
    which = f"the names of the columns {_listed(headers)}" if more else "the name of this column"
    return InputError(
        f"no merge field can have {which}",
        place=place,
        hint=f"{_ways(headers)}: left where it tells who left, ignore where it does not matter; or "
        "another role, or field:NAME with a name in letters from a to z",
    )


def _undecided(headers: Sequence[str], place: Place) -> InputError:
    """One question about all columns that a person has to decide about."""
    more = len(headers) > 1
    subject = f"{'columns' if more else 'column'} {_listed(headers)}"
    return InputError(
        f"the {subject} may tell who left, and {'are' if more else 'is'} not understood",
        place=place,
        hint=f"{_ways(headers)}: status, left, subscribed, confirmed, bounced, complained or "
        "blocked; where it tells nothing of the kind, field or ignore",
    )


def _listed(headers: Sequence[str]) -> str:
    *most, last = [f'"{header}"' for header in headers]
    return f"{', '.join(most)} and {last}" if most else last


def _ways(headers: Sequence[str]) -> str:
    return " ".join(f'--map "{header}=ROLE"' for header in headers)


def by_file(file: str, service: Service | None) -> ReaderStanding:
    """What the name of a file says of everybody in it, where no column tells."""
    word = name_tells(file.replace("\\", "/").rpartition("/")[2])
    if not word:
        return ReaderStanding.ACTIVE
    if service and word in service.by_file:
        return service.by_file[word]
    raise InputError(
        f'the name of this list says "{word}", and no column says who left',
        place=Place(file),
        hint='where they all agreed, name it otherwise; else add a column "status" with '
        "unsubscribed, bounced or complained in each row",
    )
