"""What an earlier service gave, on disk: a zip archive, a folder or one file.

Nothing is unpacked: names in an archive are only names here, and what it may hold is bounded
before it is read.
"""

from __future__ import annotations

import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from newsletter.errors import InputError, Place
from newsletter.project.archives import harm_in, is_archive, told

#: Files in an export; bytes of one of them, and of all; bytes of one for each that is packed.
_MOST_FILES: Final = 50_000
_LARGEST: Final = 200 * 1024**2
_MOST_BYTES: Final = 8 * 1024**3
#: Folders of programs, and of what Hugo and Jekyll build.
_OTHERS: Final = frozenset({"node_modules", "public", "_site", "resources", "__MACOSX", "vendor"})
_HINT: Final = "download it again, or unpack it and name the folder"


@dataclass(frozen=True, slots=True)
class PackedExport:
    """The files in a zip archive, which stays open: its table of contents is long to read."""

    path: Path
    names: tuple[str, ...]
    archive: zipfile.ZipFile

    def read(self, name: str) -> bytes:
        """The bytes of one.

        Raises:
            InputError: the archive is damaged, or was changed.
        """
        with told(self.path, hint=_HINT), self.archive.open(name) as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:  # whatever its head says
            raise _refused("a file of this archive is larger than 200 MB", self.path)
        return data


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """The files in a folder, or one file alone."""

    path: Path
    names: tuple[str, ...]

    def read(self, name: str) -> bytes:
        """The bytes of one.

        Raises:
            InputError: it cannot be read, or is too large.
        """
        file = self.path / name
        try:
            if file.stat().st_size > _LARGEST:
                raise InputError(
                    "this file is larger than 200 MB", place=Place(str(file)), hint="leave it out"
                )
            return file.read_bytes()
        except OSError as error:
            raise _unreadable(file, error) from error


def open_export(path: Path) -> PackedExport | ExportFolder:
    """Look which files an export has.

    Raises:
        InputError: it is missing, damaged, encrypted, or far too large.
    """
    try:
        if path.is_dir():
            return ExportFolder(path, _listed(path))
        if not path.exists():
            raise InputError("there is no such file", place=Place(str(path)), hint="see its name")
    except OSError as error:
        raise _unreadable(path, error) from error
    if not is_archive(path):
        return ExportFolder(path.parent, (path.name,))
    with told(path, hint=_HINT):
        archive = zipfile.ZipFile(path)
        return PackedExport(path, _packed(archive, path), archive)


def _listed(folder: Path) -> tuple[str, ...]:
    real, found = folder.resolve(), []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part in _OTHERS or part.startswith(".") for part in name.parts):
            continue
        # A link may lead anywhere on this machine.
        if path.is_file() and path.resolve().is_relative_to(real):
            found.append(name.as_posix())
        if len(found) > _MOST_FILES:
            raise _refused(f"this folder holds more than {_MOST_FILES:,} files", folder)
    return tuple(found)


def _packed(archive: zipfile.ZipFile, path: Path) -> tuple[str, ...]:
    found = [one for one in archive.infolist() if _is_plain(one)]
    if len(found) > _MOST_FILES:
        raise _refused(f"this archive holds more than {_MOST_FILES:,} files", path)
    if len({one.filename for one in found}) < len(found):
        raise _refused("two files of this archive have one name", path)
    if harm := harm_in(found, what="file", most=_MOST_BYTES):
        raise _refused(harm, path)
    return tuple(sorted(one.filename for one in found))


def _is_plain(one: zipfile.ZipInfo) -> bool:
    """Whether it is a file with a name like any other, and no link or folder."""
    name, kind = PurePosixPath(one.filename), one.external_attr >> 16
    odd = name.is_absolute() or "\\" in one.filename or ".." in name.parts
    hidden = any(part in _OTHERS or part.startswith(".") for part in name.parts)
    return not (one.is_dir() or odd or hidden or stat.S_ISLNK(kind))


def _refused(message: str, path: Path) -> InputError:
    return InputError(message, place=Place(str(path)), hint="unpack it, and name the folder")


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        "this cannot be read",
        place=Place(str(path)),
        cause=error.strerror,
        hint="see its name and its permissions",
    )
