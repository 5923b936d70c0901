"""What `init` puts into a new folder; the theme is the very one this project is tested with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import newsletter

_PACKAGE: Final = Path(newsletter.__file__).parent
_OWN: Final = Path(__file__).with_name("starter")
_PLACES: Final = {
    "newsletter.toml": "newsletter.toml",
    "001-hello.md": "issues/001-hello.md",
    "gitignore": ".gitignore",
}
_SHARED: Final = ("templates/email", "subscribers/example.csv")


def contents() -> dict[str, bytes]:
    """The files of a new newsletter by their path in its folder."""
    own = {place: (_OWN / name).read_bytes() for name, place in _PLACES.items()}
    # The settings come last: a folder that has them counts as a whole newsletter.
    whole = {**own, **dict(_shared())}.items()
    return dict(sorted(whole, key=lambda item: (item[0] == "newsletter.toml", item[0])))


def _shared() -> Iterator[tuple[str, bytes]]:
    # A wheel carries these inside the package; a checkout has them at its top.
    top = _OWN if (_OWN / _SHARED[0]).is_dir() else _PACKAGE.parent
    for name in _SHARED:
        found = top / name
        paths = sorted(p for p in found.rglob("*") if p.is_file()) if found.is_dir() else [found]
        for path in paths:
            yield path.relative_to(top).as_posix(), path.read_bytes()
