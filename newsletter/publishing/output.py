"""The archive in a folder: each file old or new and whole, and nothing touched that is not ours.

A file beside the pages says which are ours. It names them before they are written, so that a build
that is cut off leaves none that the next one would take for somebody else's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from newsletter.errors import InputError, Place
from newsletter.project import files
from newsletter.publishing.archive import Archive
from newsletter.publishing.letters import KnownLetter

LIST: Final = ".newsletter-archive.json"
_SCHEMA: Final = 1
_PAGE: Final = re.compile(r"([0-9]{1,6})/index\.html")
_HASH: Final = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """What is remembered of a file: SHA-256 (hex) of what it is made from, and of its bytes."""

    inputs: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierBuild:
    """What the list of an earlier build says; empty before the first.

    Attributes:
        files: by path.
        letters: by the fingerprint of what they say.
    """

    files: Mapping[str, WrittenFile]
    letters: Mapping[str, KnownLetter]


#: Before the first build.
EMPTY: Final = EarlierBuild(files={}, letters={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a build did, as paths below its folder."""

    written: tuple[str, ...]
    deleted: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def withdrawn(self) -> tuple[int, ...]:
        """The issues whose pages were deleted, by number."""
        pages = (_PAGE.fullmatch(path) for path in self.deleted)
        return tuple(sorted(int(page[1]) for page in pages if page))


def earlier_build(folder: Path) -> EarlierBuild:
    """What an earlier build left in a folder.

    Raises:
        InputError: its list cannot be read, or names files outside of the folder.
    """
    try:
        body: dict[str, Any] = json.loads((folder / LIST).read_text("utf-8"))
        found = {
            _path(name): WrittenFile(inputs=_hash(one["inputs"]), sha256=_hash(one["sha256"]))
            for name, one in body["files"].items()
        }
        letters = {
            _hash(key): KnownLetter(pictures={_path(n): _hash(h) for n, h in one.items()})
            for key, one in body["letters"].items()
        }
    except FileNotFoundError:
        return EMPTY
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "the list of an earlier archive cannot be read",
            place=Place(str(folder / LIST)),
            hint="build into an empty folder",
        ) from error
    return EarlierBuild(files=found, letters=letters)


def publish(archive: Archive, folder: Path, earlier: EarlierBuild) -> Published:
    """Write an archive into a folder; what has not changed is left as it is.

    Raises:
        InputError: a file of somebody else's is in the way, before anything is written; or the
            folder cannot be written.
        PausedError: the disk is full.
    """
    ours = {path: one for path, one in earlier.files.items() if _is_safe(folder, path)}
    _expect_free(folder, sorted(set(archive.files) - set(ours)))
    unchanged = tuple(
        path
        for path, file in archive.files.items()
        if (was := ours.get(path)) and was.inputs == file.inputs and _on_disk(folder, path, was)
    )
    done = {path: ours[path] for path in unchanged}
    changed = [path for path in archive.files if path not in done]
    deleted = tuple(path for path in ours if path not in archive.files)
    # Made before anything is written: a letter that cannot be rendered changes nothing.
    made = {path: archive.files[path].make() for path in changed if not archive.files[path].picture}
    unsure = WrittenFile(inputs="", sha256="")
    files.make_folder(folder)
    if changed or deleted:
        _remember(folder, {**dict.fromkeys([*changed, *deleted], unsure), **done}, earlier.letters)
    for path in changed:
        data = made[path] if path in made else archive.files[path].make()
        files.make_folder((folder / path).parent)
        files.write_atomic(folder / path, data)
        digest = hashlib.sha256(data).hexdigest()
        done[path] = WrittenFile(inputs=archive.files[path].inputs, sha256=digest)
    for path in deleted:
        _delete(folder, path)
    if changed or deleted or earlier.letters != archive.letters:
        _remember(folder, done, archive.letters)
    return Published(written=tuple(changed), deleted=deleted, unchanged=unchanged)


def _expect_free(folder: Path, paths: list[str]) -> None:
    for path in paths:
        if not _is_safe(folder, path):
            raise InputError(
                "a link in this folder leads out of it",
                place=Place(str(folder / path)),
                hint="build into an empty folder",
            )
        if (folder / path).exists() or (folder / path).is_symlink():
            raise InputError(
                "a file that the archive did not write is in the way",
                place=Place(str(folder / path)),
                hint="move it away, or build into another folder",
            )


def _is_safe(folder: Path, path: str) -> bool:
    """Whether no link on the way to a file leads out of the folder."""
    try:
        return (folder / path).parent.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False


def _on_disk(folder: Path, path: str, was: WrittenFile) -> bool:
    try:
        return hashlib.sha256((folder / path).read_bytes()).hexdigest() == was.sha256
    except OSError:
        return False


def _delete(folder: Path, path: str) -> None:
    """Delete one of our files, and the folders that are empty without it."""
    try:
        (folder / path).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            "this file cannot be deleted",
            place=Place(str(folder / path)),
            cause=error.strerror,
            hint="it is no longer part of the archive",
        ) from error
    for parent in PurePosixPath(path).parents:
        if str(parent) != ".":
            with contextlib.suppress(OSError):  # not empty
                (folder / parent).rmdir()


def _remember(
    folder: Path, written: Mapping[str, WrittenFile], letters: Mapping[str, KnownLetter]
) -> None:
    body = {
        "schema": _SCHEMA,
        "files": {
            path: {"inputs": one.inputs, "sha256": one.sha256}
            for path, one in sorted(written.items())
        },
        "letters": {key: dict(one.pictures) for key, one in sorted(letters.items())},
    }
    text = json.dumps(body, ensure_ascii=False, indent=1) + "\n"
    files.write_atomic(folder / LIST, text.encode())


def _path(name: str) -> str:
    """A path of the list; one that leads elsewhere was written by another hand."""
    parts = name.split("/")
    if not name or "\\" in name or "\0" in name or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(name)
    return name


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError(text)
    return text
