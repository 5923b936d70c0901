"""A link to one's own machine or network is known in every spelling that a browser reads."""

from __future__ import annotations

import pytest

from newsletter.check import check
from tests.support.checked_letters import a_letter


def found(url: str) -> bool:
    return "link-local" in {one.id for one in check(a_letter(f"Words, [and more]({url}).\n"))}


@pytest.mark.sweep
@pytest.mark.parametrize(
    "host",
    ["127.1", "10.1", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "127。0。0。1", "[::1]",
     "192.168.257", "localhost.", "LocalHost:8080", "desk.local.", "wiki.internal.", "nas.lan",
     "router.home.arpa", "shop.test", "0.0.0.0"],
)  # fmt: skip
def test_it_is_known(host):
    assert found(f"http://{host}/path")


@pytest.mark.parametrize(
    "host",
    ["1.1", "8.8.8.8", "0x08.0x08.8.8", "example.org", "127.example.org", "local.example.org",
     "lan.example.org", "homepage.example", "0x7g.example.org", "1.2.3.4.5.example.org"],
)  # fmt: skip
def test_another_is_not_taken_for_one(host):
    assert not found(f"https://{host}/path")
