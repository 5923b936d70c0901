"""Whether a fault met while reading the records means that their file is damaged.

SQLite notices most damage by itself, with a code of its own. The rest shows as something else: a
table that is missing, a state nobody knows, a text that is not UTF-8. So whatever nobody foresaw is
held against a check of the whole file.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, Place

DAMAGED: Final = "the store is damaged"
RESTORE: Final = (
    "newsletter db restore FILE brings a backup back; keep this file, it tells who got what"
)


def damaged(path: Path) -> InputError:
    """The fault, without the database's own words: they may quote what stands in the file."""
    return InputError(DAMAGED, place=Place(str(path)), hint=RESTORE)


def is_damaged(opened: Callable[[], sqlite3.Connection]) -> bool:
    """Whether SQLite finds a fault in a database; a locked one has none that we know of."""
    try:
        with contextlib.closing(opened()) as connection:
            connection.text_factory = bytes  # a finding may quote a damaged name
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}
    except (sqlite3.DatabaseError, UnicodeError):  # words of SQLite's that quote a damaged name
        return True
    return bool(found != (b"ok",))
