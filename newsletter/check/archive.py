"""Rules about the archive: the page that an issue gets there, to which its mails link."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.errors import InputError
from newsletter.issue.page import page_matter


@rule("archive-front", "error", "Front matter for the archive that cannot be meant.")
def _unreadable(context: RuleContext) -> Iterator[Fault]:
    if not context.options.archive_url:
        return
    try:
        page_matter(context.issue)
    except InputError as error:
        place = error.place or context.issue.place("title")
        yield place, error.message, error.hint or "mend the line or take it out"


@rule("archive-segment", "warning", "It goes to a segment; nothing says whether it is public.")
def _segment(context: RuleContext) -> Iterator[Fault]:
    issue = context.issue
    said = str(issue.raw.get("archive", "")).strip()
    if context.options.archive_url and issue.segment and not said:
        yield (
            issue.place("segment"),
            "an issue to a segment gets no page in the archive, and its mails link to one",
            'write "archive: yes" to publish it, or "archive: no"',
        )
