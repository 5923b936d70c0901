"""A person forgotten: everywhere in the records; only a keyed hash stays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter.audience import Address
from newsletter.project import Project
from newsletter.project.files import LISTS
from newsletter.project.lists import traces
from newsletter.project.private import STORE
from newsletter.store import Store, subscribers
from newsletter.store.folder import backup as backups


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseResult:
    """What erasing did.

    Attributes:
        known: whether anybody had the address; it is kept out from now on in any case.
        clean: whether nothing of it is left in the files of the records; another program that was
            reading can keep old pages.
        renewed_backups: backups beside the records that were deleted; a new one was made.
    """

    known: bool
    clean: bool
    renewed_backups: int


def erase(
    store: Store,
    address: Address,
    *,
    now: dt.datetime,
    source: str = "newsletter subscribers erase",
) -> EraseResult:
    """Forget a person.

    Args:
        store: the records.
        address: theirs.
        now: with a time zone.
        source: who asked for it, for the consent log.

    Raises:
        LockedError: an import is going on, and may be about to add the person.
    """
    known, clean = subscribers.erase(store, address.canonical, now=now, source=source)
    # A typing error must not cost the backups.
    renewed = backups.renew(store, now=now) if known else 0
    return EraseResult(known=known, clean=clean, renewed_backups=renewed)


def files_naming(project: Project, address: Address) -> tuple[str, ...]:
    """Files of the newsletter's folder in which an address still stands, once the store is closed.

    Lists, rehearsed mails, the output of `build` and the records' own folder are searched.
    """
    folders = (LISTS, project.settings.transport.folder, "build", STORE)
    return traces(project.root, folders, address.mailbox)
