"""The pass of a sign-up form: read back when one of the keys signed it, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.tokens import TRIAL_KEY, Key, Pass, make_pass, read_pass

KEYS = {TRIAL_KEY.id: TRIAL_KEY}
PASS = Pass(issued=1_795_000_000, nonce=bytes(range(8)))
TEXT = make_pass(PASS, TRIAL_KEY)


def test_a_pass_comes_back_from_its_text():
    assert read_pass(TEXT, KEYS) == PASS


@pytest.mark.parametrize(
    "text",
    ["", "x", "ü", "=", "a b", TEXT[:-4], TEXT + "AAAA", "A" * len(TEXT), TEXT.swapcase()],
)
def test_another_text_is_none(text):
    assert read_pass(text, KEYS) is None


@given(st.text(max_size=60))
def test_no_text_is_too_odd(text):
    assert read_pass(text, KEYS) in {None, PASS}


def test_a_key_that_did_not_sign_it_knows_it_not():
    assert read_pass(TEXT, {1: Key(id=1, secret=b"another" * 5)}) is None
    assert read_pass(TEXT, {}) is None
