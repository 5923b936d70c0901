"""The promises as functions: what the server accepted and what the records say, in; faults, out.

Each returns sentences, one for each violation, none where the promise is kept. An empty list from a
planted bug is a failure of the tests.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.raw_records import raw

#: (issue, address).
Mail = tuple[int, str]

DATABASE = "newsletter.db"
#: Where a row stays for good, whatever happens.
FINAL = frozenset({"accepted", "unknown", "refused", "skipped", "assumed"})
#: Where somebody whom the server took a mail for may stand.
TAKEN = frozenset({"accepted", "unknown", "claimed"})
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One delivery, as the file has it."""

    state: str
    attempt: int
    reason: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The records at one moment.

    Attributes:
        rows: deliveries of real runs, by issue and address.
        frozen: the number of recipients of each issue, as frozen with it.
        runs: the state of each issue's run.
        left: addresses that unsubscribed.
    """

    rows: Mapping[Mail, Row] = field(default_factory=dict)
    frozen: Mapping[int, int] = field(default_factory=dict)
    runs: Mapping[int, str] = field(default_factory=dict)
    left: frozenset[str] = frozenset()

    def states(self) -> Counter[str]:
        """Deliveries in each state."""
        return Counter(row.state for row in self.rows.values())

    def of(self, *states: str) -> dict[Mail, Row]:
        """The deliveries in these states."""
        return {mail: row for mail, row in self.rows.items() if row.state in states}


def look(folder: Path) -> Snapshot:
    """Read the records in the store's folder without touching them.

    SQLite tidies up what a crash has left as soon as it opens a file, so a copy is opened.
    """
    with tempfile.TemporaryDirectory() as copy:
        for path in (folder / DATABASE, folder / f"{DATABASE}-wal"):
            if path.exists():
                shutil.copy2(path, copy)
        with raw(Path(copy) / DATABASE) as connection:
            return _snapshot(connection)


def _snapshot(connection: sqlite3.Connection) -> Snapshot:
    # A run that was still being frozen is not begun; the next start freezes it anew.
    rows = connection.execute(
        "SELECT d.issue, lower(s.email), d.state, d.attempt, d.reason, d.message_id "
        "FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id WHERE NOT d.rehearsal "
        "AND (d.attempt > 0 OR d.run_id NOT IN (SELECT id FROM runs WHERE state = 'freezing'))"
    )
    runs = connection.execute(
        "SELECT issue, recipients, state FROM runs WHERE NOT rehearsal AND state <> 'freezing'"
    ).fetchall()
    left = connection.execute("SELECT lower(email) FROM subscribers WHERE status = 'unsubscribed'")
    return Snapshot(
        rows={
            (issue, email): Row(state=state, attempt=attempt, reason=why, message_id=name)
            for issue, email, state, attempt, why, name in rows
        },
        frozen={issue: recipients for issue, recipients, _ in runs},
        runs={issue: state for issue, _, state in runs},
        left=frozenset(email for (email,) in left),
    )


@dataclass(slots=True)
class Ledger:
    """What the server accepted, read from its log as it grows: JSON lines with "issue" and "to".

    Attributes:
        names: what the fake SES has called its mails.
    """

    path: Path
    mails: list[Mail] = field(default_factory=list)
    names: dict[Mail, set[str]] = field(default_factory=dict)
    _read: int = 0

    def update(self) -> int:
        """Read what is new; how many mails the server has accepted."""
        with self.path.open("rb") as stream:
            stream.seek(self._read)
            new = stream.read()
        new = new[: new.rfind(b"\n") + 1]
        self._read += len(new)
        for line in new.splitlines():
            told = json.loads(line)
            # The fake SES knows the issue by the delivery's tag, "store-issue-position-attempt".
            issue = told["issue"] if "issue" in told else told["tags"]["delivery"].split("-")[1]
            mails = [(int(issue), address.lower()) for address in told["to"]]
            self.mails += mails
            for mail in mails if "id" in told else ():
                self.names.setdefault(mail, set()).add(told["id"])
        return len(self.mails)


# --- at every moment -------------------------------------------------------------------------


def duplicates(ledger: Ledger) -> list[str]:
    """Nobody is accepted twice."""
    twice = [mail for mail, number in Counter(ledger.mails).items() if number > 1]
    return _told(twice, "the server accepted a second mail for")


def unrecorded(ledger: Ledger, now: Snapshot) -> list[str]:
    """Whoever the server took a mail for is accepted, claimed or unknown here."""
    missing = [
        mail
        for mail in dict.fromkeys(ledger.mails)
        if mail not in now.rows or now.rows[mail].state not in TAKEN
    ]
    return _told(missing, "the server took a mail, and the records know nothing of it, for")


def invented(ledger: Ledger, now: Snapshot) -> list[str]:
    """Whoever is accepted here was taken by the server."""
    return _told(now.of("accepted").keys() - set(ledger.mails), "accepted only in the records:")


def misnamed(ledger: Ledger, now: Snapshot) -> list[str]:
    """Whoever is accepted here is so under the server's own name for their mail, where it has one.

    Answers for several mails in one request are told apart by their order alone.
    """
    wrong = [
        mail
        for mail, row in now.of("accepted").items()
        if mail in ledger.names and row.message_id not in ledger.names[mail]
    ]
    return _told(wrong, "accepted under the name of another mail:")


def uncounted(now: Snapshot) -> list[str]:
    """The states of an issue add up to its frozen number."""
    found = Counter(issue for issue, _ in now.rows)
    return [
        f"issue {issue} was frozen with {number} recipients, {found[issue]} are on record"
        for issue, number in now.frozen.items()
        if number != found[issue]
    ]


def unwelcome(ledger: Ledger, left_before: Iterable[str]) -> list[str]:
    """Nobody is mailed who had left before their turn came."""
    gone = set(left_before)
    return _told([mail for mail in ledger.mails if mail[1] in gone], "mailed after they left:")


# --- from one moment to the next -------------------------------------------------------------


def backwards(before: Snapshot, now: Snapshot) -> list[str]:
    """What is settled stays settled, and what was claimed never becomes queued by itself.

    Only where nothing but crashes happened: an answer may prove that a mail was not accepted.
    """
    faults = []
    for mail, old in before.rows.items():
        new = now.rows.get(mail)
        if new is None:
            faults.append(f"the delivery of {mail} vanished")
        elif (
            (old.state in FINAL and new != old)
            or (old.state == "claimed" and new.state not in {"claimed", "unknown"})
            or new.attempt < old.attempt
            or new.attempt - old.attempt > (old.state == "queued")
        ):
            faults.append(f"the delivery of {mail} went from {old} to {new}")
    for issue, number in before.frozen.items():
        if now.frozen.get(issue) != number:
            faults.append(f"issue {issue} was frozen anew")
    return faults


def growth(before: Snapshot, now: Snapshot, *, issue: int) -> list[str]:
    """After a crash, what is unknown grows by exactly what was claimed, and all at once.

    Args:
        before: the records when the process had died.
        now: the records when the next one had died, or ended.
        issue: the one they sent.
    """
    then = {mail for mail in before.of("claimed") if mail[0] == issue}
    was, is_now = set(before.of("unknown")), set(now.of("unknown"))
    waiting = then & set(now.of("claimed"))
    if waiting == then and is_now == was:
        return []  # the next start died as well, before it came so far
    if is_now == was | then and not waiting:
        return []
    was_so = f"{len(then)} were claimed and {len(was)} unknown"
    is_so = f"{len(waiting)} are still claimed and {len(is_now)} unknown"
    return [f"{was_so}; now {is_so}, {len(is_now - was - then)} of these out of the blue"]


# --- at the end ------------------------------------------------------------------------------


def lost(now: Snapshot) -> list[str]:
    """Everybody ends in a final state, and for all but `accepted` there is a reason."""
    faults = _told(
        [mail for mail, row in now.rows.items() if row.state not in FINAL], "no end has come to"
    )
    return faults + _told(
        [mail for mail, row in now.rows.items() if row.state != "accepted" and not row.reason],
        "no reason is given for",
    )


def unsaid(code: int, now: Snapshot) -> list[str]:
    """A run that ends with unknown outcomes says so: exit code 9 (0 where there are none)."""
    expected = 9 if now.of("unknown") else 0
    return [] if code == expected else [f"the exit code is {code}, it should be {expected}"]


def false_doubts(ledger: Ledger, now: Snapshot) -> list[str]:
    """Unknown only where the server took the mail; for faults that strike before it can."""
    return _told(now.of("unknown").keys() - set(ledger.mails), "in doubt, and never left:")


def crowded(codes: Iterable[int]) -> list[str]:
    """Of those who send from one store at once, all but one are turned away with exit code 7."""
    let_in = [code for code in codes if code != 7]
    return [] if len(let_in) == 1 else [f"{len(let_in)} senders were let in: {let_in}"]


def _told(mails: Iterable[Mail], what: str) -> list[str]:
    found = sorted(mails)
    shown = [f"{what} {address} (issue {issue})" for issue, address in found[:_MOST_SHOWN]]
    more = len(found) - len(shown)
    return [*shown, f"... and {more} more"] if more else shown
