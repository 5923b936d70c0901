"""Rules about colours: whether the letter can be read by day and by night.

Computed as mail programs draw it: from the colours written into the tags, and for the night from
the theme's `@media (prefers-color-scheme: dark)` on top of them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

import lxml.html
from cssselect import SelectorError, parse
from lxml.cssselect import CSSSelector

from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.errors import Place
from newsletter.render.colours import BLACK, WHITE, Colour, as_hex, contrast, from_hex
from newsletter.render.stylesheet import declarations

#: What the night changes, element by element.
Night = Mapping[Any, Mapping[str, str]]

_ENOUGH: Final = 4.5  # WCAG 2.2, 1.4.3
_ENOUGH_LARGE: Final = 3.0
_LARGE: Final = 24.0  # px; or 18.66 and bold
_LARGE_BOLD: Final = 18.66
_BOLD: Final = frozenset({"strong", "b", "th", "h1", "h2", "h3", "h4", "h5", "h6"})
_SHOWN: Final = re.compile(r"[^\s\u00a0\u034f\u200b\u200c]")
_NAMED: Final = {"white": WHITE, "black": BLACK}
_HEX: Final = re.compile(r"#([0-9a-f]{6})(?![0-9a-f])", re.IGNORECASE)
_RGB: Final = re.compile(r"rgb\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*\)", re.IGNORECASE)
_SAMPLE: Final = 40


class _Look(NamedTuple):
    """What an element hands down to what is inside it."""

    colour: Colour | None
    ground: Colour | None
    size: float
    bold: bool


@rule("contrast", "warning", "Text that stands out too little from what is behind it.")
def _contrast(context: RuleContext) -> Iterator[Fault]:
    page = lxml.html.document_fromstring(context.rendered.html)
    said: set[tuple[str, Colour, Colour]] = set()
    for mode, night in (("light", {}), ("dark", _night(page))):
        for text, look in _texts(page, _Look(BLACK, WHITE, 16.0, bold=False), night):
            if look.colour is None or look.ground is None:
                continue
            large = look.size >= _LARGE or (look.bold and look.size >= _LARGE_BOLD)
            wanted = _ENOUGH_LARGE if large else _ENOUGH
            found = contrast(look.colour, look.ground)
            pair = (mode, look.colour, look.ground)
            if found < wanted and pair not in said:
                said.add(pair)
                colours = f"{as_hex(look.colour)} on {as_hex(look.ground)}"
                sample = re.sub(r"[ \t]*\n\s*", " ", text)[:_SAMPLE]
                message = (
                    f'"{sample}" is hard to read in {mode} mode: {colours} has a contrast '
                    f"of {found:.1f}, not {wanted}"
                )
                yield _place(context, text), message, _hint(context, look)


def _hint(context: RuleContext, look: _Look) -> str:
    colours = {look.colour and as_hex(look.colour), look.ground and as_hex(look.ground)}
    given = context.options.look
    named = (("accent_dark", given.accent_dark), ("ink", given.light.ink))
    return next(
        (f"choose another theme.{name}" for name, colour in named if colour in colours),
        "the theme draws it so, whatever the words: change its style.css or dark.css",
    )


def _place(context: RuleContext, text: str) -> Place:
    """Where the author wrote these words; the theme's own have no line in the issue."""
    first = text.partition("\n")[0]
    for number, line in enumerate(context.issue.body.split("\n"), context.issue.body_line):
        if first in line:
            return Place(context.issue.file, number, line.index(first) + 1)
    return Place(context.issue.file, 1)


def _texts(
    element: lxml.html.HtmlElement, around: _Look, night: Night
) -> Iterator[tuple[str, _Look]]:
    """Every piece of text with the colours it is drawn in, in document order."""
    waiting = [(element, around)]
    while waiting:
        element, around = waiting.pop()
        style = {**_declared(element.get("style", "")), **night.get(element, {})}
        if style.get("display") == "none" or element.tag in {"head", "style", "script"}:
            continue
        look = _look(element, style, around)
        pieces = [element.text or "", *(child.tail or "" for child in element)]
        pieces += [element.get("alt", "")] if element.tag == "img" else []
        if shown := next((p for p in pieces if _SHOWN.search(p)), ""):
            yield shown.strip(), look
        waiting += [(child, look) for child in reversed(element) if not callable(child.tag)]


def _look(element: lxml.html.HtmlElement, style: Mapping[str, str], around: _Look) -> _Look:
    ground = style.get("background-color") or element.get("bgcolor")
    weight = style.get("font-weight", "")
    return _Look(
        colour=_colour(style["color"], around.colour) if "color" in style else around.colour,
        ground=_colour(ground, around.ground) if ground else around.ground,
        size=_size(style.get("font-size", ""), around.size),
        bold=weight in {"bold", "600", "700", "800", "900"}
        if weight
        else around.bold or element.tag in _BOLD,
    )


def _colour(value: str, around: Colour | None) -> Colour | None:
    """A colour of a style, `around` where it lets that through, None where nobody can tell."""
    if found := _HEX.search(value):
        return from_hex(found[1])
    if found := _RGB.search(value):
        red, green, blue = (min(int(part), 255) for part in found.groups())
        return red, green, blue
    if value.lower() in {"transparent", "inherit", "none", ""}:
        return around
    return _NAMED.get(value.lower())


def _size(value: str, around: float) -> float:
    found = re.fullmatch(r"([\d.]+)(px|em|rem|%)", value)
    if found is None:
        return around
    number = float(found[1])
    return number if found[2] == "px" else around * number / (100 if found[2] == "%" else 1)


@functools.lru_cache(maxsize=512)
def _declared(style: str) -> Mapping[str, str]:
    return {_long(one.name): one.value for one in declarations(style)}


def _long(name: str) -> str:
    """The colour's own property: a later `background` overrides an earlier `background-color`."""
    return "background-color" if name == "background" else name


def _night(page: lxml.html.HtmlElement) -> Night:
    """What the rules for dark mode change, element by element, the strongest rule last."""
    changed: dict[Any, dict[str, str]] = {}
    sheets = "\n".join(sheet.text or "" for sheet in page.iter("style"))
    for _, selector, style in _night_rules(sheets):
        for element in cast(list[Any], selector(page)):
            changed.setdefault(element, {}).update(style)
    return changed


@functools.lru_cache(maxsize=8)
def _night_rules(css: str) -> list[tuple[tuple[int, int, int], CSSSelector, dict[str, str]]]:
    rules = []
    for one in declarations(css):
        night = any("prefers-color-scheme" in a and "dark" in a for a in one.around)
        # What is written into the tag wins over a rule that does not insist.
        if not night or not one.important:
            continue
        parts = map(_selector, one.selector.split(","))
        rules += [(*part, {_long(one.name): one.value}) for part in parts if part]
    return sorted(rules, key=lambda found: found[0])


@functools.lru_cache(maxsize=512)
def _selector(text: str) -> tuple[tuple[int, int, int], CSSSelector] | None:
    """How strong a selector is, and what it selects; read once for all that it declares.

    None of a pseudo-class such as :hover, which no still picture has.
    """
    try:
        return parse(text)[0].specificity(), CSSSelector(text)
    except SelectorError:
        return None
