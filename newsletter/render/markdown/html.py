"""The HTML fragment of a letter: plain, balanced, allow-listed; the theme styles it by class.

Markdown's own links and images pass the sanitiser as numbers and get their targets back on the
tree, because every HTML library re-writes or drops addresses that it finds odd.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, Final

import nh3
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from newsletter.render.markdown import Document

#: Elements an author's own HTML may use; everything else is dropped, with a finding.
ALLOWED: Final = frozenset(
    """
    a abbr b blockquote br caption center cite code col colgroup dd del details div dl dt em
    figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp section small
    span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var wbr
    """.split()
)
_EVERYWHERE: Final = {"class", "dir", "lang", "title", "align"}
_ATTRIBUTES: Final = {
    "*": _EVERYWHERE,
    "a": {"href", "id", "name", "data-l", "data-line", "data-utm", "data-count"},
    **{f"h{level}": {"id"} for level in range(1, 7)},
    "img": {"src", "alt", "width", "height", "data-i", "data-line"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "width", "valign", "style"},
    "th": {"colspan", "rowspan", "width", "valign", "scope", "style"},
}
_SCHEMES: Final = {"http", "https", "mailto", "tel", "sms", "cid"}
# No mail program draws deeper, and no parser on the way reads any depth.
_DEEP: Final = 1000
_FLAT: Final = frozenset({"a", "br", "img", "p"})
_VOID: Final = frozenset({"br", "col", "hr", "img", "wbr"})
_TAG: Final = re.compile(r"<\s*/?\s*([A-Za-z][A-Za-z0-9:-]*)")
_SCRIPTED: Final = re.compile(r"\son\w+\s*=|javascript:", re.IGNORECASE)


def fragment(document: Document) -> str:
    """Render a letter as a balanced fragment.

    Links carry `data-l` and images `data-i`, their index in `document.links` and `.images`,
    instead of a target. Merge fields are tokens. Never raises.
    """
    written = _renderer().render(document.tokens, OptionsDict(_OPTIONS), {})
    cleaned = _cleaner(ALLOWED).clean(written)
    return cleaned if _depth(cleaned) <= _DEEP else _cleaner(_FLAT).clean(written)


@functools.cache
def _renderer() -> _Renderer:
    """One for all letters: it keeps nothing, and finds its own rules by a long look at itself."""
    return _Renderer()


@functools.cache
def _cleaner(tags: frozenset[str]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(tags),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=_SCHEMES,
        clean_content_tags={"script", "style"},
        link_rel=None,
        strip_comments=True,
        filter_style_properties={"text-align"},  # the columns of Markdown's tables
    )


def _depth(html: str) -> int:
    """How deep elements are nested, and a little more for those without an end tag.

    0 where there are too few to be nested too deep.
    """
    if html.count("<") <= _DEEP:
        return 0
    depth = deepest = 0
    for tag in _TAG.finditer(html):
        depth += -1 if "/" in tag[0] else tag[1] not in _VOID
        deepest = max(deepest, depth)
    return deepest


def forbidden(html: str) -> tuple[str, ...]:
    """The names of elements in author HTML that a mail cannot carry, and "script" for handlers."""
    names = [
        name.lower()
        for name in _TAG.findall(re.sub(r"<!--.*?(?:-->|\Z)", "", html, flags=re.DOTALL))
    ]
    if _SCRIPTED.search(html):
        names.append("script")
    return tuple(dict.fromkeys(name for name in names if name not in ALLOWED))


_OPTIONS: Final[Any] = {
    "maxNesting": 20, "html": True, "linkify": False, "typographer": False, "quotes": "",
    "xhtmlOut": False, "breaks": False, "langPrefix": "", "highlight": None,
}  # fmt: skip


class _Renderer(RendererHTML):
    """markdown-it's renderer, with what mail needs instead of what pages need."""

    def link_open(self, tokens: Sequence[Token], at: int, *_: object) -> str:
        title = tokens[at].attrs.get("title")
        shown = f' title="{escapeHtml(str(title))}"' if title else ""
        return f'<a data-l="{tokens[at].meta["l"]}"{shown}>'

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        title = token.attrs.get("title")
        shown = f' title="{escapeHtml(str(title))}"' if title else ""
        alt = escapeHtml(self.renderInlineAsText(token.children, options, env))
        kinds = " ".join(kind for kind in ("image", "captioned") if kind in token.meta)
        kind = f'class="{kinds}" ' if kinds else ""
        return f'<img {kind}data-i="{token.meta["i"]}" alt="{alt}"{shown}>'

    def renderInlineAsText(  # noqa: N802  # markdown-it's name
        self, tokens: Sequence[Token] | None, options: OptionsDict, env: EnvType
    ) -> str:
        # The library's own leaves out code and fields, and cmark does not.
        shown = (
            Token("text", "", 0, content=t.content) if t.type in {"code_inline", "field"} else t
            for t in tokens or ()
        )
        return super().renderInlineAsText(list(shown), options, env)

    def field(self, tokens: Sequence[Token], at: int, *_: object) -> str:
        return tokens[at].content

    def table_open(self, *_: object) -> str:
        return '<table class="table">\n'

    def paragraph_open(self, tokens: Sequence[Token], at: int, *_: object) -> str:
        token = tokens[at]
        if token.hidden:
            return ""
        kind = token.attrs.get("class")
        return f'<p class="{kind}">' if kind else "<p>"

    def footnote_ref(self, tokens: Sequence[Token], at: int, *_: object) -> str:
        return f'<sup class="footnote-ref">[{tokens[at].meta["id"] + 1}]</sup>'

    def footnote_block_open(self, *_: object) -> str:
        return '<div class="footnotes"><ol>\n'

    def footnote_block_close(self, *_: object) -> str:
        return "</ol></div>\n"

    def footnote_open(self, *_: object) -> str:
        return "<li>"

    def footnote_close(self, *_: object) -> str:
        return "</li>\n"

    def footnote_anchor(self, *_: object) -> str:
        # A way back needs an anchor, and web mail strips those.
        return ""
