"""The short way to read an address ends as the long way does, whatever the address looks like."""

from __future__ import annotations

import random
import unicodedata

import idna
import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from newsletter import text_rules
from newsletter.audience import read_address
from newsletter.errors import InputError
from tests.support.effort import either

MANY = either(4_000, 2_000_000)
#: What local parts are put together from; most are plain, and each oddity comes often enough.
LOCAL = (
    *"aZ09", "ada", "byron", ".", "..", "-", "_", "+", "=", "?", "=?", "=?utf-8?q?x?=", "'", '"',
    '"a b"', " ", "\t", "\n", "\0", "\x7f", "\u200b", "\u00ad", "\u202e", "\ufeff", "\u00e9", "\u212a",
    "(", ")", ",", ";", ":", "<", ">", "[", "\\", "@", "%", "/", "{", "|", "~", "^", "`", "!", "#", "&",
    "x" * 30, "x" * 62,
)  # fmt: skip
DOMAIN = (
    *"aZ09", "example", "org", ".", "..", "-", "_", "xn--", "xn--bcher-kva", "b\u00fccher", "\u3002",
    "\u00df", "\u0130", "\uff41", "\u200d", "\u200b", " ", "[127.0.0.1]", "x" * 60, "\u0628", "=?", "@",
)  # fmt: skip
ENDS = (".org", ".example.org", ".com", "", ".", ".test", ".\u0440\u0444", "." + "y" * 55 + ".org")


def made(chance: random.Random) -> str:
    """An address, or nearly one."""
    local = "".join(chance.choice(LOCAL) for _ in range(chance.randint(0, 5)))
    if chance.random() < 0.5:
        local = "".join(chance.choice("abz.+-=?_'") for _ in range(chance.randint(1, 9)))
    domain = "".join(chance.choice(DOMAIN) for _ in range(chance.randint(1, 4)))
    if chance.random() < 0.5:
        domain = chance.choice(("example", "a-b", "mail", "xn--bcher-kva", "x" * 60 + ".y" * 60))
    around = chance.choice(("", "", "", " ", "\u200b", "\r\n"))
    return f"{around}{local}@{domain}{chance.choice(ENDS)}{around}"


def long_way(text: str) -> tuple[str, str] | None:
    """Each rule in turn, of the whole address, and nothing remembered."""
    text = text.strip()
    local, _, domain = text.rpartition("@")
    if any(unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp"} for one in text):
        return None
    if not local.isascii():
        return None
    try:
        for address in (text, f"a@{domain}"):
            validate_email(address, check_deliverability=False, test_environment=True, strict=True)
        mailbox = f"{local}@{idna.encode(domain, uts46=True).decode().lower()}"
    except (EmailNotValidError, UnicodeError):
        return None
    if not text_rules.is_mailbox(mailbox):
        return None
    lower = "".join(chr(ord(one) + 32) if "A" <= one <= "Z" else one for one in mailbox)
    return mailbox, lower


def short_way(text: str) -> tuple[str, str] | None:
    try:
        found = read_address(text)
    except InputError:
        return None
    return found.mailbox, found.canonical


@pytest.mark.trials
def test_both_ways_end_alike_for_odd_addresses():
    chance = random.Random(74)
    good = 0
    for _ in range(MANY):
        address = made(chance)
        expected = long_way(address)
        good += expected is not None
        assert short_way(address) == expected, ascii(address)
    assert MANY // 20 < good < MANY * 3 // 4


def test_a_line_is_folded_alike_with_and_without_letters_outside_ascii():
    """What is plain takes a short way; a letter beside it forces the long one."""
    chance = random.Random(74)
    for _ in range(either(2_000, 200_000)):
        text = "".join(chance.choice("ab \t\n\r\x0b\x1f=?'") for _ in range(chance.randint(0, 12)))
        folded = text_rules.one_line(f"\u00e9|{text}|").removeprefix("\u00e9|").removesuffix("|")
        assert text_rules.one_line(text) == folded.strip(" ")


def test_no_name_that_takes_no_mail_is_let_through_for_being_plain():
    for name in SPECIAL_USE_DOMAIN_NAMES:
        for domain in (name, f"example.{name}", f"Example.{name.upper()}"):
            assert (short_way(f"ada@{domain}") is None) == (name != "test"), domain
