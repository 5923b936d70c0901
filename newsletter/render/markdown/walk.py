"""The one walk over what markdown-it has read: everything is put in order and noted on the way."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

from markdown_it.token import Token

from newsletter.render.markdown import author_classes, callouts, places, shapes, wide
from newsletter.render.markdown.anchors import Anchors
from newsletter.render.markdown.document import Image, MarkdownLink, Raw, Tokens
from newsletter.render.markdown.fields import Fields
from newsletter.render.markdown.finder import Finder
from newsletter.render.markdown.said import SAYING, Said
from newsletter.render.markdown.tidy import tidied

_KEEPS_LINES: Final = re.compile(r"<pre[\s>]", re.IGNORECASE)
_ANCHOR: Final = re.compile(r"""(\bhref\s*=\s*["']?)(#[^\s"'>]*)""", re.IGNORECASE)
_LINK: Final = re.compile(r"<a[\s>]", re.IGNORECASE)
_LINK_END: Final = re.compile(r"</a", re.IGNORECASE)
_TASK: Final = re.compile(r"\[([ xX])\] ")
#: Tokens of a paragraph with none around it: it opens, says something and closes.
_PARAGRAPH: Final = 3


class Walk:
    """Walks once over the tokens of a letter.

    Attributes:
        tokens: put in order, in place.
        links, images, raws, words, headings, unlinked, pieces, depths: as in `Document`.
    """

    def __init__(
        self,
        tokens: list[Token],
        fields: Fields,
        titles: Mapping[str, str],
        lines: list[str],
        taken: frozenset[str],
    ) -> None:
        self.tokens = tokens
        self.links: list[MarkdownLink] = []
        self.images: list[Image] = []
        self.raws: list[Raw] = []
        self.words: list[tuple[str, int]] = []
        self.headings: list[tuple[int, str, int]] = []
        self.unlinked: list[tuple[str, int]] = []
        self.pieces: list[int] = []
        self.depths = [(0, 0)]
        self._fields = fields
        self._titles = titles
        self._taken = taken
        self._anchors = Anchors()
        self._finder = Finder(lines)
        #: Author HTML that may lead to a heading, perhaps one further down.
        self._leading: list[Token] = []
        #: The last figure, of which a caption may come next: its image, and where it stands.
        self._figure: tuple[Token, int] | None = None

    def blocks(self) -> None:
        """Every token in its order, those that a callout puts behind its opener among them."""
        last, pieces = [0, 1], 0
        lists: list[Token] = []
        quotes: list[Token] = []
        for index, token in enumerate(self.tokens):
            # What has no line of its own stands on that of the block before it.
            last = token.map = token.map or last
            kind, pieces = token.type, pieces + 1
            if kind == "inline":
                self._mark_task(index, lists)
                self._inline(index)
                pieces += len(token.children or ())
            elif kind == "html_block":
                line = last[0] + 1
                self.raws.append(Raw(html=token.content, line=line))
                self._keep_apart(token, line)
                if not _KEEPS_LINES.search(token.content):
                    token.content = wide.join_lines(token.content)
                # What reads an author's HTML takes the longer the deeper it goes.
                pieces += token.content.count("<")
            elif kind == "blockquote_open":
                callouts.turn(self.tokens, index, self._titles)
                quotes.append(token)
            elif kind == "blockquote_close":
                token.tag = quotes.pop().tag
            elif kind.endswith("_list_open"):
                lists.append(token)
            elif kind.endswith("_list_close"):
                lists.pop()
            self.pieces.append(pieces)

    def resolve(self) -> None:
        """Let links to a heading lead there, once all headings are known."""
        for raw in self._leading:
            raw.content = _ANCHOR.sub(
                lambda found: found[1] + self._anchors.resolve(found[2]), raw.content
            )
        for index, link in enumerate(self.links):
            if link.href.startswith("#"):
                href = self._anchors.resolve(link.href)
                self.links[index] = dataclasses.replace(link, href=href)

    def _mark_task(self, index: int, lists: Tokens) -> None:
        """`[ ]` and `[x]` at the start of a list item become boxes that mail can show.

        Args:
            index: of the text.
            lists: those it stands in, the innermost last.
        """
        children = self.tokens[index].children
        item = self.tokens[index - 2]
        if index < 2 or item.type != "list_item_open" or not children:  # noqa: PLR2004  # item, paragraph, inline
            return
        if children[0].type == "text" and (found := _TASK.match(children[0].content)):
            box = "\u2610" if found[1] == " " else "\u2611"
            children[0].content = f"{box} {children[0].content[found.end() :]}"
            item.attrSet("class", "task")
            lists[-1].attrSet("class", "contains-task-list")

    def _inline(self, index: int) -> None:
        """The text of a block, piece by piece."""
        token = self.tokens[index]
        said, kept = Said(), list[Token]()
        links, images = len(self.links), len(self.images)
        # Links of which the end has not come, with the number of pieces said before each.
        begun: list[tuple[Token, places.LinkPlace, int]] = []
        raws: list[tuple[Token, int]] = []
        depth = deepest = 0
        self._finder.note_cell(token, self.tokens[index - 1])
        for child in tidied(token.children or [], self._fields):
            kept.append(child)
            kind = child.type
            depth += child.nesting
            deepest = max(deepest, depth)
            if kind in SAYING:
                shown = said.add(child)
                if kind == "image":
                    self._image(child, shown, token)
            elif kind == "link_open":
                child.meta["l"] = len(self.links) + len(begun)
                begun.append((child, self._finder.place(child, token), len(said.every)))
                said.begin_link()
            elif kind == "link_close":
                for link, place, start in begun:
                    self._link(link, place, "".join(said.every[start:]))
                begun.clear()
                said.end_link()
            elif kind == "html_inline":
                raws.append((child, self._raw(child, token, said)))
        token.children = kept
        for child, at in raws:  # behind the links: the order decides which token a field gets
            self._keep_apart(child, at)
        if deepest > self.depths[-1][0]:
            self.depths.append((deepest, index))
        self._note(index, said, len(self.links) - links, len(self.images) - images)

    def _note(self, index: int, said: Said, links: int, images: int) -> None:
        """Note what a block with so many links and images says, and what it is."""
        opener, line = self.tokens[index - 1], (self.tokens[index].map or [0])[0] + 1
        text = "".join(said.every)
        self.words.append(("".join(said.read), line))
        self.unlinked.append(("".join(said.unlinked), line))
        if opener.type == "heading_open":
            self.headings.append((int(opener.tag[1]), text, line))
            self._anchors.add(opener, text)
        elif opener.type == "paragraph_open":
            self._shape(index, text, links, images)

    def _shape(self, index: int, text: str, links: int, images: int) -> None:
        """Say what a paragraph with so many links and images is, where it is more than text."""
        paragraph, inline = self.tokens[index - 1], self.tokens[index]
        if self._figure and self._figure[1] == index - _PARAGRAPH:
            shapes.mark_caption(paragraph, inline, self._figure[0], text)
        if links == 1:
            shapes.mark_button(paragraph, inline)
        if images == 1 and (image := shapes.mark_figure(paragraph, inline)):
            self._figure = (image, index)

    def _link(self, opener: Token, place: places.LinkPlace, text: str) -> None:
        off = {name for name in ("utm", "count") if opener.attrs.pop(name, "") == "off"}
        self.links.append(
            MarkdownLink(
                text=" ".join(text.split()), href=str(opener.attrs.get("href", "")),
                line=place.line, utm="utm" not in off, counts="count" not in off,
                source=place.source, column=place.column,
            )
        )  # fmt: skip

    def _image(self, child: Token, alt: str, block: Token) -> None:
        src = str(child.attrs.get("src", ""))
        child.meta["i"] = len(self.images)
        self.images.append(Image(src=src, alt=alt, line=self._finder.line(src, block)))

    def _raw(self, child: Token, block: Token, said: Said) -> int:
        """Note author HTML as it was written; its line comes back."""
        line = self._finder.line(child.content.split("\n")[0], block)
        self.raws.append(Raw(html=child.content, line=line))
        if _LINK.match(child.content):
            said.begin_link()
        elif _LINK_END.match(child.content):
            said.end_link()
        return line

    def _keep_apart(self, raw: Token, line: int) -> None:
        """Author HTML with tokens for its fields, its own classes, and the lines of its links."""
        own = author_classes.keep_apart(self._fields.in_html(raw.content), self._taken)
        raw.content = _with_lines(own, line)
        if "#" in raw.content:
            self._leading.append(raw)


def _with_lines(html: str, line: int) -> str:
    """Author HTML whose links and images know the line they stand on, as Markdown's do."""

    def one(found: re.Match[str]) -> str:
        return f'{found[0]} data-line="{line + html.count(chr(10), 0, found.start())}"'

    return re.sub(r"<(?:a|img)(?=[\s/>])", one, html, flags=re.IGNORECASE)
