"""One cell of the fault matrix: a fault, what a person sees of it, and what the records say."""

from __future__ import annotations

import gc
import json
import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from newsletter.delivery import State
from newsletter.delivery.pace import Pace
from newsletter.issue import Issue
from newsletter.render import Options, RenderedIssue, Theme
from newsletter.render.pipeline import render
from newsletter.render.sizes import Measure
from newsletter.sending.drain import Throttle
from newsletter.ses.client import SesTransport
from newsletter.smtp import SmtpTransport
from newsletter.store import runs
from tests.support import readers
from tests.support.cli_fixtures import ADDRESSES, Folder, Ran, imported_example

#: How many people there are.
PEOPLE = 25
ACCOUNT_NAMES = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY",
                 "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a fault comes to.

    Attributes:
        code: the exit code.
        states: the deliveries at the end; {} where no run began, -1 for any number.
        pause: the kind of pause in the records, "" where it is finished.
        says: how the line begins that tells a person what happened.
        attempts: of all deliveries together; None for one each of those that were tried, -1
            where chance decides.
        again: exit code and states of a second, identical command, without the fault.
    """

    code: int
    states: Mapping[str, int] = field(default_factory=dict)
    pause: str = ""
    says: str
    attempts: int | None = None
    again: tuple[int, Mapping[str, int]] = (0, {"accepted": PEOPLE})


DONE = Cell(code=0, states={"accepted": PEOPLE}, says="issue 74: 25 mails sent now; in all")
TWICE = Cell(code=0, states={"accepted": PEOPLE}, says=DONE.says, attempts=PEOPLE + 1)
REFUSED = Cell(
    code=0,
    states={"accepted": PEOPLE - 1, "refused": 1},
    says="next: 1 mail was refused for good: newsletter status --issue 74 --list refused",
    again=(0, {"accepted": PEOPLE - 1, "refused": 1}),
)
UNKNOWN = Cell(
    code=9,
    states={"accepted": PEOPLE - 1, "unknown": 1},
    says="next: 1 outcome is unknown and will not be sent again: newsletter status --issue 74",
    again=(9, {"accepted": PEOPLE - 1, "unknown": 1}),
)


def nothing(says: str, code: int = 4) -> Cell:
    """Stopped before the first claim: no run, nothing sent."""
    return Cell(code=code, says=says)


def refused_by_all(says: str, code: int = 4, pause: str = "account", attempts: int = 1) -> Cell:
    """Everything is refused, from the first mail on."""
    return Cell(code=code, states={"queued": PEOPLE}, pause=pause, says=says, attempts=attempts)


def paused(pause: str, says: str, attempts: int | None = None, **states: int) -> Cell:
    """Stopped on the way; whatever is unknown or refused stays so when it goes on."""
    stays = {k: v for k, v in states.items() if k in {"unknown", "refused"}}
    after = {"accepted": PEOPLE - sum(stays.values()), **stays}
    return Cell(
        code=6, states=states, pause=pause, says=f"paused: {says}", attempts=attempts,
        again=(9 if "unknown" in stays else 0, after),
    )  # fmt: skip


def read_logs(root: Path) -> list[list[dict[str, Any]]]:
    """The lines of every run's log, oldest first; no address is in any of them."""
    logs = []
    for path in sorted((root / ".newsletter/runs").glob("*.jsonl")):
        text = path.read_text("utf-8")
        assert [address for address in ADDRESSES if address in text.lower()] == []
        assert "@" not in text
        logs.append([json.loads(line) for line in text.splitlines()])
    return logs


def expect_log(newsletter: Folder, not_accepted: int) -> None:
    """One line for each attempt that was not accepted, and an end that agrees with the records."""
    (lines,) = read_logs(newsletter.root)
    assert lines[0]["event"] == "began"
    told = [line for line in lines if line["event"] == "outcome"]
    assert len(told) == not_accepted
    assert len({(line["position"], line["attempt"]) for line in told}) == len(told)
    assert all(line["reason"] and line["result"] != "accepted" for line in told)
    assert lines[-1]["event"] == "ended"
    assert lines[-1]["by_state"] == newsletter.states()


