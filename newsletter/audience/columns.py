"""The columns of a list: which one holds what, in plain lists and in exports of other services."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from newsletter.audience import Status
from newsletter.audience.segment import tag_name
from newsletter.errors import InputError, Place
from newsletter.text_rules import one_line


class RejectedError(Exception):
    """Why one row cannot be imported."""


class _Role(Enum):
    EMAIL = auto()
    NAME = auto()
    FIRST = auto()
    LAST = auto()
    TAGS = auto()
    STATUS = auto()  # a word
    LEFT = auto()  # a date when there is one, or yes
    KEEPS = auto()  # no when the person has left
    BOUNCED = auto()  # a date when there is one
    TABLE = auto()  # a JSON object of further fields
    FIELD = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Export:
    """What another service's export looks like.

    Attributes:
        marks: the columns it is known by.
        roles: columns that mean something in this export only.
        dropped: columns of the service's own, which nobody would greet a reader with.
    """

    marks: frozenset[str]
    roles: Mapping[str, _Role]
    dropped: frozenset[str]


_ROLES: Final = {
    **dict.fromkeys(("email", "email_address", "e_mail", "e_mail_address", "mail"), _Role.EMAIL),
    **dict.fromkeys(("name", "full_name"), _Role.NAME),
    **dict.fromkeys(("first_name", "firstname", "fname", "given_name"), _Role.FIRST),
    **dict.fromkeys(("last_name", "lastname", "lname", "family_name"), _Role.LAST),
    **dict.fromkeys(("tags", "labels"), _Role.TAGS),
    **dict.fromkeys(("status", "subscriber_status"), _Role.STATUS),
    **dict.fromkeys(("unsubscribed_at", "unsubscribed", "email_disabled"), _Role.LEFT),
    **dict.fromkeys(("subscribed", "subscribed_to_emails"), _Role.KEEPS),
}

# Mailchimp writes three files and tells who left, and who bounced, by their columns alone.
_EXPORTS: Final = {
    "Mailchimp": _Export(
        marks=frozenset({"leid", "euid"}),
        roles={"unsub_time": _Role.LEFT, "clean_time": _Role.BOUNCED},
        dropped=frozenset(
            "member_rating optin_time optin_ip confirm_time confirm_ip latitude longitude gmtoff "
            "dstoff timezone cc region last_changed leid euid notes unsub_campaign_title "
            "unsub_campaign_id unsub_reason unsub_reason_other clean_campaign_title "
            "clean_campaign_id".split()
        ),
    ),
    "Substack": _Export(
        marks=frozenset({"active_subscription"}),
        roles={},
        dropped=frozenset(
            "active_subscription expiry plan created_at first_payment_at".split(),
        ),
    ),
    "Buttondown": _Export(
        marks=frozenset({"creation_date", "metadata"}),
        roles={
            "type": _Role.STATUS,
            "subscriber_type": _Role.STATUS,
            "unsubscription_date": _Role.LEFT,
            "undeliverability_date": _Role.BOUNCED,
            "metadata": _Role.TABLE,
        },
        dropped=frozenset(
            "id secondary_id notes referrer_url source creation_date last_open_date "
            "last_click_date unsubscription_reason ip_address utm_campaign utm_medium utm_source "
            "utm_term utm_content avatar_url churn_date "
            "undeliverability_reason upgrade_date risk_score".split()
        ),
    ),
    "Revue": _Export(
        marks=frozenset({"email", "first_name", "last_name", "created_at"}),
        roles={},
        dropped=frozenset({"created_at"}),
    ),
    "listmonk": _Export(
        marks=frozenset({"uuid", "attributes"}),
        roles={"attributes": _Role.TABLE},
        dropped=frozenset({"uuid", "created_at", "updated_at"}),
    ),
    "Ghost": _Export(
        marks=frozenset({"subscribed_to_emails", "complimentary_plan"}),
        roles={"deleted_at": _Role.LEFT},
        dropped=frozenset("id note complimentary_plan stripe_customer_id created_at tiers".split()),
    ),
}

_ACTIVE: Final = (Status.ACTIVE, "")
_LEFT: Final = (Status.UNSUBSCRIBED, "")
_STATUSES: Final[Mapping[str, tuple[Status, str]]] = {
    **dict.fromkeys(
        "active subscribed enabled confirmed regular premium gifted trialed churning free "
        "paid".split(),
        _ACTIVE,
    ),
    **dict.fromkeys(
        ("pending", "unconfirmed", "unactivated", "not confirmed"), (Status.PENDING, "")
    ),
    # Some of these only never agreed to mail; mailing them would be the worse mistake.
    **dict.fromkeys(
        "unsubscribed removed disabled inactive deleted archived paused transactional "
        "non-subscribed nonsubscribed".split(),
        _LEFT,
    ),
    **dict.fromkeys("cleaned bounced undeliverable".split(), (Status.UNSUBSCRIBED, "bounced")),
    **dict.fromkeys(
        "complained complaint spam spammy".split(), (Status.UNSUBSCRIBED, "complained")
    ),
    **dict.fromkeys(
        "blocked blocklisted blacklisted suppressed".split(), (Status.UNSUBSCRIBED, "blocked")
    ),
}
_YES: Final = frozenset({"true", "yes", "1", "t", "y"})
_NO: Final = frozenset({"false", "no", "0", "f", "n"})
_NO_DATE: Final = _NO | {"", "null", "none"}

_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_TAG: Final = re.compile(r'"([^"]*)"|([^,;|\[\]"]+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the cells of one row say; `email` as it stands, all else fit for use."""

    email: str
    name: str
    status: Status
    suppression: str
    tags: frozenset[str]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one list: a role and a field name for each."""

    roles: tuple[_Role, ...]
    names: tuple[str, ...]

    @classmethod
    def read(cls, header: Sequence[str], place: Callable[[int], Place]) -> Columns:
        """Understand a header.

        Args:
            header: the cells of the first record.
            place: where the n-th of them stands.

        Raises:
            InputError: no column of addresses, two of one meaning, a name that no field can have.
        """
        if any("@" in cell for cell in header):
            raise InputError(
                "this line holds an address where the names of the columns should stand",
                place=place(0),
                hint='put a line above it: "email", or "email,name"',
            )
        names = tuple(_plain(cell) for cell in header)
        roles = tuple(_roles(header, names))
        _check(names, roles, place)
        return cls(roles, names)

    def person(self, cells: Sequence[str]) -> Person:
        """Read one row.

        Raises:
            RejectedError: a cell cannot be what its column says.
        """
        status, suppression = self._standing(cells)
        return Person(
            email=self._email(cells),
            name=self._name(cells),
            status=status,
            suppression=suppression,
            tags=frozenset(self._tags(cells)),
            fields=dict(self._fields(cells)),
        )

    def _cells(self, cells: Sequence[str], *wanted: _Role) -> Iterator[tuple[str, str]]:
        for role, name, cell in zip(self.roles, self.names, cells, strict=True):
            if role in wanted:
                yield name, cell

    def _email(self, cells: Sequence[str]) -> str:
        email = next(cell for _, cell in self._cells(cells, _Role.EMAIL)).strip()
        if not email:
            raise RejectedError("the row has no address")
        return email

    def _name(self, cells: Sequence[str]) -> str:
        whole = next((one_line(cell) for _, cell in self._cells(cells, _Role.NAME)), "")
        first = next((cell for _, cell in self._cells(cells, _Role.FIRST)), "")
        last = next((cell for _, cell in self._cells(cells, _Role.LAST)), "")
        return whole or one_line(f"{first} {last}")

    def _tags(self, cells: Sequence[str]) -> Iterator[str]:
        for _, cell in self._cells(cells, _Role.TAGS):
            for quoted, bare in _TAG.findall(cell):
                if tag := tag_name(quoted or bare):
                    yield tag

    def _fields(self, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        for _, cell in self._cells(cells, _Role.TABLE):
            yield from _table(cell)
        for name, cell in self._cells(cells, _Role.FIELD, _Role.FIRST, _Role.LAST):
            if line := one_line(cell):
                yield name, line

    def _standing(self, cells: Sequence[str]) -> tuple[Status, str]:
        """What the row says of its person; of several answers the strictest counts."""
        found = [_ACTIVE]
        for role, cell in zip(self.roles, cells, strict=True):
            found.append(_verdict(role, cell.strip().lower()))
        return max(found, key=_strictness)


def _strictness(standing: tuple[Status, str]) -> tuple[bool, int]:
    order = (Status.ACTIVE, Status.PENDING, Status.UNSUBSCRIBED)
    return bool(standing[1]), order.index(standing[0])


def _verdict(role: _Role, cell: str) -> tuple[Status, str]:
    if role is _Role.STATUS and cell:
        if cell not in _STATUSES:
            raise RejectedError("the status of the row is not a known one")
        return _STATUSES[cell]
    if role is _Role.KEEPS and cell not in _YES:
        if cell not in _NO:
            raise RejectedError("the row says neither yes nor no to being subscribed")
        return _LEFT
    if role is _Role.LEFT and cell not in _NO_DATE:
        return _LEFT
    if role is _Role.BOUNCED and cell not in _NO_DATE:
        return Status.UNSUBSCRIBED, "bounced"
    return _ACTIVE


def _plain(header: str) -> str:
    """A header as a field is named: "Prénom " becomes "prenom", "First Name" "first_name"."""
    letters = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_")


def _roles(header: Sequence[str], names: Sequence[str]) -> Iterator[_Role]:
    special: dict[str, _Role] = {}
    for export in _EXPORTS.values():
        if export.marks <= set(names):
            special |= dict.fromkeys(export.dropped, _Role.NOTHING) | dict(export.roles)
    for cell, name in zip(header, names, strict=True):
        known = special.get(name) or _ROLES.get(name, _Role.FIELD)
        yield known if cell.strip() else _Role.NOTHING


def _check(names: Sequence[str], roles: Sequence[_Role], place: Callable[[int], Place]) -> None:
    seen: dict[object, int] = {}
    single = {_Role.EMAIL, _Role.NAME, _Role.FIRST, _Role.LAST}
    for at, (name, role) in enumerate(zip(names, roles, strict=True)):
        if role is _Role.FIELD and not _FIELD_NAME.fullmatch(name):
            raise InputError(
                "no merge field can have the name of this column",
                place=place(at),
                hint="begin it with a letter from a to z, or delete the column",
            )
        meaning = role if role in single else name
        if meaning and meaning in seen:
            raise InputError(
                f"columns {seen[meaning] + 1} and {at + 1} mean the same",
                place=place(at),
                hint="delete or rename one of them",
            )
        seen[meaning] = at
    if _Role.EMAIL not in seen:
        raise InputError(
            "no column of this list is named email",
            place=place(0),
            hint="name the column with the addresses email",
        )


def _table(cell: str) -> Iterator[tuple[str, str]]:
    """The plain values of a JSON object; lists and tables inside it are left out."""
    if not cell.strip():
        return
    try:
        table = json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise RejectedError("the attributes are not valid JSON") from error
    if not isinstance(table, dict):
        raise RejectedError("the attributes are not a JSON object")
    for key, value in table.items():
        name = _plain(key)
        if _FIELD_NAME.fullmatch(name) and isinstance(value, str | int | float):
            text = value if isinstance(value, str) else json.dumps(value)
            if line := one_line(text):
                yield name, line
