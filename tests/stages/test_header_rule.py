"""What a subject, a name or an address may hold is one rule, at whichever door it comes in."""

from __future__ import annotations

import json

import pytest

from newsletter import text_rules
from newsletter.audience import read_address
from newsletter.errors import InputError
from newsletter.settings import load
from tests.conftest import issue_with

LINES = [
    "Slack Water", "Zoë & Wren", "海と山の", "= ?utf-8?q?x?=", "=?x", "a =?utf-8?q?x?= b",
    "=?utf 8?Q?=0A?=Bcc: x", "=?utf-8?b?eA==?=", "=??q?x", "a\u0085b", "a\u2028b", "a\x7fb",
]  # fmt: skip
ADDRESSES = [
    "wren@example.org", "Wren@MÜNCHEN.example", "=?utf-8?q?x?=@example.org", '"a b"@example.org',
    "wrén@example.org", f"{'a' * 65}@example.org", "a@b@example.org", "wren@example.org\u200b",
]  # fmt: skip


def refuses(read, *arguments, **named) -> bool:
    try:
        read(*arguments, **named)
    except InputError:
        return True
    return False


@pytest.mark.parametrize("line", LINES, ids=ascii)
def test_a_title_and_a_setting_take_what_a_header_takes(line):
    unfit = not text_rules.is_safe_in_header(line)
    assert refuses(issue_with, front=f"title: {json.dumps(line)}") == unfit
    assert refuses(load, None, environ={"NEWSLETTER_SENDER__FROM_NAME": line}) == unfit


@pytest.mark.parametrize("address", ADDRESSES, ids=ascii)
def test_an_address_in_the_settings_is_read_as_a_subscribers_is(address):
    unfit = refuses(read_address, address)
    given = {"NEWSLETTER_SENDER__FROM_ADDRESS": address}
    assert refuses(load, None, environ=given) == unfit
    if not unfit:
        assert load(None, environ=given).sender.from_address == read_address(address).mailbox
