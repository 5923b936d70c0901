"""Markdown becomes one token tree; the HTML and the text part are both read from it.

CommonMark exactly, plus tables, strikethrough, footnotes, task lists and `{utm=off}` after a
link. Tidied on the way, without changing a visible word: blanks at the edge of a link move out of
it, an image with an italic caption of the same words becomes one figure, a paragraph that is only
a bold link becomes a button, a quote that begins with `[!NOTE]` becomes a callout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from newsletter.render.markdown import callouts, quick_links
from newsletter.render.markdown.fields import Fields

Tokens = Sequence[Token]

_UNREAD: Final = frozenset({"code_inline", "field"})
_UTM_OFF: Final = re.compile(r"\{\s*utm\s*=\s*(?:off|\"off\")\s*\}")
_TASK: Final = re.compile(r"\[([ xX])\] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownLink:
    """A link as the author wrote it.

    Attributes:
        text: what the reader sees, in one line.
        href: the target as Markdown normalises it, merge fields as tokens.
        line: 1-based line of the Markdown body (not of the file).
        utm: False where the author turned tagging off.
    """

    text: str
    href: str
    line: int
    utm: bool = True


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The token tree of one letter, with what checks want to know about it.

    Attributes:
        tokens: markdown-it's tokens, tidied; `meta["l"]` and `meta["i"]` number the links and
            images in the order of `links` and `images`.
        links: in document order.
        images: in document order.
        raws: author HTML.
        words: the plain text of every block with its line, for checks; code left out.
        headings: (level, text, line).
    """

    tokens: Tokens
    links: tuple[MarkdownLink, ...]
    images: tuple[Image, ...]
    raws: tuple[Raw, ...]
    words: tuple[tuple[str, int], ...]
    headings: tuple[tuple[int, str, int], ...]


def parse(body: str, fields: Fields, titles: Mapping[str, str] = callouts.TITLES) -> Document:
    """Read Markdown; never raises on any text.

    Args:
        body: Markdown with LF line ends.
        fields: the declared merge fields; the tokens of those used are noted in it.
        titles: what stands above a callout that has no title of its own, by its kind.
    """
    tokens = _reader(fields).parse(body)
    _set_lines(tokens)
    callouts.mark(tokens, titles)
    collected = _Collected(body.split("\n"))
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
            token.content = _with_lines(fields.in_html(token.content), _line(token))
    _mark_buttons(tokens)
    _join_figures(tokens)
    return Document(
        tokens=tokens,
        links=tuple(collected.links),
        images=tuple(collected.images),
        raws=tuple(collected.raws),
        words=tuple(collected.words),
        headings=tuple(collected.headings),
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


def _reader(fields: Fields) -> MarkdownIt:
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    reader.use(footnote_plugin)
    quick_links.install(reader)

    def field_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
        # Asked at every sign that could begin something.
        found = fields.match(state.src, state.pos) if state.src[state.pos] == "{" else None
        if found is None:
            return False
        if not silent:
            state.push("field", "", 0).content = found[0]
        state.pos = found[1]
        return True

    reader.inline.ruler.before("escape", "field", field_rule)
    reader.inline.ruler.before("escape", "utm_off", _utm_off_rule)
    return reader


def _utm_off_rule(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
    """`{utm=off}` right behind a link; any other braces there are the author's text."""
    if state.src[state.pos] != "{":
        return False
    found = _UTM_OFF.match(state.src, state.pos)
    behind = state.tokens and not state.pending and state.tokens[-1].type == "link_close"
    if found is None or silent or not behind:
        return False
    next(t for t in reversed(state.tokens) if t.type == "link_open").attrs["utm"] = "off"
    state.pos = found.end()
    return True


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


@dataclass(slots=True)
class _Collected:
    """What one walk over the tokens gathers."""

    lines: list[str]
    links: list[MarkdownLink] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    raws: list[Raw] = field(default_factory=list)
    words: list[tuple[str, int]] = field(default_factory=list)
    headings: list[tuple[int, str, int]] = field(default_factory=list)
    #: Line and column (both from 0) behind what was found last: links may repeat each other.
    found: tuple[int, int] = (-1, 0)

    def inline(self, token: Token, opener: Token, fields: Fields) -> None:
        children = token.children or []
        line = _line(token)
        self.words.append((plain([c for c in children if c.type not in _UNREAD]), line))
        if opener.type == "heading_open":
            self.headings.append((int(opener.tag[1]), plain(children), line))
        for index, child in enumerate(children):
            if child.type == "link_open":
                self._link(child, children[index + 1 :], token)
            elif child.type == "image":
                self._image(child, token)
            elif child.type == "html_inline":
                first = child.content.split("\n")[0]
                self.raws.append(Raw(html=child.content, line=self._find(first, token)))
                child.content = _with_lines(fields.in_html(child.content), self.raws[-1].line)

    def _link(self, child: Token, after: Tokens, block: Token) -> None:
        href = str(child.attrs.get("href", ""))
        until = next(i for i, c in enumerate(after) if c.type == "link_close")
        child.meta["l"] = len(self.links)
        # <wren@example.org> becomes mailto:, and what stands nowhere is looked for everywhere.
        written = str(child.meta.get("href", href)).removeprefix("mailto:")
        line = self._find(written, block)
        off = child.attrs.pop("utm", "") == "off"
        text = " ".join(plain(after[:until]).split())
        self.links.append(MarkdownLink(text=text, href=href, line=line, utm=not off))

    def _image(self, child: Token, block: Token) -> None:
        src = str(child.attrs.get("src", ""))
        child.meta["i"] = len(self.images)
        alt = plain(child.children or ())
        self.images.append(Image(src=src, alt=alt, line=self._find(src, block)))

    def _find(self, needle: str, block: Token) -> int:
        """The line of a block on which the next `needle` stands, or the block's first line."""
        first, last = block.map or (0, 1)
        begin = self.found if first <= self.found[0] < last else (first, 0)
        for line, column in (begin, (first, 0)):
            for index in range(line, min(last, len(self.lines))):
                at = self.lines[index].find(needle, column if index == line else 0)
                if needle and at >= 0:
                    self.found = (index, at + len(needle))
                    return index + 1
        return first + 1


def _tidy(children: list[Token], fields: Fields) -> list[Token]:
    for child in children:
        if child.type == "link_open":
            written = str(child.attrs.get("href", ""))
            child.meta["href"] = written
            child.attrs["href"] = fields.in_url(written)
        elif child.type == "image":
            child.attrs["src"] = fields.in_url(str(child.attrs.get("src", "")))
    for at in range(len(children) - 1, -1, -1):
        if children[at].type == "link_open":
            _move_blank(children, at, at + 1, first=True)
    for at in range(len(children) - 1, -1, -1):
        if children[at].type == "link_close":
            _move_blank(children, at + 1, at - 1, first=False)
    return children


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
    shown = _shown(inline)
    return shown[0] if len(shown) == 1 and shown[0].type == "image" else None


def _same(left: str, right: str) -> bool:
    return " ".join(left.split()) == " ".join(right.split())


def _paragraphs(tokens: Tokens) -> Iterator[int]:
    return (index for index, token in enumerate(tokens) if token.type == "paragraph_open")
