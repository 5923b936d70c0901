"""Ctrl-C, SIGTERM and a closed terminal, for the commands that do not end at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue

from newsletter.cli.show import say


@dataclass(slots=True)
class Signals:
    """Notes the first signal, so that what is in flight can finish; the second ends at once.

    An answer may take minutes, so it is said at once that the first was heard.

    Attributes:
        number: of the first signal, 0 for none.
    """

    number: int = 0
    # The one kind of queue that a handler may put into, whatever it interrupts.
    _heard: SimpleQueue[int] = field(default_factory=SimpleQueue)

    @contextlib.contextmanager
    def noted(self) -> Iterator[Callable[[], bool]]:
        """Listen for the length of a `with`; what it gives tells whether one has come."""
        # Not said by the handler: it may interrupt a line that is just being printed.
        teller = threading.Thread(target=self._tell, daemon=True)
        teller.start()
        try:
            with _handled(self._note):
                yield lambda: bool(self.number)
        finally:
            self._heard.put(0)
            teller.join()

    def _note(self, number: int) -> None:
        if self.number:
            raise SystemExit(128 + number)
        self.number = number
        self._heard.put(number)

    def _tell(self) -> None:
        while number := self._heard.get():
            again = "Ctrl-C again" if number == signal.SIGINT else "a second signal"
            say(
                "stopping once any mails in flight are answered; "
                f"{again} ends at once and leaves them unknown"
            )


@contextlib.contextmanager
def ended_by_signal() -> Iterator[None]:
    """End the block quietly on a signal, wherever that comes: what is half done is undone."""

    class _Ended(BaseException):  # an Exception botocore would catch, and ask again
        pass

    def end(_: int) -> None:
        raise _Ended

    with contextlib.suppress(_Ended), _handled(end):
        yield


@contextlib.contextmanager
def _handled(hear: Callable[[int], None]) -> Iterator[None]:
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, lambda number, _: hear(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
