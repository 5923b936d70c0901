"""All sources, the stronger over the weaker, become one Settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import PrivateAttr, ValidationError

from newsletter.errors import InputError, Place
from newsletter.settings.faults import Fault, GivenValue, from_pydantic, raise_first
from newsletter.settings.groups import Groups
from newsletter.settings.registry import SETTINGS, Path
from newsletter.settings.sources import (
    ConfigText,
    from_dotenv,
    from_environment,
    from_file,
)


class Settings(Groups):
    """Every setting, validated; unset ones have their default."""

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @property
    def origins(self) -> Mapping[str, str]:
        """Who set what is not a default, by dotted name."""
        return MappingProxyType(self._origins)

    def origin(self, key: str) -> str:
        """Where the value of `key` came from.

        Args:
            key: a dotted name such as "site.name" or "fields.name".

        Returns:
            "default", "newsletter.toml:3", the environment variable or ".env".

        Raises:
            KeyError: there is no such setting.
        """
        if key in self.origins:
            return self.origins[key]
        if tuple(key.split(".")) not in SETTINGS:
            raise KeyError(key)
        return "default"


def load(
    file: ConfigText | None,
    *,
    environ: Mapping[str, str],
    dotenv: str = "",
) -> Settings:
    """Read the settings from texts alone: environment over `.env` over file.

    Args:
        file: newsletter.toml or pyproject.toml, or None without one.
        environ: the environment's variables; only NEWSLETTER_* are looked at.
        dotenv: the text of `.env`.

    Raises:
        InputError: the first fault: a misspelled name, then in the order file, `.env`,
            environment; its hint tells how many more there are.
    """
    given, faults = _read(file, environ, dotenv)
    settings = Settings()
    try:
        settings = as_settings(given)
    except ValidationError as error:
        faults += [from_pydantic(detail, given) for detail in error.errors(include_url=False)]
    raise_first(faults)
    return settings


def _read(
    file: ConfigText | None, environ: Mapping[str, str], dotenv: str
) -> tuple[dict[Path, GivenValue], list[Fault]]:
    """The strongest value of each setting, and what is no value.

    Raises:
        InputError: the file is not TOML.
    """
    faults: list[Fault] = []
    given: dict[Path, GivenValue] = {}
    for reading in (
        from_file(file) if file else (),
        from_dotenv(dotenv),
        from_environment(environ),
    ):
        for found in reading:
            if isinstance(found, Fault):
                faults.append(found)
            else:
                given[found.path] = found
    return given, faults


def as_settings(given: Mapping[Path, GivenValue]) -> Settings:
    """What is given as settings; pydantic's ValidationError tells all that is wrong with it."""
    document: dict[str, Any] = {}
    for path, one in given.items():
        table = document
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = one.value
    settings = Settings.model_validate(document)
    settings._origins = {".".join(path): one.setter.origin for path, one in given.items()}  # noqa: SLF001  # being made
    return settings


def choose(newsletter_toml: ConfigText | None, pyproject: ConfigText | None) -> ConfigText | None:
    """The one file that has the settings.

    Args:
        newsletter_toml: the file of that name, if there is one.
        pyproject: pyproject.toml, if there is one; without `[tool.newsletter]` it is not meant.

    Raises:
        InputError: both have settings, and nobody could say which count.
    """
    if pyproject is None or not _has_settings(pyproject, unreadable=newsletter_toml is None):
        return newsletter_toml
    if newsletter_toml is None:
        return pyproject
    raise InputError(
        f"settings stand in {newsletter_toml.file} and in {pyproject.file}",
        place=Place(pyproject.file),
        hint=f"keep one of the two: move what is in [tool.newsletter] to {newsletter_toml.file}",
    )


def _has_settings(pyproject: ConfigText, *, unreadable: bool) -> bool:
    """Whether the table is there; `unreadable` is the answer when nobody can tell."""
    try:
        tool = tomllib.loads(pyproject.text.removeprefix("\ufeff")).get("tool")
    except (ValueError, RecursionError):
        return unreadable
    return isinstance(tool, dict) and "newsletter" in tool
