"""The letter as a page shows it: for nobody in particular, links straight to their goal.

Made from the fragment that mails are made from. Merge fields say their fallback, no link is tagged
by us, and there is no token in it, for nothing here knows of any person.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import lxml.html
from lxml import etree

from newsletter.issue import Issue
from newsletter.render import tree
from newsletter.render.letter import compose
from newsletter.render.markdown.fields import RESERVED, TOKEN, Fields, Slot
from newsletter.render.utm import anonymous
from newsletter.slugs import slug

#: The classes of a letter that mean something on a page as well.
CLASSES: Final = frozenset(
    """
    button callout callout-note callout-tip callout-important callout-warning callout-caution
    callout-title contains-task-list footnote-ref footnotes left right center scroll task
    """.split()
)
_DESCRIPTION: Final = 155
_HEADING: Final = re.compile(r"h[1-6]")
_NOTE: Final = re.compile(r"\[(\d{1,4})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebLetter:
    """One letter for everybody.

    Attributes:
        html: the fragment, well-formed HTML without ids of its own but those of headings and notes.
        title: one line of text, like the next.
        preheader: may be empty.
        excerpt: the first words, at most 155 characters; "" of a letter without words.
        pictures: address and alternative text of its pictures as the fragment has them, in order.
        without_fallback: declared fields that are used and have nothing to fall back on.
    """

    html: str
    title: str
    preheader: str
    excerpt: str
    pictures: tuple[tuple[str, str], ...]
    without_fallback: tuple[str, ...]


def web_letter(
    issue: Issue,
    *,
    fields: Mapping[str, str],
    language: str,
    tag: tree.Tagger,
    shown: Callable[[str], str],
    sizes: Mapping[str, tuple[int, int]],
) -> WebLetter:
    """Render an issue for a page; same input, same bytes.

    Args:
        issue: as written.
        fields: the declared merge fields with their fallbacks.
        language: a BCP 47 tag.
        tag: what becomes of a link, where the author did not turn that off.
        shown: where the page finds the picture that the author calls by this name.
        sizes: width and height in pixels of pictures, by the address that `shown` gave them.

    Raises:
        InputError: the letter is too long, or the author's text holds a reserved token.
    """
    known = Fields(fields)
    letter = compose(issue, known, language, CLASSES)
    root = tree.parse(f"<html><body><div>{letter.html}</div></body></html>")
    images = tree.put_back_targets(root, letter.document, shown, lambda _: None)
    tree.box_tables(root)
    tree.tag_links(root, tag, body_line=issue.body_line)
    _tidy(root, sizes)
    whole = _filled(_inside(root), known.slots)
    # What must never be public is not only left out, it is looked for.
    if RESERVED in whole:
        raise AssertionError("a token is left in a page")
    words = " ".join(str(p.xpath("string()")) for p in root.iter("p", "li"))
    return WebLetter(
        html=whole,
        title=_in_text(letter.title, known.slots),
        preheader=_in_text(letter.preheader, known.slots),
        excerpt=_cut(" ".join(_in_text(words, known.slots).split())),
        pictures=tuple(
            (_in_text(image.src, known.slots), _in_text(image.alt, known.slots)) for image in images
        ),
        without_fallback=tuple(sorted(known.without_fallback)),
    )


def web_line(text: str, fields: Mapping[str, str]) -> str:
    """A title or a preheader as a page says it: merge fields by their fallback."""
    known = Fields(fields)
    return _in_text(known.in_text(text), known.slots)


def feed_html(fragment: str, base: str) -> str:
    """A page's fragment as a feed carries it: absolute addresses, nothing that needs the page.

    Args:
        fragment: from `web_letter`.
        base: the page's own address, which relative ones start from.
    """
    root: Any = lxml.html.fromstring(f"<div>{fragment}</div>")
    for element in root.iter(etree.Element):
        for name in ("id", "class", "tabindex", "loading", "decoding", "role", "aria-label"):
            element.attrib.pop(name, "")
    root.make_links_absolute(base, handle_failures="ignore")
    return _inside_of(root)


def _inside(root: etree._Element) -> str:
    body = root.find("body")
    assert body is not None
    return _inside_of(body[0])


def _inside_of(element: etree._Element) -> str:
    parts = [html.escape(element.text or "", quote=False)]
    parts += [etree.tostring(child, method="html", encoding="unicode") for child in element]
    return "".join(parts).strip() + "\n"


def _tidy(root: etree._Element, sizes: Mapping[str, tuple[int, int]]) -> None:
    _make_figures(root)
    _lower_headings(root)
    _name_headings(root)
    _link_notes(root)
    for element in root.iter(etree.Element):
        for name in [name for name in element.attrib if str(name).startswith("data-")]:
            del element.attrib[name]
        _keep_classes(element)
    for box in root.iter("div"):
        if box.get("class") == "scroll":
            box.set("role", "region")
            box.set("aria-label", _caption(box))
    for link in root.iter("a", "area"):
        if re.match(r"https?://", href := link.get("href", ""), re.IGNORECASE):
            link.set("href", anonymous(href))
            link.set("rel", "noopener")
    for image in root.iter("img"):
        image.set("loading", "lazy")
        image.set("decoding", "async")
        image.set("alt", image.get("alt", ""))
        size = sizes.get(image.get("src", ""))
        if size and not {"width", "height"} & set(image.attrib):
            image.set("width", str(size[0]))
            image.set("height", str(size[1]))


def _make_figures(root: etree._Element) -> None:
    """A picture that stands alone is a figure, with the caption below it inside."""
    for paragraph in list(root.iter("p")):
        if paragraph.get("class") != "figure":
            continue
        paragraph.tag = "figure"
        caption = paragraph.getnext()
        if caption is not None and caption.tag == "p" and caption.get("class") == "caption":
            paragraph.tail = caption.tail
            caption.tail, caption.tag = None, "figcaption"
            paragraph.append(caption)


def _lower_headings(root: etree._Element) -> None:
    """The page's title is its only `h1`: where a letter has one, all of its headings step down."""
    if root.find(".//h1") is None:
        return
    for heading in _headings(root):
        heading.tag = f"h{min(int(str(heading.tag)[1]) + 1, 6)}"


