"""Approve an issue: the front matter names the bytes that a schedule may send."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter.errors import InputError, NotFitError
from newsletter.issue import Issue, parse
from newsletter.issue.approval import approve as with_approval
from newsletter.project import Project, files
from newsletter.project.issues import PreparedIssue
from newsletter.sending.gate import refuse, unfit


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An approved issue.

    Attributes:
        issue: as it was before.
        approval: the hash that is written.
        before: whether it was approved like this already; nothing was written then.
    """

    issue: Issue
    approval: str
    before: bool


def approve_issue(project: Project, number: int, *, now: dt.datetime) -> Approved:
    """Write the approval of an issue as it is now.

    Raises:
        NotFitError: it is a draft, or not fit to send.
        InputError: it cannot be read, or its front matter cannot take the approval.
    """
    prepared = project.issue(number, now=now)
    issue = prepared.issue
    if issue.status == "draft":
        raise NotFitError(
            f"issue {number} is a draft",
            place=issue.place("status"),
            hint='write "status: ready" when it is',
        )
    refuse([unfit(prepared)])
    before = issue.approved == prepared.approval
    if not before:
        _write(project, prepared)
    return Approved(issue=issue, approval=prepared.approval, before=before)


def _write(project: Project, prepared: PreparedIssue) -> None:
    """Write the line, after reading what comes of it: odd front matter may not take one."""
    issue, approval = prepared.issue, prepared.approval
    data = with_approval(files.read_issue(project.root, issue.file), approval)
    try:
        after = parse(data, file=issue.file)
    except InputError:
        after = None
    if after is None or (after.approved, after.source_hash) != (approval, issue.source_hash):
        raise InputError(
            "the approval cannot be written into this front matter",
            place=issue.place("approved"),
            hint='write one "key: value" per line there, and take out an older "approved"',
        )
    files.write_atomic(project.root / issue.file, data)
