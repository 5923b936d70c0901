"""All settings, read off their groups, and the nearest name to one that is not there."""

from __future__ import annotations

import datetime as dt
import difflib
import inspect
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from newsletter.settings.groups import Groups
from newsletter.settings.values import Masked

Path = tuple[str, ...]
Kind = Literal["text", "switch", "whole", "number", "list", "table", "date", "time", "secret"]

PREFIX: Final = "NEWSLETTER_"
#: How a hint begins that knows what was meant.
DID_YOU_MEAN: Final = "did you mean"

_KINDS: Final[Mapping[object, Kind]] = {
    str: "text",
    Literal: "text",
    bool: "switch",
    int: "whole",
    float: "number",
    tuple: "list",
    Mapping: "table",
    dt.date: "date",
    dt.time: "time",
    SecretStr: "secret",
}


class Setting(NamedTuple):
    """One setting, as it is declared.

    Attributes:
        path: the names from the outermost group inwards.
        kind: what its value is; a "table" is open: its entries have names of the author's own.
        optional: whether an empty environment variable means "none".
        choices: the only values it takes, or () when it takes others.
        default: the value without any source.
        example: a value that is allowed and not empty.
        masked: makes what may be shown of its value, where that may not be shown whole.
        description: one or two sentences for people.
    """

    path: Path
    kind: Kind
    optional: bool
    choices: tuple[str, ...]
    default: object
    example: object
    masked: Callable[[str], str] | None
    description: str

    @property
    def key(self) -> str:
        """The dotted name: `site.public_url`."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The environment variable: `NEWSLETTER_SITE__PUBLIC_URL`."""
        return PREFIX + "__".join(self.path).upper()


def as_toml(value: object) -> str:
    """A value other than a table as it is written in TOML."""
    if isinstance(value, dt.time):
        return f'"{value:%H:%M}"'
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, tuple):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)


def as_variable(value: object) -> str:
    """A value as it is written in an environment variable."""
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    return value if isinstance(value, str) else as_toml(value).strip('"')


def find(path: Path) -> Setting | None:
    """The setting at `path`, or the open table that `path` names an entry of."""
    if setting := SETTINGS.get(path):
        return setting
    table = SETTINGS.get(path[:-1])
    return table if table and table.kind == "table" else None


def near_key(path: Path) -> str:
    """What somebody who wrote the unknown `path` may have meant: a hint."""
    *group, name = path
    known = [*GROUPS, *(path for path, setting in SETTINGS.items() if setting.kind != "secret")]
    names = [path[-1] for path in known if path and path[:-1] == tuple(group)]
    near = [".".join([*group, match]) for match in difflib.get_close_matches(name, names, 1)]
    elsewhere = [setting.key for setting in SETTINGS.values() if setting.path[-1] == name]
    if meant := near + elsewhere[:1]:
        return f'{DID_YOU_MEAN} "' + '" or "'.join(meant) + '"?'
    inside = f"[{'.'.join(group)}]" if group else "the file"
    return f"{inside} takes {_listed(names)}"


def near_variable(name: str) -> str:
    """What somebody who set the unknown variable `name` may have meant: a hint."""
    # The prefix they share would make all of them look alike.
    known = [variable.removeprefix(PREFIX) for variable in VARIABLES]
    if near := difflib.get_close_matches(name.removeprefix(PREFIX), known, 1):
        return f"{DID_YOU_MEAN} {PREFIX}{near[0]}?"
    return 'unset it; "newsletter settings" lists those there are'


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _groups(model: type[BaseModel], path: Path) -> Iterator[tuple[Path, type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            yield from _groups(field.annotation, (*path, name))


def _settings(groups: Mapping[Path, type[BaseModel]]) -> Iterator[Setting]:
    for group, model in groups.items():
        for name, field in model.model_fields.items():
            if (*group, name) not in groups:
                yield _setting((*group, name), field)


def _setting(path: Path, field: FieldInfo) -> Setting:
    annotation, optional = field.annotation, False
    if type(None) in get_args(annotation):
        annotation, optional = get_args(annotation)[0], True
    if get_origin(annotation) is typing.Annotated:
        annotation = get_args(annotation)[0]
    default = field.get_default(call_default_factory=True)
    return Setting(
        path=path,
        kind=_KINDS[get_origin(annotation) or annotation],
        optional=optional,
        choices=get_args(annotation) if get_origin(annotation) is Literal else (),
        default=default,
        example=field.examples[0] if field.examples else default,
        masked=next((mark.show for mark in field.metadata if isinstance(mark, Masked)), None),
        description=field.description or "",
    )


GROUPS: Final[Mapping[Path, type[BaseModel]]] = dict(_groups(Groups, ()))
SETTINGS: Final[Mapping[Path, Setting]] = {one.path: one for one in _settings(GROUPS)}
VARIABLES: Final[Mapping[str, Setting]] = {one.variable: one for one in SETTINGS.values()}
