"""The page docs/checks.md, written from the rules themselves."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Final

from newsletter.check import GROUPS, RULES

_INTRO: Final = """\
# Checks

What `newsletter check` looks for. An error stops `newsletter send` (exit 5); a warning is only
said. Where you know better, answer for it in the issue's front matter, with a reason:

```yaml
checks: {ignore: {link-http: "their certificate is broken"}}
```

This page is written from the rules themselves.
"""
_HEAD: Final = "| Id | Severity | Meaning |\n| :-- | :-- | :-- |\n"


def reference() -> str:
    """The page docs/checks.md, in Markdown; the rules in the order of their files."""
    return "\n".join([_INTRO, *map(_section, GROUPS)])


def _section(group: ModuleType) -> str:
    """The rules of one file, under what its docstring says they are about."""
    about = re.match(r"Rules about ([^:]+):", group.__doc__ or "")
    assert about, "a file of rules says what they are about"
    rows = (
        f"| `{rule.id}` | {rule.severity} | {rule.meaning} |\n"
        for rule in RULES.values()
        if rule.find.__module__ == group.__name__
    )
    return f"## {about[1][0].upper()}{about[1][1:]}\n\n{_HEAD}{''.join(rows)}"
