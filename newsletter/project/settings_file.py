"""Settings added to the author's file; every line that is there stays as it is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from newsletter.errors import InputError, Place
from newsletter.project import files
from newsletter.settings.registry import as_toml

_TABLE: Final = re.compile(r"\[(?P<name>[^\[\]]+)\]\s*(#.*)?")


def add_settings(root: Path, table: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Add the keys of one table that the newsletter's file lacks.

    Args:
        root: the newsletter's folder.
        table: such as "transport.ses".
        values: by their names in the table; those set already, to whatever, are left.

    Returns:
        The names that were added.

    Raises:
        InputError: there is no such file, or its table is written so that nothing can be added.
        PausedError: the disk is full.
    """
    config = files.read_config(root)
    if config is None:
        raise InputError("there is no file of settings to write to", place=Place(files.CONFIG))
    prefix = "tool.newsletter." if config.kind == "pyproject" else ""
    before = tomllib.loads(config.text)
    there = _inner(before, f"{prefix}{table}")
    new = {name: value for name, value in values.items() if name not in there}
    if not new:
        return ()
    text = _with(config.text, f"{prefix}{table}", new)
    if not _adds_only(before, text, f"{prefix}{table}", new):
        lines = "; ".join(f"{name} = {as_toml(value)}" for name, value in new.items())
        raise InputError(
            f"[{table}] is written so that nothing can be added to it",
            place=Place(config.file),
            hint=f"add this yourself: {lines}",
        )
    files.write_atomic((root / config.file).resolve(), text.encode())
    return tuple(new)


def _with(text: str, table: str, new: Mapping[str, str]) -> str:
    """The text with lines below the table's name, or with the table at its end."""
    ending = "\r\n" if "\r\n" in text else "\n"
    new_lines = "".join(f"{name} = {as_toml(value)}{ending}" for name, value in new.items())
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        found = _TABLE.fullmatch(line.strip())
        if found and "".join(found["name"].split()) == table:
            after = "" if line.endswith("\n") else ending
            return "".join((*lines[: at + 1], after, new_lines, *lines[at + 1 :]))
    gap = "" if not text or text.endswith("\n") else ending
    return f"{text}{gap}{ending}[{table}]{ending}{new_lines}"


def _adds_only(before: dict[str, Any], text: str, table: str, new: Mapping[str, str]) -> bool:
    try:
        after = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    inner = before
    for name in table.split("."):
        inner = inner.setdefault(name, {})
    inner.update(new)
    return after == before


def _inner(found: Any, table: str) -> Mapping[str, Any]:  # noqa: ANN401  # what TOML can hold
    for name in table.split("."):
        found = found.get(name, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}
