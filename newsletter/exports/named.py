"""The pictures that a letter's Markdown names, by other names."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final

from newsletter.exports.markdown import target

_WORDS: Final = r"(?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\])*"
_ADDRESS: Final = r"(?:<([^<>\n]*)>|((?:[^()\s<>\\]|\\.|\([^()\s]*\))+))"
_INLINE: Final = re.compile(rf"(!\[{_WORDS}\]\(\s*){_ADDRESS}")
#: `![words][label]` or `![label]`, and the line that says what a label stands for.
_REFERRED: Final = re.compile(rf"!\[({_WORDS})\](?:\[([^\]]*)\])?(?!\()")
_DEFINED: Final = re.compile(rf"^( {{0,3}}\[([^\]\n]+)\]:[ \t]*){_ADDRESS}", re.MULTILINE)
_TAG: Final = re.compile(
    r"""(<img\b[^>]*?\bsrc\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")


def with_renamed(markdown: str, rename: Callable[[str], str]) -> str:
    """Markdown that calls its pictures otherwise; all else stays as it is.

    Args:
        markdown: of a letter.
        rename: the new address or path of a picture, "" for one that keeps its own.
    """

    def renamed(written: str) -> str:
        return rename(html.unescape(_ESCAPED.sub(r"\1", written)))

    def in_markdown(found: re.Match[str]) -> str:
        new = renamed(found[found.lastindex or 0])
        return f"{found[1]}{target(new)}" if new else found[0]

    def in_tag(found: re.Match[str]) -> str:
        new = rename(html.unescape(found[found.lastindex or 0]))
        return f'{found[1]}"{html.escape(new)}"' if new else found[0]

    labels = {_label(one[2] or one[1]) for one in _REFERRED.finditer(markdown)}

    def defined(found: re.Match[str]) -> str:
        return in_markdown(found) if _label(found[2]) in labels else found[0]

    text = _TAG.sub(in_tag, _INLINE.sub(in_markdown, markdown))
    return _DEFINED.sub(defined, text) if labels else text


def _label(words: str) -> str:
    return " ".join(words.casefold().split())
