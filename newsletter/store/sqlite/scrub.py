"""After erasing: no byte of the person is left in the database's file, nor in its log.

SQLite overwrites what is deleted (`secure_delete`). But where it rearranges the rows of a page, the
room between them can keep a copy of a row that has moved to another page, and nothing wipes that
copy when the row is deleted later. Such rests are looked for in the file itself, and overwritten by
making a neighbour as long as the room is, and short again. So nobody waits, as they would while the
whole file is written anew.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from newsletter.store.database import Database
from newsletter.store.sqlite import pages
from newsletter.store.sqlite.maintenance import empty_log
from newsletter.store.tables import subscribers
from newsletter.store.traces import Traces

#: Others write meanwhile, so a page can have changed before it is put right.
_TRIES: Final = 5
#: Bytes of free room that are left when a row is made longer: its lengths may take more digits.
_SPARE: Final = 12


def scrub(database: Database, traces: Traces) -> bool:
    """Empty the log, and overwrite what is left in the file.

    Returns:
        false when another program kept the log for reading, or a rest could not be reached.

    Raises:
        NewsletterError: whatever the database complains about, translated.
    """
    for _ in range(_TRIES):
        if not empty_log(database):
            return False
        found = pages.with_traces(database.path, traces.pairs)
        if not found:
            return True
        for page in found:
            _wash(database, page)
    return False


def _wash(database: Database, page: pages.Page) -> None:
    """Make one of a page's rows as long as the page has room, and short again."""
    with database.writing() as connection:
        query = sa.select(subscribers).where(subscribers.c.id.in_(page.rows)).limit(1)
        row = connection.execute(query).first()
        if row is None:
            return
        length = sum(len(str(value).encode()) for value in row)
        more = min(page.free - _SPARE, page.longest - length - _SPARE)
        this = sa.update(subscribers).where(subscribers.c.id == row.id)
        connection.execute(this.values(fields=row.fields + " " * max(0, more)))
        connection.execute(this.values(fields=row.fields))
