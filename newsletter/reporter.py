"""What happens while something long goes on, told to whoever asked for it."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Hears what a person may want to read; the command line prints it, a worker logs it."""

    def say(self, text: str) -> None:
        """Tell what happened or comes next: one plain line."""
        ...

    def warn(self, text: str) -> None:
        """Tell of something that needs attention and stops nothing: one plain line."""
        ...
