"""The author's folder on disk: configuration, issues, themes, images, lists of people.

Nothing outside the folder is read through it: a name or a symbolic link that leads out is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from newsletter.audience.records import sniff
from newsletter.errors import InputError, PausedError, Place
from newsletter.issue import number_of
from newsletter.project import private
from newsletter.project.disk import flush_path, from_here, unwritten
from newsletter.project.lists import LineCount
from newsletter.settings import ConfigText, choose

CONFIG: Final = "newsletter.toml"
PYPROJECT: Final = "pyproject.toml"
ISSUES: Final = "issues"
LISTS: Final = "subscribers"
_THEME_KINDS: Final = frozenset({".mjml", ".css", ".txt"})
_THEME_NEEDS: Final = ("issue.mjml", "issue.txt")
_OUR_TABLE: Final = re.compile(r"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*newsletter\b", re.MULTILINE)
_BLOCK: Final = 1 << 20


# --- the folder and its settings -------------------------------------------------------------


def find_root(start: Path) -> Path:
    """The newsletter's folder: `start` or the nearest of its parents that holds settings.

    Nobody else may have put them there, as anybody can into a folder for temporary files.

    Raises:
        InputError: none of them does, or somebody else may have put them there.
    """
    start = from_here(start)
    for folder in (start, *start.parents):
        name = CONFIG if (folder / CONFIG).is_file() else PYPROJECT
        if name == CONFIG or has_our_table(folder / PYPROJECT):
            private.expect_own(folder / name, chosen=folder == start)
            return folder
    raise InputError(
        f"there is no newsletter in this folder: no {CONFIG} here or above",
        hint="newsletter init",
    )


def has_our_table(pyproject: Path) -> bool:
    """Whether a pyproject.toml is a newsletter's; one that cannot be read is somebody else's."""
    try:
        text = pyproject.read_text("utf-8", errors="replace") if pyproject.is_file() else ""
    except OSError:
        return False
    return bool(_OUR_TABLE.search(text))


def read_config(root: Path) -> ConfigText | None:
    """The settings of a newsletter's folder, from newsletter.toml or pyproject.toml.

    Raises:
        InputError: both have settings, or a file that is not UTF-8.
    """
    own, shared = _text(root, CONFIG), _text(root, PYPROJECT)
    return choose(
        None if own is None else ConfigText(file=CONFIG, text=own),
        None if shared is None else ConfigText(file=PYPROJECT, text=shared, kind="pyproject"),
    )


def read_dotenv(root: Path) -> str:
    """The text of `.env`, "" when there is none; an InputError when it is not UTF-8."""
    return _text(root, ".env") or ""


# --- issues ----------------------------------------------------------------------------------


def issue_files(root: Path) -> tuple[str, ...]:
    """The issues as paths relative to `root`, by number, then by name."""
    found = [
        (number, f"{ISSUES}/{path.name}")
        for path in _listed(root / ISSUES)
        if path.suffix == ".md" and (number := number_of(path.name)) is not None and path.is_file()
    ]
    return tuple(name for _, name in sorted(found))


def find_issue(root: Path, number: int) -> str:
    """The file of an issue, relative to `root`.

    Raises:
        InputError: there is none (the hint names the nearest), or there are two.
    """
    files = issue_files(root)
    found = [name for name in files if number_of(name) == number]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"two files are issue {number}: {found[0]} and {found[1]}",
            place=Place(found[1]),
            hint="rename one of them",
        )
    raise InputError(
        f"there is no issue {number}",
        place=Place(ISSUES),
        hint=_nearest(sorted({number_of(name) or 0 for name in files}), number),
    )


def read_issue(root: Path, name: str) -> bytes:
    """The bytes of an issue's file.

    Raises:
        InputError: missing, not readable, or outside the folder.
    """
    with _readable(name):
        return _inside(root, name).read_bytes()


def image_exists(root: Path, name: str) -> bool:
    """Whether `name`, relative to the folder, is a file in it; one outside is none."""
    try:
        return _inside(root, name).is_file()
    except (InputError, OSError, ValueError, RuntimeError):
        return False


# --- themes ----------------------------------------------------------------------------------


def read_theme(root: Path, folder: str) -> dict[str, str]:
    """The texts of a theme by name relative to `folder`: *.mjml, *.css and *.txt.

    Raises:
        InputError: the folder or one of its two first files is missing, a file is not UTF-8.
    """
    with _readable(folder):
        top = _inside(root, folder)
    if not top.is_dir():
        raise InputError(
            "the theme's folder is missing",
            place=Place(folder),
            hint="set theme.folder, or let newsletter init make a theme",
        )
    texts = {
        path.relative_to(top).as_posix(): _text(root, path.relative_to(root.resolve()).as_posix())
        for path in sorted(top.rglob("*"))
        if path.suffix in _THEME_KINDS and path.is_file()
    }
    for needed in _THEME_NEEDS:
        if needed not in texts:
            raise InputError(
                f"the theme has no {needed}",
                place=Place(folder),
                hint="newsletter init, in an empty folder, makes a theme to copy from",
            )
    return {name: text or "" for name, text in texts.items()}


# --- lists of people -------------------------------------------------------------------------


class ListFile(NamedTuple):
    """A list of people on disk, looked through once.

    Attributes:
        path: where it is; lists may lie outside the newsletter's folder.
        encoding, sha256: as `roster.sniff` told it; of its bytes, in hex.
        length: how many lines it has below its header, as its bytes tell.
    """

    path: Path
    encoding: str
    sha256: str
    length: int

    def lines(self) -> Iterator[str]:
        """Its lines, decoded, with their line ends; for `roster.read`.

        Raises:
            InputError: the file changed since it was looked through, or cannot be read.
        """
        # newline="" leaves line ends inside quoted cells alone.
        with (
            _readable(str(self.path)),
            self.path.open(encoding=self.encoding, newline="") as stream,
        ):
            yield from stream


def look_through(path: Path) -> ListFile:
    """Tell a list's encoding and hash; reads it once, a megabyte at a time.

    Raises:
        InputError: missing, empty, or not text.
    """
    digest, lines = hashlib.sha256(), LineCount()

    def blocks() -> Iterator[bytes]:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                lines.add(block)
                yield block

    with _readable(str(path), missing=f"there is no such file: {path.absolute()}"):
        encoding = sniff(blocks(), file=str(path))
    return ListFile(
        path=path, encoding=encoding, sha256=digest.hexdigest(), length=lines.below_header()
    )


# --- writing ---------------------------------------------------------------------------------


def write_atomic(path: Path, data: bytes, *, for_owner: bool = False) -> None:
    """Write a file so that a crash leaves the old one or the new one, whole and on the disk.

    Args:
        path: a file there keeps its permissions, but for those `for_owner` alone.
        data: all of it.
        for_owner: whether nobody else may open it, from the first moment on.

    Raises:
        PausedError: the disk is full.
        InputError: the folder is missing or not writable.
    """
    draft: Path | None = None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        name = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        kept = private.FILE if for_owner else _mode(path)
        handle = os.open(name, flags, 0o666 if kept is None else kept)
        draft = name
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if kept is not None and not for_owner:
                os.fchmod(handle, kept)  # the umask may have narrowed it
            os.fsync(handle)
        draft.replace(path)
        flush_path(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def write_new(path: Path, data: bytes) -> bool:
    """Write a file that is not there yet, with its folders; false when it is there, untouched.

    Raises:
        PausedError: the disk is full.
        InputError: a folder cannot be made or written.
    """
    if path.exists():
        return False
    make_folder(path.parent)
    write_atomic(path, data)
    return True


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        InputError: a file is in the way, or the place is not writable.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(path, error) from error


def write_rejects(file: Path, rejects: Iterable[tuple[int, str]]) -> Path:
    """Write line and reason of the rows that were left out beside a list; no address is in it."""
    lines = "".join(
        f'{line},"{reason.replace(chr(34), chr(34) * 2)}"\n' for line, reason in rejects
    )
    path = file.with_name(f"{file.stem}-rejected.csv")
    write_atomic(path, f"line,reason\n{lines}".encode())
    return path


def list_name(root: Path, file: Path) -> str:
    """How the records name a list: relative to the newsletter's folder where it is inside."""
    path, top = file.resolve(), root.resolve()
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else path.name


