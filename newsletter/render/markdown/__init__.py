"""Markdown becomes one token tree; the HTML and the text part are both read from it.

CommonMark exactly, plus tables, strikethrough, footnotes, task lists and `{utm=off}` or
`{count=off}` after a link. Tidied on the way, without changing a visible word: blanks at the edge
of a link move out of it, an image with an italic caption of the same words becomes one figure, a
paragraph that is only a bold link becomes a button, a quote that begins with `[!NOTE]` becomes a
callout.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from markdown_it.token import Token

from newsletter.render.markdown import author_classes, callouts, places, wide
from newsletter.render.markdown.anchors import Anchors
from newsletter.render.markdown.fields import Fields
from newsletter.render.markdown.reader import read, without_links

Tokens = Sequence[Token]

_UNREAD: Final = frozenset({"code_inline", "field"})
_KEEPS_LINES: Final = re.compile(r"<pre[\s>]", re.IGNORECASE)
_ANCHOR: Final = re.compile(r"""(\bhref\s*=\s*["']?)(#[^\s"'>]*)""", re.IGNORECASE)
_TASK: Final = re.compile(r"\[([ xX])\] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownLink:
    """A link as the author wrote it.

    Attributes:
        text: what the reader sees, in one line.
        href: the target as Markdown normalises it, merge fields as tokens.
        line: 1-based line of the Markdown body (not of the file).
        utm: False where the author turned tagging off.
        counts: False where the author turned counting off.
        source: the target as it was typed, "" where it stands in a definition.
        column: 1-based column of `line` from which on the link stands, 0 where that is not known.
    """

    text: str
    href: str
    line: int
    utm: bool = True
    counts: bool = True
    source: str = field(default="", compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as the author wrote it; `line` counts from the start of the body."""

    src: str
    alt: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Author HTML as it stands in the Markdown."""

    html: str
    line: int


class Document(NamedTuple):
    """The token tree of one letter, with what checks want to know about it.

    Attributes:
        tokens: markdown-it's tokens, tidied; `meta["l"]` and `meta["i"]` number the links and
            images in the order of `links` and `images`.
        links: in document order.
        images: in document order.
        raws: author HTML.
        words: the plain text of every block with its line, for checks; code left out.
        headings: (level, text, line).
        unlinked: as `words`, without the words of links.
    """

    tokens: Tokens
    links: tuple[MarkdownLink, ...]
    images: tuple[Image, ...]
    raws: tuple[Raw, ...]
    words: tuple[tuple[str, int], ...]
    headings: tuple[tuple[int, str, int], ...]
    unlinked: tuple[tuple[str, int], ...]


def parse(
    body: str,
    fields: Fields,
    titles: Mapping[str, str] = callouts.TITLES,
    taken: frozenset[str] = author_classes.PIECES,
) -> Document:
    """Read Markdown; never raises on any text.

    Args:
        body: Markdown with LF line ends.
        fields: the declared merge fields; the tokens of those used are noted in it.
        titles: what stands above a callout that has no title of its own, by its kind.
        taken: classes that author HTML cannot have.
    """
    tokens = read(body, fields)
    _set_lines(tokens)
    callouts.mark(tokens, titles)
    collected = _Collected(body.split("\n"), taken)
    lists: list[Token] = []
    for index, token in enumerate(tokens):
        if token.type.endswith("_list_open"):
            lists.append(token)
        elif token.type.endswith("_list_close"):
            lists.pop()
        elif token.type == "inline":
            token.children = _tidy(list(token.children or ()), fields)
            _mark_task(tokens, index, lists)
            collected.inline(token, tokens[index - 1], fields)
        elif token.type == "html_block":
            collected.raws.append(Raw(html=token.content, line=_line(token)))
            own = author_classes.keep_apart(fields.in_html(token.content), taken)
            token.content = _with_lines(own, _line(token))
            if not _KEEPS_LINES.search(token.content):
                token.content = wide.join_lines(token.content)
    _resolve_author_links(tokens, collected.anchors)
    _mark_buttons(tokens)
    _join_figures(tokens)
    return Document(
        tokens=tokens,
        links=tuple(
            dataclasses.replace(link, href=collected.anchors.resolve(link.href))
            for link in collected.links
        ),
        images=tuple(collected.images),
        raws=tuple(collected.raws),
        words=tuple(collected.words),
        headings=tuple(collected.headings),
        unlinked=tuple(collected.unlinked),
    )


def plain(children: Tokens) -> str:
    """The words of some inline tokens, as a reader sees them, in one line."""
    parts = []
    for child in children:
        if child.type in {"text", "code_inline", "field"}:
            parts.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        elif child.type == "image":
            parts.append(plain(child.children or ()))
    return "".join(parts)


def _outside_links(children: Tokens) -> list[Token]:
    """What stands in no link, be it Markdown's or the author's HTML; a blank for each link."""
    kept, depth = [], 0
    for child in children:
        html = child.content.lower() if child.type == "html_inline" else ""
        if child.type == "link_open" or re.match(r"<a[\s>]", html):
            depth += 1
            kept.append(Token("softbreak", "br", 0))
        elif child.type == "link_close" or html.startswith("</a"):
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(child)
    return kept


def _set_lines(tokens: Tokens) -> None:
    """Give every token without a map the line of the block before it."""
    last = [0, 1]
    for token in tokens:
        last = token.map = token.map or last


def _line(token: Token) -> int:
    return (token.map[0] if token.map else 0) + 1


def _with_lines(html: str, line: int) -> str:
    """Author HTML whose links and images know the line they stand on, as Markdown's do."""

    def one(found: re.Match[str]) -> str:
        return f'{found[0]} data-line="{line + html.count(chr(10), 0, found.start())}"'

    return re.sub(r"<(?:a|img)(?=[\s/>])", one, html, flags=re.IGNORECASE)


def _resolve_author_links(tokens: Tokens, anchors: Anchors) -> None:
    """Let links to a heading in author HTML lead there, too, once all headings are known."""
    for token in tokens:
        for raw in (token, *(token.children or ())):
            if raw.type in {"html_block", "html_inline"} and "#" in raw.content:
                raw.content = _ANCHOR.sub(
                    lambda found: found[1] + anchors.resolve(found[2]), raw.content
                )


@dataclass(slots=True)
class _Collected:
    """What one walk over the tokens gathers."""

    lines: list[str]
    taken: frozenset[str]
    links: list[MarkdownLink] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    raws: list[Raw] = field(default_factory=list)
    words: list[tuple[str, int]] = field(default_factory=list)
    headings: list[tuple[int, str, int]] = field(default_factory=list)
    unlinked: list[tuple[str, int]] = field(default_factory=list)
    anchors: Anchors = field(default_factory=Anchors)
    #: Line and column (both from 0) behind what was found last: links may repeat each other.
    found: tuple[int, int] = (-1, 0)
    #: What stands nowhere in a block, with the block's first line: a reference may come often.
    missing: set[tuple[str, int]] = field(default_factory=set)
    #: The same behind the last cell of a table.
    cell: tuple[int, int] = (-1, 0)

    def inline(self, token: Token, opener: Token, fields: Fields) -> None:
        children = token.children or []
        line = _line(token)
        self._note_cell(token, opener)
        read = [c for c in children if c.type not in _UNREAD]
        self.words.append((plain(read), line))
        self.unlinked.append((plain(_outside_links(read)), line))
        if opener.type == "heading_open":
            self.headings.append((int(opener.tag[1]), plain(children), line))
            self.anchors.add(opener, plain(children))
        for index, child in enumerate(children):
            if child.type == "link_open":
                self._link(children, index, token)
            elif child.type == "image":
                self._image(child, token)
            elif child.type == "html_inline":
                first = child.content.split("\n")[0]
                self.raws.append(Raw(html=child.content, line=self._find(first, token)))
                own = author_classes.keep_apart(fields.in_html(child.content), self.taken)
                child.content = _with_lines(own, self.raws[-1].line)

    def _note_cell(self, token: Token, opener: Token) -> None:
        """Tell cells of one row apart, which may say the same."""
        if opener.type not in {"td_open", "th_open"} or not token.map:
            return
        line = token.map[0]
        begin = self.cell[1] if self.cell[0] == line else 0
        at = self.lines[line].find(token.content, begin) if line < len(self.lines) else -1
        token.meta["from"] = max(at, begin)
        self.cell = (line, token.meta["from"] + len(token.content))

    def _link(self, children: Tokens, index: int, block: Token) -> None:
        child = children[index]
        href = str(child.attrs.get("href", ""))
        until = next(i for i in range(index, len(children)) if children[i].type == "link_close")
        child.meta["l"] = len(self.links)
        off = {name for name in ("utm", "count") if child.attrs.pop(name, "") == "off"}
        text = " ".join(plain(children[index + 1 : until]).split())
        place = places.place_of(child, block, self.lines)
        if place is None:
            # <wren@example.org> becomes mailto:, and what stands nowhere is looked for everywhere.
            written = str(child.meta.get("href", href)).removeprefix("mailto:")
            place = places.LinkPlace(self._find(written, block), 0, "")
        self.links.append(
            MarkdownLink(
                text=text, href=href, line=place.line, utm="utm" not in off,
                counts="count" not in off, source=place.source, column=place.column,
            )
        )  # fmt: skip

    def _image(self, child: Token, block: Token) -> None:
        src = str(child.attrs.get("src", ""))
        child.meta["i"] = len(self.images)
        alt = plain(child.children or ())
        self.images.append(Image(src=src, alt=alt, line=self._find(src, block)))

    def _find(self, needle: str, block: Token) -> int:
        """The line of a block on which the next `needle` stands, or the block's first line."""
        first, last = block.map or (0, 1)
        if (needle, first) in self.missing:
            return first + 1
        begin = self.found if first <= self.found[0] < last else (first, 0)
        for line, column in (begin, (first, 0)):
            for index in range(line, min(last, len(self.lines))):
                at = self.lines[index].find(needle, column if index == line else 0)
                if needle and at >= 0:
                    self.found = (index, at + len(needle))
                    return index + 1
        self.missing.add((needle, first))
        return first + 1


def _tidy(children: list[Token], fields: Fields) -> list[Token]:
    for child in children:
        if child.type == "link_open":
            written = str(child.attrs.get("href", ""))
            child.meta["href"] = written
            child.attrs["href"] = fields.in_url(written)
        elif child.type == "image":
            child.attrs["src"] = fields.in_url(str(child.attrs.get("src", "")))
            child.children = without_links(child.children or ())
    for at in range(len(children) - 1, -1, -1):
        if children[at].type == "link_open":
            _move_blank(children, at, at + 1, first=True)
    for at in range(len(children) - 1, -1, -1):
        if children[at].type == "link_close":
            _move_blank(children, at + 1, at - 1, first=False)
    return wide.drop_soft_breaks(children)


def _move_blank(children: list[Token], to: int, edge: int, *, first: bool) -> None:
    """Move white space at one edge of a link's text to the index `to`, outside the link."""
    if not 0 <= edge < len(children) or children[edge].type != "text":
        return
    text = children[edge].content
    kept = text.lstrip(" ") if first else text.rstrip(" ")
    if kept == text:
        return
    children[edge].content = kept
    blank = Token("text", "", 0, content=" " * (len(text) - len(kept)))
    children.insert(to, blank)


def _mark_task(tokens: Tokens, index: int, lists: Tokens) -> None:
    """`[ ]` and `[x]` at the start of a list item become boxes that mail can show.

    Args:
        tokens: all.
        index: of the text.
        lists: those it stands in, the innermost last.
    """
    children = tokens[index].children
    if index < 2 or tokens[index - 2].type != "list_item_open" or not children:  # noqa: PLR2004  # item, paragraph, inline
        return
    if children[0].type == "text" and (found := _TASK.match(children[0].content)):
        box = "\u2610" if found[1] == " " else "\u2611"
        children[0].content = f"{box} {children[0].content[found.end() :]}"
        item = tokens[index - 2]
        item.attrSet("class", "task")
        lists[-1].attrSet("class", "contains-task-list")


def _mark_buttons(tokens: Tokens) -> None:
    for at in _paragraphs(tokens):
        kinds = [c.type for c in _shown(tokens[at + 1])]
        edges = (kinds[:2], kinds[-2:])
        if edges == (["strong_open", "link_open"], ["link_close", "strong_close"]) and all(
            kinds.count(kind) == 1 for kind in ("strong_open", "link_open")
        ):
            tokens[at].attrSet("class", "button")


def _join_figures(tokens: Tokens) -> None:
    """Mark images that stand alone, and captions that say the image's alt text again."""
    for at in _paragraphs(tokens):
        image = _only_image(tokens[at + 1])
        if image is None:
            continue
        image.meta["image"] = True
        if _shown(tokens[at + 1])[0] is not image:  # a link around it
            continue
        tokens[at].attrSet("class", "figure")
        if at + 3 < len(tokens) and tokens[at + 3].type == "paragraph_open":
            caption = tokens[at + 4].children or []
            kinds = [caption[0].type, caption[-1].type] if caption else []
            alt = plain(image.children or ())
            if kinds == ["em_open", "em_close"] and _same(plain(caption), alt):
                tokens[at + 3].attrSet("class", "caption")
                image.meta["captioned"] = True


def _shown(inline: Token) -> list[Token]:
    return [c for c in inline.children or () if c.type != "text" or c.content.strip()]


def _only_image(inline: Token) -> Token | None:
    shown = [c for c in _shown(inline) if c.type not in {"link_open", "link_close"}]
    return shown[0] if len(shown) == 1 and shown[0].type == "image" else None


def _same(left: str, right: str) -> bool:
    return " ".join(left.split()) == " ".join(right.split())


def _paragraphs(tokens: Tokens) -> Iterator[int]:
    return (index for index, token in enumerate(tokens) if token.type == "paragraph_open")
