"""What `init` puts into a new folder; the theme is the very one this project is tested with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import newsletter

THEMES: Final = ("magazine", "letter")
_PACKAGE: Final = Path(newsletter.__file__).parent
_OWN: Final = Path(__file__).with_name("starter")
_PLACES: Final = {
    "newsletter.toml": "newsletter.toml",
    "001-hello.md": "issues/001-hello.md",
    "gitignore": ".gitignore",
}
_THEME: Final = "templates/email"
_LIST: Final = "subscribers/example.csv"


def theme(name: str) -> dict[str, bytes]:
    """The files of a shipped theme by their path in a newsletter's folder.

    Args:
        name: "magazine", or "letter", which is the magazine but for some files of its own.
    """
    own = _OWN / name
    overlay = {f"{_THEME}/{path.name}": path.read_bytes() for path in _files(own)}
    return {**dict(_shared(_THEME)), **overlay}


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []


def _shared(name: str) -> Iterator[tuple[str, bytes]]:
    # A wheel carries these inside the package; a checkout has them at its top.
    top = _OWN if (_OWN / _THEME).is_dir() else _PACKAGE.parent
    found = top / name
    for path in _files(found) or [found]:
        yield path.relative_to(top).as_posix(), path.read_bytes()


def contents() -> dict[str, bytes]:
    """The files of a new newsletter by their path in its folder."""
    own = {place: (_OWN / name).read_bytes() for name, place in _PLACES.items()}
    # The settings come last: a folder that has them counts as a whole newsletter.
    whole = {**own, **theme("magazine"), **dict(_shared(_LIST))}.items()
    return dict(sorted(whole, key=lambda item: (item[0] == "newsletter.toml", item[0])))
