"""The text part, read from the same tokens as the HTML and wrapped as a person would.

72 display columns (wide letters count two), links numbered in brackets with the list at the end
of each section, headings underlined, addresses never broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from markdown_it.tree import SyntaxTreeNode
from wcwidth import wcswidth

from newsletter.render.markdown import Document, wide
from newsletter.render.markdown.author_html import Words

WIDTH: Final = 72
_UNDERLINES: Final = {"h1": "=", "h2": "-"}
_BREAK: Final = "\n"
_GLUE: Final = "\ufdd0"  # a noncharacter: a blank at which no line may break


def text_part(
    document: Document, link: Callable[[int], str], tag: Callable[[str], str] = str
) -> str:
    """Write the letter as plain text.

    Args:
        document: the letter.
        link: the final address of a link by its index, the same one as in the HTML.
        tag: what becomes of a link in author HTML.

    Returns:
        Lines of at most 72 columns, but for words that cannot be broken; LF line ends, no blank
        line at either end, none doubled.
    """
    writer = _Writer(link, tag, [item.href for item in document.links])
    root = SyntaxTreeNode(document.tokens)
    lines = [*writer.blocks(root.children, WIDTH, sections=True), "", *writer.sources()]
    text = "\n".join(line.rstrip() for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).replace(_GLUE, " ").strip("\n")


def wrap(text: str, width: int = WIDTH) -> list[str]:
    """Break `text` into lines of at most `width` columns; a line feed breaks always.

    Lines break at blanks, and between the letters of scripts that are written without them.
    """
    lines = []
    for part in text.split(_BREAK):
        line, used = "", 0
        narrow = part.isascii() and part.isprintable()
        for word in re.split(r"[ \t]+", part.strip(" \t")):
            gap = " " if line else ""
            for piece in (word,) if narrow else wide.pieces(word):
                size = len(piece) if narrow else columns(piece)
                if line and used + len(gap) + size > width:
                    lines.append(line)
                    line, used = piece, size
                else:
                    line, used = f"{line}{gap}{piece}", used + len(gap) + size
                gap = ""
        lines.append(line)
    return lines


def columns(text: str) -> int:
    """How many columns a terminal gives to `text`."""
    if text.isascii() and text.isprintable():
        return len(text)
    found = int(wcswidth(text))
    return found if found >= 0 else len(text)


@dataclass(slots=True)
class _Writer:
    """Numbers the links while it writes blocks."""

    link: Callable[[int], str]
    tag: Callable[[str], str]
    hrefs: Sequence[str]
    numbers: dict[str, int] = field(default_factory=dict)
    listed: int = 0
    author: Words = field(init=False)

    def __post_init__(self) -> None:
        self.author = Words(self._author_link, _BREAK)

    def blocks(
        self, nodes: Sequence[SyntaxTreeNode], width: int, *, sections: bool = False
    ) -> Iterator[str]:
        """Blocks with one blank line between them."""
        for index, node in enumerate(nodes):
            if sections and node.type == "heading" and node.tag in _UNDERLINES:
                yield from self.sources()
            if index:
                yield ""
            yield from self.block(node, width)

    def sources(self) -> Iterator[str]:
        """The links named since the last list."""
        fresh = [(n, url) for url, n in self.numbers.items() if n > self.listed]
        if fresh:
            yield ""
            yield from (f"[{n}] {_address(url)}" for n, url in fresh)
            self.listed = len(self.numbers)

    def block(self, node: SyntaxTreeNode, width: int) -> Iterator[str]:
        match node.type:
            case "heading":
                yield from self._heading(node, width)
            case "paragraph" if node.attrs.get("class") == "button":
                yield from self._button(node, width)
            case "paragraph":
                # The image has said the caption's words, but not where its links lead.
                said = node.attrs.get("class") == "caption"
                if not said or any(child.type == "link" for child in node.walk()):
                    yield from wrap(self._inline(node), width)
            case "bullet_list" | "ordered_list":
                yield from self._list(node, width)
            case "blockquote":
                mark = "|" if "class" in node.attrs else ">"  # a callout quotes nobody
                for line in self.blocks(node.children, width - 2):
                    yield f"{mark} {line}".rstrip()
            case "fence" | "code_block":
                yield from (f"    {line}" for line in node.content.rstrip("\n").split("\n"))
            case "table":
                yield from self._table(node, width)
            case "hr":
                yield "* * *"
            case "html_block":
                if text := self.author.block(node.content):
                    yield from wrap(text, width)
            case "footnote_block":
                for number, note in enumerate(node.children, 1):
                    yield from self._item(note, f"({number}) ", width)
            case _:
                yield from self.blocks(node.children, width)

    def _button(self, node: SyntaxTreeNode, width: int) -> Iterator[str]:
        """What to do, and right below it where: nobody should have to look for the number."""
        link = next(child for child in node.walk() if child.type == "link")
        words = "".join(self._word(child) for child in link.children).strip()
        target = self.link(link.meta["l"])
        if words and words != target:
            yield from wrap(words if words.endswith((":", ".", "!", "?")) else f"{words}:", width)
        yield target

    def _heading(self, node: SyntaxTreeNode, width: int) -> Iterator[str]:
        lines = wrap(self._inline(node), width)
        yield from lines
        yield _UNDERLINES.get(node.tag, ".") * max(columns(line) for line in lines)

    def _list(self, node: SyntaxTreeNode, width: int) -> Iterator[str]:
        number = int(node.attrs.get("start", 1))
        tight = all(
            c.hidden for item in node.children for c in item.children if c.type == "paragraph"
        )
        short = True
        for index, item in enumerate(node.children):
            mark = "* " if node.type == "bullet_list" else f"{number + index}. "
            lines = list(self._item(item, mark, width))
            # Long items need air between them even where the author left none.
            if index and not (tight and short and len(lines) == 1):
                yield ""
            short = len(lines) == 1
            yield from lines

    def _item(self, node: SyntaxTreeNode, mark: str, width: int) -> Iterator[str]:
        lead = " " * len(mark)
        first = True
        for line in self.blocks(node.children, width - len(mark)):
            yield f"{mark if first else lead}{line}".rstrip()
            first = False
        if first:
            yield mark.rstrip()

    def _table(self, node: SyntaxTreeNode, width: int) -> Iterator[str]:
        rows = [
            [self._inline(cell).replace(_BREAK, " ") for cell in row.children]
            for part in node.children
            for row in part.children
        ]
        sizes = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]
        if sum(sizes) + 2 * (len(sizes) - 1) <= width:
            sides = [
                str(cell.attrs.get("style", "")) for cell in node.children[0].children[0].children
            ]
            rows.insert(1, ["-" * size for size in sizes])
            yield from (self._row(row, sizes, sides) for row in rows)
            return
        if len(rows) == 1:
            yield from (line for name in rows[0] for line in wrap(name, width))
        for index, row in enumerate(rows[1:]):
            if index:
                yield ""
            for name, cell in zip(rows[0], row, strict=True):
                yield from wrap(f"{name}: {cell}" if name else cell, width)

    @staticmethod
    def _row(cells: Sequence[str], sizes: Sequence[int], sides: Sequence[str]) -> str:
        padded = (
            _padded(cell, size - columns(cell), side)
            for cell, size, side in zip(cells, sizes, sides, strict=True)
        )
        return "  ".join(padded).rstrip()

    def _inline(self, node: SyntaxTreeNode) -> str:
        return "".join(self._word(child) for child in node.children)

    def _word(self, node: SyntaxTreeNode) -> str:
        inner = "".join(self._word(child) for child in node.children)
        match node.type:
            case "text" | "field":
                return node.content
            case "code_inline":
                return f"`{node.content}`"
            case "softbreak":
                return " "
            case "hardbreak":
                return _BREAK
            case "strong" if inner.strip():
                return f"*{inner}*"
            case "s":
                return f"~{inner}~"
            case "image":
                return f"[{inner}]" if inner else ""
            case "footnote_ref":
                return f" ({node.meta['id'] + 1})"
            case "html_inline":
                return self.author.inline(node.content)
            case "link":
                return self._link(node, inner)
            case _:
                return inner

    def _link(self, node: SyntaxTreeNode, inner: str) -> str:
        index = node.meta["l"]
        target = self.link(index)
        bare = target.removeprefix("mailto:")
        if inner.strip() in {self.hrefs[index], bare, self.hrefs[index].removeprefix("mailto:")}:
            return bare
        return inner + self._mark(target)

    def _author_link(self, href: str, tagged: bool) -> str:  # noqa: FBT001  # Words calls it so
        return self._mark(self.tag(href) if tagged else href)

    def _mark(self, target: str) -> str:
        """The number behind a link's words, on the same line as the last of them.

        Within the letter there is nothing to write down: plain text has no places to jump to.
        """
        if target.startswith("#"):
            return ""
        return f"{_GLUE}[{self.numbers.setdefault(target, len(self.numbers) + 1)}]"


def _padded(cell: str, room: int, side: str) -> str:
    """A cell with its blanks where the table's author put them; numbers stand under numbers."""
    before = room if side.endswith("right") else room // 2 if side.endswith("center") else 0
    return " " * before + cell + " " * (room - before)


def _address(url: str) -> str:
    """A link as people write it down: an address without its scheme."""
    return url if "?" in url else url.removeprefix("mailto:").removeprefix("tel:")
