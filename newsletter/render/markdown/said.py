"""The words of a line of Markdown, as a reader sees them and as checks read them."""

from __future__ import annotations

from typing import Final

from markdown_it.token import Token

from newsletter.render.markdown.document import Tokens

_WORDS: Final = frozenset({"text", "code_inline", "field"})
_BREAKS: Final = frozenset({"softbreak", "hardbreak"})
#: Tokens that say something.
SAYING: Final = _WORDS | _BREAKS | {"image"}
#: No author's language.
_UNREAD: Final = frozenset({"code_inline", "field"})


def plain(children: Tokens) -> str:
    """The words of some inline tokens, as a reader sees them, in one line."""
    return "".join(map(_shown, children))


def _shown(child: Token) -> str:
    if child.type in _WORDS:
        return child.content
    if child.type in _BREAKS:
        return " "
    return plain(child.children or ()) if child.type == "image" else ""


class Said:
    """Gathers the words of one line while it is walked.

    Attributes:
        every: all of them, piece by piece.
        read: without code and merge fields.
        unlinked: of `read` what stands in no link, Markdown's or the author's; a blank for each.
    """

    def __init__(self) -> None:
        self.every: list[str] = []
        self.read: list[str] = []
        self.unlinked: list[str] = []
        self._links = 0

    def add(self, child: Token) -> str:
        """Note what a token says, which comes back."""
        shown = child.content if child.type == "text" else _shown(child)
        self.every.append(shown)
        if child.type not in _UNREAD:
            self.read.append(shown)
            if not self._links:
                self.unlinked.append(shown)
        return shown

    def begin_link(self) -> None:
        """What follows is a link's."""
        self.unlinked.append(" ")
        self._links += 1

    def end_link(self) -> None:
        """A link ends, or what looks like the end of one."""
        self._links = max(0, self._links - 1)
