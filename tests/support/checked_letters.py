"""Letters for the tests of checks."""

from __future__ import annotations

import dataclasses
from typing import Any

from newsletter.check import RuleContext, check
from newsletter.render.pipeline import render
from tests.support.letter_samples import FILE, OPTIONS, THEME, an_issue

# Front matter without a fault; a letter's body then starts on line 5.
FRONT = 'title: "A letter"\npreheader: "What it is about"\n'


def a_letter(
    body="Hello.\n", *, front=FRONT, file=FILE, theme=THEME, options=None, **rest: Any
) -> RuleContext:
    issue = an_issue(body, front=front, file=file)
    chosen = dataclasses.replace(OPTIONS, **options or {})
    return RuleContext(issue=issue, rendered=render(issue, theme, chosen), options=chosen, **rest)


def front(*lines: str) -> str:
    return "\n".join([*lines, ""])


WRONG_CODE = "newsletter check --fix-encoding writes the repair"


def said(letter: RuleContext, rule: str) -> list[str]:
    return [
        f"{str(f.place).removeprefix(letter.issue.file)}|{f.message}|{f.hint}"
        for f in check(letter)
        if f.id == rule
    ]
