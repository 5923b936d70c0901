"""Posts become issues of the past: which number each has, what its file is called and says."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from newsletter.errors import InputError, Place
from newsletter.exports.faithful import convert
from newsletter.exports.named import with_renamed
from newsletter.exports.posts import PastPost
from newsletter.issue.page import alias_problem
from newsletter.slugs import slug

_SLUG: Final = 60
_LAST: Final = 999_999
#: What no issue can hold; a few letters have one, pasted along.
_UNFIT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

#: Where an issue finds a picture that its post names so; "" for one that the export does not have.
Pictures = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastIssue:
    """An issue of the past, not yet written anywhere.

    Attributes:
        name: of its file in the folder of issues.
        text: all of it.
        left_out: what of the post did not come along, in words.
    """

    name: str
    text: str
    left_out: tuple[str, ...]


def local_day(post: PastPost, zone: ZoneInfo) -> dt.date | None:
    """The day on which readers got it, as the newsletter counts days."""
    found = post.day
    if isinstance(found, dt.datetime):
        return (found.astimezone(zone) if found.tzinfo else found).date()
    return found


def numbered(
    posts: Iterable[PastPost],
    zone: ZoneInfo,
    *,
    known: Mapping[str, int],
    taken: Mapping[int, str],
    first: int | None,
) -> tuple[tuple[int, PastPost], ...]:
    """Give each post that is not there yet its number: its own where all have one, else by date.

    Args:
        posts: all of the export.
        zone: the newsletter's.
        known: the numbers of those that an earlier import brought, by key.
        taken: the files of all issues there are, by number.
        first: from which to count; None for what seems right.

    Raises:
        InputError: an issue of that number is there already.
    """
    ordered = sorted(posts, key=lambda post: _when(post, zone))
    new = [post for post in ordered if post.key not in known]
    stated = [post.number for post in ordered if post.sent]
    if first is None and None not in stated and len(set(stated)) == len(stated) and stated:
        own = {post.key: post.number for post in new if post.sent}
        after = max([*(one for one in stated if one is not None), *taken]) + 1
    else:
        own = {}
        after = first if first is not None else 1
        after = max([after, *(number + 1 for number in known.values())])
        wanted = range(after, after + len(new))
        if first is None and any(number in taken for number in wanted):
            after = max(taken) + 1
    found = []
    for post in new:
        number = own.get(post.key)
        if number is None:
            number, after = after, after + 1
        _expect_free(number, taken)
        found.append((number, post))
    return tuple(found)


def past_issue(
    post: PastPost, number: int, *, zone: ZoneInfo, service: str, site: str, pictures: Pictures
) -> PastIssue:
    """Write the file of a post.

    Args:
        post: what it was.
        number: of the issue.
        zone: the newsletter's.
        service: the earlier service's name.
        site: the address at which it was read, "" where nobody says.
        pictures: finds those that come along.
    """
    left_out = list(post.left_out)
    if post.kept_out:
        left_out.append(f"it says archive: no, for {post.kept_out}")
    if post.html:
        done = convert(post.html, site, pictures)
        body = done.body
        left_out += done.left_out
    else:
        body = _with_pictures(post.markdown, site, pictures)
    body = _UNFIT.sub("", body).strip("\n")
    aliases = []
    for alias in post.aliases:
        if problem := alias_problem(alias):
            left_out.append(f"its address {alias[:60]} {problem}")
        else:
            aliases.append(alias)
    title = _line(post.title)
    words = slug(re.sub(rf"^#?0*{number}\b", "", title))
    if len(words) > _SLUG:
        words = words[:_SLUG].rpartition("-")[0]
    post = dataclasses.replace(post, aliases=tuple(aliases), image=_image(post, site, pictures))
    return PastIssue(
        name=f"{number:03d}{f'-{words}' if words else ''}.md",
        text=f"{_front(post, number, local_day(post, zone), service)}\n{body}\n",
        left_out=tuple(left_out),
    )


def _front(post: PastPost, number: int, day: dt.date | None, service: str) -> str:
    subject = _line(post.subject)
    # A generator of sites sends nothing; who did is not told.
    sender = "yes" if service in {"Hugo", "Jekyll"} else service
    lines = [
        f"title: {_quoted(post.title)}",
        f"subject: {_quoted(post.subject)}" if subject not in {"", _line(post.title)} else "",
        f"date: {day}" if day else "",
        f"number: {number}",
        f"preheader: {_quoted(post.preheader)}" if post.preheader else "",
        f"aliases: {json.dumps(post.aliases, ensure_ascii=False)}" if post.aliases else "",
        f"image: {_quoted(post.image)}" if post.image else "",
        f"canonical: {_quoted(post.canonical)}" if _is_address(post.canonical) else "",
        f"sent_elsewhere: {sender}" if post.sent else "status: draft",
        "archive: no" if post.kept_out else "",
        f"imported: {_quoted(post.key)}",
    ]
    return "---\n" + "".join(f"{line}\n" for line in lines if line) + "---\n"


def _image(post: PastPost, site: str, pictures: Pictures) -> str:
    if not post.image:
        return ""
    address = post.image.replace("__GHOST_URL__", site.rstrip("/"))
    found = pictures(post.image) or (urljoin(f"{site.rstrip('/')}/", address) if site else address)
    return found if _is_address(found) or found.startswith("images/") else ""


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"https?://[^/\s]+\S*", text))


def _with_pictures(markdown: str, site: str, pictures: Pictures) -> str:
    """Markdown whose pictures are found where an issue finds them."""

    def moved(src: str) -> str:
        found = pictures(src)
        if not found and site and src.startswith("/"):
            found = urljoin(f"{site.rstrip('/')}/", src)
        return found

    return with_renamed(markdown, moved)


def _line(text: str) -> str:
    return " ".join(_UNFIT.sub("", html.unescape(text)).split(" ")).strip()


def _quoted(text: str) -> str:
    """A value for front matter, which reads entities in it once."""
    line = _line(text)
    if html.unescape(line) != line:
        line = line.replace("&", "&amp;")
    # JSON's strings are YAML's double-quoted ones.
    return json.dumps(line, ensure_ascii=False)


def _when(post: PastPost, zone: ZoneInfo) -> tuple[bool, str, str]:
    day = post.day
    if isinstance(day, dt.datetime):
        text = (day.astimezone(zone) if day.tzinfo else day).strftime("%Y-%m-%dT%H:%M:%S")
    else:
        text = str(day or "9999")
    return not post.sent, text, post.key


def _expect_free(number: int, taken: Mapping[int, str]) -> None:
    if number in taken:
        raise InputError(
            f"issue {number} is there already",
            place=Place(taken[number]),
            hint="give that file another number or delete it, or count the past ones from "
            "another: --first N",
        )
    if number > _LAST:
        raise InputError(
            "there are no numbers left for so many issues", hint="begin with a smaller --first"
        )
