"""What a theme may be made of: MJML's elements and attributes as mrml compiles them, and HTML's.

The compiler passes what it does not know in silence, so a theme that uses something else has a
typing error in it. Attributes are those of MJML 4; left out is what mrml ignores (`mj-include`,
`mj-html-attributes`, an inline `mj-style`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _with(text: str, *more: str) -> frozenset[str]:
    return frozenset(text.split()).union(*(one.split() for one in more))


_PADDING: Final = "padding padding-top padding-right padding-bottom padding-left"
_INNER: Final = (
    "inner-padding inner-padding-top inner-padding-right inner-padding-bottom inner-padding-left"
)
_BORDER: Final = "border border-top border-right border-bottom border-left border-radius"
_FONT: Final = "color font-family font-size font-style font-weight line-height"
_SHAPE: Final = "letter-spacing text-decoration text-transform"
_BOX: Final = "align container-background-color"
_LINK: Final = "href name rel target title"
_PICTURE: Final = (
    "background-color background-url background-repeat background-size background-position "
    "background-position-x background-position-y direction full-width text-align text-padding"
)
_ICONS: Final = (
    "border font-family icon-align icon-width icon-height icon-wrapped-url icon-wrapped-alt "
    "icon-unwrapped-url icon-unwrapped-alt icon-position"
)

#: Allowed on every element but those of the head.
_EVERYWHERE: Final = "css-class mj-class"

ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "mjml": _with("lang dir owa"),
    "mj-head": _with(""),
    "mj-attributes": _with(""),
    "mj-breakpoint": _with("width"),
    "mj-font": _with("name href"),
    "mj-preview": _with(""),
    "mj-style": _with(""),
    "mj-title": _with(""),
    "mj-raw": _with("position"),
    "mj-body": _with("background-color width", _EVERYWHERE),
    "mj-wrapper": _with(_PICTURE, _BORDER, _PADDING, _EVERYWHERE),
    "mj-section": _with(_PICTURE, _BORDER, _PADDING, _EVERYWHERE),
    "mj-group": _with("background-color direction vertical-align width", _EVERYWHERE),
    "mj-column": _with(
        "background-color direction vertical-align width inner-background-color inner-border "
        "inner-border-top inner-border-right inner-border-bottom inner-border-left "
        "inner-border-radius",
        _BORDER, _PADDING, _EVERYWHERE,
    ),
    "mj-hero": _with(
        "mode background-color background-height background-position background-url "
        "background-width border-radius height inner-background-color vertical-align",
        _INNER, _PADDING, _BOX, _EVERYWHERE,
    ),
    "mj-text": _with("height vertical-align", _BOX, _FONT, _SHAPE, _PADDING, _EVERYWHERE),
    "mj-table": _with(
        "cellpadding cellspacing role table-layout border vertical-align width",
        _BOX, _FONT, _PADDING, _EVERYWHERE,
    ),
    "mj-button": _with(
        "background-color height inner-padding text-align vertical-align width",
        _BOX, _BORDER, _FONT, _SHAPE, _LINK, _PADDING, _EVERYWHERE,
    ),
    "mj-image": _with(
        "alt fluid-on-mobile font-size height max-height sizes src srcset usemap width",
        _BOX, _BORDER, _LINK, _PADDING, _EVERYWHERE,
    ),
    "mj-divider": _with(
        "border-color border-style border-width width", _BOX, _PADDING, _EVERYWHERE
    ),
    "mj-spacer": _with(
        "height container-background-color border border-top border-right border-bottom "
        "border-left", _PADDING, _EVERYWHERE,
    ),
    "mj-social": _with(
        "border-radius icon-height icon-padding icon-size inner-padding mode table-layout "
        "text-decoration text-padding", _BOX, _FONT, _PADDING, _EVERYWHERE,
    ),
    "mj-social-element": _with(
        "align alt background-color border-radius icon-height icon-padding icon-position "
        "icon-size sizes src srcset text-decoration text-padding vertical-align",
        _FONT, _LINK, _PADDING, _EVERYWHERE,
    ),
    "mj-navbar": _with(
        "align base-url hamburger ico-align ico-close ico-color ico-font-family ico-font-size "
        "ico-line-height ico-open ico-padding ico-padding-top ico-padding-right "
        "ico-padding-bottom ico-padding-left ico-text-decoration ico-text-transform",
        _PADDING, _EVERYWHERE,
    ),
    "mj-navbar-link": _with(_FONT, _SHAPE, _LINK, _PADDING, _EVERYWHERE),
    "mj-accordion": _with(_ICONS, "container-background-color", _PADDING, _EVERYWHERE),
    "mj-accordion-element": _with(_ICONS, "background-color", _EVERYWHERE),
    "mj-accordion-title": _with("background-color", _FONT, _PADDING, _EVERYWHERE),
    "mj-accordion-text": _with("background-color letter-spacing", _FONT, _PADDING, _EVERYWHERE),
    "mj-carousel": _with(
        "border-radius icon-width left-icon right-icon tb-border tb-border-radius "
        "tb-hover-border-color tb-selected-border-color tb-width thumbnails",
        _BOX, _PADDING, _EVERYWHERE,
    ),
    "mj-carousel-image": _with(
        "alt border-radius src tb-border tb-border-radius thumbnails-src", _LINK, _EVERYWHERE
    ),
}  # fmt: skip
_ANYTHING: Final[frozenset[str]] = frozenset().union(*ATTRIBUTES.values())
#: Inside mj-attributes: defaults for all elements, and named sets of them.
DEFAULTS: Final[Mapping[str, frozenset[str]]] = {
    "mj-all": _ANYTHING,
    "mj-class": _ANYTHING | {"name"},
}
TAGS: Final = frozenset(ATTRIBUTES) | frozenset(DEFAULTS)
#: HTML that stands inside mj-text, mj-table and mj-raw.
HTML: Final = frozenset(
    """
    a abbr address area article aside b base bdi bdo big blockquote body br caption center cite
    code col colgroup dd del details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5
    h6 head header hr html i img input ins kbd label li link main map mark meta nav noscript ol p
    picture pre q s samp section small source span strike strong style sub summary sup table tbody
    td template tfoot th thead time title tr tt u ul var video wbr
    """.split()
)


def attributes_of(tag: str) -> frozenset[str] | None:
    """What an MJML element takes, None for an element MJML does not have."""
    return DEFAULTS[tag] if tag in DEFAULTS else ATTRIBUTES.get(tag)
