"""How a person wants a list to be read, where they know more than its header tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from newsletter.audience import services
from newsletter.audience.joined import DayOrder
from newsletter.audience.roles import Role, plain
from newsletter.audience.segment import tag_name
from newsletter.audience.standing import ReaderStanding
from newsletter.errors import InputError

_STANDINGS: Final = {standing.name.lower(): standing for standing in ReaderStanding} | {
    "unsubscribed": ReaderStanding.LEFT
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen for one list.

    Attributes:
        service: a service's name, "auto" or "plain".
        columns: roles, and names for fields or "", by the plain names of columns.
        words: what words of a status mean, in lower case; "" stands for an empty cell.
        tags: what everybody of the list gets besides.
        order: which number of a date such as 1/2/2024 is the day; unknown when the list shows it.
    """

    service: str = services.AUTO
    columns: Mapping[str, tuple[Role, str]] = field(default_factory=dict)
    words: Mapping[str, ReaderStanding] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    order: DayOrder = DayOrder.UNKNOWN

    def __str__(self) -> str:
        """The same for the same choices; "" where nothing was chosen."""
        parts = [
            *([self.service] if self.service != services.AUTO else []),
            *(f"{name}={role}:{named}" for name, (role, named) in sorted(self.columns.items())),
            *(f"{word}={standing.name}" for word, standing in sorted(self.words.items())),
            *sorted(self.tags),
            *([self.order.value] if self.order is not DayOrder.UNKNOWN else []),
        ]
        return "\n".join(parts)


def read_choices(
    *,
    service: str,
    columns: Iterable[str],
    words: Iterable[str],
    tags: Iterable[str],
    dates: str = "",
) -> Choices:
    """Read what was typed.

    Args:
        service: as `--from` takes it.
        columns: COLUMN=ROLE or COLUMN=field:NAME.
        words: WORD=STATUS, or =STATUS for an empty cell.
        tags: as they were typed.
        dates: "day-first", "month-first", or "" for what the list shows.

    Raises:
        InputError: one of them is not so written, or names what there is not.
    """
    if service != services.AUTO:
        services.named(service)
    return Choices(
        service=service,
        columns=dict(_column(text) for text in columns),
        words=dict(_word(text) for text in words),
        tags=frozenset(_tag(text) for text in tags),
        order=DayOrder(dates) if dates else DayOrder.UNKNOWN,
    )


def _column(text: str) -> tuple[str, tuple[Role, str]]:
    header, equals, meaning = text.rpartition("=")
    role, _, name = meaning.strip().partition(":")
    known = role in set(Role)
    if not (equals and plain(header) and known and (not name or role == Role.FIELD)):
        roles = ", ".join(Role)
        raise InputError(
            f'"{text}" does not say what a column is',
            hint=f"--map COLUMN=ROLE, the role one of {roles}, or field:NAME",
        )
    return plain(header), (Role(role), plain(name))


def _word(text: str) -> tuple[str, ReaderStanding]:
    word, equals, meaning = text.rpartition("=")
    standing = _STANDINGS.get(meaning.strip().lower())
    if not equals or standing is None:
        meanings = ", ".join(_STANDINGS)
        raise InputError(
            f'"{text}" does not say what a word means',
            hint=f"--map-status WORD=STATUS, the status one of {meanings}",
        )
    return word.strip().lower(), standing


def _tag(text: str) -> str:
    tag = tag_name(text)
    if not tag:
        raise InputError(f'"{text}" is no tag', hint="--tag from-mailchimp")
    return tag
