"""A transport that keeps what it is given, in the test's own process."""

from __future__ import annotations

import signal

from newsletter.delivery import Allowance, Outcome, Result
from newsletter.message import Message


class Postbox:
    """A way out that counts, as the real ones will be: no rehearsal."""

    name = "postbox"
    rehearsal = False
    stamps = True

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.signals: dict[int, list[signal.Signals]] = {}

    def describe(self) -> str:
        return "a postbox"

    def allowance(self) -> Allowance:
        return Allowance()

    def begin(self, issue: int) -> None:
        pass

    def deliver(self, message: Message) -> Outcome:
        self.taken.append(message.to)
        for number in self.signals.pop(len(self.taken), []):
            signal.raise_signal(number)
        return Outcome(result=Result.ACCEPTED, message_id=f"m{message.position}")

    def close(self) -> None:
        pass
