"""Who got an issue and who did not: the people of its runs, by what became of the mail to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from newsletter.audience.roster import guarded
from newsletter.delivery import Run, State
from newsletter.errors import InputError
from newsletter.project.git import expect_untaken
from newsletter.project.lists import new_list, write_list
from newsletter.store import Store, deliveries
from newsletter.store.deliveries import Recipient

#: What may be asked for.
LISTED: Final = (*(state.value for state in State), "all")
_HEADER: Final = ("run", "recipient", "email", "name", "state", "reason", "attempts", "at")


def state_of(word: str) -> State | None:
    """The state that a word asks for; None for all.

    Raises:
        InputError: there is no such state.
    """
    if word not in LISTED:
        raise InputError(f'"{word}" is no state of a delivery', hint=f"one of {', '.join(LISTED)}")
    return None if word == "all" else State(word)


def each_recipient(
    store: Store, runs: Sequence[Run], state: State | None
) -> Iterator[tuple[str, Recipient]]:
    """The people in a state, each with the name of the run."""
    for run in runs:
        for one in deliveries.recipients(store, run, state=state):
            yield run_name(run), one


def write_recipients(path: Path, store: Store, runs: Sequence[Run], state: State | None) -> int:
    """Write them to a new file, its owner's alone; says how many.

    Raises:
        InputError: the file exists, its folder cannot be written, or git would take it up.
    """
    expect_untaken(path)
    with new_list(path) as stream:
        return write_list(stream, _rows(store, runs, state))


def run_name(run: Run) -> str:
    """How people tell the runs of an issue apart: "rehearsal", or the transport of a real one."""
    return "rehearsal" if run.rehearsal else run.transport or "not begun"


def _rows(store: Store, runs: Sequence[Run], state: State | None) -> Iterator[Sequence[str]]:
    yield _HEADER
    for name, one in each_recipient(store, runs, state):
        at = one.at.isoformat() if one.at else ""
        cells = (name, str(one.position), one.address, one.name, one.state.value, one.reason,
                 str(one.attempt), at)  # fmt: skip
        yield [guarded(cell) for cell in cells]
