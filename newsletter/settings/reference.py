"""Settings as people see them: the effective values, and the page about all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from newsletter.settings.load import Settings
from newsletter.settings.registry import GROUPS, SETTINGS, Path, Setting, as_toml

_INTRO = """\
# Settings

Settings stand in `newsletter.toml`, or in the table `[tool.newsletter]` of `pyproject.toml`, but
not in both. Of several values for one setting, the first in this order counts:

1. an environment variable;
2. a line with the same name in the file `.env`;
3. the file with the settings;
4. the default.

In a variable, a list is separated by commas or written as JSON. A setting that ends in `<name>` is
a table of names and texts: its variable takes a JSON object, a merge field may have a variable of
its own (`NEWSLETTER_FIELDS__NAME`), and the entries of all sources add up. Secrets are read from
the environment and from `.env` only. The command `newsletter settings` shows the values that count
and where each came from.
"""
_HEAD = "| Setting | Default | Environment variable | Meaning |\n|---|---|---|---|\n"


class EffectiveSetting(NamedTuple):
    """One row of `newsletter settings`.

    Attributes:
        key: the dotted name.
        value: the value as text, secrets as "****", nothing as "".
        origin: where it came from, as `Settings.origin` tells it.
        description: what it is for.
    """

    key: str
    value: str
    origin: str
    description: str


def effective(settings: Settings) -> tuple[EffectiveSetting, ...]:
    """Every setting with its value and origin; of open tables, every entry."""
    return tuple(row for setting in SETTINGS.values() for row in _rows(settings, setting))


def reference() -> str:
    """The page docs/settings.md, in Markdown."""
    sections = [_INTRO]
    for section, settings in groupby(SETTINGS.values(), key=_section):
        about = f"{GROUPS[section].__doc__}\n\n" if section in GROUPS else ""
        title = f"`[{'.'.join(section)}]`"
        sections.append(f"## {title}\n\n{about}{_HEAD}{''.join(map(_line, settings))}")
    return "\n".join(sections)


def _section(setting: Setting) -> Path:
    return setting.path if setting.kind == "table" else setting.path[:-1]


def _rows(settings: Settings, setting: Setting) -> Iterator[EffectiveSetting]:
    value: object = settings
    for name in setting.path:
        value = getattr(value, name)
    table = value if isinstance(value, Mapping) else {"": value}
    for name, item in table.items():
        key = f"{setting.key}.{name}" if name else setting.key
        yield EffectiveSetting(
            key=key,
            value=_shown(setting, item),
            origin=settings.origin(key),
            description=setting.description,
        )


def _shown(setting: Setting, value: object) -> str:
    if value is None or value == "":
        return ""
    if setting.kind == "secret":
        return "****"
    if setting.masked:
        return setting.masked(str(value))
    match value:
        case bool():
            return str(value).lower()
        case dt.time():
            return f"{value:%H:%M}"
        case tuple():
            return ", ".join(value)
    return str(value)


def _line(setting: Setting) -> str:
    default = "" if setting.default in (None, "", (), {}) else f"`{as_toml(setting.default)}`"
    key = f"{setting.key}.<name>" if setting.kind == "table" else setting.key
    meaning = setting.description
    if setting.kind == "secret":
        meaning += " A secret: environment or `.env` only."
    elif setting.choices:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in setting.choices)}."
    return f"| `{key}` | {default} | `{setting.variable}` | {meaning} |\n"
