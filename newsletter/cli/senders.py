"""Who sends what goes on, and that nobody does, as `status` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from newsletter.cli.show import result
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.delivery import Run
    from newsletter.store.shares import Share


def show_workers(workers: Sequence[Share], runs: Sequence[Run]) -> None:
    """What each worker has sent of the runs that somebody may be at work on."""
    from newsletter.delivery import RunState

    going_on = any(run.state is RunState.RUNNING for run in runs)
    for one in workers:
        sent = f"{plural(one.mails, 'mail')} of what is being sent, {one.rate:.2g}/s lately"
        result(f"  worker {one.worker}: {sent if going_on else 'waits for something to send'}")


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
