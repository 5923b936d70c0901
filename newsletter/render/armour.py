r"""What keeps odd characters whole on their way through the MJML compiler.

mrml writes attributes in Rust's debug format: a variation selector, a joiner, a no-break space or
a combining mark in a title or an alt text arrives as the letters `\u{fe0f}`, and a quote ends the
attribute. Written as ASCII with numeric references they pass untouched.
"""

from __future__ import annotations

import re
from typing import Final

# Styles and comments keep their bytes: references mean nothing there. Titles become attributes.
_PIECE: Final = re.compile(
    r"(?P<keep><!--.*?-->|<(?P<style>(?:mj-)?style)\b[^>]*>.*?</(?P=style)>)"
    r"|(?<=<mj-title>)(?P<title>[^<]*)|(?P<tag><[^<>]*>)",
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(r"(=\s*)(\"[^\"]*\"|'[^']*')")
_LINE: Final = "&#010;"  # spelt as no author spells it, so that lines can be counted
_UNSAFE: Final = str.maketrans(
    {"\\": "&#92;", "\t": "&#9;", "\n": _LINE, "\r": "&#13;", '"': "&#34;"}
)


def armour(mjml: str) -> str:
    """Rewrite a well-formed MJML page in ASCII, meaning the same."""
    parts, at = [], 0
    for piece in _PIECE.finditer(mjml):
        parts.append(_ascii(mjml[at : piece.start()]))
        if piece["keep"] is not None:
            parts.append(piece["keep"])
        elif piece["title"] is not None:
            parts.append(_ascii(" ".join(re.split(r"[ \t\n]+", piece["title"])).translate(_UNSAFE)))
        else:
            parts.append(_ascii(_ATTRIBUTE.sub(_attribute, piece["tag"])))
        at = piece.end()
    parts.append(_ascii(mjml[at:]))
    return "".join(parts)


def line_of(armoured: str, index: int) -> int:
    """The 1-based line, before armouring, of the character at `index`."""
    return armoured.count("\n", 0, index) + armoured.count(_LINE, 0, index) + 1


def _attribute(match: re.Match[str]) -> str:
    return f'{match[1]}"{match[2][1:-1].translate(_UNSAFE)}"'


def _ascii(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()
