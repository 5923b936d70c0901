"""Many machines: each runs a worker, which sends some of whatever is being sent.

The records are the only truth and the only thing that workers share. Each looks every few seconds
whether there is something to do; a queue beside the records could only be wrong about it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from newsletter.errors import ForgottenError, NewsletterError, PausedError, UnreachableError
from newsletter.humanize import plural
from newsletter.sending.breaking_off import told_of_in_flight
from newsletter.sending.context import SendContext
from newsletter.sending.helping import Help, help_send, tell_of_what_stands, tell_why_not
from newsletter.sending.standing import why_wait

#: How often a worker looks whether there is something to do, and how soon a signal is heard.
_LOOK_SECONDS: Final = 2.0
_STEP: Final = 0.25
_NOTHING: Final = "no issue is being sent that a worker could help with"
#: A worker runs no command again; it stays.
_ON_ITS_OWN: Final = "this worker stays, and goes on as soon as it can"


def work(context: SendContext, *, once: bool) -> None:
    """Send some of each run that goes on, until told to stop.

    Args:
        context: what it is done with.
        once: whether to end as soon as there is nothing to do.

    Raises:
        InputError: the records are in a file.
        PausedError: as it was told to stop, the records were away.
        NewsletterError: with `once`, whatever stood in the way.
    """
    said = _Once(context.reporter.warn)
    with context.stopping() as stopped:
        context.store.backend.hurry.heed(stopped)
        while True:
            try:
                with context.store.work(), told_of_in_flight(context):
                    return _rounds(context, said, once=once, stopped=stopped)
            except PausedError as error:  # its lease has ended, or the records are away
                if once or stopped():
                    raise
                said.warn(error, hint=None if isinstance(error, ForgottenError) else _ON_ITS_OWN)
            if _waited(stopped):
                return None


class _Once:
    """Warns of a fault when it comes, and not again while it stays."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn, self._last = warn, ""

    def is_new(self, error: NewsletterError) -> bool:
        """Whether it would be warned of."""
        return self._fault(error) != self._last

    def warn(self, error: NewsletterError, *, hint: str | None = None) -> None:
        hint = hint or error.hint
        if self.is_new(error):
            text = _with_cause(error)
            self._warn(f"{text}; {hint}" if hint else text)
        self._last = self._fault(error)

    def over(self) -> None:
        self._last = ""

    def _fault(self, error: NewsletterError) -> str:
        # A server that goes away has a cause for each step of it.
        return str(error) if isinstance(error, UnreachableError) else _with_cause(error)


def _with_cause(error: NewsletterError) -> str:
    return f"{error} ({error.cause})" if error.cause else str(error)


def _rounds(context: SendContext, said: _Once, *, once: bool, stopped: Callable[[], bool]) -> None:
    waiting = looked = helped = False
    while not stopped():
        try:
            if not looked:
                helped = tell_of_what_stands(context)
                looked = True
            done = help_send(context, stopped=stopped)
        except PausedError:
            raise
        except NewsletterError as error:
            tell_why_not(context, _with_cause(error), anew=said.is_new(error))
            if once:
                raise
            said.warn(error)
            done = None
        else:
            said.over()
        if done and not (done.waits and waiting):
            context.reporter.say(_told(done))
            helped = True
        elif once and not done:
            if not helped:
                context.reporter.say(_NOTHING)
            return
        waiting = bool(done and done.waits)
        if (not done or done.stop or waiting) and _waited(stopped):
            return


def _waited(stopped: Callable[[], bool]) -> bool:
    """Wait for the next look; whether it is time to stop."""
    end = time.monotonic() + _LOOK_SECONDS
    while not stopped() and time.monotonic() < end:
        time.sleep(_STEP)
    return stopped()


def _told(done: Help) -> str:
    if done.waits:
        return why_wait(done.waits)
    what = f"issue {done.run.content.issue}: {plural(done.sent, 'mail')} sent from here"
    return f"{what}, then {done.stop.reason}" if done.stop else what
