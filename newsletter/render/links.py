"""The table of a mail's links: where each stands, where it leads, and how it was tagged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from newsletter.render import RenderedLink
from newsletter.render.utm import Tags, decide

_COLUMNS: Final = ("line", "text", "written", "url", "tags")


def table(links: Iterable[RenderedLink], tags: Tags | None) -> str:
    """CSV with a head line (RFC 4180), one row per link in the order of the mail.

    Line 0 is the theme's. The last column says why a link is tagged or not: `utm.decide`'s word,
    or "off" where the author, the theme or the settings turned tagging off.
    """
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(_COLUMNS)
    rows.writerows([k.line, k.text, k.written, k.url, _why(k, tags)] for k in links)
    return written.getvalue()


def _why(link: RenderedLink, tags: Tags | None) -> str:
    if tags is None:
        return "off"
    tagged, verdict = decide(link.written, tags)
    return "off" if verdict in {"tagged", "replaced"} and tagged != link.url else verdict
