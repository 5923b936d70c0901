"""Lists of people as files: counted, written for export, searched for who is erased."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from newsletter.errors import InputError, Place
from newsletter.project import private
from newsletter.project.disk import unwritten

#: Larger files are no list and no mail.
_MOST_BYTES = 64 * 1024 * 1024


class LineCount:
    """Counts the lines of a list as its bytes come."""

    def __init__(self) -> None:
        self._breaks, self._last = 0, b""

    def add(self, block: bytes) -> None:
        """The next bytes, at least one."""
        self._breaks += block.count(b"\n")
        self._last = block.rstrip(b"\0")[-1:]  # two bytes a character end with a zero, too

    def below_header(self) -> int:
        """How many there are without the first; the last may lack its line feed."""
        return max(0, self._breaks + (self._last != b"\n") - 1)


def write_list(stream: IO[str], rows: Iterable[Sequence[str]]) -> int:
    """Write records as CSV (RFC 4180); says how many, the header not counted."""
    writer = csv.writer(stream)
    number = -1
    for row in rows:
        writer.writerow(row)
        number += 1
    return number


@contextlib.contextmanager
def new_list(path: Path) -> Iterator[IO[str]]:
    """A new file for a list, readable by its owner alone; there only when it is whole.

    Raises:
        InputError: the file exists, or its folder cannot be written.
        PausedError: the disk is full; nothing is left behind.
    """
    if path.exists():
        raise _taken(path)
    try:
        with private.drafting(path) as draft:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, private.FILE)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.link(draft, path)  # unlike a rename it replaces nothing
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        hint = "name a file in a folder that this user can write"
        raise unwritten(path, error, "the list cannot be written", hint=hint) from error


def _taken(path: Path) -> InputError:
    return InputError(
        "this file exists, and an export never overwrites one",
        place=Place(str(path)),
        hint="name a new file",
    )


def traces(root: Path, folders: Iterable[str], address: str) -> tuple[str, ...]:
    """Files below some folders of `root` in which an address still stands, by their names."""
    wanted = address.lower().encode()
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            with contextlib.suppress(OSError):
                if not path.is_file() or path.stat().st_size > _MOST_BYTES:
                    continue
                if wanted in path.read_bytes().lower():
                    found.append(os.path.relpath(path, root))
    return tuple(dict.fromkeys(found))
