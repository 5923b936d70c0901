"""Where each key of a TOML text stands: tomllib tells values, but not their lines.

The text has been read by tomllib before, so nothing here needs to doubt its grammar.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

# An item of a list is named by its number, the first being 0.
Key = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PART: Final = re.compile(r"""[ \t]*("(?:\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_SCALAR: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^,\]}#\r\n]*",
    re.DOTALL,
)


def places(text: str) -> dict[Key, tuple[int, int]]:
    """The line and column, both from 1, of every table, key and list item in a valid TOML text.

    A table that is opened several times, by headers or dotted keys, counts where it is first named.
    """
    scan = _Scan(text)
    scan.document()
    return {key: _line_and_column(text, at) for key, at in scan.found.items()}


def _line_and_column(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Key, int] = {}

    def document(self) -> None:
        table: Key = ()
        while self.skip_blank():
            if self.text[self.at] == "[":
                self.at += 2 if self.text.startswith("[[", self.at) else 1
                table = self.key(())
                self.at = self.text.index("]", self.at)
                self.at += 2 if self.text.startswith("]]", self.at) else 1
            else:
                self.pair(table)

    def pair(self, table: Key) -> None:
        key = self.key(table)
        self.at += 1  # the equals sign
        self.value(key)

    def key(self, key: Key) -> Key:
        more = True
        while more:
            match = _PART.match(self.text, self.at)
            assert match is not None  # tomllib has found a name here
            key = (*key, _name(match[1]))
            self.found.setdefault(key, match.start(1))
            more = self.text.startswith(".", match.end())
            self.at = match.end() + more
        return key

    def value(self, key: Key) -> None:
        self.skip_blank()
        match self.text[self.at]:
            case "{":
                self.members(key, "}")
            case "[":
                self.members(key, "]")
            case _:
                scalar = _SCALAR.match(self.text, self.at)
                assert scalar is not None  # the last alternative matches anything
                self.at = scalar.end()

    def members(self, key: Key, end: str) -> None:
        """An inline table's pairs or a list's items, from the opening bracket to the closing."""
        count = 0
        self.at += 1
        while self.skip_blank() and self.text[self.at] != end:
            if self.text[self.at] == ",":
                self.at += 1
            elif end == "}":
                self.pair(key)
            else:
                self.found.setdefault((*key, count), self.at)
                self.value((*key, count))
                count += 1
        self.at += 1

    def skip_blank(self) -> bool:
        """Go to what comes next; False at the end of the text."""
        blank = _BLANK.match(self.text, self.at)
        assert blank is not None  # it may be empty
        self.at = blank.end()
        return self.at < len(self.text)


def _name(part: str) -> str:
    if part[0] not in "\"'":
        return part
    (name,) = tomllib.loads(f"{part} = 0")
    return name
