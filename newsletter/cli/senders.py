"""Who sends what goes on, and that nobody does, as `status` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from newsletter.cli.progress import speed
from newsletter.cli.show import result
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.delivery import Run
    from newsletter.store.shares import Senders, Share


def show_senders(found: Senders, runs: Sequence[Run]) -> None:
    """What each has sent of the runs that somebody may be at work on, who leads them first."""
    from newsletter.delivery import RunState

    going_on = any(run.state is RunState.RUNNING for run in runs)
    if found.leader and going_on:  # else it holds the lock for something else
        result(f"  send {_sent(found.leader)}")
    for one in found.workers:
        waits = f"{one.worker}: waits for something to send"
        result(f"  worker {_sent(one) if going_on else waits}")


def senders_as_dict(found: Senders) -> dict[str, object]:
    """The same as JSON."""
    leader = found.leader and found.leader._asdict()
    return {"leader": leader, "workers": [one._asdict() for one in found.workers]}


def _sent(one: Share) -> str:
    mails = plural(one.mails, "mail")
    return f"{one.worker}: {mails} of what is being sent, {speed(one.rate)} lately"


def how_it_stands(run: Run, unsent: Mapping[int, str]) -> str:
    """Why a run stands still, or that nobody sends it though it goes on; "" otherwise.

    Args:
        run: on record.
        unsent: the runs that nobody sends, with the reasons, see `shares.unsent`.
    """
    from newsletter.delivery import RunState

    if run.id in unsent:
        why = unsent[run.id] or "each worker says on its machine what keeps it"
        return f"nobody sends it at the moment: {why}"
    stopped = run.reason and run.state is not RunState.RUNNING
    return f"{run.state.value}: {run.reason}" if stopped else ""
