"""The three places a setting can come from, each read into values and faults."""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from newsletter.errors import InputError, Place
from newsletter.settings import toml_places
from newsletter.settings.faults import NO_SETTING, Fault, GivenValue, Setter
from newsletter.settings.registry import (
    GROUPS,
    PREFIX,
    SETTINGS,
    VARIABLES,
    Path,
    Setting,
    find,
    near_key,
    near_variable,
)

Reading = Iterator[GivenValue | Fault]

_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_SYNTAX: Final[tuple[tuple[str, str], ...]] = (
    ("Cannot", "this name stands twice; keep one of the two"),
    ("Invalid value", 'a text stands in quotes: name = "Slack Water"'),
    ("", "look at the quotes, brackets and equals signs here and in the line above"),
)
_FIELD: Final = f"{PREFIX}FIELDS__"
_SWITCH: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


class ConfigText(NamedTuple):
    """The file with the settings, read.

    Attributes:
        file: its name as the author would type it, for errors.
        text: what is in it; a byte-order mark at the start is allowed.
        kind: whether the settings are the whole file or its table `[tool.newsletter]`.
    """

    file: str
    text: str
    kind: Literal["newsletter.toml", "pyproject"] = "newsletter.toml"

    @property
    def table(self) -> Path:
        """The table of the file that the settings are in."""
        return ("tool", "newsletter") if self.kind == "pyproject" else ()


def from_file(config: ConfigText) -> Reading:
    """The settings in the file.

    Raises:
        InputError: the file is not TOML.
    """
    document, where = _parse(config)
    for part in config.table:
        document = document.get(part, {}) if isinstance(document, dict) else {}
    reader = _File(config, where)
    if isinstance(document, dict):
        yield from reader.group(document, ())
    else:
        yield reader.not_a_group(())


