"""The bytes behind the pictures of an issue, as hashes: what an approval is about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def hash_pictures(root: Path, folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 (hex) of pictures by their names, "" for those that are not there.

    Args:
        root: the newsletter's folder, which none may lead out of.
        folder: the issue's own, where its pictures are looked for first.
        names: their paths.
    """
    return {name: _hash(root, folder, name) for name in names}


def _hash(root: Path, folder: Path, name: str) -> str:
    for base in (folder, root):
        # A NUL in a name is a ValueError, a circle of links a RuntimeError.
        try:
            path = (base / name).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                with path.open("rb") as stream:
                    return hashlib.file_digest(stream, "sha256").hexdigest()
        except (OSError, ValueError, RuntimeError):
            continue
    return ""


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
