"""`newsletter status --issue N --list STATE`: the people of an issue by what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from newsletter.audience import recognizable
from newsletter.cli.context import from_directory
from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.delivery import Run
from newsletter.humanize import plural
from newsletter.sending.recipients import each_recipient, state_of, write_recipients
from newsletter.store import Store
from newsletter.store.deliveries import Recipient


def list_recipients(store: Store, runs: Sequence[Run], word: str, file: Path | None) -> None:
    """Show the people in a state, or write them to a CSV file.

    Raises:
        InputError: there is no such state, or the file cannot be written.
    """
    state = state_of(word)
    if file:
        path = from_directory(file)
        number = write_recipients(path, store, runs, state)
        result(str(path))
        say(f"{plural(number, 'person', 'people')}; keep it as you keep a password")
        return
    whole = VOICE.verbosity > 0
    found = [
        (run, one, _address(one, whole=whole)) for run, one in each_recipient(store, runs, state)
    ]
    if VOICE.json:
        result_json({"recipients": [_as_dict(*one) for one in found]})
    elif found:
        rows = [
            (run, f"{one.position:,}", address, one.name, one.state.value, one.reason)
            for run, one, address in found
        ]
        header = ("run", "recipient", "address", "name", "state", "reason")
        result(table([header, *rows], right=frozenset({1})))
        if not whole:
            say("hint: -v shows the addresses whole, --csv FILE writes them")
    else:
        result("nobody" if state is None else f"no delivery is {word}")


def _address(one: Recipient, *, whole: bool) -> str:
    if not one.address:
        return "(erased)"
    return one.address if whole else recognizable(one.address)


def _as_dict(run: str, one: Recipient, address: str) -> dict[str, object]:
    return {
        "run": run, "position": one.position, "address": address, "name": one.name,
        "state": one.state.value, "reason": one.reason, "attempts": one.attempt,
        "at": one.at.isoformat() if one.at else None,
    }  # fmt: skip
