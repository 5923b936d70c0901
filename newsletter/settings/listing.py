"""Settings as people see them: the effective values, and the page about all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from newsletter.settings import values
from newsletter.settings.knobs import GROUPS, KNOBS, Knob, Path, as_toml
from newsletter.settings.loading import Settings

_INTRO = """\
# Settings

Settings stand in `newsletter.toml`, or in the table `[tool.newsletter]` of `pyproject.toml`, but
not in both. Of several values for one setting, the first in this order counts:

1. a flag of the command;
2. an environment variable;
3. a line with the same name in the file `.env`;
4. the file with the settings;
5. the default.

In a variable, a list is separated by commas or written as JSON. A setting that ends in `<name>` is
a table of names and texts: its variable takes a JSON object, a merge field may have a variable of
its own (`NEWSLETTER_FIELDS__NAME`), and the entries of all sources add up. Secrets are read from
the environment and from `.env` only. The command `newsletter settings` shows the values that count
and where each came from.
"""
_HEAD = "| Setting | Default | Environment variable | Meaning |\n|---|---|---|---|\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
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


def effective(settings: Settings) -> tuple[Setting, ...]:
    """Every setting with its value and origin; of open tables, every entry."""
    return tuple(row for knob in KNOBS.values() for row in _rows(settings, knob))


def reference() -> str:
    """The page docs/settings.md, in Markdown."""
    sections = [_INTRO]
    for section, knobs in groupby(KNOBS.values(), key=_section):
        model = GROUPS.get(section)
        title = f"`[{'.'.join(section)}]`" if section else "Outside the groups"
        about = f"{model.__doc__}\n\n" if model else ""
        sections.append(f"## {title}\n\n{about}{_HEAD}{''.join(map(_line, knobs))}")
    return "\n".join(sections)


def _section(knob: Knob) -> Path:
    return knob.path if knob.kind == "table" else knob.path[:-1]


def _rows(settings: Settings, knob: Knob) -> Iterator[Setting]:
    value: object = settings
    for name in knob.path:
        value = getattr(value, name)
    table = value if isinstance(value, Mapping) else {"": value}
    for name, item in table.items():
        key = f"{knob.key}.{name}" if name else knob.key
        yield Setting(
            key=key,
            value=_shown(knob.path, item),
            origin=settings.origin(key),
            description=knob.description,
        )


def _shown(path: Path, value: object) -> str:
    match value, path:
        case None, _:
            return ""
        case str(), ("store", "url"):
            return values.without_password(value)
        case str(), ("schedule", "owner"):
            return values.masked_address(value)
        case str(), ("schedule", "webhook" | "heartbeat_url"):
            return values.masked_path(value)
        case bool(), _:
            return str(value).lower()
        case dt.time(), _:
            return f"{value:%H:%M}"
        case tuple(), _:
            return ", ".join(value)
        case _ if KNOBS.get(path) and KNOBS[path].kind == "secret":
            return "****"
    return str(value)


def _line(knob: Knob) -> str:
    default = "" if knob.default in (None, "", (), {}) else f"`{as_toml(knob.default)}`"
    key = f"{knob.key}.<name>" if knob.kind == "table" else knob.key
    meaning = knob.description
    if knob.kind == "secret":
        meaning += " A secret: environment or `.env` only."
    elif knob.choices:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in knob.choices)}."
    return f"| `{key}` | {default} | `{knob.variable}` | {meaning} |\n"
