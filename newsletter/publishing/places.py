"""Where an archive is written: a folder for any host, or a bucket that shows it itself."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from newsletter.errors import InputError, Place
from newsletter.project import files, private
from newsletter.settings import Settings

if TYPE_CHECKING:
    from newsletter.s3 import Bucket

#: Pages change; a few minutes later everybody has the new ones.
_CACHE: Final = "public, max-age=300"


#: Folders of a newsletter that are nobody else's business.
_PRIVATE: Final = frozenset(
    {files.ISSUES, "letters", "subscribers", "templates", "mail", "build", ".git", private.STORE}
)


@dataclass(frozen=True, slots=True)
class ArchiveFolder:
    """A folder; nothing outside of it is written, whatever links are in it."""

    root: Path

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.root)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where there is none."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None

    def can_hold(self, path: str) -> bool:
        """Whether no link on the way to a file leads out of the folder."""
        try:
            return (self.root / path).parent.resolve().is_relative_to(self.root.resolve())
        except (OSError, RuntimeError):
            return False

    def is_taken(self, path: str) -> bool:
        """Whether something is there, be it a link to nowhere."""
        return (self.root / path).exists() or (self.root / path).is_symlink()

    def has(self, path: str, sha256: str) -> bool:
        """Whether these very bytes are there."""
        try:
            return hashlib.sha256((self.root / path).read_bytes()).hexdigest() == sha256
        except OSError:
            return False

    def begin(self) -> None:
        """Make the folder."""
        files.make_folder(self.root)

    def put(self, path: str, data: bytes) -> None:
        """Write a file, with its folders."""
        files.make_folder((self.root / path).parent)
        files.write_atomic(self.root / path, data)

    def delete(self, path: str) -> None:
        """Delete a file, and the folders that are empty without it."""
        try:
            (self.root / path).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                "this file cannot be deleted",
                place=Place(str(self.root / path)),
                cause=error.strerror,
                hint="it is no longer part of the archive",
            ) from error
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                with contextlib.suppress(OSError):  # not empty
                    (self.root / parent).rmdir()


def archive_folder(root: Path, folder: Path) -> ArchiveFolder:
    """A folder for an archive, which its owner will publish with all that is in it.

    Args:
        root: the newsletter's folder.
        folder: where the archive goes.

    Raises:
        InputError: it holds what is not for everybody: the list, drafts, records, rehearsals.
    """
    real, own = folder.resolve(), root.resolve()
    if own.is_relative_to(real) or real in {(own / name).resolve() for name in _PRIVATE}:
        raise InputError(
            "this folder holds what is not for everybody: drafts, the list or records",
            place=Place(str(folder)),
            hint="build into one of its own: --out site",
        )
    return ArchiveFolder(folder)


@dataclass(slots=True)
class ArchiveBucket:
    """A bucket that shows its files as pages; what is in it is asked once."""

    bucket: Bucket
    _there: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Ask what is there."""
        self._there = self.bucket.sizes()

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.bucket.name

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where there is none."""
        return self.bucket.read(path) if path in self._there else None

    def can_hold(self, path: str) -> bool:
        """A bucket has no links."""
        del path
        return True

    def is_taken(self, path: str) -> bool:
        """Whether something is there."""
        return path in self._there

    def has(self, path: str, sha256: str) -> bool:
        """Whether a file that a build has finished is there; its bytes are not fetched again."""
        return bool(sha256) and path in self._there

    def begin(self) -> None:
        """The bucket is there already."""

    def put(self, path: str, data: bytes) -> None:
        """Write a file."""
        self.bucket.put(path, data, cache=_CACHE)

    def delete(self, path: str) -> None:
        """Delete a file."""
        self.bucket.delete(path)


def archive_bucket(settings: Settings, url: str) -> ArchiveBucket:
    """The bucket of an address, reached as that of the pictures is.

    Raises:
        AccountError: it refuses, or cannot be reached.
        InputError: `images.endpoint` is no address.
    """
    from newsletter.s3 import Bucket  # noqa: PLC0415  # boto3 is heavy

    group = settings.images
    return ArchiveBucket(Bucket(url, endpoint=group.endpoint, profile=group.profile))
