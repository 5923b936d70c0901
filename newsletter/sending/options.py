"""What is asked of a send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.schedule import Occurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """What is asked of a send.

    Attributes:
        issue: its number.
        dry_run: whether everything is looked up and nothing written.
        limit: how many mails at most, None for all.
        expect: how many recipients there must be, None for any number.
        skip_checks: ids of findings that the operator answers for.
        again: whether a rehearsal is repeated; a real send never is.
        restored: whether the operator says that the records are a backup, put back.
        detach: whether workers send it, and nobody waits.
        scheduled: whether a schedule asks: only for approved issues, and for none that waits for
            the operator.
        occurrence: the date it begins an issue for, None where it goes on with one.
    """

    issue: int
    dry_run: bool = False
    limit: int | None = None
    expect: int | None = None
    skip_checks: tuple[str, ...] = ()
    again: bool = False
    restored: bool = False
    detach: bool = False
    scheduled: bool = False
    occurrence: Occurrence | None = None
