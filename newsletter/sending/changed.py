"""A letter that is not the one that was begun: refused, with the way on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from newsletter.delivery import Content, Run
from newsletter.errors import RefusedError
from newsletter.message import load_template
from newsletter.project import Project, git
from newsletter.store import Store, runs

#: The parts of what a run freezes that readers see, as people call them.
_SEEN: Final = {
    "subject": "the subject", "text": "the text", "html": "the HTML",
    "from_name": "the sender's name", "sender": "the sender's address",
}  # fmt: skip
_LIKE_THE_REST: Final = (
    "put back what was sent first{git}; the rest of the people must get the same letter"
)
_NOBODY: Final = (
    "nobody has got it yet: put back what was begun{git}; or send the corrected letter under "
    "another number, after newsletter cancel --issue {issue}"
)


def require_same_content(
    project: Project, store: Store, run: Run, content: Content, file: str
) -> None:
    """Refuse to go on with a letter that is not the one that was begun.

    Not even where nobody has got that: records of an earlier moment, and other machines, still have
    it, and would send it to some.

    Args:
        project: the newsletter.
        store: its records.
        run: begun.
        content: what would go out now.
        file: of the letter.

    Raises:
        RefusedError: issue, theme or settings are not those of the run, or this version of the
            program cannot read what was frozen.
    """
    load_template(run.content.frozen)
    if run.content.source_hash == content.source_hash:
        return
    hint = "send --again starts the rehearsal over"
    if not run.rehearsal:
        way = _NOBODY if runs.nobody_has(store, run) else _LIKE_THE_REST
        hint = way.format(git=_in_git(project.root, file), issue=content.issue)
    raise RefusedError(
        f"issue {content.issue}, its theme or its settings changed since it was begun",
        cause=_what_differs(run, content),
        hint=hint,
    )


def _what_differs(run: Run, content: Content) -> str:
    """What readers would see of a change, as far as the frozen issue tells."""
    before, now = json.loads(run.content.frozen), json.loads(content.frozen)
    # Version 1 froze the encoded mail, of which no part can be told.
    seen = [said for name, said in _SEEN.items() if before.get(name, now[name]) != now[name]]
    return f"different now: {', '.join(seen)}" if seen else ""


def _in_git(root: Path, file: str) -> str:
    """What git can do to bring back an earlier letter."""
    if git.state(root, file) == "no git":
        return ""
    match git.has(root, file):
        case True:
            return " (git log -p shows what is committed of it)"
        case False:
            return f" (from a copy of yours: {file} is in no commit)"
        case None:
            return " (git does not say here whether it has that)"
