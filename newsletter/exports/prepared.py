"""A post's HTML as it was read: what no letter can hold is taken out first, and named.

What is left is what its Markdown has to say: the same words, links and pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

import lxml.html
from lxml import etree

from newsletter.errors import InputError
from newsletter.issue import Issue
from newsletter.render.utm import anonymous
from newsletter.render.web import web_letter

#: Elements that no reader ever saw the inside of.
_UNSEEN: Final = frozenset(
    {"script", "style", "noscript", "template", "svg", "head", "title", "meta", "link"}
)
_FORMS: Final = frozenset({"form", "input", "select", "textarea", "button"})
_PLAYERS: Final = frozenset({"iframe", "embed", "object", "video", "audio"})
_HIDDEN: Final = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_SIZE: Final = re.compile(r"(?:^|[;\s])(?:max-)?(?:width|height)\s*:\s*([^;!]+)", re.IGNORECASE)
_NO_SIZE: Final = re.compile(r"\s*[01](?:\.\d*)?\s*(?:px|pt)?\s*", re.IGNORECASE)
_PICTURE: Final = re.compile(r"\.(?:png|jpe?g|gif|webp|avif)$", re.IGNORECASE)
_VIDEO: Final = re.compile(r"youtube(?:-nocookie)?\.com/embed/([\w-]+)")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
#: What makes a whole page of a fragment; words behind it would be lost.
_PAGE: Final = re.compile(r"</?(?:html|body|head)\b[^>]*>|<!doctype[^>]*>", re.IGNORECASE)
#: Elements after which a line ends, so that words on both sides are two.
BLOCKS: Final = frozenset(
    """
    address article aside blockquote caption center dd details div dl dt figcaption figure footer
    h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary table tbody td tfoot th thead
    tr ul
    """.split()
)
#: Deeper than this no letter is nested, and no program need follow.
_DEEPEST: Final = 80


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reader sees of some HTML.

    Attributes:
        words: in one line.
        links: their targets, in order.
        pictures: address and alternative text, in order.
    """

    words: str
    links: tuple[str, ...]
    pictures: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Prepared:
    """A post's HTML without what no letter can hold.

    Attributes:
        root: its outermost element, which is none of the post's.
        notes: footnotes by their number, in the order of the text.
        left_out: what became of the rest, in words.
    """

    root: Any
    notes: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def prepare(html: str, site: str, pictures: Callable[[str], str]) -> Prepared:
    """Read a post.

    Args:
        html: of the post alone.
        site: the address that its relative links start from, "" where nobody knows.
        pictures: where a picture of the export is found, "" for what it does not have.
    """
    text = _PAGE.sub("", _NO_TEXT.sub("", html)).strip()
    # Without "huge" the parser leaves out, unsaid, what is nested deeper than 256.
    parser = lxml.html.HTMLParser(huge_tree=True)
    page = f"<html><body>{text}</body></html>"
    root: Any = lxml.html.document_fromstring(page, parser=parser).find("body")
    found = Prepared(root)
    _flatten(root)
    for comment in [*root.iter(etree.Comment), *root.iter(etree.ProcessingInstruction)]:
        _drop(comment)
    for element in _inside(root):
        if _is_in(element, root):
            _tidy(element, found)
    _note_notes(found)
    _resolve(found, site, pictures)
    return found


def shown(element: Any, *, notes: Iterator[Any] | tuple[Any, ...] = ()) -> Shown:  # noqa: ANN401  # lxml's
    """What a reader sees of an element and of footnotes behind it."""
    parts: list[str] = []
    links: list[str] = []
    pictures: list[tuple[str, str]] = []
    for one in (element, *notes):
        _see(one, parts, links, pictures)
        parts.append(" ")
    return Shown(" ".join("".join(parts).split()), tuple(links), tuple(pictures))


def _see(element: Any, parts: list[str], links: list[str], pictures: list[tuple[str, str]]) -> None:  # noqa: ANN401
    tag = str(element.tag)
    if tag == "img":
        alt = " ".join(element.get("alt", "").split())
        pictures.append((_same(element.get("src", "")), alt))
    if tag == "a" and element.get("href") and _has_content(element):
        links.append(_same(anonymous(element.get("href"))))
    edge = " " if tag in BLOCKS or tag == "br" else ""
    parts.append(edge)
    parts.append(element.text or "")
    for child in element:
        if isinstance(child.tag, str):
            _see(child, parts, links, pictures)
        parts.append(child.tail or "")
    parts.append(edge)


def _same(address: str) -> str:
    """An address without the ways of writing it."""
    return unquote(address.strip()).replace(" ", "")


def _has_content(element: Any) -> bool:  # noqa: ANN401
    return bool(str(element.xpath("string()")).strip()) or element.find(".//img") is not None


def _inside(root: Any) -> list[Any]:  # noqa: ANN401
    return [one for one in root.iter(etree.Element) if one is not root]


def _is_in(element: Any, root: Any) -> bool:  # noqa: ANN401
    return any(one is root for one in element.iterancestors())


def _drop(element: Any) -> None:  # noqa: ANN401
    """Take an element out, and leave the words behind it."""
    if element.getparent() is not None:
        element.drop_tree()


def _flatten(root: Any) -> None:  # noqa: ANN401
    """Take out elements so deep that they are none of an author's."""
    for element in list(root.iter(etree.Element)):
        if sum(1 for _ in element.iterancestors()) > _DEEPEST:
            element.drop_tag()


