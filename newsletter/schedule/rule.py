"""Which recurrence rules there are: the part of RFC 5545, section 3.3.10, that letters need.

Days, weeks and months, with an interval; days of the week, or of the month, or the third Tuesday;
an end. Everything else is refused with a hint instead of being read in a way nobody meant.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from newsletter import moments

_DAY: Final = r"(?:MO|TU|WE|TH|FR|SA|SU)"
_NTH: Final = rf"[+-]?[1-5]{_DAY}"
#: What each part may say; a month without its 29th would be left out in silence.
_PARTS: Final = {
    "FREQ": r"DAILY|WEEKLY|MONTHLY",
    "INTERVAL": r"[1-9]\d{0,2}",
    "BYDAY": rf"(?:{_DAY}|{_NTH})(?:,(?:{_DAY}|{_NTH}))*",
    "BYMONTHDAY": r"-?(?:[1-9]|1\d|2[0-8])(?:,-?(?:[1-9]|1\d|2[0-8]))*",
    "WKST": _DAY,
    "COUNT": r"[1-9]\d{0,4}",
    "UNTIL": r"\d{8}(?:T\d{6}Z?)?",
}
_INSTEAD: Final = {
    "BYMONTH": "the rule is the same all year; leave a month out by having no issue for it",
    "BYYEARDAY": "name days of the week or of the month: FREQ=MONTHLY;BYMONTHDAY=1",
    "BYWEEKNO": "count weeks from the anchor: FREQ=WEEKLY;INTERVAL=2",
    "BYSETPOS": "the third Tuesday is FREQ=MONTHLY;BYDAY=3TU, the last Friday BYDAY=-1FR",
    "BYHOUR": "the time of day is schedule.time",
    "BYMINUTE": "the time of day is schedule.time",
    "BYSECOND": "the time of day is schedule.time",
}
_UNTIL: Final = "write UNTIL=20270131, or with a time in UTC UNTIL=20270131T090000Z"
_TOO_OFTEN: Final = frozenset({"HOURLY", "MINUTELY", "SECONDLY"})
_STEPS: Final = {"DAILY": 1, "WEEKLY": 7}


def parts(rule: str) -> dict[str, str]:
    """A rule's parts by name: `FREQ=WEEKLY;INTERVAL=2` has two."""
    pairs = (part.partition("=") for part in rule.split(";"))
    return {name: value for name, _, value in pairs}


def period(rule: str) -> int:
    """After how many days a rule counts the same again; 0 where that is not a number of days."""
    found = parts(rule)
    if "COUNT" in found:
        return 0
    return _STEPS.get(found.get("FREQ", ""), 0) * int(found.get("INTERVAL", "1"))


def in_days(rule: str, time: dt.time, zone: ZoneInfo) -> str:
    """The same rule with an UNTIL that names the last day on which an issue may go.

    Args:
        rule: without a fault.
        time: the time of day at which issues go, in `zone`.
        zone: in which an UNTIL without a Z is read, too.
    """
    until = parts(rule).get("UNTIL", "")
    if "T" not in until:
        return rule
    end = moments.moment(until)
    if end.tzinfo:
        end = end.astimezone(zone)
    late = end.time() < time
    return rule.replace(until, f"{end.date() - dt.timedelta(days=late):%Y%m%d}")


def without_time(rule: str) -> str:
    """The same rule for counting days: with an UNTIL that is a date, as it is written."""
    return re.sub(r"(UNTIL=\d{8})T\d{6}Z?", r"\1", rule)


def fault(rule: str) -> tuple[str, str] | None:
    """What is wrong with a rule: what follows its name, and the way out ("" for an example).

    Args:
        rule: in capitals, without "RRULE:".
    """
    found = parts(rule)
    if found.get("FREQ") in _TOO_OFTEN:
        return "recurs more often than daily", "an issue has a date: use FREQ=WEEKLY or so"
    if found.get("FREQ") == "YEARLY":
        return "recurs by the year, which is not supported", "use FREQ=MONTHLY;INTERVAL=12"
    for name, hint in _INSTEAD.items():
        if name in found:
            return f"has the part {name}, which is not supported", hint
    if problem := _until_fault(found.get("UNTIL")):
        return problem
    if found.keys() >= {"COUNT", "UNTIL"}:
        return "has both COUNT and UNTIL", "keep one of them"
    if not _is_well_formed(rule, found):
        return "is not a recurrence rule (RFC 5545)", ""
    return _contradiction(found)


def _is_well_formed(rule: str, found: dict[str, str]) -> bool:
    if len(found) < rule.count(";") + 1 or "FREQ" not in found:
        return False
    if re.search(r"BYMONTHDAY=[\d,-]*\b(?:29|30|31)\b", rule):
        return True  # told below, with a way out
    if not all(name in _PARTS and re.fullmatch(_PARTS[name], v) for name, v in found.items()):
        return False

    try:
        rrulestr(without_time(rule), dtstart=dt.datetime(2026, 1, 4))  # noqa: DTZ001  # a wall-clock rule
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _until_fault(until: str | None) -> tuple[str, str] | None:
    """What is wrong with the end of a rule."""
    if until is None:
        return None
    if not re.fullmatch(_PARTS["UNTIL"], until):
        return f"has an UNTIL that is no date or moment: {until}", _UNTIL
    try:
        moments.moment(until)
    except moments.OutOfRangeError as error:
        return f"has an UNTIL that {error}", "leave it out for a rule without end"
    except ValueError:
        return f"has an UNTIL that does not exist: {until}", _UNTIL
    return None


def _contradiction(found: dict[str, str]) -> tuple[str, str] | None:
    """What can be read but would mean another thing than people think."""
    by_month = found["FREQ"] == "MONTHLY"
    numbered = re.search(r"\d", found.get("BYDAY", ""))
    if numbered and not by_month:
        return "numbers a day of the week outside a month", "use FREQ=MONTHLY;BYDAY=3TU"
    if "BYDAY" in found and by_month and not numbered:
        return "names every such day of the month", "use FREQ=WEEKLY, or number it: BYDAY=1SU"
    if "BYMONTHDAY" in found and (not by_month or "BYDAY" in found):
        return "has BYMONTHDAY beside something else", "use FREQ=MONTHLY;BYMONTHDAY=1"
    if re.search(r"\b(?:29|30|31)\b", found.get("BYMONTHDAY", "")):
        return "names a day that some months do not have", "use BYMONTHDAY=28, or -1 for the last"
    if by_month and not {"BYDAY", "BYMONTHDAY"} & found.keys():
        return "does not say which day of the month", "use BYMONTHDAY=1, or BYDAY=3TU"
    if re.search(r"[+-]?5", found.get("BYDAY", "")):
        return "names a fifth day that some months do not have", "use -1 for the last: BYDAY=-1FR"
    return None
