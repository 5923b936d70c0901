"""RenderedIssue -> findings: what a careful friend would say before the letter goes out.

An error stops `send` (exit 5), a warning is only said. Every rule has an id by which an author
answers for it: `checks: {ignore: {link-http: "their certificate is broken"}}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from newsletter.check import (
    archive,
    contrast,
    front,
    links,
    mail,
    online,
    pictures,
    placeholder,
    unread,
    words,
)
from newsletter.check.rule import RULES, Finding, Rule, RuleContext, Severity, UrlStatus
from newsletter.humanize import plural

__all__ = [
    "GROUPS", "RULES", "Finding", "Rule", "RuleContext", "Severity", "UrlStatus", "check", "errors",
    "tally",
]  # fmt: skip

# Importing them registers their rules; the order here is the order in docs/checks.md.
GROUPS: Final = (
    front, words, unread, links, pictures, mail, archive, placeholder, contrast, online,
)  # fmt: skip


def check(context: RuleContext) -> tuple[Finding, ...]:
    """Run every rule; findings in the order of the file, ignored ones marked, never raises."""
    reasons = {**context.ignore, **context.issue.ignored_checks}
    findings = [
        Finding(
            id=one.id, severity=one.weigh(context), place=context.exact(place), message=message,
            hint=hint, ignored=reasons.get(one.id, ""),
        )
        for one in RULES.values()
        for place, message, hint in one.find(context)
    ]  # fmt: skip
    return tuple(sorted(findings, key=lambda f: (f.place.line, f.place.column, f.severity)))


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that stop a send: errors nobody answered for."""
    return tuple(f for f in findings if f.severity == "error" and not f.ignored)


def tally(findings: Iterable[Finding]) -> str:
    """How many there are: "2 errors, 1 warning, 1 ignored"."""
    counted = list(findings)
    warnings = sum(f.severity == "warning" and not f.ignored for f in counted)
    ignored = sum(bool(f.ignored) for f in counted)
    parts = [plural(len(errors(counted)), "error"), plural(warnings, "warning")]
    return ", ".join([*parts, f"{ignored} ignored"] if ignored else parts)
