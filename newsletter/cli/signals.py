"""Ctrl-C, SIGTERM and a closed terminal, for the commands that do not end at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Signals:
    """Notes the first signal, so that what is in flight can finish; the second ends at once.

    Attributes:
        number: of the first signal, 0 for none.
    """

    number: int = 0

    @contextlib.contextmanager
    def noted(self) -> Iterator[Callable[[], bool]]:
        """Listen for the length of a `with`; what it gives tells whether one has come."""
        with _handled(self._note):
            yield lambda: bool(self.number)

    def _note(self, number: int) -> None:
        if self.number:
            raise SystemExit(128 + number)
        self.number = number


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
