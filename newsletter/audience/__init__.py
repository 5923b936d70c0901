"""Who an issue goes to: addresses, subscribers, segments, and the one rule of eligibility.

The rule is an expression, said once here, compiled to SQL by the store and evaluated directly by
tests, so that a count, a claim and a proof can never disagree about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from newsletter import text_rules
from newsletter.errors import InputError

_ASCII_LOWER: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
# Controls, zero-width and bidirectional marks: invisible, so never meant.
_INVISIBLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)

# A dot-atom (RFC 5321, 4.1.2) of a length that is allowed (4.5.3.1.1).
_PLAIN: Final = re.compile(r"[!#-'*+\-/-9=?A-Z^-~]+(?:\.[!#-'*+\-/-9=?A-Z^-~]+)*")
_LONGEST_LOCAL: Final = 64
# A host of letters, digits and hyphens (RFC 1123, 2.1) whose last label is of letters alone; no
# label has two hyphens in its third and fourth place, where what is encoded has them (RFC 5890).
_PLAIN_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?:(?!..--)(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?P<top>[a-z]{2,63})", re.IGNORECASE
)
#: Nobody has a mailbox below these (RFC 6761, RFC 6762, RFC 7686, RFC 3172).
_NO_MAIL_BELOW: Final = frozenset({"arpa", "invalid", "local", "localhost", "onion"})
#: Characters of an address (RFC 3696, erratum 1690).
_LONGEST: Final = 254
#: Where dots in the local part make no difference.
_DOTLESS: Final = frozenset({"gmail.com", "googlemail.com"})


class Status(StrEnum):
    """Where a subscriber stands."""

    PENDING = "pending"  # asked to join, has not confirmed
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


class Address(NamedTuple):
    """One mail address; a tuple, for a long list has a million.

    Attributes:
        mailbox: what the mail is sent to: the local part as typed, the domain as an A-label.
        canonical: the key under which two spellings are one person: all in lower case; dots and
            plus tags stay, for they may belong to different people.
    """

    mailbox: str
    canonical: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """One person on the list.

    Attributes:
        id: the store's row.
        handle: 24 hex digits (96 bits nobody can guess) that stand for the person in links.
        address: where mail goes.
        name: as given, may be empty.
        fields: further merge fields by name.
        tags: lower-case words used by segments.
    """

    id: int
    handle: str
    address: str
    name: str = ""
    status: Status = Status.ACTIVE
    fields: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()

    def value(self, name: str) -> str:
        """The value of a merge field, "" when the person has none."""
        return self.name if name == "name" else self.fields.get(name, "")


def read_address(text: str) -> Address:
    """Read one address as people type it.

    Raises:
        InputError: not an address that Amazon SES can send to (RFC 5321 without SMTPUTF8 and
            without quoted local parts), or that no header carries as it is. The message never
            repeats the address.
    """
    text = text.strip()
    local, _, domain = text.rpartition("@")
    # What has this form is an address wherever the domain is one, and nothing else can keep it
    # out of a header.
    if _PLAIN.fullmatch(local) and "=?" not in local and len(local) <= _LONGEST_LOCAL:
        host = _host(domain) if domain.isascii() and len(text) <= _LONGEST else ""
        if host and len(local) + len(host) < _LONGEST:
            mailbox = f"{local}@{host}"
            return Address(mailbox, mailbox.lower())
    return _read_oddity(text, local, domain)


def _read_oddity(text: str, local: str, domain: str) -> Address:
    if not (text.isascii() and text.isprintable()) and _INVISIBLE.search(text):
        raise InputError("the address holds an invisible character", hint="type it again")
    if not local.isascii():
        raise InputError(
            "the part before the @ holds a letter outside ASCII",
            hint="Amazon SES cannot send there; ask for another address",
        )
    host = _host(domain)
    if not (host and _is_valid(text)):
        raise InputError("this is not a mail address", hint="write it as name@example.org")
    mailbox = f"{local}@{host}"
    if not text_rules.is_mailbox(mailbox):
        raise InputError(
            "this address cannot be written in the header of a mail", hint="ask for another address"
        )
    return Address(mailbox=mailbox, canonical=canonical_of(mailbox))


@lru_cache(maxsize=16384)
def _host(domain: str) -> str:
    """A valid domain as an A-label, "" for any other; most readers share a few, and it costs."""
    plain = _PLAIN_HOST.fullmatch(domain) if domain.isascii() else None
    if plain and plain["top"].lower() not in _NO_MAIL_BELOW:
        return domain.lower()
    import idna  # noqa: PLC0415  # its tables are large, and rarely needed

    try:
        return idna.encode(domain, uts46=True).decode().lower() if _is_valid(f"a@{domain}") else ""
    except UnicodeError:
        return ""


def _is_valid(address: str) -> bool:
    from email_validator import (  # noqa: PLC0415  # slow to load, and rarely needed
        EmailNotValidError,
        validate_email,
    )

    try:
        validate_email(address, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return False
    return True


def canonical_of(mailbox: str) -> str:
    """The key of a mailbox; its domain is in lower case already."""
    return mailbox.lower() if mailbox.isascii() else mailbox.translate(_ASCII_LOWER)


def limit_key(canonical: str) -> str:
    """What mailboxes are counted by: one for every spelling that its provider takes for the same.

    Only for limits. Whom a mail is for is told by the canonical address alone.
    """
    local, _, domain = canonical.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def mask(address: str) -> str:
    """`address` fit for output and logs: "ada@example.org" becomes "a***@e***.org"."""
    local, _, domain = address.rpartition("@")
    name, _, top = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***.{top}"


def recognizable(address: str) -> str:
    """`address` so that people tell it from others: "ada.byron@example.org", "ad***on@example.org".

    For lists somebody asks for, never for logs.
    """
    local, _, domain = address.rpartition("@")
    shown = min(2, len(local) // 3)
    return f"{local[:shown] or local[:1]}***{local[len(local) - shown :]}@{domain}"


#: Left out by the issue's segment alone.
OUTSIDE: Final = "outside the segment"


class AudienceCounts(NamedTuple):
    """How many people an issue would go to.

    Attributes:
        eligible: whom it would go to.
        left_out: the others by reason ("unsubscribed", "pending", "suppressed", "outside the
            segment"), each person under the first that fits; all four, zeros too.
    """

    eligible: int
    left_out: Mapping[str, int]


# --- eligibility -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HasStatus:
    """The subscriber's status is this one."""

    status: Status


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The subscriber's address is suppressed."""


@dataclass(frozen=True, slots=True)
class HasTag:
    """The subscriber carries this tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of `term`."""

    term: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Both of two terms."""

    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Or:
    """Either of two terms."""

    left: Expression
    right: Expression


Expression = HasStatus | Suppressed | HasTag | Not | And | Or

#: What tags begin with that tell which issues a reader skips; readers set them themselves.
SKIPS: Final = "skip-"

#: Whoever may be mailed at all, asked again inside every claim.
MAILABLE: Final = And(HasStatus(Status.ACTIVE), Not(Suppressed()))


def skip_tag(issue: int) -> str:
    """The tag of whoever wants to skip an issue, by its number."""
    return f"{SKIPS}{issue}"


def eligible(segment: Expression | None = None, *, issue: int | None = None) -> Expression:
    """The rule of an issue: active, not suppressed, inside its segment when it has one.

    Args:
        segment: who it is for, None for everybody.
        issue: its number; who takes a break from it is left out.
    """
    rule: Expression = MAILABLE if segment is None else And(MAILABLE, segment)
    return rule if issue is None else And(rule, Not(HasTag(skip_tag(issue))))


def holds(expression: Expression, subscriber: Subscriber, *, suppressed: bool) -> bool:
    """Evaluate `expression` for one subscriber; the store's SQL must agree with it."""

    def of(term: Expression) -> bool:
        return holds(term, subscriber, suppressed=suppressed)

    match expression:
        case HasStatus(status):
            return subscriber.status is status
        case Suppressed():
            return suppressed
        case HasTag(tag):
            return tag in subscriber.tags
        case Not(term):
            return not of(term)
        case And(left, right):
            return of(left) and of(right)
        case Or(left, right):
            return of(left) or of(right)
