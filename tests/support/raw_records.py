"""The records asked past the program, as a person with a database tool would: the one door for it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def raw(path: Path | str) -> Iterator[sqlite3.Connection]:
    """A connection to a store's file, each statement a transaction of its own.

    Args:
        path: the file, or its `file:` URL.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, uri=True)) as connection:
        yield connection