def _name_headings(root: Any) -> None:  # noqa: ANN401  # an element of lxml, whose stubs know no XPath
    taken = {str(one) for one in root.xpath("//@id")}
    for heading in _headings(root):
        if heading.get("id") is None:
            words = TOKEN.sub("", str(heading.xpath("string()")))
            heading.set("id", _unused(slug(words), taken))


def _headings(root: etree._Element) -> list[etree._Element]:
    return [e for e in root.iter(etree.Element) if _HEADING.fullmatch(str(e.tag))]


def _link_notes(root: Any) -> None:  # noqa: ANN401  # likewise
    """Lead from a footnote's number to the note and back, which no mail program can do."""
    notes = root.xpath("//div[@class='footnotes']/ol/li")
    seen: set[int] = set()
    for mark in root.xpath("//sup[@class='footnote-ref']"):
        found = _NOTE.fullmatch(mark.text or "")
        number = int(found[1]) if found else 0
        if not 1 <= number <= len(notes):
            continue
        link = etree.SubElement(mark, "a", {"href": f"#note-{number}"})
        link.text, mark.text = mark.text, None
        if number in seen:
            continue
        seen.add(number)
        mark.set("id", f"to-note-{number}")
        note = notes[number - 1]
        note.set("id", f"note-{number}")
        last = note[-1] if len(note) and note[-1].tag == "p" else note
        back = etree.SubElement(
            last, "a", {"href": f"#to-note-{number}", "aria-label": str(number)}
        )
        back.text = "\u21a9\ufe0e"
        before = back.getprevious()
        if before is not None:
            before.tail = f"{before.tail or ''} "
        else:
            last.text = f"{last.text or ''} "


def _keep_classes(element: etree._Element) -> None:
    names = [name for name in element.get("class", "").split() if name in CLASSES]
    # A page's policy takes no `style` attribute, and this is all the sanitiser leaves in one.
    found = re.search(r"text-align:\s*(left|right|center)", str(element.attrib.pop("style", "")))
    names += [found[1]] if found else []
    if names:
        element.set("class", " ".join(names))
    else:
        element.attrib.pop("class", "")


def _caption(box: etree._Element) -> str:
    """What a screen reader calls a table: its caption, else the words of its first row."""
    first = box.find(".//caption")
    first = box.find(".//tr") if first is None else first
    words = " ".join(str(first.xpath("string()")).split()) if first is not None else ""
    return words or "\u2026"


def _filled(page: str, slots: Mapping[str, Slot]) -> str:
    return TOKEN.sub(lambda found: html.escape(_fallback(slots[found[0]])), page)


def _in_text(text: str, slots: Mapping[str, Slot]) -> str:
    return TOKEN.sub(lambda found: _fallback(slots[found[0]]), text)


def _fallback(slot: Slot) -> str:
    return quote(slot.fallback, safe="") if slot.url else slot.fallback


def _cut(words: str) -> str:
    if len(words) <= _DESCRIPTION:
        return words
    return words[: _DESCRIPTION - 1].rpartition(" ")[0].rstrip(",;:.") + "\u2026"


def _unused(name: str, taken: set[str]) -> str:
    """`name`, or with a number behind it where it is taken; it is taken from now on.

    Args:
        name: a slug; "" stands for a heading without words.
        taken: the names of the page so far.
    """
    base, number = name or "part", 1
    found = base
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    taken.add(found)
    return found
