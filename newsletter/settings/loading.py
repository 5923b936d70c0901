"""All sources, the stronger over the weaker, become one Settings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr, ValidationError

from newsletter.errors import InputError, Place
from newsletter.settings.faults import Entry, Fault, from_pydantic, raise_first
from newsletter.settings.groups import (
    Checks,
    Groups,
    Schedule,
    Sender,
    Site,
    Store,
    Theme,
    Transport,
    Utm,
    Web,
)
from newsletter.settings.knobs import KNOBS, Path
from newsletter.settings.sources import (
    ConfigText,
    from_dotenv,
    from_environment,
    from_file,
    from_flags,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, validated.

    Attributes:
        site, sender, theme, utm, store, transport, schedule, web, checks: the groups.
        fields: merge fields and their fallbacks; "" where there is none.
        signing_key: the key that overrides the store's, or None.
        origins: who set what is not a default, by dotted name.
    """

    site: Site
    sender: Sender
    fields: Mapping[str, str]
    theme: Theme
    utm: Utm
    store: Store
    transport: Transport
    schedule: Schedule
    web: Web
    checks: Checks
    signing_key: SecretStr | None
    origins: Mapping[str, str] = field(repr=False)

    def origin(self, key: str) -> str:
        """Where the value of `key` came from.

        Args:
            key: a dotted name such as "site.name" or "fields.name".

        Returns:
            "default", "newsletter.toml:3", the environment variable, ".env" or "flag".

        Raises:
            KeyError: there is no such setting.
        """
        if key in self.origins:
            return self.origins[key]
        if tuple(key.split(".")) not in KNOBS:
            raise KeyError(key)
        return "default"


def load(
    file: ConfigText | None,
    *,
    environ: Mapping[str, str],
    dotenv: str = "",
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Read the settings from texts alone: flags over environment over `.env` over file.

    Args:
        file: newsletter.toml or pyproject.toml, or None without one.
        environ: the environment's variables; only NEWSLETTER_* are looked at.
        dotenv: the text of `.env`.
        flags: values by dotted name, typed or as text; None stands for "not given".

    Raises:
        InputError: the first fault in the order file, `.env`, environment, flags; the hint tells
            how many more there are.
    """
    entries, faults = _read(file, environ, dotenv, flags or {})
    return as_settings(_validated(entries, faults), entries)


def _read(
    file: ConfigText | None,
    environ: Mapping[str, str],
    dotenv: str,
    flags: Mapping[str, object],
) -> tuple[dict[Path, Entry], list[Fault]]:
    """The strongest value of each setting, and what is no value.

    Raises:
        InputError: the file is not TOML.
    """
    faults: list[Fault] = []
    entries: dict[Path, Entry] = {}
    for reading in (
        from_file(file) if file else (),
        from_dotenv(dotenv),
        from_environment(environ),
        from_flags(flags),
    ):
        for found in reading:
            if isinstance(found, Fault):
                faults.append(found)
            else:
                entries[found.path] = found
    return entries, faults


def as_settings(groups: Groups, entries: Mapping[Path, Entry]) -> Settings:
    """Settings of validated groups; `entries` tells who set what."""
    values: dict[str, Any] = {name: getattr(groups, name) for name in Groups.model_fields}
    origins = {".".join(path): entry.setter.origin for path, entry in entries.items()}
    return Settings(**values, origins=MappingProxyType(origins))


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


def _validated(entries: Mapping[Path, Entry], faults: Iterable[Fault]) -> Groups:
    found = list(faults)
    groups = Groups()
    try:
        groups = Groups.model_validate(nested(entries))
    except ValidationError as error:
        found += [from_pydantic(detail, entries) for detail in error.errors(include_url=False)]
    raise_first(found)
    return groups


def nested(entries: Mapping[Path, Entry]) -> dict[str, Any]:
    """Entries as the document that `Groups` validates."""
    document: dict[str, Any] = {}
    for path, entry in entries.items():
        table = document
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = entry.value
    return document
