"""A picture of the author's becomes one that mails and pages can show.

making      upright, small, in sRGB, and silent about all but its pixels
containers  files without what they tell beside their pictures
drawings    whether an SVG may stand on a page
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, NamedTuple

#: Twice a letter's column, for screens with small pixels.
WIDEST: Final = 2 * 552
#: Bytes of a file that are read at all.
LARGEST_FILE: Final = 40_000_000
#: Bytes of a GIF that is worth a word.
HEAVY: Final = 1_000_000
#: Raised with every change of what is made from the same file.
RECIPE: Final = 1

Wanted = Literal["mail", "page"]
FaultId = Literal["picture-unreadable", "picture-heavy", "picture-still"]


class PictureFault(NamedTuple):
    """What is wrong with a picture.

    Attributes:
        id: of the check that tells it.
        message: what stands behind the picture's name, like "is no picture".
        hint: what to do.
    """

    id: FaultId
    message: str
    hint: str


class MadePicture(NamedTuple):
    """A picture that can be published.

    Attributes:
        data: its file.
        suffix: what its name ends in, such as ".png".
        width: in pixels, like the height; both 0 of a drawing that has no pixels (SVG).
        notes: what its author should know all the same.
    """

    data: bytes
    suffix: str
    width: int
    height: int
    notes: tuple[PictureFault, ...] = ()

    def name(self, path: str) -> str:
        """The path under which it is published: with a hash of its content, safe in addresses.

        Args:
            path: of the author's file, with slashes.
        """
        folder, slash, file = path.rpartition("/")
        stem = file.rpartition(".")[0] or file
        return f"{folder}{slash}{stem}.{hashlib.sha256(self.data).hexdigest()[:8]}{self.suffix}"
