"""The records: whether they are whole, agree with the ledger, and wait for a person."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from newsletter.delivery import Run, RunState, State
from newsletter.doctor.diagnosis import Diagnosis, error, ok, skipped, warning, worst
from newsletter.doctor.subject import Subject
from newsletter.errors import NewsletterError
from newsletter.humanize import duration, plural
from newsletter.people.changed import changed_lists
from newsletter.project import git, ledger
from newsletter.schedule.units import TIMERS
from newsletter.store import Store, agreement, deliveries, imports, runs, shares, signing_keys
from newsletter.store.calendar import Calendar
from newsletter.store.schema import moved_away
from newsletter.store.sqlite.inspection import inspect

#: Bytes of the write-ahead log; it is folded into the file at 32 MB, unless somebody keeps it.
_LONG_LOG: Final = 256 << 20
#: As many as one send holds, and some more.
_FEW: Final = 10
_CLOCKS_APART: Final = 60
_DAY: Final = dt.timedelta(days=1)
#: The slowest triggers come every hour; two may be late or lost.
_TRIGGER: Final = dt.timedelta(hours=3)
_TRIED: Final = dt.timedelta(minutes=30)
#: From here on no trigger sends anything.
_CLOCK_BACK: Final = dt.timedelta(hours=1)


def whole(subject: Subject) -> Diagnosis:
    """Whether the records can be opened, are undamaged and have their guards.

    Raises:
        RefusedError: they were moved.
    """
    if not subject.has_records:
        return skipped("there are no records yet", "newsletter subscribers import FILE makes them")
    backend = subject.store.backend
    if moved := moved_away(subject.store):
        raise moved  # whatever else is true of them, nothing is sent from here
    found = [] if backend.on_server else _of_file(subject.store)
    with subject.store.reading() as connection:
        guards = ", ".join(backend.deviations(connection))
    if guards:
        hint = "restore a backup; or report this"
        if not backend.on_server:
            hint = "newsletter db restore FILE brings a backup back; or report this"
        found.append(error(f"guards of the database are missing or changed: {guards}", hint))
    return worst(found, "the records are whole and guarded")


def _of_file(store: Store) -> list[Diagnosis]:
    """What is wrong with the file of a SQLite database."""
    seen, found = inspect(store), []
    if not seen.whole:
        hint = "newsletter db restore FILE brings a backup back; keep this file"
        found.append(error("SQLite's own check finds faults in the database", hint))
    if seen.journal != "wal":
        told = f"who writes the file keeps out who reads it (its journal mode is {seen.journal})"
        found.append(warning(told, "newsletter db upgrade puts that right"))
    if seen.log > _LONG_LOG:
        hint = "end the program that has kept the database open to read for so long"
        found.append(warning(f"the write-ahead log has {seen.log >> 20:,} MB", hint))
    return found


def server(subject: Subject) -> Diagnosis:
    """Whether the server that the records are on has room, and agrees with this machine's clock."""
    from newsletter.store.postgres import inspection  # noqa: PLC0415  # its driver may be missing

    seen, found = inspection.inspect(subject.store), []
    if not seen.writable:
        hint = "set store.url to the primary server, and a user who may write"
        found.append(error("this database can only be read: nothing can be sent from it", hint))
    if seen.left < _FEW:
        told = f"the server takes only {plural(seen.left, 'more connection')}"
        if seen.left < 1:
            told = "the server takes no more connections"
        hint = "raise its max_connections, or put a pooler such as pgbouncer before it"
        found.append(warning(told, hint))
    off = seen.ahead.total_seconds()
    if abs(off) > _CLOCKS_APART:
        way = "before" if off > 0 else "behind"
        told = f"this machine's clock is {duration(abs(off))} {way} the server's"
        found.append(warning(told, "set both by the network: timedatectl set-ntp true"))
    if seen.superuser:
        hint = "make a user who owns the schema and nothing else, and name that in store.url"
        found.append(warning("the records' user is a superuser of the server", hint))
    return worst(found, f"PostgreSQL {seen.version}, {seen.left} more connections")


def keys(subject: Subject) -> Diagnosis:
    """Whether there is a key that signs the links in mails."""
    number = len(signing_keys.link_keys(subject.store))
    if not number:
        return error(
            "the key that signs links is gone: no link in a mail works",
            "newsletter db restore FILE brings a backup back",
        )
    return ok(f"{plural(number, 'key')} for links")


def agreed(subject: Subject) -> Diagnosis:
    """Whether the records know all that the files beside the issues tell, and git has those."""
    root, store = subject.project.root, subject.store
    found = [
        error(f"issue {number}: {what}", "restore newer records, or send from where they are")
        for number, what in agreement.all_forgotten(root, store).items()
    ]
    kept = ledger.issues(root)
    found += [_gone(root, run) for run in _real(subject) if run.content.issue not in kept]
    # A run at work changes its file all the time.
    if not store.sender():
        names = [ledger.name_of(number) for number in kept]
        loose = [name for name in names if git.state(root, name) in {"changed", "not in git"}]
        if loose:
            files = plural(len(loose), "file of the ledger is", "files of the ledger are")
            hint = f'git add {ledger.FOLDER} && git commit -m "What was sent" -- {ledger.FOLDER}'
            found.append(warning(f"{files} not committed", hint))
    return worst(found, f"{plural(len(kept), 'issue')} in the ledger, all as the records know them")


