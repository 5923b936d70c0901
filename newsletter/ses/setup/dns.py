"""The DNS records that a domain needs, and what DNS says of each now."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from newsletter.ses.setup.blueprint import Blueprint

#: What a resolver says of a name and a kind of record; see `domains.records`.
Ask = Callable[[str, str], tuple[str, ...] | None]

_TTL: Final = 1800
_SIGNING_ZONE: Final = "dkim.amazonses.com"
_SPF: Final = "v=spf1"
_SES: Final = "include:amazonses.com"
_EVERYBODY: Final = re.compile(r"(^|\s)\+?all(\s|$)", re.IGNORECASE)
_DMARC: Final = "v=dmarc1"
MISSING: Final = "missing"
RIGHT: Final = "right"
OTHER: Final = "other"
#: What SES met when it looked (SESv2 reference, "VerificationInfo"), and what it means.
_VERIFICATION: Final = {
    "HOST_NOT_FOUND": "SES does not find the DKIM records: they are not published yet",
    "TYPE_NOT_FOUND": "the DKIM names are there, but not as CNAME records",
    "INVALID_VALUE": "a DKIM record has another value than the one below",
    "DNS_SERVER_ERROR": "the domain's name servers did not answer SES",
    "SERVICE_ERROR": "SES could not look; it tries again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecord:
    """One record to publish.

    Attributes:
        name: absolute, without the last dot.
        kind: "CNAME", "MX" or "TXT".
        value: names without their last dot; the text of a TXT record without quotation marks.
        says: what DNS has now: "missing", "right", "other", or "" where nobody can tell.
        there: the values that stand there instead.
    """

    name: str
    kind: str
    value: str
    says: str = ""
    there: tuple[str, ...] = ()

    @property
    def zone_line(self) -> str:
        """The line of a zone file."""
        value = f'"{self.value}"' if self.kind == "TXT" else f"{self.value}."
        return f"{self.name}. {_TTL} IN {self.kind} {value}"


def wanted(
    plan: Blueprint, identity: Mapping[str, Any], ask: Ask, *, owner: str
) -> list[DnsRecord]:
    """The records for an identity, each with what DNS says.

    DMARC is among them only where neither the domain nor one above it has a policy.

    Args:
        plan: whose.
        identity: GetEmailIdentity's answer.
        ask: asks DNS.
        owner: where DMARC reports go, "" for nowhere.
    """
    dkim = identity.get("DkimAttributes", {})
    zone = dkim.get("SigningHostedZone", _SIGNING_ZONE)
    mail_from = identity.get("MailFromAttributes", {}).get("MailFromDomain", "")
    found = [
        DnsRecord(name=f"{token}._domainkey.{plan.domain}", kind="CNAME", value=f"{token}.{zone}")
        for token in dkim.get("Tokens", ())
    ]
    if mail_from:
        mx = f"10 feedback-smtp.{plan.region}.amazonses.com"
        spf = f"{_SPF} {_SES} ~all"
        found.append(DnsRecord(name=mail_from, kind="MX", value=mx))
        found.append(DnsRecord(name=mail_from, kind="TXT", value=spf))
    if policy_of(plan.domain, ask) == ():
        report = f"; rua=mailto:{owner}" if owner else ""
        value = f"v=DMARC1; p=none{report}"
        found.append(DnsRecord(name=f"_dmarc.{plan.domain}", kind="TXT", value=value))
    return [_compared(record, ask(record.name, record.kind)) for record in found]


def policy_of(domain: str, ask: Ask) -> tuple[str, ...] | None:
    """The DMARC records that count for a domain: its own, or the nearest above it.

    None where that cannot be told; () where there are none.
    """
    labels = domain.split(".")
    for at in range(len(labels) - 1):
        told = ask(f"_dmarc.{'.'.join(labels[at:])}", "TXT")
        if told is None:
            return None
        if policies := tuple(one for one in told if is_policy(one)):
            return policies
    return ()


def is_policy(text: str) -> bool:
    """Whether a TXT record is one of DMARC (RFC 7489, section 6.3)."""
    return text.replace(" ", "").lower().startswith(_DMARC)


def is_spf(text: str) -> bool:
    """Whether a TXT record is one of SPF (RFC 7208, section 4.5)."""
    return text.lower() == _SPF or text.lower().startswith(f"{_SPF} ")


def _compared(record: DnsRecord, told: tuple[str, ...] | None) -> DnsRecord:
    if told is None:
        return record
    there = told
    if record.kind == "TXT":
        same_kind = is_spf if is_spf(record.value) else is_policy
        there = tuple(one for one in told if same_kind(one))
    says = MISSING if not there else RIGHT if _serves(record, there) else OTHER
    return DnsRecord(
        name=record.name, kind=record.kind, value=record.value, says=says,
        there=there if says == OTHER else (),
    )  # fmt: skip


def _serves(record: DnsRecord, there: tuple[str, ...]) -> bool:
    """Whether what stands there does what the record is for, in these words or in others."""
    found = {_plain(one) for one in there}
    if record.kind == "MX":
        # Which number stands before the only one makes no difference.
        return {one.partition(" ")[2] for one in found} == {record.value.partition(" ")[2]}
    if len(there) == 1 and is_spf(record.value):
        return lets_ses_send(there[0])
    return found == {_plain(record.value)}


def lets_ses_send(spf: str) -> bool:
    """Whether an SPF record lets SES send, and not everybody."""
    return _SES in spf.lower().split() and not lets_everybody_send(spf)


def lets_everybody_send(spf: str) -> bool:
    """Whether an SPF record lets everybody send."""
    return _EVERYBODY.search(spf) is not None


def _plain(value: str) -> str:
    return " ".join(value.lower().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How far SES is with a domain.

    Attributes:
        verified: whether mail may leave, signed, with MAIL FROM where one is set.
        detail: what SES waits for; "" when it is verified.
    """

    verified: bool
    detail: str = ""


def verification(identity: Mapping[str, Any]) -> Verification:
    """How far SES is, from GetEmailIdentity's answer."""
    dkim = identity.get("DkimAttributes", {})
    mail_from = identity.get("MailFromAttributes", {})
    if not identity.get("VerifiedForSendingStatus") or dkim.get("Status") != "SUCCESS":
        error = identity.get("VerificationInfo", {}).get("ErrorType", "")
        told = _VERIFICATION.get(error, "SES has not seen the DKIM records yet")
        return Verification(verified=False, detail=told)
    if mail_from.get("MailFromDomain") and mail_from.get("MailFromDomainStatus") != "SUCCESS":
        what = f"SES has not seen the records of {mail_from['MailFromDomain']} yet"
        return Verification(verified=False, detail=what)
    return Verification(verified=True)
