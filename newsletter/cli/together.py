"""Progress of a run that several machines send: how far it is, and who sends how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from newsletter.cli.progress import SECONDS, console, is_terminal, speed, time_left
from newsletter.cli.show import VOICE, say
from newsletter.delivery import State

if TYPE_CHECKING:
    from rich.progress import TaskID

    from newsletter.store.shares import RunProgress

#: What is still to come.
_OPEN: Final = frozenset({State.QUEUED, State.CLAIMED})

Shown = Callable[["RunProgress"], None]


@contextmanager
def progress_of_all() -> Iterator[Shown]:
    """Show how a run comes along, whoever sends it, for the length of a `with`."""
    if VOICE.verbosity < 0:
        yield lambda _: None
    elif is_terminal():
        with _bars() as shown:
            yield shown
    else:
        yield _lines()


def line(found: RunProgress) -> str:
    """How far it is, and what each worker does for it, in one line."""
    done, total = _done(found), found.counts.total
    parts = (f"{done:,} of {total:,}", speed(found.rate), _left(found), _outcomes(found))
    told = ", ".join(part for part in parts if part)
    each = ", ".join(
        f"{one.mails:,} from {one.worker} at {speed(one.rate)}" for one in found.shares
    )
    return f"{told}; {each}" if len(found.shares) > 1 else told


def _lines() -> Shown:
    last = time.monotonic()

    def shown(found: RunProgress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS:
            last = now
            say(line(found))

    return shown


@contextmanager
def _bars() -> Iterator[Shown]:
    """A bar for the whole, and one for what each worker has sent of it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[more]}"),
    )  # fmt: skip
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console(), transient=True) as bar:

        def shown(found: RunProgress) -> None:
            more = ", ".join(part for part in (_left(found), _outcomes(found)) if part)
            rows = {"all": (_done(found), found.rate, more)}
            if len(found.shares) > 1:
                rows |= {one.worker: (one.mails, one.rate, "") for one in found.shares}
            for gone in tasks.keys() - rows.keys():
                bar.remove_task(tasks.pop(gone))
            for name, (done, rate, told) in rows.items():
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=None, rate="", more="")
                bar.update(
                    tasks[name], total=found.counts.total, completed=done, rate=speed(rate),
                    more=told,
                )  # fmt: skip

        yield shown


def _done(found: RunProgress) -> int:
    counts = found.counts
    return counts.total - counts.left - counts[State.CLAIMED]


def _left(found: RunProgress) -> str:
    return time_left(found.counts.total - _done(found), found.rate)


def _outcomes(found: RunProgress) -> str:
    shown = sorted(found.counts.by_state.items())
    return ", ".join(f"{state.value} {n:,}" for state, n in shown if n and state not in _OPEN)
