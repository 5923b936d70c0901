"""Scripted faults: what goes wrong, for which requests, how often."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Kind = Literal[
    "error", "throttle", "quota", "html",
    "reset_unread", "reset", "close", "stall",
    "delay", "drip", "truncated", "garbage", "no_message_id", "result_count",
    "entry",
]  # fmt: skip

#: What goes wrong after the messages were accepted, unless the fault says otherwise.
_AFTER_ACCEPTING = frozenset(
    ("delay", "drip", "truncated", "garbage", "no_message_id", "result_count")
)
_SERVER = 500
#: What comes instead of an answer, or does not tell what became of the mails.
_MUTE = frozenset(
    ("html", "reset", "close", "stall", "truncated", "garbage", "no_message_id", "result_count")
)
SENDS = ("SendEmail", "SendBulkEmail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Which requests it meets (every condition must hold; well-formed, rightly signed requests only,
    save for `reset_unread`, which sees no more than the head):

    Attributes:
        kind: What happens; docs/fake-ses.md has the table.
        operations: The operations it meets; () for all.
        requests: 1-based numbers among the requests that meet the other conditions,
            counted from the moment the fault was scripted; () for every one.
        recipients: Bare addresses; a request for one of them is met. () for all.
        entries: For `entry`, 0-based positions in the call; () for all.
        idle_over: Only requests on a connection that waited longer than so many seconds.
        probability: Chance in 0..1 for a request that is otherwise met.
        times: How often it happens at most.
        accept: Whether the messages are accepted before it happens; None for the kind's default.
        status: HTTP status of `error` and `html`.
        code: Error name of `error`; the entry's status for `entry`.
        message: Text of `error`; the entry's error for `entry`.
        seconds: How long `delay` waits; the pause between two bytes of `drip`.
        body: Body of `garbage`.
        again: So many seconds late is the answer when the first mail of a request that met this,
            and was not accepted, comes once more.
    """

    kind: Kind
    operations: tuple[str, ...] = SENDS
    requests: tuple[int, ...] = ()
    recipients: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()
    idle_over: float | None = None
    probability: float = 1.0
    times: int | None = None
    accept: bool | None = None
    status: int = 500
    code: str = "InternalFailure"
    message: str = "The request processing has failed because of an unknown error."
    seconds: float = 0.0
    body: str = "<<< this is not JSON"
    again: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no such kind of fault: {self.kind}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be within 0..1: {self.probability}")

    @property
    def accepts(self) -> bool:
        """Whether the messages are accepted before the fault happens."""
        return self.kind in _AFTER_ACCEPTING if self.accept is None else self.accept

    @property
    def mute(self) -> bool:
        """Whether nobody can tell by the answer, if any comes, what became of the mails."""
        return self.kind in _MUTE or (self.kind == "error" and self.status >= _SERVER)


def fault_from(described: dict[str, Any]) -> Fault:
    """A fault from its JSON form: the same names, lists for tuples.

    Raises:
        ValueError: A name or a kind that does not exist.
    """
    unknown = described.keys() - {field.name for field in fields(Fault)}
    if unknown or "kind" not in described:
        raise ValueError(f"not a fault: {', '.join(sorted(unknown)) or 'kind is missing'}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in described.items()
    }
    return Fault(**values)


class _Rule:
    """A fault with its counts."""

    __slots__ = ("fault", "numbers", "recipients", "seen", "used")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.recipients = frozenset(fault.recipients)
        self.numbers = frozenset(fault.requests)
        self.seen = 0
        self.used = 0

    def concerns(self, operation: str, recipients: Iterable[str], idle: float) -> bool:
        fault = self.fault
        if fault.operations and operation not in fault.operations:
            return False
        if fault.kind == "result_count" and operation != "SendBulkEmail":
            return False
        if fault.idle_over is not None and idle <= fault.idle_over:
            return False
        return not self.recipients or not self.recipients.isdisjoint(recipients)

    def counts(self) -> bool:
        """Count one more request that is met, and tell whether its number is wanted."""
        self.seen += 1
        return not self.numbers or self.seen in self.numbers

    def happens(self, chance: random.Random) -> bool:
        """Decide by what is left and by chance."""
        fault = self.fault
        if fault.times is not None and self.used >= fault.times:
            return False
        if fault.probability < 1 and chance.random() >= fault.probability:
            return False
        self.used += 1
        return True


class Script:
    """The faults in force, in order; the first that happens is the one that counts."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self._seed = seed
        self._chance = random.Random(seed)
        self._rules = [_Rule(fault) for fault in faults]

    def add(self, faults: Iterable[Fault]) -> None:
        """Put more faults behind those in force."""
        self._rules += [_Rule(fault) for fault in faults]

    def clear(self) -> None:
        """Take every fault out and start the random numbers anew."""
        self._rules.clear()
        self._chance.seed(self._seed)

    def used(self) -> list[dict[str, Any]]:
        """How often each fault happened, in order."""
        return [{"kind": rule.fault.kind, "happened": rule.used} for rule in self._rules]

    def at_head(self, operation: str, idle: float) -> Fault | None:
        """A `reset_unread`, decided when only the head is known."""
        return self._first(operation, (), idle, unread=True)

    def for_request(self, operation: str, recipients: Sequence[str], idle: float) -> Fault | None:
        """The fault for a whole request."""
        return self._first(operation, recipients, idle, unread=False)

    def _first(
        self, operation: str, recipients: Sequence[str], idle: float, *, unread: bool
    ) -> Fault | None:
        found: Fault | None = None
        for rule in self._rules:
            kind = rule.fault.kind
            if kind == "entry" or (kind == "reset_unread") != unread:
                continue
            # Every rule counts every request, so that numbers do not depend on the order.
            if not rule.concerns(operation, recipients, idle) or not rule.counts():
                continue
            if found is None and rule.happens(self._chance):
                found = rule.fault
        return found

    def for_entries(self, entries: Sequence[tuple[str, ...]], idle: float) -> dict[int, Fault]:
        """The entries of a bulk call that fail: position -> fault."""
        failed: dict[int, Fault] = {}
        everyone = [address for recipients in entries for address in recipients]
        for rule in self._rules:
            if rule.fault.kind != "entry":
                continue
            if not rule.concerns("SendBulkEmail", everyone, idle) or not rule.counts():
                continue
            for position, recipients in enumerate(entries):
                if position not in failed and self._fails(rule, position, recipients):
                    failed[position] = rule.fault
        return failed

    def _fails(self, rule: _Rule, position: int, recipients: tuple[str, ...]) -> bool:
        if rule.fault.entries and position not in rule.fault.entries:
            return False
        if rule.recipients and rule.recipients.isdisjoint(recipients):
            return False
        return rule.happens(self._chance)
