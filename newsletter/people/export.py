"""Everybody on the list as a CSV file that `import` and spreadsheets read.

By address, so that two stores with the same people write the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from newsletter.audience.roster import guarded
from newsletter.audience.services import OWN
from newsletter.feedback import Suppression
from newsletter.project.git import expect_untaken
from newsletter.project.lists import new_list, write_list
from newsletter.store import Store, subscribers, suppressions
from newsletter.store.subscribers import Member

#: Suppressions in a word that `import` takes for the same; every other one is "blocked".
_WORDS: Final = {
    Suppression.BOUNCED.value: "bounced",
    Suppression.SOFT.value: "bounced",
    Suppression.COMPLAINED.value: "complained",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What an export holds.

    Attributes:
        people: how many.
        hashes_only: suppressed addresses it cannot hold, because only their hash is on record.
    """

    people: int
    hashes_only: int


def export_to(stream: IO[str], store: Store) -> ExportResult:
    """Write everybody to an open stream."""
    number = write_list(stream, _rows(store))
    return ExportResult(people=number, hashes_only=suppressions.count_strays(store))


def export_file(path: Path, store: Store) -> ExportResult:
    """Write everybody to a new file, its owner's alone.

    Raises:
        InputError: the file exists, its folder cannot be written, or git would take it up.
    """
    expect_untaken(path)
    with new_list(path) as stream:
        number = write_list(stream, _rows(store))
    return ExportResult(people=number, hashes_only=suppressions.count_strays(store))


def _rows(store: Store) -> Iterator[list[str]]:
    names = subscribers.field_names(store)
    yield [*OWN, *names]
    for one in subscribers.each(store, by_address=True):
        fields = [one.fields.get(name, "") for name in names]
        tags = ", ".join(sorted(one.tags))
        joined = one.created_at.isoformat(timespec="microseconds")
        cells = [one.email, one.name, _status(one), tags, joined, *fields]
        yield [guarded(cell) for cell in cells]


def _status(one: Member) -> str:
    if not one.suppression:
        return one.status.value
    return _WORDS.get(one.suppression, "blocked")
