"""The rules of a line of Markdown by the sign each begins with.

markdown-it asks every rule, one after the other, at every sign that any rule of any extension could
begin with, a hyphen or a colon as well. Here a sign is looked up, and what begins nothing is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

Rule = Callable[[StateInline, bool], bool]

#: What each rule begins with, ours and the library's; it answers no where another sign stands.
BEGINS: Final = {
    "newline": "\n", "field": "{", "off": "{", "foreign_tag": "*", "escape": "\\",
    "backticks": "`", "strikethrough": "~", "emphasis": "*_", "link": "[", "image": "!",
    "footnote_inline": "^", "footnote_ref": "[", "autolink": "<", "html_inline": "<",
    "entity": "&",
}  # fmt: skip
#: Ends the words of a link, which begins none.
_STOPS: Final = "]"


def install(reader: MarkdownIt) -> None:
    """Let a reader whose rules are complete ask those of a sign only.

    Raises:
        KeyError: it has a rule of which the sign is not known.
    """
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
