"""What `init` puts into a new folder; the theme is the very one this project is tested with."""

from __future__ import annotations

import datetime as dt
import os
import re
import zoneinfo
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import newsletter
from newsletter.check.placeholder import PLACEHOLDERS
from newsletter.issue import OPENING
from newsletter.schedule.outlook import free_day
from newsletter.settings import ConfigText, load
from newsletter.settings.dates import timetable
from newsletter.settings.registry import as_toml

#: The settings that `init` asks for, each with what is written where it is not told.
ASKED: Final = {
    "site.name": PLACEHOLDERS["site.name"],
    "sender.from_name": PLACEHOLDERS["sender.from_name"],
    "sender.from_address": PLACEHOLDERS["sender.from_address"],
    "site.postal_address": PLACEHOLDERS["site.postal_address"],
    "site.language": "en",
    "site.timezone": "UTC",
}
_PACKAGE: Final = Path(newsletter.__file__).parent
_OWN: Final = Path(__file__).with_name("starter")
_CONFIG: Final = "newsletter.toml"
_ISSUE: Final = "issues/001-hello.md"
_PLACES: Final = {
    "newsletter.toml": _CONFIG,
    "001-hello.md": _ISSUE,
    "README.md": "README.md",
    "gitignore": ".gitignore",
}
_THEME: Final = "templates/email"
_LIST: Final = "subscribers/example.csv"
#: Filled in where it is known; {{ name }} in an issue is a merge field.
_PLACE: Final = re.compile(r"\{\{ ([a-z_.]+) \}\}")
_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FIFTH: Final = 5


def contents(
    told: Mapping[str, str], *, rhythm: str, first: dt.date, look: str
) -> dict[str, bytes]:
    """The files of a new newsletter by their path in its folder.

    Args:
        told: values of the settings in `ASKED`; placeholders stand for those left out.
        rhythm: "none", "weekly", "biweekly" or "monthly".
        first: the day of one issue, from which the rhythm counts.
        look: the name of a shipped theme, see `theme`.
    """
    values = {**ASKED, **told}
    values["sender.unsubscribe_mailto"] = values["sender.from_address"]
    filled = {key: as_toml(value) for key, value in values.items()} | {
        "newsletter": values["site.name"], "opening": OPENING, "schedule": _schedule(rhythm, first),
    }  # fmt: skip
    own = {
        place: _PLACE.sub(
            lambda found: filled.get(found[1], found[0]), (_OWN / name).read_text("utf-8")
        ).encode()
        for name, place in _PLACES.items()
    }
    # The settings come last: a folder that has them counts as a whole newsletter.
    whole = {**own, **theme(look), **dict(_shared(_LIST))}.items()
    return dict(sorted(whole, key=lambda item: (item[0] == _CONFIG, item[0])))


def dated(made: Mapping[str, bytes], now: dt.datetime) -> dict[str, bytes]:
    """A new newsletter with a rhythm, its first issue on the next date of it."""
    settings = load(ConfigText(file=_CONFIG, text=made[_CONFIG].decode()), environ={})
    day = free_day(timetable(settings), (), now)
    issue = made[_ISSUE].replace(b"number: 1\n", f"number: 1\ndate: {day}\n".encode(), 1)
    return {**made, _ISSUE: issue}


def theme(name: str) -> dict[str, bytes]:
    """The files of a shipped theme by their path in a newsletter's folder.

    Args:
        name: "magazine", or "letter", which is the magazine but for some files of its own.
    """
    own = _OWN / name
    overlay = {f"{_THEME}/{path.name}": path.read_bytes() for path in _files(own)}
    return {**dict(_shared(_THEME)), **overlay}


def read(key: str, value: str) -> str:
    """A value for one of the settings in `ASKED`, tidied.

    Raises:
        InputError: the setting cannot have it.
    """
    group, _, name = key.partition(".")
    text = f"[{group}]\n{name} = {as_toml(value)}\n"
    settings = load(ConfigText(file="newsletter.toml", text=text), environ={})
    return str(getattr(getattr(settings, group), name))


def local_timezone() -> str:
    """The name of this machine's time zone, "UTC" where it does not tell."""
    link = Path("/etc/localtime")
    told = os.environ.get("TZ") or str(link.resolve()).partition("zoneinfo/")[2]
    return told if told in zoneinfo.available_timezones() else "UTC"


def next_sunday(today: dt.date) -> dt.date:
    """The first Sunday after a day."""
    return today + dt.timedelta(days=6 - today.weekday() or 7)


def _schedule(rhythm: str, first: dt.date) -> str:
    day = _DAYS[first.weekday()]
    nth = (first.day - 1) // 7 + 1
    rules = {
        "weekly": f"FREQ=WEEKLY;BYDAY={day};WKST=MO",
        "biweekly": f"FREQ=WEEKLY;INTERVAL=2;BYDAY={day};WKST=MO",
        "monthly": f"FREQ=MONTHLY;BYDAY={-1 if nth == _FIFTH else nth}{day}",
    }
    off = "" if rhythm in rules else "# "
    return (
        "# When issues are due, counted from the anchor; only approved ones go by themselves.\n"
        f"{off}[schedule]\n"
        f'{off}rrule = "{rules.get(rhythm, rules["biweekly"])}"\n'
        f"{off}anchor = {first}\n"
        f'{off}time = "09:00"\n'
    )


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []


def _shared(name: str) -> Iterator[tuple[str, bytes]]:
    # A wheel carries these inside the package; a checkout has them at its top.
    top = _OWN if (_OWN / _THEME).is_dir() else _PACKAGE.parent
    found = top / name
    for path in _files(found) or [found]:
        yield path.relative_to(top).as_posix(), path.read_bytes()
