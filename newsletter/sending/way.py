"""The way out of a run: what is the same on every machine that sends some of its mails."""

from __future__ import annotations

import json
from typing import Final

from newsletter.delivery import Allowance
from newsletter.delivery.bulk import BulkTransport
from newsletter.delivery.deliver import Transport
from newsletter.project import Project

#: Who differs in one of them asks another server, or is known to it as somebody else.
_SMTP: Final = ("host", "port", "security", "username")


def way_of(project: Project, transport: Transport, allowance: Allowance) -> str:
    """The way out as this machine has it: a JSON object of settings' names and values."""
    settings, way = project.settings, dict[str, object]({"transport.kind": transport.name})
    way["site.public_url"] = settings.site.public_url
    if isinstance(transport, BulkTransport):
        way["the account"] = allowance.account
        way["transport.ses.region"] = transport.region
        way["transport.ses.configuration_set"] = settings.transport.ses.configuration_set
        # They share one pace: who takes its places at another rate sets it for all.
        way["transport.ses.max_rate"] = settings.transport.ses.max_rate
    if transport.name == "smtp":
        smtp = settings.transport.smtp
        way |= {f"transport.smtp.{name}": getattr(smtp, name) for name in _SMTP}
    return json.dumps(way, sort_keys=True)


def differences(begun: str, here: str) -> list[str]:
    """The names of what is not here as it was where a run was begun.

    Args:
        begun: from `way_of`; one that an earlier version froze names less, and asks no more.
        here: from `way_of`.
    """
    first, second = json.loads(begun), json.loads(here)
    return sorted(name for name in first if first[name] != second.get(name))
