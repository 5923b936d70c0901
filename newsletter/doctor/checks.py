"""All checks in their order, with what each needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from newsletter.doctor import aws, dns, folder, machine, outside, pages, records
from newsletter.doctor.diagnosis import Diagnosis, Severity
from newsletter.doctor.subject import Subject

ALL: Final = ("folder", "smtp", "ses")
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
        after: others that are asked before it, whatever they say.
        online: whether it opens a socket.
        reads: whether it opens the records, which may lie on a server.
        on_server: whether it is about records on a server alone.
        transports: the values of `transport.kind` that it is about.
    """

    id: str
    title: str
    look: Callable[[Subject], Diagnosis]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    online: bool = False
    reads: bool = False
    on_server: bool = False
    transports: tuple[str, ...] = ALL


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
    Check("store", "records", records.whole, ("config", "sqlite"), reads=True),
    Check("store-pg", "PostgreSQL", records.server, ("store",), on_server=True),
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
    Check("queue", "events queue", outside.queue, ("credentials",), online=True, transports=_SES),
    Check("events", "the way of events", aws.events, ("config-set", "queue"), online=True,
          transports=_SES),
    Check("rights", "rights of these credentials", aws.rights, ("account",),
          after=("identity", "config-set", "queue", "events"), online=True, transports=_SES),
    Check("bulk", "bulk sending", aws.bulk, ("account", "store"), online=True,
          transports=_SES),
    Check("dns-spf", "SPF", dns.spf, ("mail-from",), online=True, transports=_SES),
    Check("dns-dkim", "DKIM records", dns.dkim, ("dkim",), online=True, transports=_SES),
    Check("dns-dmarc", "DMARC", dns.dmarc, ("config",), online=True, transports=_REAL),
    Check("dns-alignment", "DMARC and the sender", dns.alignment, ("dkim", "mail-from"),
          online=True, transports=_SES),
    Check("dns-from", "answers", dns.replies, ("config",), online=True, transports=_REAL),
)  # fmt: skip
