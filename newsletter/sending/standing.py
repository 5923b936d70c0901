"""How a run comes along that several machines may send, told by who leads it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from newsletter.delivery import Run
from newsletter.delivery.deliver import Clock
from newsletter.errors import NewsletterError
from newsletter.humanize import duration
from newsletter.sending.context import SendContext
from newsletter.store.shares import RunProgress, standing

#: How often the records are asked, and the part of the time that asking takes at most.
_LOOK_SECONDS: Final = 1.0
_SHARE: Final = 0.05


@contextlib.contextmanager
def telling(context: SendContext, run: Run, clock: Clock) -> Iterator[None]:
    """Show how it comes along for the length of a `with`, whoever sends it.

    Args:
        context: what it is done with.
        run: begun.
        clock: that of the records.
    """
    ended = threading.Event()
    with context.reporter.standing() as shown:
        given = context, run, clock, shown, ended
        thread = threading.Thread(target=_tell, args=given, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def why_wait(seconds: float) -> str:
    """Why nothing is claimed of a run whose server has just begun."""
    return (
        f"the database has just been started: for {duration(seconds)} nothing leaves, while every "
        "machine looks whether its last mails are on record"
    )


def _tell(
    context: SendContext,
    run: Run,
    clock: Clock,
    shown: Callable[[RunProgress], None],
    ended: threading.Event,
) -> None:
    waiting, pause = False, _LOOK_SECONDS
    while not ended.wait(pause):
        began = time.monotonic()
        # What is wrong with the records, the next claim tells.
        with contextlib.suppress(NewsletterError):
            found = standing(context.store, run, now=clock())
            if found.waits and not waiting:
                context.reporter.say(why_wait(found.waits))
            waiting = bool(found.waits)
            shown(found)
        pause = max(_LOOK_SECONDS, (time.monotonic() - began) / _SHARE)
