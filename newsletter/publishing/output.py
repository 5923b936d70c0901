"""The archive where it is read: each file old or new and whole, nothing touched that is not ours.

A file beside the pages says which are ours. It names them before they are written, so that a build
that is cut off leaves none that the next one would take for somebody else's. What others lead to is
written before them, and what goes is deleted last: no page leads to one that is not there yet.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from newsletter.errors import InputError, Place
from newsletter.publishing.archive import Archive, ArchiveFile
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
    """What a build did, as paths below its place."""

    written: tuple[str, ...]
    deleted: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def withdrawn(self) -> tuple[int, ...]:
        """The issues whose pages were deleted, by number."""
        pages = (_PAGE.fullmatch(path) for path in self.deleted)
        return tuple(sorted(int(page[1]) for page in pages if page))


class ArchivePlace(Protocol):
    """Where an archive is written."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where there is none."""
        ...

    def can_hold(self, path: str) -> bool:
        """Whether nothing on the way to a file leads out of the place."""
        ...

    def is_taken(self, path: str) -> bool:
        """Whether something is there."""
        ...

    def has(self, path: str, sha256: str) -> bool:
        """Whether a file that a build wrote is still there, and the same."""
        ...

    def begin(self) -> None:
        """Make the place itself."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Write a file: all of it or nothing."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file; it need not be there."""
        ...


def earlier_build(place: ArchivePlace) -> EarlierBuild:
    """What an earlier build left in a place.

    Raises:
        InputError: its list cannot be read, or names files outside of the place.
        AccountError: the bucket refuses, or cannot be reached.
    """
    try:
        data = place.read(LIST)
        if data is None:
            return EMPTY
        body: dict[str, Any] = json.loads(data.decode())
        found = {
            _path(name): WrittenFile(inputs=_hash(one["inputs"]), sha256=_hash(one["sha256"]))
            for name, one in body["files"].items()
        }
        letters = {
            _hash(key): KnownLetter(pictures={_path(n): _hash(h) for n, h in one.items()})
            for key, one in body["letters"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "the list of an earlier archive cannot be read",
            place=Place(f"{place.name}/{LIST}"),
            hint="build into an empty place",
        ) from error
    return EarlierBuild(files=found, letters=letters)


def publish(archive: Archive, place: ArchivePlace, earlier: EarlierBuild) -> Published:
    """Write an archive into a place; what has not changed is left as it is.

    Raises:
        InputError: a file of somebody else's is in the way, before anything is written; or the
            place cannot be written.
        AccountError: the bucket refuses, or cannot be reached.
        PausedError: the disk is full.
    """
    ours = {path: one for path, one in earlier.files.items() if place.can_hold(path)}
    _expect_free(place, sorted(set(archive.files) - set(ours)))
    unchanged = tuple(
        path
        for path, file in archive.files.items()
        if (was := ours.get(path)) and was.inputs == file.inputs and place.has(path, was.sha256)
    )
    done = {path: ours[path] for path in unchanged}
    changed = [path for path in archive.files if path not in done]
    deleted = tuple(path for path in ours if path not in archive.files)
    # Made before anything is written: a letter that cannot be rendered changes nothing.
    made = {path: archive.files[path].make() for path in changed if not archive.files[path].picture}
    unsure = WrittenFile(inputs="", sha256="")
    place.begin()
    if changed or deleted:
        _remember(place, {**dict.fromkeys([*changed, *deleted], unsure), **done}, earlier.letters)
    for path in sorted(changed, key=lambda path: _turn(archive.files[path])):
        data = made[path] if path in made else archive.files[path].make()
        place.put(path, data)
        digest = hashlib.sha256(data).hexdigest()
        done[path] = WrittenFile(inputs=archive.files[path].inputs, sha256=digest)
    for path in deleted:
        place.delete(path)
    if changed or deleted or earlier.letters != archive.letters:
        _remember(place, done, archive.letters)
    return Published(written=tuple(changed), deleted=deleted, unchanged=unchanged)


def _turn(file: ArchiveFile) -> int:
    """When a file is written: pictures and the style, then the issues, then what leads to them."""
    if file.picture or file.path == "style.css":
        return 0
    return 1 if _PAGE.fullmatch(file.path) else 2


def _expect_free(place: ArchivePlace, paths: list[str]) -> None:
    for path in paths:
        if not place.can_hold(path):
            raise InputError(
                "a link in this folder leads out of it",
                place=Place(f"{place.name}/{path}"),
                hint="build into an empty folder",
            )
        if place.is_taken(path):
            raise InputError(
                "a file that the archive did not write is in the way",
                place=Place(f"{place.name}/{path}"),
                hint="move it away, or build into another folder",
            )


def _remember(
    place: ArchivePlace, written: Mapping[str, WrittenFile], letters: Mapping[str, KnownLetter]
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
    place.put(LIST, text.encode())


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