def _parse(config: ConfigText) -> tuple[object, Mapping[toml_places.Key, tuple[int, int]]]:
    text = config.text.removeprefix("\ufeff")
    try:
        return tomllib.loads(text), toml_places.places(text)
    except RecursionError:
        raise InputError(
            "the brackets in this file are nested too deeply",
            place=Place(config.file),
            hint="settings need two levels at most",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(config.file, text, str(error)) from None
    except ValueError:
        raise InputError(
            "a number in this file has thousands of digits",
            place=Place(config.file),
            hint="a text stands in quotes, even if it is made of digits",
        ) from None


def _syntax_error(file: str, text: str, words: str) -> InputError:
    found = _WHERE.search(words)
    cause = _WHERE.sub("", words)
    if found and found[1]:
        place = Place(file, int(found[1]), int(found[2]))
        hint = next(hint for start, hint in _SYNTAX if cause.startswith(start))
    else:
        place, hint = Place(file, text.rstrip().count("\n") + 1), _SYNTAX[-1][1]
    return InputError("this file is not valid TOML", place=place, cause=cause, hint=hint)


class _File(NamedTuple):
    config: ConfigText
    where: Mapping[toml_places.Key, tuple[int, int]]

    def group(self, table: Mapping[str, object], path: Path) -> Reading:
        for name, value in table.items():
            here = (*path, name)
            setting = find(here)
            opens = here in GROUPS or (setting and setting.kind == "table" and setting.path == here)
            if opens and isinstance(value, dict):
                yield from self.group(value, here)
            elif opens:
                yield self.not_a_group(here)
            elif setting is None:
                yield Fault(setter=self.setter(here), problem=NO_SETTING, hint=near_key(here))
            else:
                yield self.entry(setting, here, value)

    def entry(self, setting: Setting, path: Path, value: object) -> GivenValue | Fault:
        setter = self.setter(path)
        if secret := _secret(setting, setter, self.config.file):
            return secret
        value, count = (tuple(value), len(value)) if isinstance(value, list) else (value, 0)
        items = tuple(self.place((*path, n)) for n in range(count))
        return GivenValue(setting=setting, path=path, value=value, setter=setter, items=items)

    def not_a_group(self, path: Path) -> Fault:
        table = ".".join((*self.config.table, *path))
        return Fault(
            setter=self.setter(path),
            problem="is a group of settings, not a single value",
            hint=f"write [{table}] on a line of its own, and its settings below it",
        )

    def place(self, path: toml_places.Key) -> Place:
        key = (*self.config.table, *path)
        # The tables of a list written as [[name]] are not told apart.
        known = next(key[:n] for n in range(len(key), 0, -1) if key[:n] in self.where)
        return Place(self.config.file, *self.where[known])

    def setter(self, path: Path) -> Setter:
        place = self.place(path)
        name = ".".join(path or self.config.table)
        return Setter(name=f'"{name}"', origin=f"{place.file}:{place.line}", place=place)


def from_dotenv(text: str) -> Reading:
    """The NEWSLETTER_* lines of a `.env` text; what else is in there is not looked at."""
    if not text:
        return
    from dotenv.parser import parse_stream  # noqa: PLC0415  # few have such a file

    for binding in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        source = binding.original.string
        blank = source[: len(source) - len(source.lstrip())]
        place = Place(".env", binding.original.line + blank.count("\n"))
        if binding.error and PREFIX in source.upper():
            yield Fault(
                setter=Setter(name="this line", origin=".env", place=place),
                problem="cannot be read",
                hint='write NAME="value" with both quotes',
            )
        elif binding.key and binding.key.upper().startswith(PREFIX):
            name = binding.key.upper()
            setter = Setter(name=name, origin=".env", place=place)
            yield from _variable(name, binding.value, setter)


def from_environment(environ: Mapping[str, str]) -> Reading:
    """The NEWSLETTER_* variables of the environment, whatever the case of their names."""
    # Of two names that differ in case only, the one in capitals comes last and counts.
    for name in sorted(environ, reverse=True):
        if name.upper().startswith(PREFIX):
            setter = Setter(name=name.upper(), origin=name.upper())
            yield from _variable(name.upper(), environ[name], setter)


def _variable(name: str, text: str | None, setter: Setter) -> Reading:
    setting = VARIABLES.get(name)
    path = setting.path if setting else ()
    if name.startswith(_FIELD) and name != _FIELD:
        path = ("fields", _utf8(name.removeprefix(_FIELD).lower()))
        setting = SETTINGS["fields",]
    if setting is None:
        yield Fault(setter=setter, problem=NO_SETTING, hint=near_variable(name))
    elif text is None:
        yield Fault(setter=setter, problem="has no value", hint=f"write {name}=the value")
    else:
        value = _typed(setting, text) if path == setting.path else text
        yield from _given(setting, path, value, setter)


def _given(setting: Setting, path: Path, value: object, setter: Setter) -> Reading:
    if setting.kind != "table" or path != setting.path:
        yield GivenValue(setting=setting, path=path, value=value, setter=setter)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            owner = setter._replace(name=f'"{name}" in {setter.name}')
            yield GivenValue(setting=setting, path=(*path, _utf8(name)), value=item, setter=owner)
    else:
        yield Fault(
            setter=setter,
            problem="has to be a JSON object",
            hint='write it like this: {"name": "text"}',
        )


def _typed(setting: Setting, text: str) -> object:
    """A variable's text as the type its setting has; as it is where it does not fit."""
    bare = text.strip()
    if setting.optional and not bare:
        return None
    try:
        match setting.kind:
            case "switch":
                return _SWITCH.get(bare.lower(), text)
            case "whole":
                return int(bare)
            case "number":
                return float(bare)
            case "table":
                return json.loads(bare)
            case "list" if bare.startswith("["):
                return tuple(json.loads(bare))
            case "list":
                return tuple(item.strip() for item in bare.split(",") if item.strip())
    except (ValueError, RecursionError):
        pass
    return text


def _utf8(name: str) -> str:
    """A name that pydantic reports as it is: it would replace what is not UTF-8."""
    return name.encode(errors="backslashreplace").decode()


def _secret(setting: Setting, setter: Setter, file: str) -> Fault | None:
    """The fault of a secret that stands in a file which others can read."""
    if setting.kind != "secret":
        return None
    return Fault(
        setter=setter,
        problem=f"is a secret and must not stand in {file}",
        hint=f"set {setting.variable} in the environment or in .env instead, "
        "and change the secret if anybody may have seen it",
    )
