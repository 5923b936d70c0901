"""Style sheets copied onto the elements, for mail programs that drop style sheets.

premailer reads the sheets and adds declarations up; which element gets which is told here. What is
private of premailer and overridden, two methods, stands in this file and nowhere else, and so do
two settings of cssutils; a test holds them to the library beneath.
"""

from __future__ import annotations

import functools
import logging
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

import cssutils
from lxml import etree
from lxml.cssselect import CSSSelector
from premailer import Premailer
from premailer.merge_style import csstext_to_pairs, merge_styles

from newsletter.render.stylesheet import everywhere

_Selector = Callable[[etree._Element], list[etree._Element]]  # noqa: SLF001  # its only name
#: Premailer's own form: (specificity, selector, declarations) of what is copied, and the rest.
_Rule = tuple[tuple[int, ...], str, str]
_Rules = tuple[list[_Rule], list[object]]

# It would write #ffffff as #fff, which Outlook and Lotus Notes read as another colour.
cssutils.ser.prefs.minimizeColorHash = False
# premailer asks for no validation everywhere but in `style` attributes; the profiles are a fifth
# of a second of patterns to compile, and all they could do is log.
cssutils.profile.removeProfile(all=True)

#: Each mends a default that breaks mail: a lost doctype, dark mode stripped of its `!important`,
#: style sheets fetched over the network, image widths overwritten for Outlook, every picture's
#: style parsed anew to look for a float.
OPTIONS: Final[Mapping[str, Any]] = {
    "keep_style_tags": True,
    "strip_important": False,
    "remove_classes": False,
    "disable_link_rewrites": True,
    "allow_network": False,
    "disable_validation": True,
    "disable_basic_attributes": ["width", "height", "align", "valign", "bgcolor"],
    "align_floating_images": False,
    "cssutils_logging_level": logging.CRITICAL,
}
_NAME: Final = re.compile(r"[.#]?[A-Za-z_][\w-]*")
#: Of which `_asked` and `_bare` can tell what they need.
_PLAIN: Final = re.compile(r"[\w\s.#>+~,-]+")
#: A class that no element, class or id stands before.
_BARE: Final = re.compile(r"(?<![\w.#-])\.[A-Za-z_][\w-]*")


def inline_styles(tree: etree._Element) -> etree._Element:
    """Copy the rules of `<style>` onto the elements they match."""
    inliner = Inliner(tree, **OPTIONS)
    page = cast(etree._Element, inliner.transform())  # noqa: SLF001  # its only name
    inliner.copy_rules(page)
    return page


class Inliner(Premailer):  # type: ignore[misc]  # premailer has no types
    """Premailer that reads a style sheet once, and no other than the one it is given.

    Its own cache keeps the parsed sheet, but writes every rule of it out anew for every letter,
    which was half the time of a whole render; and its parser fetches what an @import names, from
    the network and from the disk, whatever `allow_network` says. It finds the sheets and their
    rules; copied they are here, for it puts the same rules together anew for every element.
    """

    def __init__(self, page: object, **options: object) -> None:
        super().__init__(page, **options)
        self._wanted: list[_Rule] = []

    def _parse_css_string(self, css_body: str, validate: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  # premailer's signature
        parser = cssutils.CSSParser(
            loglevel=logging.CRITICAL, validate=validate, fetcher=lambda _: None
        )
        return parser.parseString(css_body)

    def _parse_style_rules(self, css_body: str | None, ruleset_index: int) -> _Rules:
        rules, rest = _rules(css_body or "", ruleset_index)  # None of an empty element
        if not self._there:
            self._look_around()
        # Looking for what is not there takes as long as looking for what is.
        asked = [rule for rule in rules if _asked(rule[1]) <= self._there.keys()]
        self._wanted += [(weight, self._narrowed(name), css) for weight, name, css in asked]
        return [], rest

    def copy_rules(self, page: etree._Element) -> None:
        """Write onto each element what the rules of all sheets say of it, the weightiest last."""
        found: dict[etree._Element, list[str]] = {}
        for _, selector, css in sorted(self._wanted, key=operator.itemgetter(0)):
            for element in _selector(selector)(page):
                found.setdefault(element, []).append(css)
        for element, styles in found.items():
            if style := _merged(element.get("style", ""), tuple(styles)):
                element.set("style", style)

    def _look_around(self) -> None:
        """Note the elements, classes and ids of the page, such as `p`, `.button` and `#end`."""
        there: dict[str, set[str]] = {}
        for element in self.html.iter(etree.Element):
            tag = str(element.tag)
            there.setdefault(tag, set()).add(tag)
            for name in element.get("class", "").split():
                there.setdefault(f".{name}", set()).add(tag)
            if (name := element.get("id")) is not None:
                there.setdefault(f"#{name}", set()).add(tag)
        self._there = there

    def _narrowed(self, selector: str) -> str:
        """A selector that says of which element its classes are, where all have the same one.

        Classes are looked at letter by letter, so asking `td.name` instead of `.name` takes a third
        of the time.
        """
        tags = ((name, self._there[name]) for name in _bare(selector))
        return _with_tags(selector, tuple((name, *tag) for name, tag in tags if len(tag) == 1))

    #: Which elements have such a name, by the name.
    _there: Mapping[str, set[str]] = MappingProxyType({})


@functools.lru_cache(maxsize=64)
def _rules(css: str, index: int) -> _Rules:
    reader = Inliner("", strip_important=False, disable_validation=True)
    # What holds in some windows only is never copied, so it need not be parsed.
    return cast(_Rules, Premailer._parse_style_rules(reader, everywhere(css), index))  # noqa: SLF001  # what is cached


@functools.lru_cache(maxsize=1024)
def _merged(own: str, styles: tuple[str, ...]) -> str:
    """What an element's own style and those of its rules add up to: few of a letter differ."""
    pairs = [csstext_to_pairs(css, validate=False) for css in styles]
    no_pseudo_class = [""] * len(pairs)  # such rules are not copied
    return str(merge_styles(own, pairs, no_pseudo_class, remove_unset_properties=True))


@functools.lru_cache(maxsize=512)
def _selector(name: str) -> _Selector:
    return cast(_Selector, CSSSelector(name))


@functools.lru_cache(maxsize=512)
def _asked(selector: str) -> frozenset[str]:
    """The elements, classes and ids that a selector needs; () of one too hard to tell."""
    plain = _pseudoless(selector)
    names = _NAME.findall(plain) if _PLAIN.fullmatch(plain) else []
    return frozenset(name if name[0] in ".#" else name.lower() for name in names)


@functools.lru_cache(maxsize=512)
def _bare(selector: str) -> tuple[str, ...]:
    """The classes, of those, that a selector asks of any element."""
    plain = _pseudoless(selector)
    return tuple(_BARE.findall(plain)) if _PLAIN.fullmatch(plain) else ()


def _pseudoless(selector: str) -> str:
    return re.sub(r":[\w-]+", "", selector)


@functools.lru_cache(maxsize=1024)
def _with_tags(selector: str, tags: tuple[tuple[str, str], ...]) -> str:
    known = dict(tags)
    return _BARE.sub(lambda found: known.get(found[0], "") + found[0], selector)
