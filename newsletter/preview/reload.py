"""From a change on disk to the open page: folders are watched, a bell rings, a page hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from watchfiles import awatch

# Milliseconds: a save is over when nothing has moved for the first, or after the second.
_QUIET: Final = 10
_AT_MOST: Final = 100
# How often to see whether the folders are still the same ones: git takes them away and makes new.
_LOOK_AGAIN: Final = 1000
# Seconds after which a page is told anyway, so that one that has gone is noticed.
_BREATH: Final = 15.0
_RETRY: Final = "retry: 500\n\n"


class Changes:
    """The bell: rung when something changed, heard by every open page. For one event loop."""

    def __init__(self) -> None:
        self.closed = False
        self._bells: set[asyncio.Event] = set()

    def announce(self) -> None:
        """Something may have changed."""
        for bell in self._bells:
            bell.set()

    def close(self) -> None:
        """The server stops: every stream ends."""
        self.closed = True
        self.announce()

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """A bell of one's own; whoever hears it clears it."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)


async def events(changes: Changes, version: Callable[[], str]) -> AsyncIterator[str]:
    """Server-sent events: the version shown now, and again whenever it is another.

    Args:
        changes: rings when it is worth a look.
        version: names what would be shown; called in a thread.
    """
    with changes.listening() as bell:
        told = ""
        yield _RETRY
        while not changes.closed:
            bell.clear()
            now = await run_in_threadpool(version)
            yield f"event: version\ndata: {now}\n\n" if now != told else ": still here\n\n"
            told = now
            with suppress(TimeoutError):
                async with asyncio.timeout(_BREATH):
                    await bell.wait()


async def watch(folders: Callable[[], Iterable[Path]], changes: Changes) -> None:
    """Announce whatever happens in `folders`, which is asked again and again; never ends.

    Folders are watched one by one, never whole trees: beside the issues there may be a virtual
    environment.
    """
    while True:
        watched = await run_in_threadpool(_standing, folders)
        with suppress(FileNotFoundError):  # a folder went just now
            await _watch_while_standing(watched, folders, changes)


async def _watch_while_standing(
    watched: dict[Path, int], folders: Callable[[], Iterable[Path]], changes: Changes
) -> None:
    happenings = awatch(
        *watched, recursive=False, watch_filter=None, step=_QUIET, debounce=_AT_MOST,
        rust_timeout=_LOOK_AGAIN, yield_on_timeout=True,
    )  # fmt: skip
    new = True  # something may have changed before this watch began
    async for happened in happenings:
        if happened or new:
            changes.announce()
        new = False
        replaced = any(Path(path) in watched for _, path in happened)
        if replaced or await run_in_threadpool(_standing, folders) != watched:
            changes.announce()
            return


def _standing(folders: Callable[[], Iterable[Path]]) -> dict[Path, int]:
    """The folders that are there, with what tells one from another of the same name."""
    found = {}
    for folder in folders():
        with suppress(OSError):
            found[folder] = folder.stat().st_ino
    return found
