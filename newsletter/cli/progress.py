"""Progress: a bar on a terminal; elsewhere a line now and then, so that cron mail reads well."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from newsletter.cli.show import VOICE, Colour, say

if TYPE_CHECKING:
    from newsletter.outbox import Outcome

_SECONDS: Final = 10.0


class Told(Protocol):
    """Hears every outcome."""

    def __call__(self, outcome: Outcome, /) -> None:
        """Count one outcome."""
        ...


@contextmanager
def progress(total: int) -> Iterator[Told]:
    """Show how `total` deliveries come along, for the length of a `with`."""
    if VOICE.verbosity < 0:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(total) as told:
            yield told
    else:
        yield _lines(total)


def summary(seen: Counter[str]) -> str:
    """The outcomes so far: "accepted 20, refused 1"."""
    return ", ".join(f"{name} {number:,}" for name, number in sorted(seen.items()))


def _lines(total: int) -> Told:
    seen: Counter[str] = Counter()
    began = last = time.monotonic()

    def told(outcome: Outcome) -> None:
        nonlocal last
        seen[outcome.result.value] += 1
        now = time.monotonic()
        if now - last >= _SECONDS:
            last = now
            done = seen.total()
            rate = done / (now - began)
            say(f"{done:,} of {total:,}, {rate:.0f}/s, {summary(seen)}")

    return told


@contextmanager
def _bar(total: int) -> Iterator[Told]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, no_color=VOICE.colour is Colour.NEVER or None)
    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}/s"),
        TimeRemainingColumn(), TextColumn("{task.fields[seen]}"),
    )  # fmt: skip
    seen: Counter[str] = Counter()
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total, rate="0", seen="")

        def told(outcome: Outcome) -> None:
            seen[outcome.result.value] += 1
            rate = f"{seen.total() / max(time.monotonic() - began, 1e-6):.0f}"
            bar.update(task, advance=1, rate=rate, seen=summary(seen))

        yield told
