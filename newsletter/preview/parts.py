"""What a finished mail is made of, read back from the mail itself: links, pictures, headers."""

from __future__ import annotations

import email
import email.header
import email.policy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import unquote, unquote_plus, urlsplit

import lxml.html

from newsletter.render import RenderedLink
from newsletter.render.markdown import Image

#: Headers that Amazon SES writes itself, whatever a mail says (SES guide, "Header fields").
SES_WRITES: Final = ("Date", "Message-ID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the HTML part.

    Attributes:
        text: what the reader sees; a picture's description in brackets.
        url: where it leads, as it stands in the mail.
        tags: the (name, value) pairs of the query that begin with "utm_".
        line: of the issue's file, 0 for a link of the theme.
        tagged: whether the tags are the newsletter's own.
    """

    text: str
    url: str
    tags: tuple[tuple[str, str], ...]
    line: int
    tagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of the HTML part.

    Attributes:
        src: where the mail says it is.
        alt: what is shown while it is blocked.
        here: where the preview serves it, "" when it does not lie beside the issue.
        size: bytes of the file beside the issue, 0 when there is none.
        line: of the issue's file, 0 for a picture of the theme.
    """

    src: str
    alt: str
    here: str
    size: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header of the mail.

    Attributes:
        name: as it stands there.
        raw: the value as it is sent, folded lines and all.
        meaning: the value as a mail program shows it.
        ses_writes: whether Amazon SES puts its own in this place.
    """

    name: str
    raw: str
    meaning: str
    ses_writes: bool


def links(html: str, written: Sequence[RenderedLink]) -> tuple[Link, ...]:
    """Every link of the page in its order.

    Args:
        html: the HTML part as somebody gets it.
        written: the same links as they were rendered, for their lines.
    """
    page = lxml.html.document_fromstring(html)
    found = cast(list[lxml.html.HtmlElement], page.xpath("//a[@href] | //area[@href]"))
    known = [*written, *([None] * (len(found) - len(written)))]
    return tuple(_link(element, origin) for element, origin in zip(found, known, strict=False))


def pictures(
    html: str,
    written: Sequence[Image],
    *,
    here: Callable[[str], str],
    size: Callable[[str], int],
) -> tuple[Picture, ...]:
    """Every picture of the page in its order.

    Args:
        html: the HTML part as somebody gets it.
        written: the letter's pictures as they were rendered, for their lines.
        here: where the preview serves what the mail names so, "" for what is elsewhere.
        size: bytes of that file.
    """
    lines: dict[str, list[int]] = {}
    for image in written:
        lines.setdefault(image.src, []).append(image.line)
    found = []
    for element in lxml.html.document_fromstring(html).iter("img"):
        src = str(element.get("src", ""))
        left = lines.get(src)
        found.append(
            Picture(
                src=src, alt=str(element.get("alt", "")), here=here(src), size=size(src),
                line=left.pop(0) if left else 0,
            )
        )  # fmt: skip
    return tuple(found)


def headers(mail: bytes) -> tuple[Header, ...]:
    """The headers of a mail in their order; together their names and raw values are its head."""
    head = mail.partition(b"\r\n\r\n")[0].decode("ascii")
    found = []
    for line in re.split(r"\r\n(?![ \t])", head):
        name, _, raw = line.partition(": ")
        raw = raw.replace("\r\n", "\n")
        found.append(
            Header(name=name, raw=raw, meaning=_decoded(raw), ses_writes=name in SES_WRITES)
        )
    return tuple(found)


def text_part(mail: bytes) -> str:
    """The text part of a mail, decoded, LF line ends."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    part = message.get_body(("plain",))
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


def _link(element: lxml.html.HtmlElement, origin: RenderedLink | None) -> Link:
    url = str(element.get("href"))
    _, _, query = url.partition("#")[0].partition("?")
    tags = [pair for pair in query.split("&") if pair.lower().startswith("utm_")]
    return Link(
        text=_words(element),
        url=url,
        tags=tuple(_pair(tag) for tag in tags),
        line=origin.line if origin else 0,
        tagged=origin is not None and origin.url != origin.written,
    )


def _words(element: lxml.html.HtmlElement) -> str:
    text = " ".join(str(element.xpath("string()")).split())
    if text:
        return text
    described = (str(picture.get("alt", "")) for picture in element.iter("img"))
    return next((f"[{alt}]" for alt in described if alt), "")


def _pair(tag: str) -> tuple[str, str]:
    name, _, value = tag.partition("=")
    return unquote_plus(name), unquote_plus(value)


def _decoded(raw: str) -> str:
    unfolded = re.sub(r"\n(?=[ \t])", "", raw)
    if "=?" not in unfolded:
        return unfolded
    return str(email.header.make_header(email.header.decode_header(unfolded)))


def local_name(src: str, assets_url: str) -> str:
    """The name beside the issue of a picture the mail names so; "" for one that is elsewhere."""
    base = f"{assets_url.rstrip('/')}/" if assets_url else ""
    if not src.startswith(base) or urlsplit(src.removeprefix(base)).scheme:
        return ""
    return unquote(src.removeprefix(base))
