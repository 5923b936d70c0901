"""A form that somebody sent: checked, and noted where it is to be.

What is answered never tells who is on the list. It tells what is wrong with an address as such,
and of a form that did not come from our own page that one more press is needed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from newsletter.audience import read_address
from newsletter.audience.tokens import Key, Pass, make_pass, read_pass
from newsletter.errors import InputError
from newsletter.store import Store, signing_keys, signups
from newsletter.store.consents import Evidence
from newsletter.store.signups import Answer, Request
from newsletter.store.subscribers import Member
from newsletter.text_rules import one_line, stands_in_header

#: Where a program writes what a person does not see.
TRAP: Final = "website"
_NAME_LENGTH: Final = 200
#: Seconds between loading a form and sending it: programs are quicker, and keep forms for long.
_YOUNG: Final = 1
_OLD: Final = 24 * 3600
_FORM_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
#: Where most readers have their mailbox, for whoever mistypes it by one letter.
_KNOWN: Final = (
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com",
    "yahoo.com", "icloud.com", "me.com", "mac.com", "aol.com", "gmx.de", "gmx.net", "web.de",
    "proton.me", "protonmail.com", "fastmail.com", "ziggo.nl", "orange.fr", "yandex.ru",
)  # fmt: skip


class VisitorReply(StrEnum):
    """What the visitor is told."""

    MAILBOX = "mailbox"  # whatever is on record
    ONCE_MORE = "once_more"  # the form lacked a pass; nothing was noted
    NO_ADDRESS = "no_address"
    NO_MAIL = "no_mail"  # the domain takes none
    ODD_NAME = "odd_name"
    TOO_MANY = "too_many"  # from this network


class Domains(Protocol):
    """Tells whether a domain takes mail."""

    def take_mail(self, domain: str) -> bool:
        """True where that is not certain."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupForm:
    """What somebody sent, as they typed it.

    Attributes:
        email: their address.
        name: what they want to be called; "" where the form does not ask.
        topics: tags they chose.
        form: the name of the form, "" for none.
        trapped: whether a program filled in what a person does not see.
        passed: the pass, "" for a form of another page.
    """

    email: str
    name: str
    topics: frozenset[str]
    form: str
    trapped: bool
    passed: str

    @property
    def source(self) -> str:
        """How the consent log names it."""
        return f"sign-up form {self.form}".rstrip()


def read_form(fields: Mapping[str, str], *, topics: Collection[str], ask_name: bool) -> SignupForm:
    """Read the fields of a form; what it does not have is empty.

    Args:
        fields: by name.
        topics: tags that readers may choose.
        ask_name: whether a name is asked for.
    """
    form = fields.get("form", "")
    return SignupForm(
        email=fields.get("email", "").strip(),
        name=one_line(fields.get("name", "")) if ask_name else "",
        topics=frozenset(tag for tag in topics if fields.get(f"topic:{tag}")),
        form=form if _FORM_NAME.fullmatch(form) else "",
        trapped=bool(fields.get(TRAP)),
        passed=fields.get("pass", ""),
    )


def expect_form_name(name: str) -> None:
    """Refuse a name of a form that `read_form` would not keep.

    Raises:
        InputError: it has other characters than small letters, digits and -, or more than 32.
    """
    if name and not _FORM_NAME.fullmatch(name):
        raise InputError(
            "a form is named with small letters, digits and -, 32 at most", hint="--name footer"
        )


def issue_pass(key: Key, *, nonce: bytes, now: dt.datetime) -> str:
    """A pass for a form that is shown now."""
    return make_pass(Pass(int(now.timestamp()), nonce), key)


def ask(
    store: Store,
    form: SignupForm,
    domains: Domains,
    evidence: Evidence,
    *,
    visitor: str,
    now: dt.datetime,
) -> VisitorReply:
    """Note a sign-up, and queue the mail that it gets.

    Args:
        store: the records.
        form: what was sent.
        domains: tells whether a domain takes mail.
        evidence: the form, and the words it showed.
        visitor: the network address it came from; it is kept nowhere.
        now: with a time zone.
    """
    if form.trapped:
        return VisitorReply.MAILBOX
    try:
        address = read_address(form.email)
    except InputError:
        return VisitorReply.NO_ADDRESS
    if len(form.name) > _NAME_LENGTH or not stands_in_header(form.name):
        return VisitorReply.ODD_NAME
    if not domains.take_mail(address.mailbox.rpartition("@")[2]):
        return VisitorReply.NO_MAIL
    passed = read_pass(form.passed, signing_keys.link_keys(store))
    if passed is None or not _YOUNG <= now.timestamp() - passed.issued <= _OLD:
        return VisitorReply.ONCE_MORE
    request = Request(
        address=address, name=form.name, tags=form.topics, evidence=evidence, visitor=visitor,
        nonce=passed.nonce,
    )  # fmt: skip
    answer = signups.ask(store, request, now=now)
    if answer is Answer.TOO_MANY:
        return VisitorReply.TOO_MANY
    return VisitorReply.ONCE_MORE if answer is Answer.USED else VisitorReply.MAILBOX


def move(
    store: Store,
    person: Member,
    email: str,
    domains: Domains,
    evidence: Evidence,
    *,
    visitor: str,
    now: dt.datetime,
) -> VisitorReply:
    """Note that a subscriber asks for another address, and queue the mail that goes there.

    Args:
        store: the records.
        person: the subscriber, known by a link from their mailbox.
        email: the new address, as typed.
        domains: tells whether a domain takes mail.
        evidence: the page, and the words it showed.
        visitor: the network address it came from; it is kept nowhere.
        now: with a time zone.
    """
    try:
        address = read_address(email)
    except InputError:
        return VisitorReply.NO_ADDRESS
    if not domains.take_mail(address.mailbox.rpartition("@")[2]):
        return VisitorReply.NO_MAIL
    request = Request(address=address, moves=person.handle, evidence=evidence, visitor=visitor)
    answer = signups.ask(store, request, now=now)
    return VisitorReply.TOO_MANY if answer is Answer.TOO_MANY else VisitorReply.MAILBOX


def nearest_domain(email: str) -> str:
    """A large provider's domain that differs from an address's by one letter, "" for none."""
    domain = email.rpartition("@")[2].strip().lower()
    return next((known for known in _KNOWN if domain != known and _one_apart(domain, known)), "")


def _one_apart(one: str, other: str) -> bool:
    """Whether a letter too many, too few, another, or two exchanged make the difference."""
    short, long = sorted((one, other), key=len)
    at = next(
        (i for i, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]),
        len(short),
    )
    rest, more = short[at:], long[at:]
    if len(short) == len(long):
        exchanged = rest[1::-1] == more[:2] and rest[2:] == more[2:]
        return rest[1:] == more[1:] or exchanged
    return rest == more[1:]
