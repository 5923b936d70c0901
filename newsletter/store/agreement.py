"""The two ledgers held against each other: the records, and the files beside the issues.

Whoever says what has gone asks here first: records that were restored do not know it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from newsletter.errors import InputError, Place, RefusedError
from newsletter.humanize import plural
from newsletter.project import ledger
from newsletter.project.ledger import Entry, Reached
from newsletter.store import Store, claims, runs

_NOTHING: Final = Reached(recipients=0, attempts=0, position=0)


class Lost(NamedTuple):
    """What records may have forgotten of a run.

    Attributes:
        entry: how far it came, by its file and by what other machines have told.
        reached: how far it came as the records say.
        moved: whether another server has taken them over.
        shared: whether other machines may have sent some of it.
    """

    entry: Entry
    reached: Reached
    moved: bool
    shared: bool


def lost(root: Path, store: Store, issue: int) -> Lost | None:
    """What the records may have forgotten of an issue, None where they know all of it.

    Args:
        root: the newsletter's folder.
        store: its records.
        issue: the number.

    Raises:
        RefusedError: the records do not know the run at all.
        InputError: the file cannot be read.
    """
    if _lost(root, store, issue) is None:
        return None
    # A run at work may have been writing the number just as it was read: look twice.
    return _lost(root, store, issue)


def refusal(lost: Lost) -> RefusedError:
    """What to say of records that know only a part of a run, or may, and the way out."""
    entry, reached, number = lost.entry, lost.reached, lost.entry.issue
    if lost.moved or (entry.vouches and not reached.lacks(entry.reached)):
        return _perhaps(lost)
    fewer = reached.attempts < entry.reached.attempts
    if not fewer and not entry.vouches:
        return RefusedError(
            ledger.begun_but(
                entry, "this file, of an older version, does not tell how far it came"
            ),
            place=Place(entry.file),
            cause="if these records are a restored backup, more mails have left than they know of",
            hint=f"newsletter send --issue {number} --restored goes on and counts everybody "
            "who is left as unknown; only if these records were never put back from a backup, "
            f"remove {entry.file} instead",
        )
    known = (
        f"{reached.attempts:,} of {plural(entry.reached.attempts, 'attempt')}"
        if fewer
        else f"up to recipient {reached.position:,} of the first {entry.reached.position:,}"
    )
    return RefusedError(
        ledger.begun_but(entry, f"these records know only in part of it: {known}"),
        place=Place(entry.file),
        cause=ledger.OLDER_COPY,
        hint="restore newer records, or send from the machine that has them; where there are none, "
        f"{_restored(lost)}",
    )


def _restored(lost: Lost) -> str:
    """The way out that is a person's."""
    first = (
        "first run newsletter worker --once on each machine that sent some of it: it tells the "
        "records what left from there; then "
    )
    return (
        f"{first if lost.shared else ''}newsletter send --issue {lost.entry.issue} --restored "
        "counts everybody who may have got it as unknown, and goes on with the rest"
    )


def _perhaps(lost: Lost) -> RefusedError:
    """Of records whose numbers show nothing."""
    if not lost.moved:
        lack = ledger.begun_but(
            lost.entry, "these records lack some, so mails may have left that they do not know of"
        )
        return RefusedError(lack, cause=ledger.OLDER_COPY, hint=_restored(lost))
    return RefusedError(
        ledger.begun_but(
            lost.entry,
            "another server took these records over, so mails may have left that they do not "
            "know of",
        ),
        cause="a standby may lack the last moments, as a backup does",
        hint=_restored(lost),
    )


def forgotten(root: Path, store: Store, issue: int) -> str:
    """What of an issue has gone, or may have, that the records do not know; "" when they know all.

    One sentence for people, whatever is wrong.
    """
    name = ledger.name_of(issue)
    try:
        found = lost(root, store, issue)
    except RefusedError:
        return f"{name} tells of mails that had gone, and these records do not know of them"
    except InputError:
        return f"{name} cannot be read, so it is unknown what else was sent"
    run = runs.find(store, issue, rehearsal=False)
    if found is None or run is None:
        return ""
    entry = found.entry
    more = entry.reached.attempts - found.reached.attempts
    if found.moved or not entry.vouches or more <= 0:
        more = max(more, claims.exposed(store, run, entry.reached.position))
    if found.moved:
        return f"another server took these records over: {plural(more, 'more mail')} may have gone"
    return (
        f"{plural(more, 'more mail')} may have gone: {name} knows of later ones than these records"
    )


def all_forgotten(root: Path, store: Store) -> dict[int, str]:
    """The sentence of `forgotten` for each issue that has one, by number."""
    told = {issue: forgotten(root, store, issue) for issue in ledger.issues(root)}
    return {issue: sentence for issue, sentence in told.items() if sentence}


def _lost(root: Path, store: Store, issue: int) -> Lost | None:
    entry = ledger.entry(root, issue)
    run = runs.find(store, issue, rehearsal=False)
    reached = claims.reached(store, run) if run else _NOTHING
    unclaimed = bool(entry and run and claims.is_open(store, run, entry.claimed))
    behind = entry is not None and ledger.is_behind(entry, run, reached, unclaimed=unclaimed)
    told = claims.distrusted(store, run) if run else None
    if run is None or not (behind or told):
        return None
    known = [one.reached for one in (entry, told) if one]
    entry = entry or Entry.of(run, reached)
    return Lost(
        entry=entry._replace(reached=ledger.highest(reached, *known)),
        reached=reached,
        moved=told is not None and told.moved,
        shared=store.backend.on_server,
    )
