"""What an author chose to look at: all of it stands in the address of the page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from newsletter.preview.readers import READERS

#: The parts of an issue: what stands in the address, what stands on the page.
TABS: Final = (
    ("mail", "Mail"), ("text", "Text"), ("headers", "Headers"), ("html", "HTML"),
    ("mjml", "MJML"), ("links", "Links"), ("images", "Images"), ("checks", "Checks"),
    ("send", "Send"), ("archive", "Archive"),
)  # fmt: skip
#: Those of a letter about the list, which no author sends.
LETTER_TABS: Final = tuple(one for one in TABS if one[0] not in {"checks", "send", "archive"})
#: On a narrow window what stands beside the mail otherwise.
OVERVIEW: Final = "overview"
WIDTHS: Final = (("375", "375"), ("600", "600"), ("full", "Full"))
COLOURS: Final = (
    ("light", "Light"), ("dark", "Your dark CSS"), ("inverted", "Inverted (approx.)"),
)  # fmt: skip
IMAGES: Final = (("on", "Images"), ("off", "Blocked"))
#: CSS pixels: narrower than any phone, wider than any screen.
NARROWEST: Final = 240
WIDEST: Final = 2400


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewChoices:
    """One way to look at an issue.

    Attributes:
        tab: the part that is shown.
        width: of the mail: CSS pixels, or "full" for as wide as the window.
        colours: "light", "dark" (the mail's own dark CSS), or "inverted", as some programs do.
        images: "on", or "off" for a program that blocks them.
        reader: key of an invented reader.
    """

    tab: str = "mail"
    width: str = "full"
    colours: str = "light"
    images: str = "on"
    reader: str = READERS[0].key

    @classmethod
    def read(cls, query: Mapping[str, str]) -> ViewChoices:
        """What the query of an address says; whatever else stands there counts as nothing."""
        ways = {
            "tab": {*dict(TABS), OVERVIEW}, "colours": dict(COLOURS), "images": dict(IMAGES),
            "reader": {one.key for one in READERS},
        }  # fmt: skip
        said = {name: query[name] for name, known in ways.items() if query.get(name) in known}
        width = query.get("width", "")
        if width == "full" or _is_width(width):
            said["width"] = width
        return cls(**said)

    def address(self, **changed: str) -> str:
        """The query of this look, or of one in which something is `changed`; "?" for the usual."""
        wanted = dataclasses.asdict(dataclasses.replace(self, **changed))
        usual = dataclasses.asdict(ViewChoices())
        return "?" + urlencode({k: v for k, v in wanted.items() if v != usual[k]})

    @property
    def mail_address(self) -> str:
        """The query of the mail alone, which has neither tab nor width."""
        return self.address(tab="mail", width="full")


def _is_width(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]{2,3}", text)) and NARROWEST <= int(text) <= WIDEST
