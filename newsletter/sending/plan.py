"""What a send would do now, looked up and not begun: for the eye before a send, and for the send.

The command line and the preview show the same rows, because both come from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.delivery import Allowance, Content, Run, State
from newsletter.delivery.deliver import Transport, summary
from newsletter.errors import RefusedError
from newsletter.message import Sender, seal
from newsletter.project import git
from newsletter.project.issues import Opened
from newsletter.store import Store, runs, subscribers


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One send, looked at but not begun.

    Attributes:
        opened: the issue, rendered and checked.
        transport: the way out.
        sender: who the mail is from.
        content: what would be frozen, or was.
        recipients: how many mails would go out now.
        left_out: how many people would not get one, by reason.
        run: the run to go on with, None for a new one.
        allowance: what the transport takes now.
        doubtful: deliveries of that run whose outcome nobody knows, or will when it goes on.
    """

    opened: Opened
    transport: Transport
    sender: Sender
    content: Content
    recipients: int
    left_out: Mapping[str, int]
    run: Run | None
    allowance: Allowance
    doubtful: int = 0

    @property
    def short(self) -> bool:
        """Whether the day's quota ends before the recipients do."""
        return self.allowance.left is not None and self.allowance.left < self.recipients


def look(
    store: Store,
    opened: Opened,
    transport: Transport,
    sender: Sender,
    *,
    skipped: tuple[str, ...] = (),
    anew: bool = False,
) -> Plan:
    """Look up what a send would do; nothing is written.

    Args:
        store: the records.
        opened: the issue.
        transport: the way out.
        sender: who the mail is from.
        skipped: ids of findings somebody answers for.
        anew: whether a rehearsal begins again, as if it had not been.

    Raises:
        RefusedError: the run has begun with another letter.
        AccountError: the account refuses, or cannot be asked.
        InputError: subject, a name or an address cannot stand in a header.
    """
    content = _content(opened, sender, skipped)
    again = anew and transport.rehearsal
    run = None if again else runs.find(store, opened.issue.number, rehearsal=transport.rehearsal)
    if run is not None and not run.begun:  # announced, or cancelled before anything was frozen
        run = None
    left_out: Mapping[str, int] = {}
    doubtful = 0
    if run is None:
        audience = subscribers.audience(store, opened.audience)
        recipients, left_out = audience.eligible, audience.left_out
    else:
        same(run, content)
        counts = runs.counts(store, run)
        recipients = counts.left
        doubtful = counts[State.CLAIMED] + counts[State.UNKNOWN]
    return Plan(
        opened=opened, transport=transport, sender=sender, content=content,
        recipients=recipients, left_out=left_out, run=run,
        allowance=transport.allowance(), doubtful=doubtful,
    )  # fmt: skip


def rows(plan: Plan, root: Path) -> tuple[tuple[str, str], ...]:
    """Everything worth a look before anything leaves, as names and values.

    Args:
        plan: from `look`.
        root: the newsletter's folder, for what git says of the issue.
    """
    issue, rendered = plan.opened.issue, plan.opened.rendered
    return summary(
        issue=f"{issue.number}: {issue.title}",
        file=f"{issue.file} ({git.state(root, issue.file)})",
        sender=plan.sender,
        recipients=plan.recipients,
        left_out=plan.left_out,
        begun=plan.run is not None,
        through=plan.transport.describe(),
        allowance=plan.allowance,
        size=len(rendered.html.encode()),
        links=len(rendered.links),
        findings=plan.opened.findings,
    )


def same(run: Run, content: Content) -> None:
    """Refuse to go on with a letter that is not the one that was begun.

    Raises:
        RefusedError: issue, theme or settings are not those of the run.
    """
    if run.content.source_hash != content.source_hash:
        raise RefusedError(
            f"issue {content.issue}, its theme or its settings changed since it was begun",
            hint="send --again begins the rehearsal anew"
            if run.rehearsal
            else "put back what was sent first (git log shows it); the rest of the people must "
            "get the same letter",
        )


def _content(opened: Opened, sender: Sender, skipped: tuple[str, ...]) -> Content:
    dumped = seal(opened.rendered, sender).dump()
    return Content(
        issue=opened.issue.number,
        title=opened.issue.title,
        envelope=dumped,
        content_hash=hashlib.sha256(dumped).hexdigest(),
        source_hash=opened.rendered.source_hash,
        skipped_checks=skipped,
    )
