"""The stages of rendering in their order.

    fields -> Markdown tokens -> text part and HTML fragment -> theme shell -> XML check ->
    armour -> MJML -> fragment into its slot -> tree -> targets -> tags -> styles -> RenderedIssue

Only the theme's shell goes through the MJML compiler; the letter is put in afterwards, so nothing
an author writes can break a page. Tokens are counted at every step: exactly as many as before.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import idna
from lxml import etree
from mjml import mjml2html

from newsletter.errors import InputError, Place
from newsletter.issue import Issue
from newsletter.issue.page import has_page
from newsletter.render import (
    LOGO_WIDTH,
    TEXT_SIZE,
    Frame,
    Look,
    Options,
    RenderedIssue,
    Theme,
    armour,
    shell,
    tree,
)
from newsletter.render.inline import inline_styles
from newsletter.render.letter import ComposedLetter, compose, refuse_forged
from newsletter.render.lint import lint
from newsletter.render.markdown import Document, Image, author_classes
from newsletter.render.markdown.fields import CONTENT, RATE, TOKEN, UNSUBSCRIBE, Fields
from newsletter.render.markdown.text import columns, text_part, wrap
from newsletter.render.palette import palettes
from newsletter.render.pictures import local_path
from newsletter.render.sizes import Measure, Size, unmeasured
from newsletter.render.utm import tag
from newsletter.render.words import date, direction, words

# Its tables are read from the disk on the first foreign host, which would be inside a render.
idna.encode("\u00e4.example", uts46=True)

# Approvals and runs hold hashes that were made when a look had these alone.
_FIRST: Final = ("accent", "accent_dark", "font", "heading_font", "divider", "header_image")
#: Text up to the next tag.
_TEXT: Final = re.compile(r"[^<>]*<")
_OFFSET: Final = re.compile(r"(?: in root template)?(?: at)? position \d+(?::\d+)?")


def render(
    issue: Issue,
    theme: Theme,
    options: Options,
    measure: Measure = unmeasured,
    frame: Frame | None = None,
) -> RenderedIssue:
    """Render an issue once, for everybody; same input, same bytes.

    Args:
        issue: what the author wrote.
        theme: what it is put into: its `letter.mjml` and `letter.txt` for a mail that is no issue,
            where it has them.
        options: of the newsletter; `fields` are an issue's alone.
        measure: asked for each local picture of the letter.
        frame: of a mail that is no issue.

    Raises:
        InputError: the theme is malformed (its file and line), or the author's text holds a
            reserved token. Whatever Markdown holds renders.
    """
    if frame is None:
        options = _shown(options, theme)
        fields = Fields(options.fields, rated=bool(options.ratings))
    else:
        fields = Fields(frame.texts, frame.links)
    letter = compose(issue, fields, options.language, _taken(theme))
    values, document = _framed(frame, fields, _values(issue, options, letter)), letter.document

    @functools.cache  # both parts and every repeated link ask for the same few hundred
    def tagged(url: str) -> str:
        return tag(url, options.tags) if options.tags else url

    def final(index: int) -> str:
        link = document.links[index]
        return tagged(link.href) if link.utm else link.href

    plain = text_part(document, final, tagged)
    refuse_forged(issue, document, fields, plain)
    text = _text(theme, _entry(theme, frame, "txt"), values, plain, tagged)
    page, mjml = _page(theme, _entry(theme, frame, "mjml"), values, letter.html)
    root = tree.parse(page)
    images = _put_back_targets(root, document, options, measure)
    tree.harden(root)
    links = tree.tag_links(root, tagged, body_line=issue.body_line)
    root = inline_styles(root)
    tree.set_widths(root)
    html = tree.write(root)
    _expect_tokens(html, page, document, issue)
    return RenderedIssue(
        subject=letter.subject,
        preheader=letter.preheader,
        html=html,
        text=text,
        mjml=mjml,
        slots=fields.slots,
        links=links,
        fields_without_fallback=tuple(sorted(fields.without_fallback)),
        source_hash=source_hash(issue, theme, options),
        **_parts(document, images, issue.body_line - 1),
    )


@functools.lru_cache(maxsize=8)
def _taken(theme: Theme) -> frozenset[str]:
    return author_classes.taken_by(text for _, text in theme.files)


def _put_back_targets(
    root: etree._Element, document: Document, options: Options, measure: Measure
) -> tuple[Image, ...]:
    def size(src: str) -> Size | None:
        path = local_path(src, options.assets_url)
        return measure(path) if path else None

    return tree.put_back_targets(root, document, lambda src: _asset(src, options.assets_url), size)


def _parts(document: Document, images: tuple[Image, ...], above: int) -> dict[str, Any]:
    """What checks want to know of a letter with `above` lines over it, in lines of the file."""
    return {
        "images": tuple(dataclasses.replace(i, line=i.line + above) for i in images),
        "raws": tuple(dataclasses.replace(r, line=r.line + above) for r in document.raws),
        "words": tuple((text, line + above) for text, line in document.words),
        "unlinked": tuple((text, line + above) for text, line in document.unlinked),
        "headings": tuple((level, text, line + above) for level, text, line in document.headings),
    }


def source_hash(issue: Issue, theme: Theme, options: Options) -> str:
    """SHA-256 (hex) of everything a letter is made from: the same on every machine."""
    options = _shown(options, theme)
    told = map(repr, (_plain(options), *_palette(options.look)))
    # As a tuple of all of them is told, which is what the hashes of before were made from.
    whole = f"({issue.source_hash!r}, {_told(theme)}, {', '.join(told)})"
    return hashlib.sha256(whole.encode()).hexdigest()


@functools.lru_cache(maxsize=8)
def _told(theme: Theme) -> str:
    return repr(theme.files)


def _shown(options: Options, theme: Theme) -> Options:
    """Options without what came later, where the theme does not show it.

    Approvals with such a theme were given before there was any.
    """
    texts = "".join(text for _, text in theme.files)
    if "subscribe_url" not in texts:
        options = dataclasses.replace(options, subscribe_url="")
    if "privacy_url" not in texts:
        options = dataclasses.replace(options, privacy_url="")
    if "ratings" not in texts and "rate_url" not in texts:
        options = dataclasses.replace(options, ratings=())
    return options


def _plain(options: Options) -> list[tuple[str, str]]:
    """Options as text, the same for mappings that are equal.

    What came later has a default, and is told where it is another: hashes of before stay.
    """
    values = ((f, getattr(options, f.name)) for f in dataclasses.fields(options))
    return [(f.name, _repr(v)) for f, v in values if v != f.default]


def _repr(value: object) -> str:
    if isinstance(value, Look):
        shown = (f"{name}={getattr(value, name)!r}" for name in _FIRST)
        return f"Look({', '.join(shown)})"
    return repr(sorted(value.items()) if isinstance(value, Mapping) else value)


def _palette(look: Look) -> tuple[str, ...]:
    """What a look has learned since the first version, where it says more than the accent."""
    light, dark = palettes(look.accent, accent_dark=look.accent_dark)
    plain = dataclasses.replace(
        look, light=light, dark=dark, text_size=TEXT_SIZE, logo="", logo_width=LOGO_WIDTH
    )
    return () if look == plain else (repr(look),)


def _values(issue: Issue, options: Options, letter: ComposedLetter) -> dict[str, Any]:
    """What a theme is given; docs/themes.md explains each."""
    fixed = words(options.language)
    archive = options.archive_url.rstrip("/")
    return {
        "number": issue.number,
        "title": letter.title,
        "subject": letter.subject,
        "preheader": letter.preheader,
        "date": date(issue.date, options.language),
        "site": {
            "name": options.site_name,
            "public_url": options.public_url,
            "archive_url": options.archive_url,
            "postal_address": options.postal_address,
            "language": options.language,
            "direction": direction(options.language),
        },
        "sender": {"from_name": options.from_name},
        "theme": _theme(options.look),
        "words": fixed,
        "reason": fixed["reason"].format(name=options.site_name),
        "unsubscribe_url": UNSUBSCRIBE,
        "subscribe_url": options.subscribe_url,
        "rate_url": RATE if options.ratings else "",
        "ratings": [{"label": words, "url": f"{RATE}/{one}"} for one, words in options.ratings],
        "privacy_url": options.privacy_url,
        "view_url": f"{archive}/{issue.number}/" if archive and has_page(issue) else "",
    }


def _theme(look: Look) -> dict[str, Any]:
    # Themes written before there were palettes draw links in the accent.
    palettes = {"light": look.light._asdict(), "dark": look.dark._asdict()}
    own = {field.name: getattr(look, field.name) for field in dataclasses.fields(look)}
    return {**own, **palettes, "accent": look.light.link}


def _asset(src: str, base: str) -> str:
    """A local image as the mail shows it; without `site.assets_url` it stays, with a finding."""
    if not base or "://" in src or src.startswith(("/", "#", "data:", "cid:")):
        return src
    return f"{base.rstrip('/')}/{src.removeprefix('./')}"


def _entry(theme: Theme, frame: Frame | None, kind: str) -> str:
    """The theme's file to begin with; its own for mails that are no issues, where it has one."""
    own = f"letter.{kind}"
    return own if frame is not None and own in dict(theme.files) else f"issue.{kind}"


