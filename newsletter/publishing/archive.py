"""The files of the archive by their path, each made only when somebody needs its bytes.

Every file has a fingerprint of all that it is made from. Where a file of an earlier build has the
same one, neither the letter is rendered again nor the file written.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from newsletter import __version__
from newsletter.errors import InputError
from newsletter.issue import Issue
from newsletter.publishing.feeds import FeedEntry, FeedHead, atom, rss, sitemap
from newsletter.publishing.letters import KnownLetter, Letters, PictureReader
from newsletter.publishing.pages import ROWS, ArchivePages, Neighbour
from newsletter.publishing.redirects import Redirect, as_netlify, base_path, redirects
from newsletter.publishing.select import PublishedIssue, Selection, select_issues
from newsletter.render.web import feed_html
from newsletter.settings import Settings
from newsletter.settings.mail import header_picture, sender

#: A picture with a shorter side is an ornament, and no link preview shows it.
_TINY: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSources:
    """What an archive is made from.

    Attributes:
        settings: the newsletter's.
        issues: all of its folder's.
        sent: when the real run of an issue was begun, by number.
        picture: reads a picture of an issue.
        head: the author's HTML for the head of each page, "" for none.
        form: the sign-up form as HTML, "" for none.
        known: letters of an earlier build by the fingerprint of what they say.
    """

    settings: Settings
    issues: tuple[Issue, ...]
    sent: Mapping[int, dt.datetime]
    picture: PictureReader
    head: str = ""
    form: str = ""
    known: Mapping[str, KnownLetter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """One file.

    Attributes:
        path: below the archive's folder, with slashes.
        inputs: SHA-256 (hex) of all that it is made from.
        make: its bytes.
        picture: whether `make` reads a file of the author's, which may be large.
    """

    path: str
    inputs: str
    make: Callable[[], bytes]
    picture: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A whole archive, not yet written anywhere.

    Attributes:
        files: by path, in order.
        selection: which issues are in it, and why others are not.
        redirects: earlier addresses.
        letters: what is to be remembered of its letters for the next build.
    """

    files: Mapping[str, ArchiveFile]
    selection: Selection
    redirects: tuple[Redirect, ...]
    letters: Mapping[str, KnownLetter]


def build_archive(
    sources: ArchiveSources, *, today: dt.date, about_to_go: Iterable[int] = ()
) -> Archive:
    """Lay out the archive.

    Args:
        sources: what it is made from.
        today: the author's date.
        about_to_go: numbers of issues that get a page before they are sent.

    Raises:
        InputError: no `site.archive_url` or `sender.from_address`, two files with one number, or
            an issue that cannot be read.
        UnfitArchiveError: a picture, an alias or a merge field is in the way.
    """
    settings, wanted = sources.settings, frozenset(about_to_go)
    if not settings.site.archive_url:
        raise InputError(
            "the archive has no address", hint="set site.archive_url, where it will be read"
        )
    _expect_numbers(sources.issues, wanted)
    selection = select_issues(
        sources.issues, sources.sent, include=settings.archive.include, today=today,
        zone=ZoneInfo(settings.site.timezone), about_to_go=wanted,
    )  # fmt: skip
    moved = redirects(selection.issues, settings.site.archive_url)
    letters = Letters(settings, sources.picture, sources.known)
    letters.look_through(selection.issues)
    layout = _Layout(sources, selection, letters, moved)
    return Archive(
        files=dict(sorted(layout.files.items())), selection=selection, redirects=moved,
        letters=letters.to_remember(),
    )  # fmt: skip


def _expect_numbers(issues: tuple[Issue, ...], wanted: frozenset[int]) -> None:
    seen: dict[int, Issue] = {}
    for issue in issues:
        if issue.number in seen:
            raise InputError(
                f"two files are issue {issue.number}: {seen[issue.number].file} and {issue.file}",
                place=issue.place("number"),
                hint="rename one of them",
            )
        seen[issue.number] = issue
    for number in sorted(wanted - set(seen)):
        raise InputError(f"there is no issue {number}", hint="see --with")


