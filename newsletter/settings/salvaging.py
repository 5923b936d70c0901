"""What can be read of settings that have faults, good for telling their owner of those faults.

Group by group: a group is taken as it stands now. Where anything about it is in doubt it is
completed from the last settings that were sound. Without those, a way out or a sender in doubt
means no mail, which could go astray unnoticed; the webhook is called in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from newsletter.errors import InputError
from newsletter.settings.faults import Fault, GivenValue, Setter, given_for
from newsletter.settings.groups import Groups
from newsletter.settings.load import Settings, as_settings
from newsletter.settings.registry import SETTINGS, Path, Setting
from newsletter.settings.sources import (
    ConfigText,
    Reading,
    from_dotenv,
    from_environment,
    from_file,
)

#: The groups that say how a mail leaves and in whose name.
_WAY_OUT: Final = frozenset({"transport", "sender"})
_GROUPS: Final = frozenset(Groups.model_fields)
#: What else it takes to tell somebody.
_OWNER: Final = frozenset(
    {
        "site.name", "site.timezone", "schedule.owner", "schedule.webhook",
        "schedule.heartbeat_url",
    }
)  # fmt: skip
_HEADER: Final = re.compile(r"^(?=[ \t]*\[)", re.MULTILINE)
#: What stands where bytes were no UTF-8.
_UNREADABLE: Final = "\ufffd"


def worth_keeping(settings: Settings) -> dict[str, object]:
    """What it takes to reach the owner, by dotted name, in values JSON knows; no secret."""
    found = {one.key: _value(settings, one) for one in SETTINGS.values() if _reaches(one)}
    return {key: value for key, value in found.items() if value is not None}


def _reaches(setting: Setting) -> bool:
    return setting.kind != "secret" and (setting.path[0] in _WAY_OUT or setting.key in _OWNER)


def _value(settings: Settings, setting: Setting) -> object:
    value: object = settings
    for name in setting.path:
        value = getattr(value, name)
    return value


def salvage(
    files: Sequence[ConfigText],
    *,
    environ: Mapping[str, str],
    dotenv: str = "",
    last: Mapping[str, object],
) -> Settings:
    """What can be read of settings that have faults; the rest as if it were not set.

    Args:
        files: the files that have settings, the stronger one last; bytes that are no UTF-8 are
            U+FFFD. Other than one means that nobody can say which settings count.
        environ: the environment's variables.
        dotenv: the text of `.env`, with U+FFFD as in `files`.
        last: what `worth_keeping` told of the last sound settings; {} when there are none.
    """
    now, faults = _read_now(files, environ, dotenv)
    kept = dict(_kept(last))
    doubtful = set(_GROUPS) if len(files) != 1 else set()
    hurt: set[str] = set()
    for fault in faults:
        named = {group for group in _GROUPS if group in fault.setter.name.lower()}
        doubtful |= named or _GROUPS
        hurt |= named
    while True:
        below = {path: entry for path, entry in kept.items() if path[0] in doubtful}
        entries = below | now
        try:
            found = as_settings(entries)
            break
        except ValidationError as error:
            details = error.errors(include_url=False)
            for path in {given_for(detail, entries).path for detail in details}:
                doubtful.add(path[0])
                hurt.add(path[0])
                # The stronger of the two is at fault; the other may be sound.
                del (now if path in now else kept)[path]
    missing = (hurt & _WAY_OUT) - {path[0] for path in kept}
    if missing or ("transport", "kind") not in entries:
        schedule = found.schedule.model_copy(update={"owner": ""})
        return found.model_copy(update={"schedule": schedule})
    return found


def _kept(last: Mapping[str, object]) -> Iterator[tuple[Path, GivenValue]]:
    """What was kept, as if it were set anew; another version may have kept what is no setting."""
    for key, value in last.items():
        path = tuple(key.split("."))
        setting = SETTINGS.get(path)
        if setting and setting.kind != "secret":
            setter = Setter(name=f'"{key}"', origin="kept")
            given = tuple(value) if isinstance(value, list) else value
            yield path, GivenValue(setting=setting, path=path, value=given, setter=setter)


def _read_now(
    files: Iterable[ConfigText], environ: Mapping[str, str], dotenv: str
) -> tuple[dict[Path, GivenValue], list[Fault]]:
    entries: dict[Path, GivenValue] = {}
    faults: list[Fault] = []
    readings = [*map(_tables, files), from_dotenv(dotenv), from_environment(environ)]
    for found in (found for reading in readings for found in reading):
        if isinstance(found, Fault):
            faults.append(found)
        elif _UNREADABLE in str(found.value):
            faults.append(Fault(setter=found.setter, problem="is not UTF-8", hint=""))
        else:
            entries[found.path] = found
    return entries, faults


def _tables(file: ConfigText) -> Iterator[GivenValue | Fault]:
    """The settings of a file; where it is no TOML, those of each table that is."""
    try:
        yield from from_file(file)
    except InputError:
        for text in _HEADER.split(file.text.removeprefix("\ufeff")):
            yield from _table(file._replace(text=text))


def _table(part: ConfigText) -> Reading:
    try:
        yield from from_file(part)
    except InputError:
        name = part.text.lstrip().partition("\n")[0]
        setter = Setter(name=name, origin=part.file)
        yield Fault(setter=setter, problem="cannot be read", hint="")
