"""All checks in their order, and how they are asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from newsletter.doctor import aws, dns, folder, machine, outside, pages, records
from newsletter.doctor.diagnosis import Diagnosis, Severity, error, skipped
from newsletter.doctor.subject import Subject
from newsletter.errors import InputError, NewsletterError
from newsletter.humanize import nearest

_REPORT: Final = "this is a bug; please report it"
_ALL: Final = ("folder", "smtp", "ses")
_REAL: Final = ("smtp", "ses")
_SES: Final = ("ses",)


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        id: its name, which stays.
        title: what it looks at.
        look: looks.
        needs: checks before it that must have found no error, and something to look at.
        online: whether it opens a socket.
        transports: the values of `transport.kind` that it is about.
    """

    id: str
    title: str
    look: Callable[[Subject], Diagnosis]
    needs: tuple[str, ...] = ()
    online: bool = False
    transports: tuple[str, ...] = _ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What became of one check; see `Diagnosis`.

    Attributes:
        seconds: how long it took.
    """

    id: str
    title: str
    severity: Severity
    detail: str
    hint: str
    seconds: float


#: In the order in which they are asked: whatever a check needs stands before it.
CHECKS: Final = (
    Check("python", "Python", machine.python),
    Check("sqlite", "SQLite", machine.sqlite),
    Check("libraries", "libraries", machine.libraries),
    Check("config", "settings", folder.config),
    Check("files", "files and their owners", folder.permissions, ("config",)),
    Check("disk", "room on the disk", folder.space, ("config",)),
    Check("git", "what git keeps", folder.tracked, ("config",)),
    Check("store", "records", records.whole, ("config", "sqlite")),
    Check("key", "keys of the records", records.keys, ("store",)),
    Check("ledger", "ledger", records.agreed, ("store",)),
    Check("unknown", "runs", records.waiting, ("store",)),
    Check("lists", "lists of people", records.lists, ("store",)),
    Check("trigger", "what calls when an issue is due", records.triggers, ("store",),
          transports=_REAL),
    Check("sending", "what every mail needs", outside.refused, ("config",), transports=_REAL),
    Check("leaving", "a way to unsubscribe", outside.leaving, ("config",), transports=_REAL),
    Check("public-url", "readers' pages", pages.public_url, ("config",), online=True,
          transports=_REAL),
    Check("assets", "pictures of mails", pages.assets, ("config", "libraries"), online=True,
          transports=_REAL),
    Check("smtp", "mail server", outside.server, ("config",), online=True, transports=("smtp",)),
    Check("credentials", "AWS credentials", outside.credentials, ("config",), online=True,
          transports=_SES),
    Check("clock", "clock", outside.clock, ("credentials",), online=True, transports=_SES),
    Check("account", "SES account", outside.account, ("credentials",), online=True,
          transports=_SES),
    Check("identity", "domain at SES", aws.identity, ("credentials",), online=True,
          transports=_SES),
    Check("dkim", "signatures", aws.dkim, ("identity",), online=True, transports=_SES),
    Check("mail-from", "MAIL FROM", aws.mail_from, ("identity",), online=True, transports=_SES),
    Check("config-set", "configuration set", aws.configuration_set, ("credentials",), online=True,
          transports=_SES),
    Check("rights", "rights of these credentials", aws.rights, ("account",), online=True,
          transports=_SES),
    Check("queue", "events queue", outside.queue, ("credentials",), online=True, transports=_SES),
    Check("events", "the way of events", aws.events, ("config-set", "queue"), online=True,
          transports=_SES),
    Check("bulk", "bulk sending", aws.bulk, ("account", "store"), online=True,
          transports=_SES),
    Check("dns-spf", "SPF", dns.spf, ("mail-from",), online=True, transports=_SES),
    Check("dns-dmarc", "DMARC", dns.dmarc, ("config",), online=True, transports=_REAL),
    Check("dns-from", "answers", dns.replies, ("config",), online=True, transports=_REAL),
)  # fmt: skip


def examine(
    subject: Subject, *, only: Collection[str] = (), offline: bool = False
) -> tuple[CheckResult, ...]:
    """Ask the checks; those of another transport are left out.

    Args:
        subject: the newsletter; it is closed in the end.
        only: ids of the checks to tell of, all when empty; what they need is asked, too.
        offline: skip those that open a socket.

    Raises:
        InputError: no check has such an id.
    """
    known = {check.id: check for check in CHECKS}
    for name in only:
        if name not in known:
            raise InputError(
                f'no check is called "{name}"', hint=nearest(name, known, "docs/doctor.md has them")
            )
    wanted = _with_needs(only) if only else set(known)
    found: dict[str, CheckResult] = {}
    try:
        for check in CHECKS:
            if check.id in wanted and _is_about(check, subject, found):
                found[check.id] = _result(check, subject, found, offline=offline)
    finally:
        subject.close()
    return tuple(one for one in found.values() if not only or one.id in only)


def _with_needs(only: Collection[str]) -> set[str]:
    wanted = set(only)
    for check in reversed(CHECKS):
        if check.id in wanted:
            wanted |= set(check.needs)
    return wanted


def _is_about(check: Check, subject: Subject, found: dict[str, CheckResult]) -> bool:
    """Whether a check is about this newsletter's way out; which that is, settings alone tell."""
    if check.transports == _ALL:
        return True
    config = found["config"]
    if config.severity is Severity.ERROR:
        return False
    return subject.project.settings.transport.kind in check.transports


def _result(
    check: Check, subject: Subject, found: dict[str, CheckResult], *, offline: bool
) -> CheckResult:
    begun = time.monotonic()
    said = _skipped(check, found, offline=offline) or _look(check, subject)
    return CheckResult(
        id=check.id, title=check.title, severity=said.severity, detail=said.detail,
        hint=said.hint, seconds=round(time.monotonic() - begun, 3),
    )  # fmt: skip


def _skipped(check: Check, found: dict[str, CheckResult], *, offline: bool) -> Diagnosis | None:
    """Why a check is not asked, None when it is."""
    for name in check.needs:
        before = found[name]
        if before.severity is Severity.ERROR:
            return skipped(f"fix this first: {name}")
        if before.severity is Severity.SKIPPED:
            return skipped(before.detail)
    return skipped("not asked: --offline") if check.online and offline else None


def _look(check: Check, subject: Subject) -> Diagnosis:
    try:
        return check.look(subject)
    except NewsletterError as fault:
        return _of_fault(fault, subject)
    except OSError as fault:
        return error(f"this cannot be looked at ({fault.strerror})", "see who owns the folder")
    except Exception as bug:  # noqa: BLE001  # all the others are still worth asking
        return error(f"the check itself fails ({type(bug).__name__})", _REPORT)


def _of_fault(fault: NewsletterError, subject: Subject) -> Diagnosis:
    told = f"{fault} ({fault.cause})" if fault.cause else str(fault)
    # In the folder everybody knows where they are; whose home it lies in is nobody's business.
    if "project" in vars(subject):
        told = told.replace(f"{subject.project.root}/", "")
    return error(told, fault.hint or "")
