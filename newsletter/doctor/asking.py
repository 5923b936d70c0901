"""How checks are asked: those of this machine one by one, those that ask servers all at once.

A server that does not answer keeps nobody else waiting: each check has its time, and so have all.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from newsletter.doctor.checks import ALL, CHECKS, Check, CheckResult
from newsletter.doctor.diagnosis import Diagnosis, Severity, error, skipped
from newsletter.doctor.subject import Subject
from newsletter.errors import InputError, NewsletterError
from newsletter.humanize import nearest

_REPORT: Final = "this is a bug; please report it"
_AT_ONCE: Final = 8
#: For one check; a server has half of it to answer one question.
_SECONDS: Final = 10.0
#: For all that ask servers.
_IN_ALL: Final = 11.0


def examine(
    subject: Subject,
    *,
    only: Collection[str] = (),
    offline: bool = False,
    seconds: float = _SECONDS,
    in_all: float = _IN_ALL,
) -> tuple[CheckResult, ...]:
    """Ask the checks; those of another transport are left out.

    Args:
        subject: the newsletter; it is closed in the end.
        only: ids of the checks to tell of, all when empty; what they need is asked, too.
        offline: skip those that open a socket.
        seconds: how long one may take that asks a server.
        in_all: how long all of those may take.

    Raises:
        InputError: no check has such an id.
    """
    known = {check.id: check for check in CHECKS}
    for name in only:
        if name not in known:
            raise InputError(
                f'no check is called "{name}"', hint=nearest(name, known, "docs/doctor.md has them")
            )
    wanted = _with_needs(only) if only else set(known)
    found: dict[str, CheckResult] = {}
    outside: list[Check] = []
    try:
        for check in CHECKS:
            if check.id not in wanted or not _is_about(check, subject, found):
                continue
            if check.online and not offline:
                outside.append(check)
            else:
                said = _skipped(check, subject, found, offline=offline)
                found[check.id] = _result(check, subject, said)
        _Round(subject, found, outside, seconds, time.monotonic() + in_all).run()
    finally:
        subject.close()
    told = (found[check.id] for check in CHECKS if check.id in found)
    return tuple(one for one in told if not only or one.id in only)


@dataclass(slots=True)
class _Round:
    """The checks that ask servers.

    Attributes:
        found: what every check before has said; what these say is added.
        waiting: whose turn is to come, in their order.
        seconds: for each.
        until: when all of them have to be done.
        asked: since when each is asked that has not answered.
    """

    subject: Subject
    found: dict[str, CheckResult]
    waiting: list[Check]
    seconds: float
    until: float
    asked: dict[Check, float] = field(default_factory=dict)
    answers: queue.Queue[tuple[Check, CheckResult]] = field(default_factory=queue.Queue)

    def run(self) -> None:
        """Ask all of them."""
        while self.waiting or self.asked:
            for check in [one for one in self.waiting if self._is_next(one)][: self._room()]:
                self.waiting.remove(check)
                self._begin(check)
            if self.asked:
                self._hear()

    def _room(self) -> int:
        return _AT_ONCE - len(self.asked)

    def _is_next(self, check: Check) -> bool:
        open_ones = {one.id for one in (*self.waiting, *self.asked)}
        return open_ones.isdisjoint((*check.needs, *check.after))

    def _begin(self, check: Check) -> None:
        if said := _skipped(check, self.subject, self.found, offline=False):
            self.found[check.id] = _result(check, self.subject, said)
            return
        self.asked[check] = time.monotonic()
        # A thread that hangs cannot be ended; a daemon does not outlive the command.
        threading.Thread(target=self._ask, args=(check,), daemon=True).start()

    def _ask(self, check: Check) -> None:
        self.answers.put((check, _result(check, self.subject)))

    def _hear(self) -> None:
        """Take the next answer; without one, give up whose time is over."""
        first, since = min(self.asked.items(), key=lambda one: one[1])
        left = min(self.until, since + self.seconds) - time.monotonic()
        try:
            check, result = self.answers.get(timeout=max(0.0, left))
        except queue.Empty:
            del self.asked[first]
            late = error("no answer in time", f"newsletter doctor --only {first.id}")
            took = round(time.monotonic() - since, 3)
            told = _result(first, self.subject, late)
            self.found[first.id] = dataclasses.replace(told, seconds=took)
            return
        # What comes after its time was told as missing.
        if self.asked.pop(check, None) is not None:
            self.found[check.id] = result


def _with_needs(only: Collection[str]) -> set[str]:
    wanted = set(only)
    for check in reversed(CHECKS):
        if check.id in wanted:
            wanted |= set(check.needs)
    return wanted


def _is_about(check: Check, subject: Subject, found: dict[str, CheckResult]) -> bool:
    """Whether a check is about this newsletter's records and way out, as the settings name them."""
    if check.transports == ALL and not check.on_server:
        return True
    config = found["config"]
    if config.severity is Severity.ERROR or (check.on_server and not subject.asks_server):
        return False
    return subject.project.settings.transport.kind in check.transports


def _result(check: Check, subject: Subject, said: Diagnosis | None = None) -> CheckResult:
    """What a check says, or what is said in its place."""
    begun = time.monotonic()
    said = said or _look(check, subject)
    return CheckResult(
        id=check.id, title=check.title, severity=said.severity, detail=said.detail,
        hint=said.hint, seconds=round(time.monotonic() - begun, 3),
    )  # fmt: skip


def _skipped(
    check: Check, subject: Subject, found: dict[str, CheckResult], *, offline: bool
) -> Diagnosis | None:
    """Why a check is not asked, None when it is."""
    for name in check.needs:
        before = found[name]
        if before.severity is Severity.ERROR:
            return skipped(f"fix this first: {name}")
        if before.severity is Severity.SKIPPED:
            return skipped(before.detail)
    if offline and (check.online or (check.reads and subject.asks_server)):
        return skipped("not asked: --offline")
    return None


def _look(check: Check, subject: Subject) -> Diagnosis:
    try:
        return check.look(subject)
    except NewsletterError as fault:
        return _of_fault(fault, subject)
    except OSError as fault:
        return error(f"this cannot be looked at ({fault.strerror})", "see who owns the folder")
    except Exception as bug:  # noqa: BLE001  # all the others are still worth asking
        return error(f"the check itself fails ({type(bug).__name__})", _REPORT)


def _of_fault(fault: NewsletterError, subject: Subject) -> Diagnosis:
    told = f"{fault} ({fault.cause})" if fault.cause else str(fault)
    hint = fault.hint or ""
    # In the folder everybody knows where they are; whose home it lies in is nobody's business.
    if "project" in vars(subject):
        told, hint = (text.replace(f"{subject.project.root}/", "") for text in (told, hint))
    return error(told, hint)
