"""The pictures of an issue on disk: hashes for approvals, sizes in pixels for the letter.

What is made of them lies in `.newsletter/images/`, and is made once.
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from newsletter.errors import NewsletterError
from newsletter.pictures import LARGEST_FILE, RECIPE, MadePicture, PictureFault, Wanted
from newsletter.project import files, private

_SUFFIXES: Final = (".png", ".jpg", ".gif", ".webp", ".avif")
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


def measure_picture(root: Path, folder: Path, name: str) -> tuple[int, int] | None:
    """Width and height (pixels, as they are shown) of a picture by its name; see `hash_pictures`.

    None for what is not there, or no picture that can be measured (an SVG).
    """
    path = _find(root, folder, name)
    return _measure(path) if path else None


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


def page_picture(root: Path, file: str, name: str) -> MadePicture | PictureFault | None:
    """A picture that an issue shows by a path, made for pages; None where there is no such file.

    Args:
        root: the newsletter's folder.
        file: the issue's, relative to it.
        name: the path, relative to the issue; one that leads out of that folder finds nothing.
    """
    folder = (root / file).parent
    try:
        path = (folder / name).resolve()
        within = path.is_relative_to(folder.resolve()) and path.is_relative_to(root.resolve())
        return _made(root, path, "page") if within and path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def mail_pictures(
    root: Path, home: Path, folders: tuple[Path, ...], names: Iterable[str]
) -> dict[str, MadePicture | PictureFault]:
    """Pictures by their names, made for mails; those that are not there are left out.

    Args:
        root: the newsletter's folder.
        home: what none may lead out of.
        folders: where they are looked for, before `home` itself.
        names: their paths; none with `..` in it is published.
    """
    made = {}
    for name in names:
        found = (_find(home, folder, name) for folder in folders if ".." not in name.split("/"))
        path = next(filter(None, found), None)
        with contextlib.suppress(OSError):
            if path:
                made[name] = _made(root, path, "mail")
    return made


def _made(root: Path, path: Path, wanted: Wanted) -> MadePicture | PictureFault:
    """A picture of the author's as it is published; only one that was never made is opened.

    Raises:
        OSError: it cannot be read.
    """
    from PIL import __version__ as pillow  # noqa: PLC0415  # as below

    from newsletter.pictures.making import make_picture  # noqa: PLC0415

    with path.open("rb") as stream:
        data = stream.read(LARGEST_FILE + 1)
    digest = hashlib.sha256(data).hexdigest()[:32]
    kept = root / private.STORE / "images" / f"{digest}-{wanted}-{RECIPE}-{pillow}"
    for suffix in _SUFFIXES:
        file = kept.with_name(kept.name + suffix)
        if file.is_file() and (size := _measure(file)):
            return MadePicture(data=file.read_bytes(), suffix=suffix, width=size[0], height=size[1])
    made = make_picture(data, wanted)
    # What there is to say about one for a mail is to be said every time.
    told = wanted == "mail" and isinstance(made, MadePicture) and bool(made.notes)
    if isinstance(made, MadePicture) and made.suffix in _SUFFIXES and not told:
        _keep(kept.with_name(kept.name + made.suffix), made.data)
    return made


def _keep(path: Path, data: bytes) -> None:
    """Keep a picture for the next time, where that can be written."""
    with contextlib.suppress(OSError, NewsletterError):
        private.make_folder(path.parent.parent)
        private.hide_from_git(path.parent.parent)
        private.make_folder(path.parent)
        files.write_atomic(path, data, for_owner=True)


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
