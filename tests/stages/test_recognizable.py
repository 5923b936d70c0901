"""An address in a list that somebody asks for: not whole, but told from its neighbours."""

from __future__ import annotations

import pytest

from newsletter.audience import recognizable


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada.byron@example.org", "ad***on@example.org"),
        ("ada@example.org", "a***a@example.org"),
        ("al@example.org", "a***@example.org"),
        ("b@mail.example.co.uk", "b***@mail.example.co.uk"),
        ('"a@b"@example.org', '"***"@example.org'),
    ],
)
def test_the_ends_and_the_domain_stay(address, shown):
    assert recognizable(address) == shown
