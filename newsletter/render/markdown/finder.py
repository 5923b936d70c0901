"""On which line of the body a link, a picture or a piece of HTML stands."""

from __future__ import annotations

from markdown_it.token import Token

from newsletter.render.markdown import places


class Finder:
    """Looks for things in their order, for they may repeat each other."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        #: Line and column (both from 0) behind what was found last.
        self._found = (-1, 0)
        #: What stands nowhere in a block, with the block's first line: a reference may come often.
        self._missing: set[tuple[str, int]] = set()
        #: As `_found`, behind the last cell of a table.
        self._cell = (-1, 0)

    def note_cell(self, token: Token, opener: Token) -> None:
        """Tell cells of one row apart, which may say the same."""
        if opener.type not in {"td_open", "th_open"} or not token.map:
            return
        line = token.map[0]
        begin = self._cell[1] if self._cell[0] == line else 0
        at = self._lines[line].find(token.content, begin) if line < len(self._lines) else -1
        token.meta["from"] = max(at, begin)
        self._cell = (line, token.meta["from"] + len(token.content))

    def place(self, opener: Token, block: Token) -> places.LinkPlace:
        """Where a link stands, whose target as Markdown normalises it is in its `meta`."""
        place = places.place_of(opener, block, self._lines)
        if place is None:
            # <wren@example.org> becomes mailto:, and what stands nowhere is looked for everywhere.
            written = str(opener.meta["href"]).removeprefix("mailto:")
            place = places.LinkPlace(self.line(written, block), 0, "")
        return place

    def line(self, needle: str, block: Token) -> int:
        """The line of a block on which the next `needle` stands, or the block's first line."""
        first, last = block.map or (0, 1)
        if (needle, first) in self._missing:
            return first + 1
        begin = self._found if first <= self._found[0] < last else (first, 0)
        for line, column in (begin, (first, 0)):
            for index in range(line, min(last, len(self._lines))):
                at = self._lines[index].find(needle, column if index == line else 0)
                if needle and at >= 0:
                    self._found = (index, at + len(needle))
                    return index + 1
        self._missing.add((needle, first))
        return first + 1
