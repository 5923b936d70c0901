"""What can be read of settings that have faults, good for telling their owner of those faults.

Group by group: a group is taken as it stands now. Where anything about it is in doubt it is
completed from the last settings that were sound. Without those, a way out or a sender in doubt
means no mail, which could go astray unnoticed; the webhook is called in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pydantic import ValidationError

from newsletter.errors import InputError
from newsletter.settings.faults import Entry, Fault, Setter, entry_of
from newsletter.settings.groups import Groups
from newsletter.settings.knobs import KNOBS, Knob, Path
from newsletter.settings.loading import Settings, as_settings, nested
from newsletter.settings.sources import (
    ConfigText,
    Reading,
    from_dotenv,
    from_environment,
    from_file,
    from_flags,
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
    found = {knob.key: _value(settings, knob) for knob in KNOBS.values() if _reaches(knob)}
    return {key: value for key, value in found.items() if value is not None}


def _reaches(knob: Knob) -> bool:
    return knob.kind != "secret" and (knob.path[0] in _WAY_OUT or knob.key in _OWNER)


def _value(settings: Settings, knob: Knob) -> object:
    value: object = settings
    for name in knob.path:
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
    # Another version may have kept what is no setting here.
    known = {key: value for key, value in last.items() if tuple(key.split(".")) in KNOBS}
    kept = {entry.path: entry for entry in from_flags(known) if isinstance(entry, Entry)}
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
            groups = Groups.model_validate(nested(entries))
            break
        except ValidationError as error:
            details = error.errors(include_url=False)
            for path in {entry_of(detail, entries).path for detail in details}:
                doubtful.add(path[0])
                hurt.add(path[0])
                # The stronger of the two is at fault; the other may be sound.
                del (now if path in now else kept)[path]
    found = as_settings(groups, entries)
    missing = (hurt & _WAY_OUT) - {path[0] for path in kept}
    if missing or ("transport", "kind") not in entries:
        return replace(found, schedule=found.schedule.model_copy(update={"owner": ""}))
    return found


def _read_now(
    files: Iterable[ConfigText], environ: Mapping[str, str], dotenv: str
) -> tuple[dict[Path, Entry], list[Fault]]:
    entries: dict[Path, Entry] = {}
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


def _tables(file: ConfigText) -> Iterator[Entry | Fault]:
    """The settings of a file; where it is no TOML, those of each table that is."""
    try:
        yield from from_file(file)
    except InputError:
        for text in _HEADER.split(file.text.removeprefix("\ufeff")):
            yield from _table(replace(file, text=text))


def _table(part: ConfigText) -> Reading:
    try:
        yield from from_file(part)
    except InputError:
        name = part.text.lstrip().partition("\n")[0]
        setter = Setter(source="file", name=name, origin=part.file)
        yield Fault(setter=setter, problem="cannot be read", hint="")
