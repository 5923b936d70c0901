"""What `newsletter stats` costs on very many deliveries: time and memory.

Each of them has a report, every fifth a rating.

    python benchmarks/stats_cost.py [deliveries]

"one issue" has all of them in one run, "76 issues" the same number in 76. Each is the whole
command as a person waits for it, its start included. Bounds are for a million.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from figures import Figure, note
from scale import cost
from world import COMMAND, copy_example

from newsletter.store import Store

#: Name, runs, words, bounds in seconds and MB.
STEPS: Final = (
    ("one issue", 1, ("stats", "--issue", "1"), 5.0, 120),
    ("76 issues", 76, ("stats",), 2.0, 120),
)

PEOPLE: Final = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {people})
INSERT INTO subscribers (id, handle, email, address_hash, name, status, fields, created_at,
                         updated_at)
SELECT n, printf('%024x', n),
       'reader' || n || '@' || CASE n % 3 WHEN 0 THEN 'gmail.com' WHEN 1 THEN 'gmx.de'
                                          ELSE 'd' || (n % 2000) || '.example' END,
       printf('%064x', n * 2654435761 % 4294967296), 'R',
       CASE WHEN n % 500 THEN 'active' ELSE 'unsubscribed' END, '{{}}',
       '2024-01-01T08:00:00.000000Z', '2024-01-01T08:00:00.000000Z'
FROM number
"""
JOINED: Final = """
INSERT INTO consents (address_hash, event, source, at)
SELECT address_hash, 'imported', 'a list', created_at FROM subscribers
"""
LEFT: Final = """
INSERT INTO consents (address_hash, event, source, at)
SELECT address_hash, 'unsubscribed', 'unsubscribe page', '2026-11-23T08:00:00.000000Z'
FROM subscribers WHERE status = 'unsubscribed'
"""
RUN: Final = """
INSERT INTO runs (id, issue, rehearsal, transport, title, envelope, content_hash, source_hash,
                  skipped_checks, state, recipients, started_at)
VALUES (?, ?, 0, 'ses', 'An issue', x'00',
        '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', 's', '', 'finished',
        ?, ?)
"""
DELIVERIES: Final = """
INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state,
                        attempt, message_id, claimed_at, settled_at)
SELECT {run}, {run}, 0, id, address_hash, id,
       CASE id % 1000 WHEN 0 THEN 'unknown' WHEN 1 THEN 'refused' ELSE 'accepted' END, 1,
       'm' || {run} || '-' || id, '{day}T08:00:00.000000Z', '{day}T08:30:00.000000Z'
FROM subscribers ORDER BY id
"""
REPORTS: Final = """
INSERT INTO events (key, kind, detail, at, sent_at, received_at, message_id, delivery_id, attempt,
                    address_hash)
SELECT printf('%064x', id), CASE WHEN id % 100 THEN 'delivery' ELSE 'bounce' END,
       CASE WHEN id % 100 THEN '' ELSE 'permanent/general' END,
       substr(settled_at, 1, 11) || printf('%02d', 8 + id % 16) || ':40:00.000000Z',
       settled_at, settled_at, message_id, id, 1, address_hash
FROM deliveries WHERE state = 'accepted'
"""
LABELS: Final = """
INSERT INTO rating_labels (issue, answer, label)
SELECT issue, answer, answer FROM runs
JOIN (SELECT 'good' AS answer UNION SELECT 'fine' UNION SELECT 'bad')
"""
#: Of every fifth reader, one in a hundred with words.
RATINGS: Final = """
INSERT INTO ratings (issue, address_hash, answer, words, at)
SELECT issue, address_hash, CASE id % 3 WHEN 0 THEN 'good' WHEN 1 THEN 'fine' ELSE 'bad' END,
       CASE WHEN id % 500 THEN '' ELSE 'Some words of a reader.' END, settled_at
FROM deliveries WHERE state = 'accepted' AND id % 5 = 0
"""


def fill(folder: Path, runs: int, people: int) -> None:
    """Records with so many runs to so many people."""
    path = folder / ".newsletter/newsletter.db"
    Store.open(f"sqlite:///{path}").close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -200000")
        for statement in (PEOPLE.format(people=people), JOINED, LEFT):
            database.execute(statement)
        for run in range(1, runs + 1):
            month = 2024 * 12 + run // 3
            day = (
                f"{month // 12}-{month % 12 + 1:02}-{run % 3 * 9 + 1:02}"
                if runs > 1
                else "2026-11-22"
            )
            database.execute(RUN, (run, run, people, f"{day}T08:00:00.000000Z"))
            database.execute(DELIVERIES.format(run=run, day=day))
        for statement in (REPORTS, LABELS, RATINGS):
            database.execute(statement)
        database.commit()


def main() -> None:
    """Print a line for each."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for name, runs, words, seconds, memory in STEPS:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            copy_example(folder)
            # In a process of its own: what this one has had counts in those it starts.
            filling = get_context("spawn").Process(target=fill, args=(folder, runs, many // runs))
            filling.start()
            filling.join()
            command = (COMMAND, *words)
            cost(folder, dict(os.environ), command)  # the second time the file is in memory
            found = cost(folder, dict(os.environ), command)
        print(
            f"{name:10} {many:>10,} {found.seconds:6.2f} s of {seconds:.0f} "
            f"({found.cpu:.2f} of the processor)   "
            f"{found.memory:4.0f} MB of {memory}"
        )
        what = f"stats of {name}, {many:,} deliveries"
        note(Figure(what=what, ours=found.seconds, unit="s", bound=seconds))
        note(Figure(what=what, ours=found.memory, unit="MB", bound=memory))


if __name__ == "__main__":
    main()
