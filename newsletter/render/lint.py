"""What the MJML compiler would pass in silence: a theme's typing errors and what breaks in mail.

Refused, with the theme's own file and line: what is not well-formed XML, elements and attributes
that do not exist, `!important` outside media queries (copied onto an element it would win over
dark mode for good), colours of other than six digits (Outlook and the compiler misread them), and
style sheets that fetch others.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final
from xml.parsers import expat

from newsletter.errors import InputError
from newsletter.humanize import nearest
from newsletter.render import Theme
from newsletter.render.mjml_tags import HTML, TAGS, attributes_of
from newsletter.render.shell import Shell
from newsletter.render.stylesheet import Declaration, declarations

_SHEETS: Final = frozenset({"mj-style", "style"})
_SHORT: Final = re.compile(r"#(?:[0-9a-f]{8}|[0-9a-f]{3,4})(?![\w-])", re.IGNORECASE)
# What a colour cannot stand in.
_OPAQUE: Final = re.compile(r"url\([^)]*\)?|\"[^\"]*\"|'[^']*'", re.IGNORECASE)
_UNCLOSED: Final = frozenset({3, 7})  # expat: "no element found", "mismatched tag"


# By the page and not by the theme alone: which of its lines a theme shows may depend on the issue.
@functools.lru_cache(maxsize=64)
def lint(theme: Theme, shell: Shell) -> None:
    """Refuse a filled-in page with the first fault in it; a page without one is read once.

    Raises:
        InputError: with the theme's file and line.
    """
    _Reader(theme, shell).read()


class _Reader:
    """One walk over the page, by expat, which knows the line of everything."""

    def __init__(self, theme: Theme, shell: Shell) -> None:
        self._theme = theme
        self._shell = shell
        self._open: list[tuple[str, int]] = []
        self._sheet: list[str] = []
        self._sheet_line = 0
        self._parser = expat.ParserCreate(namespace_separator=None)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self) -> None:
        try:
            self._parser.Parse(self._shell.text, True)  # noqa: FBT003  # expat's signature
        except expat.ExpatError as error:
            raise self._not_xml(error) from error

    def _fault(self, message: str, line: int, hint: str, cause: str | None = None) -> InputError:
        place = self._shell.line_place(self._theme, line)
        return InputError(message, place=place, hint=hint, cause=cause)

    def _not_xml(self, error: expat.ExpatError) -> InputError:
        if error.code in _UNCLOSED and self._open:
            tag, line = self._open[-1]
            return self._fault(f"<{tag}> is not closed", line, f"close it with </{tag}>")
        return self._fault(
            "the theme is not well-formed XML", error.lineno,
            "write & as &amp;, a blank that does not break as &#160;, and quote attributes",
            expat.ErrorString(error.code),
        )  # fmt: skip

    # --- elements ------------------------------------------------------------------------

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if self._open and self._open[-1][0] == "mj-class":
            hint = "give the attributes to mj-class itself; they go to whatever names the class"
            raise self._fault("the MJML compiler ignores elements inside mj-class", line, hint)
        self._open.append((tag, line))
        if len(self._open) == 1 or tag.lower().startswith("mj"):
            self._expect_known(tag, attributes, line)
        elif ":" not in tag and tag.lower() not in HTML:  # v:rect is Outlook's
            hint = nearest(tag, HTML | TAGS)
            raise self._fault(f"<{tag}> is an element of neither MJML nor HTML", line, hint)
        for name, value in attributes.items():
            if name == "style":
                self._expect_sound(value, line)
            elif name.endswith("color") or name.startswith("border"):
                self._expect_six_digits(value, line)
        if tag in _SHEETS:
            self._sheet, self._sheet_line = [], 0

    def _expect_known(self, tag: str, attributes: Mapping[str, str], line: int) -> None:
        known = attributes_of(tag)
        if known is None:
            raise self._fault(f"<{tag}> is not an element of MJML", line, nearest(tag, TAGS))
        for name in attributes:
            if name not in known:
                hint = nearest(name, known, f"<{tag}> takes {', '.join(sorted(known)) or 'none'}")
                raise self._fault(f'<{tag}> has no attribute "{name}"', line, hint)
        if tag == "mj-hero" and attributes.get("mode", "fixed-height") != "fixed-height":
            mode = attributes["mode"]
            hint = "the MJML compiler draws fixed-height only; give it a height"
            raise self._fault(f'<mj-hero> has no mode "{mode}"', line, hint)

    # --- styles --------------------------------------------------------------------------

    def _text(self, text: str) -> None:
        if self._open and self._open[-1][0] in _SHEETS:
            self._sheet_line = self._sheet_line or self._parser.CurrentLineNumber
            self._sheet.append(text)

    def _end(self, tag: str) -> None:
        if tag in _SHEETS:
            self._expect_sound("".join(self._sheet), self._sheet_line)
        self._open.pop()

    def _expect_sound(self, css: str, line: int) -> None:
        for one in declarations(css):
            self._expect_sound_declaration(one, line + css.count("\n", 0, one.index))

    def _expect_sound_declaration(self, one: Declaration, line: int) -> None:
        if one.name.lower().startswith("@import"):
            raise self._fault(
                "a theme's style sheet cannot fetch another", line,
                "put the rules into a file of the theme and include it",
            )  # fmt: skip
        if one.important and not one.in_media:
            raise self._fault(
                f'"!important" at {one.name} stands outside @media', line,
                "leave it out: copied onto the elements it would win over dark mode for good",
            )  # fmt: skip
        self._expect_six_digits(one.value, line)

    def _expect_six_digits(self, value: str, line: int) -> None:
        found = _SHORT.search(_OPAQUE.sub("", value))
        if found is None:
            return
        digits = found[0][1:]
        whole = "".join(d * 2 for d in digits[:3]) if len(digits) < 6 else digits[:6]  # noqa: PLR2004  # of #rgb, #rrggbb
        raise self._fault(
            f"the colour {found[0]} does not have six digits", line, f"write #{whole}"
        )