def _gone(root: Path, run: Run) -> Diagnosis:
    """What to say of a run whose file is missing."""
    number, name = run.content.issue, ledger.name_of(run.content.issue)
    goes_on = "" if run.state is RunState.FINISHED else ", and goes on"
    again = f"newsletter send --issue {number} writes it again{goes_on}"
    told = f"{name} is missing: restored records could send the issue again"
    return warning(told, ledger.from_git(root, name) or again)


def waiting(subject: Subject) -> Diagnosis:
    """Whether a run or a delivery waits for a decision of the operator."""
    store, found = subject.store, []
    workers, at_work, unsent = store.workers(), runs.at_work(store), shares.unsent(store)
    for run in _real(subject):
        counts, issue = runs.counts(store, run), run.content.issue
        go_on = f"newsletter send --issue {issue}"
        alive = run.id in at_work
        if not alive and run.state in {RunState.FREEZING, RunState.RUNNING}:
            found.append(warning(f"issue {issue} was interrupted", f"{go_on} goes on"))
        if run.id in unsent:
            why = f": {unsent[run.id]}" if unsent[run.id] else ""
            found.append(
                warning(f"issue {issue}: nobody sends it at the moment{why}", f"{go_on} sends it")
            )
        if run.state is RunState.PAUSED:
            found.append(warning(f"issue {issue} is paused: {run.reason}", f"{go_on} goes on"))
        if not alive and counts[State.CLAIMED]:
            gone = plural(counts[State.CLAIMED], "mail was", "mails were")
            found.append(
                warning(f"issue {issue}: {gone} in flight when it ended", f"{go_on} goes on")
            )
        if old := deliveries.count_unknown(store, run, before=subject.now - _DAY):
            of_them = plural(old, "mail is", "mails are")
            hint = f"newsletter retry --issue {issue} --unknown"
            found.append(warning(f"issue {issue}: {of_them} unknown for more than a day", hint))
    there = f"; {plural(len(workers), 'worker')} at work" if workers else ""
    return worst(found, f"nothing waits for a decision{there}")


def triggers(subject: Subject) -> Diagnosis:
    """Whether something calls `newsletter send --due`, where a schedule relies on it."""
    project = subject.project
    if not project.settings.schedule.rrule:
        return skipped("there is no schedule")
    days = Calendar(subject.store, rehearsal=project.rehearses).ledger()
    since, seen = days.since, days.seen
    # Whoever has only tried it once, by hand, relies on nothing.
    if since is None or seen is None or seen - since < _TRIED:
        return _never_called(subject)
    ago = subject.now - seen
    if ago < -_CLOCK_BACK:
        told = f"this machine's clock is {duration(-ago.total_seconds())} behind the last trigger"
        return error(told, "set it right; or newsletter schedule --trust-clock")
    if ago > _TRIGGER:
        told = f"the last trigger came {duration(ago.total_seconds())} ago: no issue goes by itself"
        return warning(told, f"look at the timer; {TIMERS}")
    watched = project.settings.schedule.heartbeat_url
    nobody = "" if watched else "; nothing outside watches them (schedule.heartbeat_url)"
    return ok(f"triggers come{nobody}")


def _never_called(subject: Subject) -> Diagnosis:
    """What to say where no trigger has come: an issue that was approved waits for one."""
    gone = {run.content.issue for run in _real(subject)}
    try:
        issues = subject.project.issues()
    except NewsletterError:
        issues = ()
    waiting = [one.number for one in issues if one.approved and one.number not in gone]
    if not waiting:
        return ok("no trigger has come yet, and no issue waits for one")
    numbers = [str(number) for number in waiting]
    which = f"issues {', '.join(numbers[:-1])} and {numbers[-1]} are"
    if len(numbers) == 1:
        which = f"issue {numbers[0]} is"
    told = f"{which} approved, and nothing calls newsletter send --due"
    return warning(told, f"{TIMERS}; or newsletter send --issue {numbers[0]}")


def lists(subject: Subject) -> Diagnosis:
    """Whether the lists in the folder are as they were imported."""
    found = [
        warning(
            f"{name} changed since it was imported; the records are what counts",
            f"newsletter subscribers import {name} --dry-run",
        )
        for name in changed_lists(subject.project, subject.store)
    ]
    if left := imports.unfinished(subject.store):
        rows = plural(left[1], "row is", "rows are")
        what = f"the import of {left[0]} is not finished: {rows} not in the records yet"
        found.append(warning(what, "run the same import again, it goes on with the rest"))
    return worst(found, "no list changed since it was imported")


def _real(subject: Subject) -> list[Run]:
    return [run for run in runs.find_all(subject.store) if run.begun and not run.rehearsal]
