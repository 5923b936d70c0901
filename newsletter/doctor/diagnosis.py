"""What a check says of the thing it has looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, the worst last."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found; made to be shown to others, so no address, key or password is in it.

    Attributes:
        severity: of the whole.
        detail: what it is, in a few words.
        hint: the command to run or the change to make, "" where nothing is wrong.
    """

    severity: Severity
    detail: str
    hint: str = ""


def ok(detail: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(Severity.OK, detail)


def skipped(detail: str, hint: str = "") -> Diagnosis:
    """There is nothing to look at."""
    return Diagnosis(Severity.SKIPPED, detail, hint)


def warning(detail: str, hint: str) -> Diagnosis:
    """It works, but is not as it should be."""
    return Diagnosis(Severity.WARNING, detail, hint)


def error(detail: str, hint: str) -> Diagnosis:
    """Something does not work, or does harm."""
    return Diagnosis(Severity.ERROR, detail, hint)


def worst(found: Iterable[Diagnosis], otherwise: str) -> Diagnosis:
    """Several findings of one check as one: the severity of the worst, and its kind's words.

    Args:
        found: what was found; none of it is well.
        otherwise: what to say when nothing was.
    """
    all_found = list(found)
    order = list(Severity)
    severity = max((one.severity for one in all_found), key=order.index, default=Severity.OK)
    if severity is Severity.OK:
        return ok(otherwise)
    told = sorted(all_found, key=lambda one: -order.index(one.severity))
    hints = dict.fromkeys(one.hint for one in told if one.hint)
    return Diagnosis(severity, "; ".join(one.detail for one in told), "; ".join(hints))
