"""The two ledgers held against each other: the records, and the files beside the issues.

Whoever says what has gone asks here first: records that were restored do not know it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from newsletter.delivery import RunState
from newsletter.errors import InputError, Place, RefusedError
from newsletter.humanize import plural
from newsletter.project import ledger
from newsletter.project.ledger import Entry, Reached
from newsletter.store import Store, claims, runs
from newsletter.store.schema import LostStoreError, NoStoreError

_NOTHING: Final = Reached(recipients=0, attempts=0, position=0)
_STANDBY: Final = "a standby may lack the last moments, as a backup does"
_OTHERS: Final = "what other machines have sent since, no file in this folder tells"


class Lost(NamedTuple):
    """What records may have forgotten of a run.

    Attributes:
        entry: how far it came, by its file and by what other machines have told.
        reached: how far it came as the records say.
        moved: whether another server has taken them over, or they are a server's in a file.
        shared: whether other machines can tell what they have sent of it.
        rests: whether nothing shows that they lack any, and a person has cancelled it: only who
            sends it after all has to know.
    """

    entry: Entry
    reached: Reached
    moved: bool
    shared: bool
    rests: bool


def missing(root: Path, fault: NoStoreError, *, on_server: bool) -> NoStoreError | None:
    """Why records that are not there are a fault, None where this newsletter has not begun.

    Args:
        root: the newsletter's folder.
        fault: what opening them said.
        on_server: whether other machines may have made them.
    """
    if isinstance(fault, LostStoreError) or on_server:
        return fault
    if sent := ledger.issues(root):
        return LostStoreError(
            "the ledger tells of a send, and there are no records of it here",
            place=Place(ledger.name_of(sent[0])),
        )
    return None


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
    told = "newsletter worker --once on each machine that sent some of it: it tells the records"
    send = f"newsletter send --issue {lost.entry.issue} --restored"
    if lost.moved and not lost.shared:
        return (
            f"take them to a server with newsletter db copy, and run {told} what left from there; "
            f"where nothing is left of these machines, {send} counts everybody who is left as "
            "unknown"
        )
    first = f"first run {told} what left from there; then " if lost.shared else ""
    return (
        f"{first}{send} counts everybody who may have got it as unknown, and goes on with the rest"
    )


def _perhaps(lost: Lost) -> RefusedError:
    """Of records whose numbers show nothing."""
    if not lost.moved:
        lack = ledger.begun_but(
            lost.entry, "these records lack some, so mails may have left that they do not know of"
        )
        return RefusedError(lack, cause=ledger.OLDER_COPY, hint=_restored(lost))
    what, cause = "another server took these records over", _STANDBY
    if not lost.shared:
        what, cause = "these records are a backup of a server's", _OTHERS
    return RefusedError(
        ledger.begun_but(lost.entry, f"{what}, so mails may have left that they do not know of"),
        cause=cause,
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
        why = "another server took these records over"
        why = why if found.shared else "these records are a backup of a server's"
        # This folder may be that of a machine that has sent none of it.
        return f"{why}: {plural(more, 'more mail') if more > 0 else 'more mails'} may have gone"
    return (
        f"{plural(more, 'more mail')} may have gone: {name} knows of later ones than these records"
    )


def all_forgotten(root: Path, store: Store) -> dict[int, str]:
    """The sentence of `forgotten` for each issue that has one, by number."""
    numbers = doubted(store, ledger.issues(root))
    told = {issue: forgotten(root, store, issue) for issue in numbers}
    return {issue: sentence for issue, sentence in told.items() if sentence}


def doubted(store: Store, issues: Iterable[int]) -> list[int]:
    """Which issues to ask about: those of the files here, and what the records themselves doubt."""
    return sorted({*issues, *(run.content.issue for run in runs.find_doubted(store))})


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
    entry, shared = entry or Entry.of(run, reached), store.backend.on_server
    moved, far = told is not None and told.moved, ledger.highest(reached, *known)
    rests = run.state is RunState.CANCELLED and not (behind or (told and told.told))
    if moved and not shared:
        far = far._replace(position=run.recipients)  # anybody may have been tried, elsewhere
    entry = entry._replace(reached=far)
    return Lost(entry=entry, reached=reached, moved=moved, shared=shared, rests=rests)
