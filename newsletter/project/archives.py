"""The zip archive that a service gives: its lists are read where they are, nothing is unpacked.

An archive can claim to hold far more than it is; what it may hold is bounded before it is read.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from newsletter.audience.roster import sniff
from newsletter.errors import InputError, Place
from newsletter.project.files import ListFile, look_through
from newsletter.project.lists import LineCount
from newsletter.text_rules import one_line

_ZIP: Final = b"PK\x03\x04"
_KINDS: Final = frozenset({".csv", ".tsv"})
_UNREAD: Final = frozenset(
    {".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".xlsx", ".xls", ".ods"}
)
#: Lists in one archive; bytes of all of them; bytes of one for each that is packed.
_MOST_LISTS: Final = 20
_MOST_BYTES: Final = 4 * 1024**3
_MOST_RATIO: Final = 200
#: So few bytes are no bomb, whatever their ratio.
_HARMLESS: Final = 1024**2
_BLOCK: Final = 1 << 20
_AGAIN: Final = "download it again, or unpack it and import the list"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedList:
    """A list inside an archive, looked through once.

    Attributes:
        path, member: the archive, and the list's name in it.
        encoding, sha256, length: as those of a `ListFile`.
    """

    path: Path
    member: str
    encoding: str
    sha256: str
    length: int

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"{self.path}/{self.member}"

    def lines(self) -> Iterator[str]:
        """Its lines, decoded, with their line ends; for `roster.read`.

        Raises:
            InputError: the archive changed since it was looked through, or cannot be read.
        """
        with opened(self.path) as archive, archive.open(self.member) as stream:
            yield from io.TextIOWrapper(stream, encoding=self.encoding, newline="")


def look_through_all(path: Path) -> tuple[ListFile | PackedList, ...]:
    """The list in a file, or all lists in an archive, by name.

    Args:
        path: a CSV file, or a zip archive of some.

    Raises:
        InputError: missing, empty, no text; or an archive without a list, with too much in it,
            encrypted or damaged.
    """
    if not is_archive(path):
        return (look_through(path),)
    with opened(path) as archive:
        members = _lists(archive, path)
        return tuple(_looked_through(archive, path, member) for member in members)


def is_archive(path: Path) -> bool:
    """Whether a file is a zip archive; one that cannot be read is none."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_ZIP)) == _ZIP
    except (OSError, ValueError):
        return False  # `look_through` says what is wrong


def _lists(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    names = set(archive.namelist())
    if names & {"[Content_Types].xml", "mimetype"}:
        raise InputError(
            "this is a spreadsheet",
            place=Place(str(path)),
            hint="save it as CSV in the spreadsheet program",
        )
    found = [one for one in archive.infolist() if _is_list(PurePosixPath(one.filename))]
    if not found:
        raise InputError(
            "this archive holds no list: no file that ends in .csv",
            place=Place(str(path)),
            hint="unpack it, and import the list",
        )
    if unread := next((name for name in sorted(names) if _hides_lists(PurePosixPath(name))), ""):
        raise _refused(f'this archive holds "{one_line(unread)}", which may hold lists, too', path)
    if len({one.filename for one in found}) < len(found):
        raise _refused("two lists of this archive have one name", path)
    if len(found) > _MOST_LISTS:
        raise _refused(f"this archive holds {len(found)} lists; {_MOST_LISTS} are the most", path)
    if harm := harm_in(found, what="list", most=_MOST_BYTES):
        raise _refused(harm, path)
    return sorted(found, key=lambda one: one.filename)


def harm_in(found: Sequence[zipfile.ZipInfo], *, what: str, most: int) -> str:
    """Why an archive is not unpacked: it cannot be read, or is a bomb; "" where it can.

    Args:
        found: what is wanted of it.
        what: what each of them is called.
        most: bytes of all together, whole gigabytes.
    """
    for one in found:
        if one.flag_bits & 1:
            return "this archive is encrypted"
        if one.file_size > max(_HARMLESS, _MOST_RATIO * one.compress_size):
            return f"a {what} of this archive is far larger than what is packed"
    if sum(one.file_size for one in found) > most:
        return f"the {what}s of this archive are larger than {most >> 30} GB"
    return ""


def _is_list(name: PurePosixPath) -> bool:
    return name.suffix.lower() in _KINDS and not _is_hidden(name)


def _hides_lists(name: PurePosixPath) -> bool:
    """Whether a file may hold a list that is not read: of those who left, for all we know."""
    return name.suffix.lower() in _UNREAD and not _is_hidden(name)


def _is_hidden(name: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.parts)


def _looked_through(archive: zipfile.ZipFile, path: Path, member: zipfile.ZipInfo) -> PackedList:
    digest, lines = hashlib.sha256(member.filename.encode()), LineCount()

    def blocks(stream: IO[bytes]) -> Iterator[bytes]:
        while block := stream.read(_BLOCK):
            digest.update(block)
            lines.add(block)
            yield block

    with archive.open(member) as stream:
        encoding = sniff(blocks(stream), file=f"{path}/{member.filename}")
    return PackedList(
        path=path, member=member.filename, encoding=encoding, sha256=digest.hexdigest(),
        length=lines.below_header(),
    )  # fmt: skip


@contextmanager
def opened(path: Path, *, hint: str = _AGAIN) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises:
        InputError: it is damaged, or cannot be read.
    """
    with told(path, hint=hint), zipfile.ZipFile(path) as archive:
        yield archive


@contextmanager
def told(path: Path, *, hint: str = _AGAIN) -> Iterator[None]:
    """What is wrong with an archive while it is read, in our words.

    Raises:
        InputError: it is damaged, or cannot be read.
    """
    try:
        yield
    # What zipfile says of damage: a wrong sum, an end too early, a way of packing it does not know.
    except (zipfile.BadZipFile, EOFError, RuntimeError, KeyError, zlib.error) as error:
        raise InputError(
            "this archive is damaged",
            place=Place(str(path)),
            hint=hint,
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "this file changed while it was read", place=Place(str(path)), hint="try again"
        ) from error
    except OSError as error:
        raise InputError(
            "this cannot be read",
            place=Place(str(path)),
            cause=error.strerror,
            hint="see its name and its permissions",
        ) from error


def _refused(message: str, path: Path) -> InputError:
    return InputError(
        message, place=Place(str(path)), hint="unpack it, and import each list by itself"
    )
