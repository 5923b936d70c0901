"""Classes of author HTML: those of the theme's frame and of our own pieces get another name.

`class="card"` copied from a web page must not turn a paragraph into the theme's title block. Any
other class stays, for the rules an author adds to the theme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

#: What rendering puts on pieces of a letter, whatever the theme.
PIECES: Final = frozenset(
    """
    button callout callout-caution callout-important callout-note callout-tip callout-title
    callout-warning caption captioned contains-task-list figure footnote-ref footnotes image scroll
    table task
    """.split()
)
_NAMES: Final = re.compile(r"""\bclass\s*=\s*["']([^"']*)["']""")
_OPENER: Final = re.compile(r"<[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*")
_ATTRIBUTE: Final = re.compile(r"([^\s=\"'<>/]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")


def taken_by(texts: Iterable[str]) -> frozenset[str]:
    """The classes that a theme's texts give to its own elements, and those of a letter's pieces."""
    found = (names for text in texts for names in _NAMES.findall(text))
    return PIECES.union(*(names.split() for names in found))


def keep_apart(html: str, taken: frozenset[str]) -> str:
    """Author HTML in which a class that is taken is called `author-...`."""

    def one(attribute: re.Match[str]) -> str:
        names = attribute[3].strip("\"'").split()
        if attribute[1].lower() != "class" or not any(_is_taken(name, taken) for name in names):
            return attribute[0]
        own = " ".join(f"author-{n}" if _is_taken(n, taken) else n for n in names)
        return f'{attribute[1]}="{own}"'

    return _OPENER.sub(lambda tag: _ATTRIBUTE.sub(one, tag[0]), html)


def _is_taken(name: str, taken: frozenset[str]) -> bool:
    return name in taken or name.startswith("mj-")  # the MJML compiler's
