"""What came of a send, and what to do next: the last lines, and the exit code."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from newsletter.cli.desk import Desk, clock
from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.delivery import Counts, Pause, Run, RunState, State, Stop
from newsletter.errors import AccountError, InputError, PausedError, UnknownOutcomesError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.store import Store

_DAY: Final = dt.timedelta(days=1)
#: Nothing else will go either, so with nothing accepted this is a fault, not a pause.
_FOR_EVERYBODY: Final = {Pause.ACCOUNT: AccountError, Pause.MALFORMED: InputError}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one send ended.

    Attributes:
        run: as it was when the send began.
        counts: deliveries by state, now.
        accepted: mails handed over by this send.
        stop: why it stands still, None when it is finished.
        state: as it is on record now; a person may have cancelled it meanwhile.
        log: the run's log.
        signal: the number of the signal that ended it, 0 for none.
    """

    run: Run
    counts: Counts
    accepted: int
    stop: Stop | None
    state: RunState
    log: Path
    signal: int = 0


def conclude(desk: Desk, store: Store, ended: Ended) -> int:
    """Say what came of a send and what to do next.

    Returns:
        0, 6 when deliveries are left, 9 when outcomes are unknown, 130 or 143 after a signal.

    Raises:
        AccountError: everything was refused, nothing accepted.
        InputError: our own request is malformed.
    """
    from newsletter.store import runs

    number, stop = ended.run.content.issue, ended.stop
    if stop and stop.pause in _FOR_EVERYBODY and not ended.counts[State.ACCEPTED]:
        raise _FOR_EVERYBODY[stop.pause](
            f"{ended.run.transport} refuses every mail: {stop.reason}",
            hint=f"mend that, then: newsletter send --issue {number}",
        )
    _tell(ended)
    if ended.counts[State.REFUSED] or ended.counts[State.UNKNOWN]:
        for (state, reason), found in runs.reasons(store, ended.run).items():
            if state in {State.REFUSED, State.UNKNOWN}:
                say(f"  {state.value} {found:,}: {reason}")
        say(f"  the order of things: {_shown(ended.log, desk.root)}")
    if stop:
        if ended.state is RunState.CANCELLED:
            say("cancelled by a person")
        else:
            say(f"paused: {stop.reason}{_when(store, stop)}")
        say(f"next: newsletter send --issue {number} goes on with {ended.counts.left:,}")
        return 128 + ended.signal if ended.signal else PausedError.exit_code
    return _finished(desk, ended)


def already(store: Store, run: Run) -> int:
    """Say that there is nothing to do; 9 while outcomes are unknown."""
    from newsletter.store import runs

    counts = runs.counts(store, run)
    word = "rehearsed" if run.rehearsal else "sent"
    when = run.finished_at or run.started_at
    number = run.content.issue
    say(f"issue {number} was already {word} on {when:%Y-%m-%d at %H:%M} UTC; nothing was sent")
    if run.rehearsal:
        say("hint: send --again repeats a rehearsal")
    tell(run, counts, accepted=0)
    return UnknownOutcomesError.exit_code if counts[State.UNKNOWN] else 0


def tell(run: Run, counts: Counts, *, accepted: int, **more: object) -> None:
    """The result of a run, in a sentence or as JSON."""
    by_state = {state.value: number for state, number in counts.by_state.items() if number}
    if VOICE.json:
        result_json(
            {
                "issue": run.content.issue, "rehearsal": run.rehearsal, "sent_now": accepted,
                "recipients": counts.total, "by_state": by_state, **more,
            }
        )  # fmt: skip
        return
    shown = ", ".join(f"{name} {number:,}" for name, number in sorted(by_state.items()))
    word = "rehearsed" if run.rehearsal else "sent"
    result(f"issue {run.content.issue}: {plural(accepted, 'mail')} {word} now; in all {shown}")


def _tell(ended: Ended) -> None:
    stop = ended.stop
    tell(
        ended.run, ended.counts, accepted=ended.accepted,
        state=ended.state.value, pause=stop.pause.value if stop else None,
        reason=stop.reason if stop else "", log=str(ended.log),
    )  # fmt: skip


def _finished(desk: Desk, ended: Ended) -> int:
    number, counts = ended.run.content.issue, ended.counts
    if ended.run.rehearsal:
        folder = desk.settings.transport.folder
        say(f"look: {folder}/{number:03d}/0001.eml opens in any mail program")
    if refused := counts[State.REFUSED]:
        say(
            f"next: {plural(refused, 'mail was', 'mails were')} refused; where the reason is "
            f"mended, newsletter retry --issue {number} queues them again"
        )
    if unknown := counts[State.UNKNOWN]:
        say(
            f"next: {plural(unknown, 'outcome is', 'outcomes are')} unknown and not sent again by "
            f"itself: newsletter status --issue {number}"
        )
        return UnknownOutcomesError.exit_code
    return 0


def _when(store: Store, stop: Stop) -> str:
    """When the day's quota frees up: a mail counts for 24 hours (SES guide, sending quotas)."""
    from newsletter.store import runs

    if stop.pause is not Pause.QUOTA:
        return ""
    first = runs.first_accepted(store, since=clock() - _DAY)
    if first is None:
        return ", and frees up within 24 hours"
    return f", and frees up from {first + _DAY:%Y-%m-%d at %H:%M} UTC on"


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
