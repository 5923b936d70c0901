"""Dots at the beginning of a line are doubled, however a mail is cut into pieces."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.message import compose, encode, freeze
from newsletter.smtp.dots import SHORT, _once, doubled
from tests.support.effort import examples
from tests.support.letter_samples import SENDER, WAY_OUT, a_letter
from tests.support.mails import STAMP, person

bits = st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"a", b"..", b".\r\n", b"\r\n.\r\n"])
pieces = st.lists(st.lists(bits, max_size=6).map(b"".join), max_size=6)


def by_the_book(data: bytes) -> bytes:
    """RFC 5321, 4.5.2, for lines that end in CRLF, line by line."""
    lines = re.split(rb"\r\n?|\n", data)
    last = lines.pop()
    lines += [last] if last or not lines else []
    return b"".join((b"." + one if one.startswith(b".") else one) + b"\r\n" for one in lines)


@pytest.mark.parametrize("long", [b"", b"x" * SHORT], ids=["short", "long"])
@settings(max_examples=examples(200))
@given(pieces)
def test_what_is_written_is_the_whole_mail_line_by_line(long, cut):
    cut = [long + piece for piece in cut]
    assert doubled(cut) == by_the_book(b"".join(cut))


@settings(max_examples=examples(30))
@given(st.text("ab. \n=", max_size=20), st.text("a.\n", max_size=300))
def test_a_letter_is_written_like_that_whatever_its_readers_are_called(name, text):
    template = encode(freeze(a_letter(f"{text}\n__NL_F_A__\n{text}"), SENDER))
    mail = compose(template, person(name, first_name=name), unsubscribe_url=WAY_OUT, stamp=STAMP)
    assert doubled(mail) == by_the_book(b"".join(mail))


def test_what_all_mails_of_an_issue_have_in_common_is_looked_through_once():
    template = encode(freeze(a_letter("A long letter.\n" * 200), SENDER))
    _once.cache_clear()
    mails = [compose(template, person(f"Reader {n}"), stamp=STAMP) for n in range(20)]
    for mail in mails:
        doubled(mail)
    long = {piece for piece in mails[0] if len(piece) > SHORT}
    assert long
    assert _once.cache_info().misses == len(long)
