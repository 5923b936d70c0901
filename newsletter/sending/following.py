"""Beside a run: the file of the run follows the records, and it is told when those are away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

from newsletter.delivery import Run
from newsletter.errors import NewsletterError, UnreachableError
from newsletter.project.high_water import HighWaterMark
from newsletter.reporter import Reporter
from newsletter.store import Store, claims

#: How often the records are looked at; seconds.
_FOLLOW_SECONDS: Final = 1.0
#: Following takes no more than such a part of the time.
_FOLLOW_SHARE: Final = 0.05


@contextlib.contextmanager
def following(
    store: Store, run: Run, mark: HighWaterMark | None, *, reporter: Reporter, way: str = ""
) -> Iterator[None]:
    """Inside the block no claim returns before the mark on the disk has risen to it.

    It rises with what others claim, too, a moment later. And where the records have forgotten what
    was done here, all are told, also while nothing is claimed here.

    Args:
        store: the records.
        run: begun.
        mark: None for a rehearsal.
        reporter: hears when the records cannot be reached, and when they are back.
        way: how its mails leave, for who does not lead it.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(store, run, mark, reporter, ended), daemon=True)
    with store.marked(mark, way=way):
        if mark and store.backend.on_server:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            if thread.ident:
                thread.join()


def _follow(
    store: Store, run: Run, mark: HighWaterMark, reporter: Reporter, ended: threading.Event
) -> None:
    following, away = 0.0, False
    while not ended.wait(_FOLLOW_SECONDS):
        try:
            store.expect_remembered()
            if (began := time.monotonic()) >= following:
                mark.rise(claims.reached(store, run))
                mark.flush()
                now = time.monotonic()
                following = now + (now - began) / _FOLLOW_SHARE
        except UnreachableError as error:
            if not away and not ended.is_set():
                why = f"{error} ({error.cause})"
                reporter.warn(f"{why}; nothing leaves from here until it is back")
            away = True
        except NewsletterError:  # what is wrong with records or file, the next claim tells
            continue
        else:
            if away:
                reporter.say("the database is back")
            away = False
