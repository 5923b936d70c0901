"""What the DNS says of the sender's domain."""

from __future__ import annotations

import re
from typing import Final

from newsletter.doctor.diagnosis import Diagnosis, error, ok, skipped, warning, worst
from newsletter.doctor.outside import people
from newsletter.doctor.subject import Subject
from newsletter.humanize import plural

#: Large mailbox providers ask this of whoever sends them so many mails a day.
_BULK_SENDER: Final = 5_000
_SILENT: Final = "the DNS does not answer"
_RECORDS: Final = "newsletter ses setup --print dns"
_POLICY: Final = re.compile(
    r"v\s*=\s*DMARC1\s*;\s*p\s*=\s*(none|quarantine|reject)\b", re.IGNORECASE
)
_ALL: Final = re.compile(r"(^|\s)\+?all(\s|$)", re.IGNORECASE)


def dmarc(subject: Subject) -> Diagnosis:
    """Whether the sender's domain has one policy that can be read."""
    from newsletter.ses.setup.dns import policy_of  # noqa: PLC0415  # boto3 is heavy

    domain = _domain(subject)
    found = policy_of(domain, subject.ask)
    if found is None:
        return skipped(_SILENT)
    record = f'publish _dmarc.{domain}. IN TXT "v=DMARC1; p=none"'
    if not found:
        number = people(subject)
        told = f"{domain} has no DMARC record"
        if number >= _BULK_SENDER:
            who = plural(number, "person", "people")
            return error(f"{told}, which large providers want of a sender to {who}", record)
        return warning(told, record)
    if len(found) > 1:
        return error(f"{domain} has {len(found)} DMARC records: none of them counts", "keep one")
    if not _POLICY.match(found[0]):
        return error(f"the DMARC record of {domain} cannot be read", record)
    return ok("there is a DMARC policy")


def spf(subject: Subject) -> Diagnosis:
    """Whether the domain that bounces return to lets SES send."""
    from newsletter.ses.setup.dns import is_spf  # noqa: PLC0415  # as above

    domain = (subject.identity or ("", {}))[1].get("MailFromAttributes", {}).get("MailFromDomain")
    if not domain:
        return skipped("there is no MAIL FROM domain")
    told = subject.ask(domain, "TXT")
    if told is None:
        return skipped(_SILENT)
    found = [one for one in told if is_spf(one)]
    if not found:
        return error(f"{domain} has no SPF record", _RECORDS)
    if len(found) > 1:
        return error(f"{domain} has {len(found)} SPF records: none of them counts", "keep one")
    faults = []
    if "include:amazonses.com" not in found[0].lower().split():
        faults.append(error(f"the SPF record of {domain} does not let SES send", _RECORDS))
    if _ALL.search(found[0]):
        faults.append(error(f"the SPF record of {domain} lets everybody send", "end it with ~all"))
    return worst(faults, f"the SPF record of {domain} lets SES send")


def replies(subject: Subject) -> Diagnosis:
    """Whether answers arrive: the domains of sender and reply-to take mail."""
    group = subject.project.settings.sender
    addresses = [address for address in (group.from_address, group.reply_to) if address]
    domains = dict.fromkeys(address.rpartition("@")[2].lower() for address in addresses)
    faults = []
    for domain in domains:
        exchangers, hosts = subject.ask(domain, "MX"), subject.ask(domain, "A")
        if exchangers is None or hosts is None:
            return skipped(_SILENT)
        if (not exchangers and not hosts) or exchangers == ("0 ",):
            told = f"{domain} takes no mail: answers of readers are lost"
            faults.append(warning(told, "set sender.reply_to to an address that you read"))
    return worst(faults, "answers arrive")


def _domain(subject: Subject) -> str:
    return subject.project.settings.sender.from_address.rpartition("@")[2].lower()
