"""Opening the records to look, beside whoever writes to them.

SQLite's readers and writers tell each other what they do in files beside the database (-wal, -shm).
A reader that leaves those out ("immutable") mixes old pages with new ones as soon as somebody
writes, and calls a sound file damaged. So this one takes part, and leaves the folder as it was.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from newsletter.errors import InputError, Place

#: Files come and go while another program opens or closes the database, and only whoever writes
#: may put the index in order that one of them has begun.
_PASSING: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_TRIES: Final = 100
_BETWEEN: Final = 0.01


def connect(path: Path, *, seconds: float) -> sqlite3.Connection:
    """A connection that cannot write.

    Args:
        path: the database.
        seconds: how long it waits for a writer.

    Raises:
        InputError: a process died over the file and its traces are incomplete, or the folder
            cannot be written, which looking needs as well.
        sqlite3.Error: it cannot be opened.
    """
    for left in reversed(range(_TRIES)):
        mode = _mode(path)
        if mode:
            try:
                return _opened(path, mode, seconds)
            except sqlite3.OperationalError as error:
                kind = error.sqlite_errorcode & 0xFF
                if kind not in _PASSING or (kind == sqlite3.SQLITE_CANTOPEN and not left):
                    raise
        time.sleep(_BETWEEN)
    raise InputError(
        "a process died while it had the store open, and its traces are incomplete",
        place=Place(str(path)),
        hint="newsletter db upgrade puts it in order",
    )


def _opened(path: Path, mode: str, seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{mode}", uri=True, timeout=seconds, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _mode(path: Path) -> str:
    """How to look without changing anything; "" where it cannot be done, at this moment at least.

    What a process that died has left in the write-ahead log is read and stays there. Without any,
    SQLite makes its files and takes them away again, which only a connection that may write does.
    """
    log = path.with_name(path.name + "-wal")
    try:
        logged = log.stat().st_size
    except FileNotFoundError:
        logged = 0
    if logged:
        index = path.with_name(path.name + "-shm")
        return "mode=ro&readonly_shm=1" if index.exists() else ""
    if not (os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)):
        raise InputError(
            "the store cannot be read here: SQLite needs a folder that it can write",
            place=Place(str(path)),
            hint="let this user write the folder and the file, or copy them to where it can",
        )
    return "mode=rw"