def list_files(root: Path) -> tuple[Path, ...]:
    """The lists in `subscribers/`, without what an import rejected."""
    found = _listed(root / LISTS)
    return tuple(sorted(p for p in found if p.suffix == ".csv" and "-rejected" not in p.stem))


def _mode(path: Path) -> int | None:
    """The permissions of the file that is replaced, None where there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _not_written(path: Path, error: OSError) -> InputError | PausedError:
    hint = "see that its folder exists and is writable"
    return unwritten(path, error, "this file cannot be written", hint=hint)


# --- reading ---------------------------------------------------------------------------------


def _inside(root: Path, name: str) -> Path:
    """The real path of `name`, which must not lead out of `root`."""
    real = root.resolve()
    path = (real / PurePosixPath(name)).resolve()
    if not path.is_relative_to(real):
        raise InputError(
            "this path leads out of the newsletter's folder",
            place=Place(name),
            hint="move the file into the folder",
        )
    return path


def _text(root: Path, name: str) -> str | None:
    """The text of a file in the folder, None when it is missing."""
    with _readable(name):
        path = _inside(root, name)
        if not path.is_file():
            return None
        data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            "this file is not UTF-8",
            place=Place(name, line),
            hint="save it as UTF-8 in your editor",
        ) from error


def _listed(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with _readable(folder.name):
        return list(folder.iterdir())


def _nearest(numbers: list[int], number: int) -> str:
    if not numbers:
        return 'newsletter new "A title" makes the first issue'
    near = sorted(sorted(numbers, key=lambda n: abs(n - number))[:3])
    return "the nearest: " + ", ".join(str(n) for n in near)


@contextmanager
def _readable(name: str, *, missing: str = "see its name") -> Iterator[None]:
    """What the disk says to reading, as an error of ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError("this file is missing", place=Place(name), hint=missing) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "this file changed while it was read", place=Place(name), hint="try again"
        ) from error
    # pathlib calls a circle of links a RuntimeError, a NUL in a name a ValueError.
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            "this cannot be read",
            place=Place(name),
            cause=getattr(error, "strerror", None),
            hint="see its name and its permissions",
        ) from error
