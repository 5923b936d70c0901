"""Progress: a bar on a terminal; elsewhere a line now and then, so that cron mail reads well."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final, Protocol, TextIO, cast

from newsletter.cli.show import VOICE, Colour, say
from newsletter.delivery import Attempt, Result
from newsletter.humanize import duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

#: How far apart lines are.
SECONDS: Final = 10.0
#: From here on no decimals are shown.
_WHOLE: Final = 10
#: What is not over with these is tried again, so it brings nobody closer to the end.
_AGAIN: Final = frozenset({Result.DEFERRED, Result.NOT_SENT})


class Told(Protocol):
    """Hears what came of every try."""

    def __call__(self, attempt: Attempt, /) -> None:
        """Count one try."""
        ...


@contextmanager
def progress(total: int, *, shared: bool = False) -> Iterator[Told]:
    """Show how deliveries come along while a `with` lasts; where `shared`, others send some."""
    if VOICE.verbosity < 0:
        yield lambda _: None
    elif is_terminal():
        with _bar(_Tally(total, shared=shared)) as told:
            yield told
    else:
        yield _lines(_Tally(total, shared=shared))


class Counted(Protocol):
    """Hears how many rows are done."""

    def __call__(self, step: str, rows: int, /) -> None:
        """Count rows of one step; another step begins anew."""
        ...


@contextmanager
def progress_of_rows(total: int) -> Iterator[Counted]:
    """Show how about `total` rows come along, step after step, for the length of a `with`."""
    if VOICE.verbosity < 0:
        yield lambda _step, _rows: None
    elif is_terminal():
        with _row_bars(total) as told:
            yield told
    else:
        yield _row_lines(total)


def speed(rate: float) -> str:
    """Mails a second, as they are shown: "14/s", "0.95/s"."""
    return f"{rate:,.0f}/s" if rate >= _WHOLE else f"{rate:.2g}/s"


def time_left(rest: int, rate: float) -> str:
    """How long so many take at such a rate, "" when nothing tells."""
    return f"about {duration(rest / rate)} left" if rest > 0 and rate else ""


@dataclass(slots=True)
class _Tally:
    """The outcomes so far, and how quick they came.

    Attributes:
        again: what came last of those who are tried again, each once however often that was, by
            their positions.
    """

    total: int
    shared: bool = False
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    seen: Counter[Result] = field(default_factory=Counter)
    again: dict[int, Result] = field(default_factory=dict)

    def count(self, attempt: Attempt) -> None:
        result = attempt.outcome.result
        if before := self.again.pop(attempt.position, None):
            self.seen[before] -= 1
        self.seen[result] += 1
        if result in _AGAIN:
            self.again[attempt.position] = result
        else:
            self.done += 1

    def rate(self) -> float:
        """Mails a second that are over with, since the beginning."""
        return self.done / max(time.monotonic() - self.began, 1e-6)

    def speed(self) -> str:
        """The rate as it is shown: "14/s", "0.95/s"."""
        return speed(self.rate())

    def outcomes(self) -> str:
        """Such as "accepted 20, refused 1"."""
        told = sorted((one.value.replace("_", " "), n) for one, n in self.seen.items() if n)
        return ", ".join(f"{name} {number:,}" for name, number in told)

    def left(self) -> str:
        """How long the rest takes, "" when nothing tells."""
        if self.shared:
            return ""
        return time_left(self.total - self.done, self.rate() if self.done else 0.0)

    def of(self) -> str:
        """How many are done, and of how many: "20 of 25", "20 from here, of 25"."""
        return f"{self.done:,}{' from here,' if self.shared else ''} of {self.total:,}"


def _lines(tally: _Tally) -> Told:
    last = tally.began

    def told(attempt: Attempt) -> None:
        nonlocal last
        tally.count(attempt)
        now = time.monotonic()
        if now - last >= SECONDS:
            last = now
            parts = (tally.speed(), tally.left(), tally.outcomes())
            say(f"{tally.of()}, {', '.join(part for part in parts if part)}")

    return told


def _row_lines(total: int) -> Counted:
    tallies: dict[str, _Tally] = {}
    last = time.monotonic()

    def told(step: str, rows: int) -> None:
        nonlocal last
        tally = tallies.setdefault(step, _Tally(total, began=last))
        tally.done += rows
        now = time.monotonic()
        if now - last >= SECONDS:
            last = now
            parts = (tally.speed(), tally.left())
            shown = ", ".join(part for part in parts if part)
            say(f"{step}: {tally.done:,} of about {max(total, tally.done):,}, {shown}")

    return told


@contextmanager
def _row_bars(total: int) -> Iterator[Counted]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console(), transient=True) as bar:

        def told(step: str, rows: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.advance(tasks[step], rows)

        yield told


@contextmanager
def _bar(tally: _Tally) -> Iterator[Told]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[left]}"), TextColumn("{task.fields[seen]}"),
    )  # fmt: skip
    where = "from here" if tally.shared else ""
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task(where, total=tally.total, rate="", left="", seen="")

        def told(attempt: Attempt) -> None:
            tally.count(attempt)
            bar.update(
                task, completed=tally.done, rate=tally.speed(), left=tally.left(),
                seen=tally.outcomes(),
            )  # fmt: skip

        yield told


def is_terminal() -> bool:
    """Whether bars can be drawn."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def console() -> Console:
    """What they are drawn on: no line is so wide that the terminal's own "^C" breaks it in two.

    What is broken is not drawn over, and would stand there twice.
    """
    from rich.console import Console, ConsoleDimensions

    class Narrower(Console):
        @property  # type: ignore[misc]  # it is only read
        def size(self) -> ConsoleDimensions:
            whole = super().size
            return whole._replace(width=max(1, whole.width - len("^C")))

    plain = VOICE.colour is Colour.NEVER or bool(os.environ.get("NO_COLOR"))
    return Narrower(file=cast("IO[str]", _Window(sys.stderr)), no_color=plain, highlight=False)


class _Window:
    """A stream that takes what is written to it also when the window is closed meanwhile."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()