class _Layout:
    """Which files there are, and what each is made from."""

    def __init__(
        self,
        sources: ArchiveSources,
        selection: Selection,
        letters: Letters,
        moved: tuple[Redirect, ...],
    ) -> None:
        self._settings, self._selection, self._letters = sources.settings, selection, letters
        self._url = sources.settings.site.archive_url
        banner = header_picture(sources.settings)
        self._banner = banner if "://" in banner else ""
        self._pages = ArchivePages(
            sources.settings, form=sources.form, head=sources.head, image=self._banner
        )
        self.files: dict[str, ArchiveFile] = {}
        self._issues()
        self._lists()
        self._feeds()
        self._moved(moved)
        for name, (digest, read) in letters.pictures().items():
            self._add(name, (digest,), read, picture=True)

    def _add(
        self,
        path: str,
        inputs: tuple[object, ...],
        make: Callable[[], bytes],
        *,
        picture: bool = False,
    ) -> None:
        whole = repr((__version__, path, inputs)).encode(errors="backslashreplace")
        digest = hashlib.sha256(whole).hexdigest()
        self.files[path] = ArchiveFile(path=path, inputs=digest, make=make, picture=picture)

    def _issues(self) -> None:
        listed = self._selection.listed
        steps = [Neighbour(number=one.issue.number, title=self._pages.title(one)) for one in listed]
        at = {one.issue.number: n for n, one in enumerate(listed)}
        for one in self._selection.issues:
            n = at.get(one.issue.number)
            newer = steps[n - 1] if n else None
            older = steps[n + 1] if n is not None and n + 1 < len(steps) else None
            self._add(
                f"{one.issue.number}/index.html",
                (self._pages.inputs, self._print(one), newer, older),
                functools.partial(self._issue, one, newer, older),
            )

    def _print(self, one: PublishedIssue) -> tuple[object, ...]:
        """What an issue's page and its entry in a feed depend on."""
        dates = (one.published.isoformat(), one.updated.isoformat(), one.listed)
        return (one.issue.number, self._letters.fingerprint(one), dates, one.matter)

    def _issue(
        self, one: PublishedIssue, newer: Neighbour | None, older: Neighbour | None
    ) -> bytes:
        letter = self._letters.letter(one)
        return self._pages.issue(one, letter, image=self._image(one), newer=newer, older=older)

    def _image(self, one: PublishedIssue) -> tuple[str, str]:
        """The picture for link previews and its alternative text."""
        page = f"{self._url}/{one.issue.number}/"
        if own := one.matter.image:
            return urljoin(f"{self._url}/", own), ""
        for src, alt in self._letters.letter(one).pictures:
            size = self._letters.size(src)
            address = urljoin(page, src)
            if address.startswith("http") and (size is None or min(size) >= _TINY):
                return address, alt
        return self._banner, ""

    def _lists(self) -> None:
        listed, inputs = self._selection.listed, self._pages.inputs
        rows = [self._pages.row(one) for one in listed]
        pages = max(1, -(-len(rows) // ROWS))
        for n in range(1, pages + 1):
            some = rows[(n - 1) * ROWS : n * ROWS]
            path = "index.html" if n == 1 else f"page/{n}/index.html"
            make = functools.partial(self._pages.index, some, n, pages)
            self._add(path, (inputs, some, n, pages), make)
        self._add("404.html", (inputs,), self._pages.missing)
        self._add("style.css", (inputs,), self._pages.style)
        if listed:
            number = listed[0].issue.number
            make = functools.partial(self._pages.moved, number)
            self._add("latest/index.html", (inputs, number), make)

    def _feeds(self) -> None:
        listed, settings = self._selection.listed, self._settings
        newest = listed[: settings.archive.feed_items]
        head = FeedHead(
            title=settings.site.name or sender(settings).list_id,
            subtitle=settings.archive.description,
            author=settings.sender.from_name or settings.site.name,
            language=settings.site.language,
            domain=sender(settings).address.rpartition("@")[2],
            url=self._url,
        )
        inputs = (head, [self._print(one) for one in newest])
        self._add("feed.xml", inputs, lambda: atom(head, self._entries(newest)))
        self._add("rss.xml", inputs, lambda: rss(head, self._entries(newest)))
        days: list[tuple[str, dt.date | None]] = [(f"{self._url}/", None)]
        days += [
            (f"{self._url}/{one.issue.number}/", one.updated.date())
            for one in listed
            if not one.matter.canonical
        ]
        self._add("sitemap.xml", (days,), lambda: sitemap(days))
        robots = f"User-agent: *\nAllow: /\n\nSitemap: {self._url}/sitemap.xml\n"
        self._add("robots.txt", (robots,), robots.encode)

    def _entries(self, issues: tuple[PublishedIssue, ...]) -> list[FeedEntry]:
        return [self._entry(one) for one in issues]

    def _entry(self, one: PublishedIssue) -> FeedEntry:
        letter, page = self._letters.letter(one), f"{self._url}/{one.issue.number}/"
        return FeedEntry(
            number=one.issue.number,
            link=one.matter.canonical or page,
            title=letter.title,
            summary=letter.preheader or letter.excerpt,
            content=feed_html(letter.html, page),
            published=one.published,
            updated=one.updated,
        )

    def _moved(self, moved: tuple[Redirect, ...]) -> None:
        for one in moved:
            paths = [f"{one.file}/index.html"]
            if one.old.endswith(".html") and not one.old.endswith("/index.html"):
                paths.append(f"{one.file}.html")
            for path in paths if one.has_page else ():
                make = functools.partial(self._pages.moved, one.number)
                self._add(path, (self._pages.inputs, one.number), make)
        text = as_netlify(moved, base_path(self._url))
        self._add("_redirects", (text,), text.encode)
