"""The stages of rendering in their order.

    fields -> Markdown tokens -> text part and HTML fragment -> theme shell -> XML check ->
    armour -> MJML -> fragment into its slot -> tree -> targets -> tags -> styles -> Rendered

Only the theme's shell goes through the MJML compiler; the letter is put in afterwards, so nothing
an author writes can break a page. Tokens are counted at every step: exactly as many as before.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mjml import mjml2html

from newsletter.errors import InputError, Place
from newsletter.issue import Issue
from newsletter.markup import Document, Image, parse
from newsletter.markup.fields import CONTENT, TOKEN, UNSUBSCRIBE, Fields, refuse_reserved
from newsletter.markup.html import fragment
from newsletter.markup.text import text_part, wrap
from newsletter.render import Options, Rendered, Theme, armour, shell, tree
from newsletter.render.words import date, direction, words
from newsletter.utm import tag


def render(issue: Issue, theme: Theme, options: Options) -> Rendered:
    """Render an issue once, for everybody; same input, same bytes.

    Raises:
        InputError: the theme is malformed (its file and line), or the author's text holds a
            reserved token. Whatever Markdown holds renders.
    """
    for text in (issue.title, issue.subject, issue.preheader):
        refuse_reserved(text, issue.file)
    refuse_reserved(issue.body, issue.file, first_line=issue.body_line)
    fields = Fields(options.fields)
    subject = fields.in_text(issue.subject)
    values = _values(issue, options, fields, subject)
    document = parse(issue.body, fields)
    images = tuple(_with_asset(image, options.assets_url) for image in document.images)

    def tagged(url: str) -> str:
        return tag(url, options.tags) if options.tags else url

    def final(index: int) -> str:
        link = document.links[index]
        return tagged(link.href) if link.utm else link.href

    text = _text(theme, values, text_part(document, final), tagged)
    page, mjml = _page(theme, values, fragment(document))
    root = tree.parse(page)
    tree.put_back_targets(root, document, images)
    links = tree.tag_links(root, tagged, body_line=issue.body_line)
    html = tree.write(tree.inline_styles(root))
    _expect_tokens(html, page, document)
    offset = issue.body_line - 1
    return Rendered(
        subject=subject,
        preheader=str(values["preheader"]),
        html=html,
        text=text,
        mjml=mjml,
        slots=fields.slots,
        links=links,
        images=tuple(dataclasses.replace(i, line=i.line + offset) for i in images),
        raws=tuple(dataclasses.replace(r, line=r.line + offset) for r in document.raws),
        words=tuple((text, line + offset) for text, line in document.words),
        headings=tuple((level, text, line + offset) for level, text, line in document.headings),
        fields_without_fallback=tuple(sorted(fields.without_fallback)),
        source_hash=source_hash(issue, theme, options),
    )


def source_hash(issue: Issue, theme: Theme, options: Options) -> str:
    """SHA-256 (hex) of everything a letter is made from: the same on every machine."""
    whole = repr((issue.source_hash, theme.files, _plain(options)))
    return hashlib.sha256(whole.encode()).hexdigest()


def _plain(options: Options) -> list[tuple[str, str]]:
    """Options as text, the same for mappings that are equal."""
    values = ((f.name, getattr(options, f.name)) for f in dataclasses.fields(options))
    return [(k, repr(sorted(v.items()) if isinstance(v, Mapping) else v)) for k, v in values]


def _values(issue: Issue, options: Options, fields: Fields, subject: str) -> dict[str, Any]:
    """What a theme is given; docs/themes.md explains each."""
    fixed = words(options.language)
    archive = options.archive_url.rstrip("/")
    return {
        "number": issue.number,
        "title": fields.in_text(issue.title),
        "subject": subject,
        "preheader": fields.in_text(issue.preheader),
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
        "theme": dataclasses.asdict(options.look),
        "words": fixed,
        "reason": fixed["reason"].format(name=options.site_name),
        "unsubscribe_url": UNSUBSCRIBE,
        "view_url": f"{archive}/{issue.number}/" if archive else "",
    }


def _with_asset(image: Image, assets_url: str) -> Image:
    """A local image as the mail shows it; without `site.assets_url` it stays, with a finding."""
    if not assets_url or "://" in image.src or image.src.startswith(("/", "#", "data:", "cid:")):
        return image
    return dataclasses.replace(
        image, src=f"{assets_url.rstrip('/')}/{image.src.removeprefix('./')}"
    )


def _text(theme: Theme, values: dict[str, Any], body: str, tagged: tree.Tagger) -> str:
    given = {**values, "content": body, "wrap": lambda text: "\n".join(wrap(text)), "tag": tagged}
    lines = shell.fill(theme, "issue.txt", given).text.split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _page(theme: Theme, values: dict[str, Any], letter: str) -> tuple[str, str]:
    """The compiled page with the letter in it, and the same before compiling."""
    filled = shell.fill(theme, "issue.mjml", {**values, "content": CONTENT})
    if (found := filled.text.count(CONTENT)) != 1:
        raise InputError(
            f"the theme shows the letter {found} times"
            if found
            else "the theme has no place for the letter",
            place=Place(theme.path("issue.mjml"), 1),
            hint="put {{ content }} into one mj-text, once",
        )
    shell.lint(theme, filled)
    try:
        page = mjml2html(armour.armour(filled.text), fonts={})
    except Exception as error:  # mrml raises its own, undocumented types
        raise InputError(
            "the MJML compiler refuses the theme",
            place=Place(theme.path("issue.mjml"), 1),
            cause=str(error).split("\n")[0],
            hint="take out what changed last; elements must stand where MJML allows them",
        ) from error
    if page.count(CONTENT) != 1:
        raise InputError(
            "the letter's place gets lost in the MJML compiler",
            place=Place(theme.path("issue.mjml"), 1),
            hint="{{ content }} stands alone inside an mj-text",
        )
    return page.replace(CONTENT, letter), filled.text.replace(CONTENT, letter)


def _expect_tokens(html: str, page: str, document: Document) -> None:
    """Every token that went in came out: a lost unsubscribe link must never leave the house."""
    before = Counter(TOKEN.findall(page))
    for link in document.links:
        before.update(TOKEN.findall(link.href))
    if Counter(TOKEN.findall(html)) != before:
        raise AssertionError("a merge field was lost or doubled while rendering")
