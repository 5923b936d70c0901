"""What can be read of a folder whose settings have faults, and how its owner was reached before.

What is kept lies beside the records, for the owner of the folder alone: a webhook's address is a
secret.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from newsletter.errors import InputError
from newsletter.project import private
from newsletter.project.files import CONFIG, PYPROJECT, find_root, has_our_table, write_atomic
from newsletter.settings import ConfigText

_NAME: Final = "last-settings.json"
_LONGEST: Final = 1 << 16


def is_newsletter(root: Path) -> bool:
    """Whether a folder holds a newsletter's settings or its records, and they are ours."""
    try:
        return find_root(root) == root.absolute()
    except InputError:
        folder = root / private.STORE
        return folder.is_dir() and private.is_own(folder.lstat())


def configs(root: Path) -> tuple[ConfigText, ...]:
    """What can be read of the files with settings, the stronger last; see `text`."""
    found = []
    if has_our_table(root / PYPROJECT) and (shared := text(root / PYPROJECT)) is not None:
        found.append(ConfigText(file=PYPROJECT, text=shared, kind="pyproject"))
    if (own := text(root / CONFIG)) is not None:
        found.append(ConfigText(file=CONFIG, text=own))
    return tuple(found)


def text(path: Path) -> str | None:
    """What can be read of a file, with U+FFFD for what is not UTF-8; None where nothing can."""
    try:
        return path.read_text("utf-8-sig", errors="replace") if path.is_file() else None
    except OSError:
        return None


def keep(root: Path, values: Mapping[str, object]) -> None:
    """Keep settings by dotted name; a file that says the same is left alone.

    Raises:
        OSError, NewsletterError: the folder of the records cannot be written.
    """
    if last(root) == values:
        return
    folder = root / private.STORE
    private.make_folder(folder)
    private.hide_from_git(folder)
    write_atomic(folder / _NAME, json.dumps(dict(values)).encode(), for_owner=True)


def last(root: Path) -> dict[str, Any]:
    """What was kept; {} where there is nothing, or nothing that only we can have written."""
    try:
        handle = os.open(root / private.STORE / _NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not (stat.S_ISREG(found.st_mode) and private.is_own(found)):
                return {}
            values = json.loads(stream.read(_LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