def _framed(frame: Frame | None, fields: Fields, values: dict[str, Any]) -> dict[str, Any]:
    """What a theme is given otherwise where there is no issue: no number, no date, no archive."""
    if frame is None:
        return values
    words = {**values["words"], "issue": ""}
    if frame.leave:
        words["unsubscribe"] = fields.in_text(frame.leave)
    reason = fields.in_text(frame.reason) if frame.reason else values["reason"]
    own = {"number": "", "date": "", "words": words, "reason": reason}
    own |= {"view_url": "", "subscribe_url": "", "rate_url": "", "ratings": []}
    return values | own


def _text(theme: Theme, entry: str, values: dict[str, Any], body: str, tagged: tree.Tagger) -> str:
    def underline(text: str, mark: str = "=") -> str:
        return mark * max(columns(line) for line in text.split("\n"))

    given = {"wrap": lambda text: "\n".join(wrap(text)), "underline": underline, "tag": tagged}
    filled = shell.fill(theme, entry, {**values, **given, "content": CONTENT})
    _expect_one_slot(theme, filled, entry)
    lines = filled.text.replace(CONTENT, body).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _page(theme: Theme, entry: str, values: dict[str, Any], letter: str) -> tuple[str, str]:
    """The compiled page with the letter in it, and the same before compiling."""
    filled = shell.fill(theme, entry, {**values, "content": CONTENT})
    _expect_one_slot(theme, filled, entry)
    lint(theme, filled)
    page = _compile(theme, filled)
    # Between two tags and nowhere else: an attribute or a title shows no letter.
    before, _, behind = page.partition(CONTENT)
    if page.count(CONTENT) != 1 or _inside_tag(before) or not _TEXT.match(behind):
        raise InputError(
            "the letter's place gets lost in the MJML compiler",
            place=filled.place(theme, filled.text.index(CONTENT)),
            hint="{{ content }} stands alone inside an mj-text",
        )
    return page.replace(CONTENT, letter), filled.text.replace(CONTENT, letter)


