"""Rules about what `newsletter init` wrote: words nobody chose, which no reader should get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.errors import Place
from newsletter.issue import OPENING

#: What `newsletter init` writes where it was told nothing, by the name of the setting.
PLACEHOLDERS: Final = {
    "site.name": "My Newsletter",
    "site.postal_address": "My Newsletter, 1 Example Street, Exampleton",
    "sender.from_name": "My Name",
    "sender.from_address": "me@example.org",
    "sender.reply_to": "me@example.org",
    "sender.unsubscribe_mailto": "me@example.org",
}


@rule(
    "placeholder",
    "error",
    "Something is still as `newsletter init` wrote it; a warning while nothing really leaves.",
    in_rehearsal="warning",
)
def _placeholder(context: RuleContext) -> Iterator[Fault]:
    given = context.options
    values = {
        "site.name": given.site_name, "site.postal_address": given.postal_address,
        "sender.from_name": given.from_name, "sender.from_address": given.from_address,
        "sender.reply_to": given.reply_to, "sender.unsubscribe_mailto": given.unsubscribe_mailto,
    }  # fmt: skip
    for key, written in PLACEHOLDERS.items():
        if _plain(values[key]) == _plain(written):
            yield Place(context.issue.file, 1), f'{key} is still "{written}"', f"set {key}"
    for text, line in context.rendered.words:
        if _plain(OPENING) in _plain(text):
            place = context.at(line, OPENING.partition(" ")[0])
            yield place, "this issue is still the one that init wrote", "write your own words"
            return


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
