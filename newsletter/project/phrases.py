"""The author's own words for the public pages, from `templates/pages/<language>.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from newsletter.errors import InputError, Place

FOLDER: Final = "templates/pages"


def read_phrases(root: Path, language: str) -> tuple[Mapping[str, str], str]:
    """The phrases of a language and the file they stand in; ({}, "") where there is none.

    Raises:
        InputError: the file is no TOML, or holds other things than texts; with the line.
    """
    name = f"{FOLDER}/{language}.toml"
    path = root / name
    if not path.is_file():
        return {}, ""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("these phrases cannot be read", place=Place(name)) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+), column (\d+)", str(error))
        place = Place(name, int(line[1]), int(line[2])) if line else Place(name)
        raise InputError(
            "this is not TOML", place=place, cause=str(error), hint='write name = "text"'
        ) from error
    for key, text in found.items():
        if not isinstance(text, str):
            raise InputError(
                f'"{key}" is not a text', place=Place(name), hint=f'write {key} = "text"'
            )
    return found, name