def _inside_tag(before: str) -> bool:
    """Whether a page that breaks off here does so in a tag, or before any."""
    return before.rfind(">") <= before.rfind("<")


def _expect_one_slot(theme: Theme, filled: shell.Shell, entry: str) -> None:
    found = [match.start() for match in re.finditer(CONTENT, filled.text)]
    if not found:
        raise InputError(
            "the theme has no place for the letter",
            place=Place(theme.path(entry), 1),
            hint="put {{ content }} where the letter belongs; in issue.mjml into an mj-text",
        )
    if len(found) > 1:
        raise InputError(
            f"the theme shows the letter {len(found)} times",
            place=filled.place(theme, found[1]),
            hint="keep one {{ content }}",
        )


def _compile(theme: Theme, filled: shell.Shell) -> str:
    armoured = armour.armour(filled.text)
    try:
        return str(mjml2html(armoured, fonts={}))
    except ValueError as error:
        cause = str(error)
        told = _OFFSET.sub("", cause)  # an offset into a page that nobody has seen
        found = re.search(r" in root template at position (\d+):(\d+)", cause)
        if found is None:
            raise InputError(
                "the MJML compiler refuses the theme",
                place=Place(theme.path("issue.mjml"), 1),
                cause=told,
                hint="the outermost element is mjml",
            ) from error
        line = armour.line_of(armoured, int(found[1]))
        refused = armoured[int(found[1]) : int(found[2])].strip()
        raise InputError(
            f"the MJML compiler does not take {refused} here"
            if refused
            else "the MJML compiler does not take blanks here, only a line break",
            place=filled.line_place(theme, line),
            cause=told,
            hint="elements and texts must stand where MJML allows them"
            if refused
            else "end the line right behind the last element of mj-head and of mj-attributes",
        ) from error


def _expect_tokens(html: str, page: str, document: Document, issue: Issue) -> None:
    """Every token that went in came out: a lost unsubscribe link must never leave the house.

    Raises:
        InputError: the author's own HTML tears a link with a merge field in it apart.
    """
    before = Counter(TOKEN.findall(page))
    targets = [(x.href, x.line) for x in document.links]
    targets += [(x.src, x.line) for x in document.images]
    for target, _ in targets:
        before.update(TOKEN.findall(target))
    after = Counter(TOKEN.findall(html))
    if after == before:
        return
    for target, line in targets:
        if any(after[token] != before[token] for token in TOKEN.findall(target)):
            raise InputError(
                "the merge field in this address is lost or doubled: HTML around it is torn apart",
                place=Place(issue.file, issue.body_line + line - 1),
                hint="let each tag that is opened before the link be closed behind it",
            )
    raise AssertionError("a merge field was lost or doubled while rendering")
