"""A reporter that keeps what it hears, as a caller without a terminal would."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Heard:
    """What was reported, in order."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)
