"""The pictures of an issue on disk: hashes for approvals, sizes in pixels for the letter."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

#: EXIF's place for how a camera was held, and the values that lay a picture on its side.
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = range(5, 9)


def hash_pictures(root: Path, folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 (hex) of pictures by their names, "" for those that are not there.

    Args:
        root: the newsletter's folder, which none may lead out of.
        folder: the issue's own, where its pictures are looked for first.
        names: their paths.
    """
    found = ((name, _find(root, folder, name)) for name in names)
    return {name: _hash(path) if path else "" for name, path in found}


def measure_pictures(root: Path, folder: Path, names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Width and height (pixels, as they are shown) of pictures by their names; see `hash_pictures`.

    What is not there, or no picture that can be measured (an SVG), is left out.
    """
    found = ((name, _find(root, folder, name)) for name in names)
    sizes = ((name, _measure(path)) for name, path in found if path)
    return {name: size for name, size in sizes if size}


def _find(root: Path, folder: Path, name: str) -> Path | None:
    for base in (folder, root):
        # A NUL in a name is a ValueError, a circle of links a RuntimeError.
        try:
            path = (base / name).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                return path
        except (OSError, ValueError, RuntimeError):
            continue
    return None


def read_picture(root: Path, file: str, name: str) -> bytes | None:
    """A picture that an issue shows by a path, None where no such file is in the newsletter.

    Args:
        root: the newsletter's folder.
        file: the issue's, relative to it.
        name: the path, relative to the issue; one that leads out of that folder finds nothing.
    """
    folder = (root / file).parent
    try:
        path = (folder / name).resolve()
        within = path.is_relative_to(folder.resolve()) and path.is_relative_to(root.resolve())
        return path.read_bytes() if within and path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _measure(path: Path) -> tuple[int, int] | None:
    from PIL import Image  # noqa: PLC0415  # a tenth of a second, and most letters need none

    try:
        # The head of the file is read, no pixel: a huge picture costs nothing here.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
            width, height = picture.size
            sideways = picture.getexif().get(_ORIENTATION) in _SIDEWAYS
    # Damaged files raise most kinds of errors.
    except Exception:  # noqa: BLE001
        return None
    if not (width and height):
        return None
    return (height, width) if sideways else (width, height)
