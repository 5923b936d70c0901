"""What an issue's front matter says about its page in the archive; read when a page is asked for.

The keys are those of Hugo, whose sites many newsletters come from. They say nothing about the
mail, so what is wrong in them is a finding, and never in the way of reading the issue.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

from newsletter.issue import Issue
from newsletter.issue.values import Values

Wanted = Literal["yes", "no", ""]

_YES: Final = frozenset({"yes", "true", "on"})
_NO: Final = frozenset({"no", "false", "off"})
#: Bytes of a file name on most disks, without the ending that pages have; bytes of a path in a
#: bucket, without what stands before and behind it there.
_LONGEST_PART: Final = 240
_LONGEST: Final = 900
#: What the archive alone reads of the front matter.
PAGE_KEYS: Final = frozenset({"archive", "aliases", "image", "updated", "canonical"})
_ABSOLUTE: Final = re.compile(r"https?://[^/\s]+\S*")


class PageMatter(NamedTuple):
    """What the author says about one issue's page.

    Attributes:
        wanted: whether it belongs into the archive; "" where the author does not say.
        aliases: earlier paths of the page, from the root of the site, as written.
        image: the picture for link previews: an address, or a path like in the letter.
        updated: the day of a correction.
        canonical: where the letter first stood, an address.
    """

    wanted: Wanted
    aliases: tuple[str, ...]
    image: str
    updated: dt.date | None
    canonical: str


def page_matter(issue: Issue) -> PageMatter:
    """Read the keys `archive`, `aliases`, `image`, `updated` and `canonical`.

    Raises:
        InputError: a value that cannot be meant, with its place.
    """
    values = Values(issue.raw, issue.places, issue.file)
    for alias in (aliases := _aliases(issue, values)):
        if problem := alias_problem(alias):
            raise values.error("aliases", f"the alias {alias} {problem}", "write /old/path")
    canonical = values.text("canonical")
    if canonical and not _ABSOLUTE.fullmatch(canonical):
        raise values.error("canonical", '"canonical" is no web address', "write https://...")
    updated = values.date("updated")
    image = issue.raw.get("image", "")
    return PageMatter(
        wanted=_wanted(values),
        aliases=aliases,
        # Hugo's themes also keep a table here, which means something to them alone.
        image=image.strip() if isinstance(image, str) else "",
        updated=updated,
        canonical=canonical,
    )


def is_kept_out(issue: Issue) -> bool:
    """Whether its author says `archive: no`, whatever else about the page cannot be read."""
    return str(issue.raw.get("archive", "")).strip().lower() in _NO


def has_page(issue: Issue) -> bool:
    """Whether readers may look for its page: its author says so, or it goes to everybody.

    A letter asks this for its link; whatever else about the page cannot be read is the page's.
    """
    said = str(issue.raw.get("archive", "")).strip().lower()
    return said in _YES if issue.segment else said not in _NO


def alias_problem(alias: str) -> str:
    """Why an alias can be no path of a site, as the end of a sentence; "" where it can."""
    if not alias.startswith("/") or alias.startswith("//"):
        return "does not begin with one /"
    if re.search(r"[?#\\\s]", alias):
        return "holds a blank, a ?, a # or a backslash"
    parts = unquote(alias).strip("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return "has an empty part, a . or a .. in it"
    if re.search(r"[\x00-\x1f\x7f\\:]", unquote(alias)):
        return "holds a character that no file name takes"
    if any(part.endswith(".html") for part in parts[:-1]):
        return "names a page as if it were a folder"
    sizes = [len(part.encode()) for part in parts]
    if max(sizes) > _LONGEST_PART or sum(sizes) + len(sizes) > _LONGEST:
        return "is longer than a host can keep it"
    return ""


def _aliases(issue: Issue, values: Values) -> tuple[str, ...]:
    written = issue.raw.get("aliases", ())
    listed = (written,) if isinstance(written, str) else written
    if not isinstance(listed, tuple) or not all(isinstance(one, str) for one in listed):
        raise values.error("aliases", '"aliases" is no list of paths', "write aliases: [/old/path]")
    return tuple(dict.fromkeys(_texts(listed)))


def _texts(listed: tuple[object, ...]) -> Iterator[str]:
    for one in listed:
        if isinstance(one, str) and one.strip():
            yield one.strip()


def _wanted(values: Values) -> Wanted:
    word = values.text("archive").lower()
    if not word:
        return ""
    if word in _YES | _NO:
        return "yes" if word in _YES else "no"
    raise values.error("archive", '"archive" is neither yes nor no', 'write "archive: no"')
