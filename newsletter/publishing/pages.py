"""The HTML of the archive: Jinja templates shipped with the program, and what they are given."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.publishing.select import PublishedIssue
from newsletter.publishing.words import archive_words
from newsletter.render.colours import as_hex, from_hex, ink_on
from newsletter.render.quotes import like_body
from newsletter.render.web import WebLetter, web_line
from newsletter.render.words import date, direction
from newsletter.settings import Settings
from newsletter.settings.mail import look

_TEMPLATES: Final = Path(__file__).with_name("templates")
_WORDS_A_MINUTE: Final = 230
#: Issues on one page of the list.
ROWS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """The neighbour of an issue in the list."""

    number: int
    title: str


class ArchivePages:
    """Fills the templates for one newsletter.

    Args:
        settings: the newsletter's.
        form: the sign-up form as HTML, "" for none.
        head: HTML of the author's for the head of each page, "" for none.
        image: the picture of the newsletter itself for link previews, "" for none.
    """

    def __init__(self, settings: Settings, *, form: str, head: str, image: str) -> None:
        site = settings.site
        self._url = site.archive_url
        self._fields = settings.fields
        self._language = site.language
        self._words = archive_words(site.language)
        self._site: Mapping[str, str] = {
            "name": site.name,
            "language": site.language,
            "direction": direction(site.language),
            "description": settings.archive.description,
            "postal_address": ", ".join(site.postal_address.splitlines()),
            # A page with HTML of the author's has the author's policy.
            "policy": "" if head else _policy(form, site.public_url),
            "locale": site.language.replace("-", "_") if "-" in site.language else "",
            "form": form,
            "head": head,
            "image": image,
        }
        self._look = _look(settings)

    @property
    def inputs(self) -> str:
        """What all pages depend on, as text: settings, templates, words."""
        return repr((self._url, sorted(self._site.items()), sorted(self._look.items()),
                     sorted(self._words.items()), _templates()))  # fmt: skip

    def title(self, one: PublishedIssue) -> str:
        """An issue's title as a page says it."""
        return web_line(like_body(one.issue.title, one.issue.body), self._fields)

    def row(self, one: PublishedIssue) -> Mapping[str, str | int]:
        """What the list says about an issue."""
        return {
            "number": one.issue.number,
            "title": self.title(one),
            "day": one.published.date().isoformat(),
            "date": date(one.published.date(), self._language),
            "preheader": web_line(one.issue.preheader, self._fields),
            "minutes": max(1, round(len(one.issue.body.split()) / _WORDS_A_MINUTE)),
        }

    def index(self, rows: Sequence[Mapping[str, str | int]], number: int, pages: int) -> bytes:
        """One page of the list.

        Args:
            rows: of `row`, the newest first.
            number: of the page, from 1.
            pages: how many there are.
        """
        own = "" if number == 1 else f"page/{number}/"
        newer = "" if number == 2 else f"page/{number - 1}/"  # noqa: PLR2004  # the first has no folder
        return self._fill(
            "index.html",
            title=self._site["name"] or self._words["past"],
            root="" if number == 1 else "../../",
            url=f"{self._url}/{own}",
            rows=rows,
            number=number,
            before=None if number == 1 else newer,
            after=f"page/{number + 1}/" if number < pages else "",
            with_form=False,
        )

    def issue(
        self,
        one: PublishedIssue,
        letter: WebLetter,
        *,
        image: tuple[str, str],
        newer: Neighbour | None,
        older: Neighbour | None,
    ) -> bytes:
        """The page of an issue.

        Args:
            one: the issue.
            letter: what it says.
            image: the absolute address of its picture for link previews and the alternative text,
                both "" for none.
            newer: its neighbours in the list.
            older: likewise.
        """
        url, corrected = f"{self._url}/{one.issue.number}/", one.matter.updated
        return self._fill(
            "issue.html",
            title=letter.title,
            root="../",
            url=url,
            canonical=one.matter.canonical or url,
            listed=one.listed,
            description=letter.preheader or letter.excerpt,
            published=one.published.isoformat(),
            updated=one.updated.isoformat(),
            image=image[0],
            image_alt=image[1],
            number=one.issue.number,
            day=one.published.date().isoformat(),
            date=date(one.published.date(), self._language),
            corrected=date(corrected, self._language),
            letter=letter.html,
            newer=newer,
            older=older,
            with_form=True,
        )

    def missing(self) -> bytes:
        """The page for addresses that lead nowhere, which hosts show at any depth."""
        path = urlsplit(self._url).path.strip("/")
        root = f"/{path}/" if path else "/"
        return self._fill("missing.html", title=self._words["missing"], root=root, with_form=False)

    def moved(self, number: int) -> bytes:
        """The page at an earlier address of an issue."""
        return self._fill("moved.html", target=f"{self._url}/{number}/", number=number)

    def style(self) -> bytes:
        """The style sheet of all pages."""
        return _environment().get_template("style.css").render(look=self._look).encode()

    def _fill(self, name: str, **values: object) -> bytes:
        page = _environment().get_template(name)
        return page.render(site=self._site, words=self._words, **values).encode()


def _look(settings: Settings) -> Mapping[str, str]:
    theme, given = settings.theme, look(settings)
    accent, accent_dark = given.light.link, given.dark.link
    return {
        "accent": accent,
        "accent_dark": accent_dark,
        "on_accent": as_hex(ink_on(from_hex(accent))),
        "on_accent_dark": as_hex(ink_on(from_hex(accent_dark))),
        "font": theme.font,
        "heading_font": theme.heading_font,
    }


def _policy(form: str, public_url: str) -> str:
    parts = urlsplit(public_url)
    action = f"{parts.scheme}://{parts.netloc}" if form and public_url else "'none'"
    return (
        "default-src 'none'; img-src 'self' https: data:; style-src 'self'; "
        f"form-action {action}; base-uri 'none'"
    )


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False, keep_trailing_newline=True,
    )  # fmt: skip


@functools.cache
def _templates() -> str:
    whole = b"".join(path.read_bytes() for path in sorted(_TEMPLATES.iterdir()))
    return hashlib.sha256(whole).hexdigest()
