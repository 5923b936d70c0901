"""A reporter that keeps what it hears, as a caller without a terminal would."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Heard:
    """What was reported, in order; `warning` is set by the first warning, whichever thread's."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    warning: threading.Event = field(default_factory=threading.Event)

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)
        self.warning.set()