@dataclass(frozen=True)
class World:
    """The example newsletter with its list, in a world without waiting times."""

    newsletter: Folder

    def configure(self, **settings: object) -> None:
        """Settings of the transport, such as SMTP__PORT."""
        for name, value in settings.items():
            self.newsletter.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", str(value))

    def environ(self, values: Mapping[str, str]) -> None:
        """Environment variables."""
        for name, value in values.items():
            self.newsletter.patch.setenv(name, value)

    def hurry(self) -> None:
        """A clock that leaps over every wait, so that ten minutes take none."""
        now = [0.0]

        def leap(_event: threading.Event, seconds: float) -> None:
            now[0] += seconds

        def throttle(*_: object) -> Throttle:
            return Throttle(pace=Pace(1e9, now=now[0]), clock=lambda: now[0], sleep=leap)

        self.newsletter.patch.setattr("newsletter.sending.part._throttle", throttle)

    def send(self) -> Ran:
        """Send issue 74."""
        gc.freeze()  # what is there already is not looked through again
        try:
            ran = self.newsletter.send()
            # urllib3 closes what an exception still refers to when that is collected.
            gc.collect()
        finally:
            gc.unfreeze()
        return ran

    def expect(self, cell: Cell, ran: Ran) -> None:
        """The command, the records and the log say what the cell says."""
        assert ran.code == cell.code, ran.err
        lines = [*ran.err.splitlines(), *ran.out.splitlines()]
        assert [line for line in lines if line.startswith(cell.says)], ran.err + ran.out
        assert "Traceback" not in ran.err
        states = self.newsletter.states()
        if -1 in cell.states.values():
            assert states.keys() <= cell.states.keys()
            assert sum(states.values()) == PEOPLE
        else:
            assert states == cell.states, ran.err
        with self.newsletter.records() as store:
            found, tries = runs.find_all(store), [one.attempt for one in readers.outcomes(store)]
        if not states:
            assert found == ()
            return
        tried = sum(tries)
        wanted = sum(number for state, number in states.items() if state != "queued")
        if cell.attempts != -1:
            assert tried == (wanted if cell.attempts is None else cell.attempts)
        expect_log(self.newsletter, tried - states.get("accepted", 0))
        [run] = found
        assert (run.state, run.pause or "") == ("paused" if cell.pause else "finished", cell.pause)

    def expect_again(self, cell: Cell, ran: Ran) -> None:
        """The same command once more, without the fault, goes on or says that it is done."""
        code, states = cell.again
        assert ran.code == code, ran.err
        assert self.newsletter.states() == states
        finished = bool(cell.states) and not cell.pause
        assert ("issue 74 was already sent on" in ran.err) is finished
        if finished:
            assert "0 mails sent now" in ran.out

    def attempts(self) -> set[tuple[str, str]]:
        """Every attempt there was, as SES's tags name it; the fake's second name is not used."""
        return self._tags(
            (one.position, n)
            for one in self.newsletter.outcomes()
            for n in range(1, one.attempt + 1)
        )

    def admitted(self) -> set[tuple[str, str]]:
        """The attempts that SES may have taken, as the records say: accepted or unknown."""
        return self._tags(
            (one.position, one.attempt)
            for one in self.newsletter.outcomes()
            if one.state in {State.ACCEPTED, State.UNKNOWN}
        )

    def _tags(self, attempts: Iterable[tuple[int, int]]) -> set[tuple[str, str]]:
        with self.newsletter.records() as records:
            store = records.feedback.store_id()
        return {(f"{store}-74-{position}-{attempt}", "") for position, attempt in attempts}


@pytest.fixture(scope="session")
def imported() -> Path:
    """The example newsletter with its list in the records, to be copied."""
    return imported_example()


#: The issue is rendered once: no cell is about that.
_RENDERED: dict[str, RenderedIssue] = {}


def _render(issue: Issue, theme: Theme, options: Options, measure: Measure) -> RenderedIssue:
    key = repr((issue, theme, options))
    if key not in _RENDERED:
        _RENDERED[key] = render(issue, theme, options, measure)
    return _RENDERED[key]


@pytest.fixture
def world(
    imported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plain_environment: None,
) -> World:
    """No AWS of this machine, and answers awaited for a moment only."""
    root = tmp_path / "letters"
    shutil.copytree(imported, root)
    for name in ACCOUNT_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr("newsletter.project.issues.render", _render)
    impatient: Any = SesTransport.__init__
    monkeypatch.setitem(impatient.__kwdefaults__, "read_seconds", 1.0)
    impatient = SmtpTransport.__init__
    monkeypatch.setitem(impatient.__kwdefaults__, "timeout", 1.5)
    monkeypatch.setitem(impatient.__kwdefaults__, "patience", 0.4)
    return World(Folder(root, monkeypatch, capsys))
