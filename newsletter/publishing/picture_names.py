"""What pictures that come from elsewhere are called beside the issues."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from newsletter.slugs import slug

#: Characters of a name that are kept.
_LONGEST: Final = 60


@dataclass(slots=True)
class PictureNames:
    """Gives each picture its own name, unless another one has that.

    Attributes:
        folder: of the issues.
    """

    folder: Path
    _given: dict[str, str] = field(default_factory=dict)

    def give(self, stem: str, kind: str, data: bytes) -> str:
        """The path of a picture from the folder of issues; the same bytes have the same one.

        Args:
            stem: what it was called.
            kind: what its name ends in, such as ".png".
            data: its file.
        """
        words = slug(stem)[:_LONGEST].strip("-") or "picture"
        digest = hashlib.sha256(data).hexdigest()
        name = f"images/{words}{kind}"
        if not self._is_free(name, digest):
            name = f"images/{words}-{digest[:8]}{kind}"
        self._given[name] = digest
        return name

    def _is_free(self, name: str, digest: str) -> bool:
        if name in self._given:
            return self._given[name] == digest
        file = self.folder / name
        if not file.exists():
            return True
        return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == digest
