"""The rules of Markdown by the sign that each begins with: of a line of words, and of a block.

markdown-it asks every rule, one after the other, at every sign that any rule of any extension could
begin with, a hyphen or a colon as well, and at every line all rules of blocks. Here a sign is
looked up, and what begins nothing is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

Rule = Callable[[StateInline, bool], bool]
BlockRule = Callable[[StateBlock, int, int, bool], bool]

#: What each rule begins with, ours and the library's; it answers no where another sign stands.
BEGINS: Final = {
    "newline": "\n", "field": "{", "off": "{", "foreign_tag": "*", "escape": "\\",
    "backticks": "`", "strikethrough": "~", "emphasis": "*_", "link": "[", "image": "!",
    "footnote_inline": "^", "footnote_ref": "[", "autolink": "<", "html_inline": "<",
    "entity": "&",
}  # fmt: skip
#: The same of blocks; those that are not named begin with any sign.
BLOCKS_BEGIN: Final = {
    "fence": "`~", "blockquote": ">", "hr": "*-_", "list": "*+-0123456789", "footnote_def": "[",
    "reference": "[", "html_block": "<", "heading": "#",
}  # fmt: skip
_ANY_SIGN: Final = frozenset({"table", "lheading", "paragraph"})
#: What rules of blocks are asked for: at any line, and where another block goes on.
_CHAINS: Final = ("", "paragraph", "reference", "blockquote", "list")
#: Ends the words of a link, which begins none.
_STOPS: Final = "]"


def install(reader: MarkdownIt) -> None:
    """Let a reader whose rules are complete ask those of a sign only.

    Raises:
        KeyError: it has a rule of which the sign is not known.
    """
    _install_blocks(reader)
    _install_pairs(reader)
    ruler = reader.inline.ruler
    rules: dict[str, tuple[Rule, ...]] = {}
    for name, rule in zip(ruler.get_active_rules(), ruler.getRules(), strict=True):
        for sign in BEGINS[name] if name != "text" else "":
            rules[sign] = (*rules.get(sign, ()), rule)
    next_sign = re.compile(f"[{re.escape(_STOPS + ''.join(rules))}]").search

    def signs(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
        begin = state.pos
        for rule in rules.get(state.src[begin], ()):
            if rule(state, silent):
                return True
        found = next_sign(state.src, begin)
        end = found.start() if found else state.posMax
        if end == begin:
            return False
        if not silent:
            state.append_pending(state.src[begin:end])
        state.pos = end
        return True

    ruler.before("text", "signs", signs)
    ruler.enableOnly("signs")


def _install_blocks(reader: MarkdownIt) -> None:
    ruler = reader.block.ruler
    names = dict(zip(ruler.getRules(), ruler.get_active_rules(), strict=True))
    chains = {
        chain: [(names[rule], rule) for rule in ruler.getRules(chain) if names[rule] != "code"]
        for chain in _CHAINS
    }
    # Indented code has no sign, and the library looks up whether there is a rule of that name.
    ruler.enableOnly("code")
    for chain, rules in chains.items():
        ruler.push(f"signs {chain}", _by_sign(rules), {"alt": [chain]})


def _by_sign(rules: list[tuple[str, BlockRule]]) -> BlockRule:
    """One rule for several, in their order."""
    signs_of = {name: BLOCKS_BEGIN[name] for name, _ in rules if name not in _ANY_SIGN}
    others = tuple(rule for name, rule in rules if name in _ANY_SIGN)
    by_sign = {
        sign: tuple(rule for name, rule in rules if sign in signs_of.get(name, sign))
        for sign in "".join(signs_of.values())
    }

    def signs(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
        begin = state.bMarks[start] + state.tShift[start]
        for rule in by_sign.get(state.src[begin : begin + 1], others):
            if rule(state, start, end, silent):
                return True
        return False

    return signs


def _install_pairs(reader: MarkdownIt) -> None:
    """Stars and the like are made pairs of where there are any; each rule walks all tokens."""
    ruler = reader.inline.ruler2
    rules = ruler.getRules()

    def pairs(state: StateInline) -> None:
        if state.delimiters or any(meta and meta["delimiters"] for meta in state.tokens_meta):
            for rule in rules:
                rule(state)

    ruler.push("pairs", pairs)
    ruler.enableOnly("pairs")
