"""What the DNS says of the sender's domain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from newsletter.doctor.diagnosis import Diagnosis, error, ok, skipped, warning, worst
from newsletter.doctor.outside import people
from newsletter.doctor.subject import Subject
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.ses.setup.dns import Ask

#: Large mailbox providers ask this of whoever sends them so many mails a day.
_BULK_SENDER: Final = 5_000
_SUCCESS: Final = "SUCCESS"
_SILENT: Final = "the DNS does not answer"
_RECORDS: Final = "newsletter ses setup --print dns"
_POLICY: Final = re.compile(
    r"v\s*=\s*DMARC1\s*;\s*p\s*=\s*(none|quarantine|reject)\b", re.IGNORECASE
)
#: Terms of an SPF record that make a receiver look something up (RFC 7208, section 4.6.4), which
#: may be so many in all.
_ASKS: Final = re.compile(r"[+?~-]?(include:|redirect=|exists:|ptr\b|a\b|mx\b)(\S*)", re.IGNORECASE)
_MOST_ASKED: Final = 10
#: A public key; an empty one was taken back (RFC 6376, section 3.6.1).
_KEY: Final = re.compile(r"(^|;)\s*p\s*=\s*[A-Za-z0-9+/]")
_TAG: Final = re.compile(r"(\w+)\s*=\s*([^;\s]+)")


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
    from newsletter.ses.setup.dns import (  # noqa: PLC0415  # as above
        is_spf,
        lets_everybody_send,
        lets_ses_send,
    )

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
    if lets_everybody_send(found[0]):
        faults.append(error(f"the SPF record of {domain} lets everybody send", "end it with ~all"))
    elif not lets_ses_send(found[0]):
        faults.append(error(f"the SPF record of {domain} does not let SES send", _RECORDS))
    if _look_ups(_until_silent(subject.ask), found[0], _MOST_ASKED + 1) > _MOST_ASKED:
        much = f"the SPF record of {domain} takes more than {_MOST_ASKED} look-ups"
        hint = f"leave out what does not send by {domain}"
        faults.append(error(f"{much}, and counts as none", hint))
    return worst(faults, f"the SPF record of {domain} lets SES send")


def _until_silent(ask: Ask) -> Ask:
    """Asks no more once there was no answer: the next would take its time, too."""
    silent = False

    def asked(name: str, kind: str) -> tuple[str, ...] | None:
        nonlocal silent
        told = None if silent else ask(name, kind)
        silent = told is None
        return told

    return asked


def _look_ups(ask: Ask, record: str, left: int) -> int:
    """How many look-ups a record makes a receiver do, no more than `left` are counted."""
    from newsletter.ses.setup.dns import is_spf  # noqa: PLC0415  # as above

    made = 0
    for term in record.split()[1:]:
        found = _ASKS.fullmatch(term)
        if found is None:
            continue
        made += 1
        if made < left and found[1].lower() in {"include:", "redirect="}:
            for one in ask(found[2], "TXT") or ():
                if is_spf(one):
                    made += _look_ups(ask, one, left - made)
        if made >= left:
            return left
    return made


def dkim(subject: Subject) -> Diagnosis:
    """Whether receivers find the keys that SES signs with."""
    domain, content = subject.identity or ("", {})
    names = [
        f"{token}._domainkey.{domain}"
        for token in content.get("DkimAttributes", {}).get("Tokens", ())
    ]
    told = [subject.ask(name, "TXT") for name in names]
    if not names or None in told:
        return skipped(_SILENT if names else "SES names no DKIM records")
    lacking = [
        name
        for name, texts in zip(names, told, strict=True)
        if not any(_KEY.search(text) for text in texts or ())
    ]
    if len(lacking) == len(names):
        return error(f"no key is found by the DKIM records of {domain}", _RECORDS)
    if lacking:
        number = plural(len(lacking), "DKIM record leads", "DKIM records lead")
        why = f"{number} to no key, of {len(names)} for {domain}: SES signs with them by turns"
        return warning(why, _RECORDS)
    return ok("the keys that SES signs with are found")


def alignment(subject: Subject) -> Diagnosis:
    """Whether a receiver's DMARC can tell that mails are of the sender's domain."""
    from newsletter.ses.setup.dns import policy_of  # noqa: PLC0415  # as above

    domain = _domain(subject)
    found = policy_of(domain, subject.ask)
    if not found:
        return skipped(_SILENT if found is None else "there is no DMARC record")
    tags = {name.lower(): value.lower() for name, value in _TAG.findall(found[0])}
    signed, content = subject.identity or ("", {})
    there = content.get("MailFromAttributes", {})
    returns = there.get("MailFromDomain") if there.get("MailFromDomainStatus") == _SUCCESS else ""
    # Both are the sender's domain, or above or beside it; strict is who takes no other.
    by_key = signed == domain or tags.get("adkim") != "s"
    by_return = bool(returns) and (returns == domain or tags.get("aspf") != "s")
    if by_key:
        return ok("DMARC is passed by signature" + (" and SPF" if by_return else " alone"))
    hint = f"leave out adkim=s; or newsletter ses setup for {domain} itself"
    told = f"mails are signed for {signed}, and by adkim=s the DMARC policy wants {domain}"
    if by_return:
        return warning(f"{told}: it is passed by SPF alone, which a forwarded mail loses", hint)
    harm = error if tags.get("p") in {"quarantine", "reject"} else warning
    return harm(f"{told}: no mail passes DMARC", hint)


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
