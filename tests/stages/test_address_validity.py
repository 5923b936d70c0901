"""A domain is looked at once; what is an address does not depend on who was read before."""

from __future__ import annotations

import itertools

import pytest
from email_validator import EmailNotValidError, validate_email

from newsletter import audience
from newsletter.audience import read_address
from newsletter.errors import InputError

LOCALS = (
    "ada", "ada.l", "a+b", "o'hara", "a_b", "-a-", "{x}", ".ada", "ada.", "a..b", "", "a b", "a,b", '"a b"',
    "a@b", "a(b)", "x" * 64, "x" * 65, "a\\b", "a:b", "a;b", "<a", "a[b]", "ada\u0301", "\u00fc", "1", "*", "a.b.c.d",
)  # fmt: skip
DOMAINS = (
    "slackwater.example.org", "SLACKWATER.example.org", "b\u00fccher.example.org", "xn--bcher-kva.example.org",
    "example", "localhost", "a..b", ".a.org", "a.org.", "-a.org", "a-.org", "a_b.org", "[127.0.0.1]", "a.1", "",
    "x" * 63 + ".org", "x" * 64 + ".org", ".".join(["x" * 49] * 4) + ".org", ".".join(["x" * 60] * 4) + ".org",
    "ab--c.org", "xn--zz.org", "a b.org", "a.test", "a.invalid", "\uff41.org", "a\u3002org",
)  # fmt: skip


def is_valid(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return False
    return True


def is_read(address: str) -> bool:
    try:
        read_address(address)
    except InputError:
        return False
    return True


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("known", [False, True])
def test_the_short_way_never_takes_what_the_long_way_refuses_nor_the_other_way_round(domain, known):
    audience._host.cache_clear()
    if known:
        is_read(f"somebody@{domain}")
    found = {local: is_read(f"{local}@{domain}") for local in LOCALS}
    audience._host.cache_clear()
    long_way = {
        # Left out on purpose: SES cannot send to them, or no header carries them.
        local: is_valid(f"{local}@{domain}") and local.isascii() and '"' not in local
        for local in LOCALS
    }
    assert found == long_way


def test_a_domain_is_looked_at_once(monkeypatch):
    seen: list[str] = []
    audience._host.cache_clear()

    def is_looked_at(address: str) -> bool:
        seen.append(address)
        return True

    monkeypatch.setattr(audience, "_is_valid", is_looked_at)
    for name, domain in itertools.product(
        ("ada", "bob", "c.d"), ("x.xn--bcher-kva.org", "xn--zckzah.org", "plain.example.org")
    ):
        read_address(f"{name}@{domain}")
    assert seen == ["a@x.xn--bcher-kva.org", "a@xn--zckzah.org"]
