"""The feeds: Atom (RFC 4287) and RSS 2.0, with the whole letters, and the map for search engines.

Each entry has one name for ever: a tag URI (RFC 4151) of the sender's domain, the year and the
number of the issue. Neither a new address of the archive nor a new title changes it.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

_ATOM: Final = "http://www.w3.org/2005/Atom"
_CONTENT: Final = "http://purl.org/rss/1.0/modules/content/"
_MAP: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
# The stubs know no default namespace.
_ATOM_ALONE: Final[Any] = {None: _ATOM}
_MAP_ALONE: Final[Any] = {None: _MAP}
#: What XML 1.0 cannot hold, in whatever way it is written.
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: The year in which the form of these names was decided; they never change with the newsletter.
_YEAR: Final = 2026


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One issue in a feed.

    Attributes:
        number: of the issue.
        link: where it is read, absolute.
        title: plain text, like the next.
        summary: may be empty.
        content: HTML with absolute addresses.
        published: with a time zone, like the next.
        updated: not before it was published.
    """

    number: int
    link: str
    title: str
    summary: str
    content: str
    published: dt.datetime
    updated: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """What a feed says about the newsletter.

    Attributes:
        title: plain text, like the next two.
        subtitle: may be empty.
        author: whoever writes it.
        language: a BCP 47 tag.
        domain: the sender's, which names the entries.
        url: the archive's address, without a slash at the end.
    """

    title: str
    subtitle: str
    author: str
    language: str
    domain: str
    url: str


def entry_id(domain: str, entry: FeedEntry) -> str:
    """The name of an entry, the same in all feeds."""
    return f"tag:{domain},{entry.published.year}:issue-{entry.number}"


def atom(head: FeedHead, entries: Sequence[FeedEntry]) -> bytes:
    """An Atom feed, the newest entry first."""
    feed = etree.Element(f"{{{_ATOM}}}feed", {_LANGUAGE: head.language}, nsmap=_ATOM_ALONE)
    _add(feed, "id", f"tag:{head.domain},{_YEAR}:newsletter")
    _add(feed, "title", head.title)
    if head.subtitle:
        _add(feed, "subtitle", head.subtitle)
    _add(feed, "updated", _moment(_newest(entries)))
    _add(feed, "link", rel="self", type="application/atom+xml", href=f"{head.url}/feed.xml")
    _add(feed, "link", rel="alternate", type="text/html", href=f"{head.url}/")
    _add(_add(feed, "author"), "name", head.author)
    for one in entries:
        entry = _add(feed, "entry")
        _add(entry, "id", entry_id(head.domain, one))
        _add(entry, "title", one.title)
        _add(entry, "link", rel="alternate", type="text/html", href=one.link)
        _add(entry, "published", _moment(one.published))
        _add(entry, "updated", _moment(one.updated))
        if one.summary:
            _add(entry, "summary", one.summary)
        _add(entry, "content", one.content, type="html")
    return _written(feed)


def rss(head: FeedHead, entries: Sequence[FeedEntry]) -> bytes:
    """The same as RSS 2.0, for programs that read no other."""
    root = etree.Element("rss", {"version": "2.0"}, nsmap={"atom": _ATOM, "content": _CONTENT})
    channel = etree.SubElement(root, "channel")
    _plain(channel, "title", head.title)
    _plain(channel, "link", f"{head.url}/")
    _plain(channel, "description", head.subtitle or head.title)
    _plain(channel, "language", head.language)
    _plain(channel, "lastBuildDate", _mail_date(_newest(entries)))
    _add(channel, "link", rel="self", type="application/rss+xml", href=f"{head.url}/rss.xml")
    for one in entries:
        item = etree.SubElement(channel, "item")
        _plain(item, "title", one.title)
        _plain(item, "link", one.link)
        guid = _plain(item, "guid", entry_id(head.domain, one))
        guid.set("isPermaLink", "false")
        _plain(item, "pubDate", _mail_date(one.published))
        if one.summary:
            _plain(item, "description", one.summary)
        content = etree.SubElement(item, f"{{{_CONTENT}}}encoded")
        content.text = _xml(one.content)
    return _written(root)


def sitemap(pages: Sequence[tuple[str, dt.date | None]]) -> bytes:
    """The map of absolute addresses with the day on which each last changed."""
    root = etree.Element(f"{{{_MAP}}}urlset", nsmap=_MAP_ALONE)
    for url, day in pages:
        one = etree.SubElement(root, f"{{{_MAP}}}url")
        etree.SubElement(one, f"{{{_MAP}}}loc").text = url
        if day:
            etree.SubElement(one, f"{{{_MAP}}}lastmod").text = day.isoformat()
    return _written(root)


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    element.text = _xml(text) or None
    return element


def _plain(parent: etree._Element, name: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, name)
    element.text = _xml(text)
    return element


def _xml(text: str) -> str:
    return _NO_XML.sub("", text)


def _newest(entries: Sequence[FeedEntry]) -> dt.datetime:
    # A feed without entries needs a date, and the same one with each build.
    empty = dt.datetime(_YEAR, 1, 1, tzinfo=dt.UTC)
    return max((one.updated for one in entries), default=empty)


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _mail_date(moment: dt.datetime) -> str:
    return email.utils.format_datetime(moment.astimezone(dt.UTC), usegmt=True)


def _written(root: etree._Element) -> bytes:
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"