def _tidy(element: Any, found: Prepared) -> None:  # noqa: ANN401
    tag = str(element.tag)
    hidden = _HIDDEN.search(element.get("style", "")) or "hide-text" in element.get("class", "")
    if tag in _UNSEEN or hidden:
        _drop(element)
    elif tag in _FORMS:
        if tag == "form":
            found.left_out.append("a form is left out")
        _drop(element)
    elif tag in _PLAYERS:
        _as_link(element, found)
    elif tag == "img":
        _tidy_picture(element, found)
    elif tag == "a":
        _tidy_link(element, found)
    elif tag in {"picture", "font", "source"} or ":" in tag:
        element.drop_tag()


def _as_link(element: Any, found: Prepared) -> None:  # noqa: ANN401
    inner = element.find(".//source")
    src = (
        element.get("src") or element.get("data") or (inner.get("src") if inner is not None else "")
    )
    video = _VIDEO.search(src or "")
    src = f"https://www.youtube.com/watch?v={video[1]}" if video else src
    if src:
        link = lxml.html.Element("a", href=src)
        link.text = src
        paragraph = lxml.html.Element("p")
        paragraph.append(link)
        element.addprevious(paragraph)
        found.left_out.append(f"what was shown in a frame is a link now: {src}")
    _drop(element)


def _tidy_picture(element: Any, found: Prepared) -> None:  # noqa: ANN401
    src = element.get("src", "").strip()
    if not src or src.startswith("data:"):
        src = element.get("data-src", "").strip() or src
    if _is_dot(element):
        _drop(element)  # it counted readers
        return
    if not src or src.startswith("data:"):
        if src:
            found.left_out.append("a picture that stood inside the text is left out")
        _drop(element)
        return
    element.set("src", src)


def _is_dot(picture: Any) -> bool:  # noqa: ANN401
    """Whether nobody can have seen it: all that it says of its size is that it has none."""
    sizes = [picture.get("width", ""), picture.get("height", "")]
    sizes += _SIZE.findall(picture.get("style", ""))
    said = [size for size in sizes if size]
    return bool(said) and all(_NO_SIZE.fullmatch(size) for size in said)


def _tidy_link(element: Any, found: Prepared) -> None:  # noqa: ANN401
    href = element.get("href", "").strip()
    scheme = _SCHEME.match(href)
    if scheme and scheme[0].lower() not in {"http:", "https:", "mailto:", "tel:"}:
        found.left_out.append(f"a link that opens no page is text now: {href[:60]}")
        element.drop_tag()
        return
    # A picture that leads to its own large version; a letter shows it large already.
    words = str(element.xpath("string()")).strip()
    if not words and element.find(".//img") is not None and _PICTURE.search(_path_in(href)):
        element.drop_tag()
        return
    element.set("href", href)


def _path_in(address: str) -> str:
    """The path of a picture, also where a server of pictures has it behind its own."""
    return unquote(urlsplit(address).path)


def _note_notes(found: Prepared) -> None:
    """Take the footnotes out of the text, and mark where they stood with their numbers."""
    for mark in list(found.root.iter("a")):
        href = mark.get("href", "")
        if not href.startswith("#") or _is_way_back(mark):
            continue
        note = _by_id(found.root, href[1:])
        if note is None or not re.match(r"(?:(?:foot)?note-|fn:?)\d+$", href[1:]):
            continue
        label = re.sub(r"\D", "", href)
        holder = mark.getparent() if mark.getparent().tag == "sup" else mark
        ref = lxml.html.Element("note", n=label)
        ref.tail, holder.tail = holder.tail, None
        holder.getparent().replace(holder, ref)
        found.notes.setdefault(label, note)
    for label, note in found.notes.items():
        found.notes[label] = _own_words(note)
    for section in list(found.root.iter("section", "ol", "div")):
        if "footnotes" in section.get("class", "") and not str(section.xpath("string()")).strip():
            _drop(section)


def _is_way_back(link: Any) -> bool:  # noqa: ANN401
    """Whether a link leads from a footnote to where it is about."""
    kind, href = link.get("class", ""), link.get("href", "")
    ways = ("#fnref", "#to-note-", "#footnote-anchor-", "#footnote-ref")
    return "footnote-number" in kind or "backref" in kind or href.startswith(ways)


def _by_id(root: Any, name: str) -> Any:  # noqa: ANN401
    for one in root.iter(etree.Element):
        if one.get("id") == name:
            box = one.getparent() if one.tag == "a" else one
            return box if box is not root else None
    return None


def _own_words(note: Any) -> Any:  # noqa: ANN401
    """A footnote as a box of its own, without its number and its way back."""
    note.drop_tree() if note.getparent() is not None else None
    box = lxml.html.Element("div")
    box.text = note.text
    box.extend(list(note))
    for link in list(box.iter("a")):
        if _is_way_back(link):
            _drop(link)
    return box


def _resolve(found: Prepared, site: str, pictures: Callable[[str], str]) -> None:
    for box in (found.root, *found.notes.values()):
        for element in box.iter("a", "img"):
            name = "href" if element.tag == "a" else "src"
            if name == "src" and (moved := pictures(element.get(name, ""))):
                element.set(name, moved)
                continue
            address = element.get(name, "").replace("__GHOST_URL__", site.rstrip("/"))
            if site and address and not address.startswith("#"):
                try:
                    address = urljoin(f"{site.rstrip('/')}/", address)
                except ValueError:
                    found.left_out.append(f"an address that is none: {address[:60]}")
            element.set(name, address)


def plain_page(issue: Issue) -> Any:  # noqa: ANN401  # an element of lxml
    """A letter as a page, links and pictures as they are written; None where none can be made."""
    try:
        letter = web_letter(
            issue, fields={}, language="en", tag=lambda url: url, shown=lambda src: src, sizes={}
        )
    except InputError:
        return None
    return lxml.html.fromstring(f"<div>{letter.html}</div>")
