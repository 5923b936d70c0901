"""A mail composed for tests, and its parts read back."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
from email.header import decode_header, make_header
from email.utils import parseaddr

from hypothesis import strategies as st

from newsletter.audience import Subscriber
from newsletter.message import (
    Stamp,
    compose,
    encode,
    freeze,
)
from tests.support.letter_samples import (
    SENDER,
    WAY_OUT,
    a_letter,
)

STAMP = Stamp(date=dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC), message_id="74.1.1@example.org")
ALL_HEADERS = """
    From Reply-To To Subject Date Message-ID List-Id List-Archive Precedence List-Unsubscribe
    List-Unsubscribe-Post MIME-Version Content-Type
""".split()


NAMES = [
    "", "Sam", "Zoë", "Sam Reader, Esq.", 'Sam "the Reader" O\'Hara', "back\\slash\\", "a@b.example <x>",
    "(comment)", "👩‍👩‍👧‍👦 🏳️‍🌈 🕵🏽‍♀️", "مرحبا بالعالم", "\u202eright to left\u202c", "e\u0301" * 40, "x" * 200,
    "é" * 200, "long name " * 20 + "end", "水" * 200, "non\u00a0breaking", "=?", "=?utf-8", "a =? b ?= c", "?=",
    "=3D", "{{ config.SECRET }}", "__NL_UNSUBSCRIBE__", r"\1 \g<0>", "%s %(x)s %0A", "From me", ".", "a  b", ",;:",
]  # fmt: skip


safe = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))


decodable = re.compile(r"=\?[^?]*\?[bBqQ]\?")


one_line = st.text(safe, max_size=200).filter(lambda text: not decodable.search(text))


names = st.sampled_from(NAMES) | one_line


def person(name="Sam", **fields):
    return Subscriber(
        id=1, handle="ab" * 12, address="sam@example.org", name=name, fields=fields or {}
    )


def template_of(letter, sender=SENDER):
    """A letter as a process that sends it has it."""
    return encode(freeze(letter, sender))


def mail(letter=None, someone=None, *, sender=SENDER, url=WAY_OUT, stamp=STAMP) -> bytes:
    template = template_of(letter or a_letter(), sender)
    return b"".join(compose(template, someone or person(), unsubscribe_url=url, stamp=stamp))


def header_names(data):
    return email.message_from_bytes(data).keys()


def raw(data, name):
    """A header unfolded (RFC 5322, 2.2.3), still encoded; the modern parser adds blanks."""
    return email.message_from_bytes(data)[name].replace("\r\n", "")


def decoded(text):
    return str(make_header(decode_header(text))) if "=?" in text else text


def display(data, name):
    shown, mailbox = parseaddr(raw(data, name))
    return decoded(shown), mailbox


def parts(data):
    """(text, HTML) with LF line ends."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message.get_content_type() == "multipart/alternative"
    text, page = message.iter_parts()
    assert [p.get_content_type() for p in (text, page)] == ["text/plain", "text/html"]
    assert not message.defects
    return _words_of(text), _words_of(page)


def _words_of(part):
    assert part.get_content_charset() == "utf-8"
    assert not part.defects
    return part.get_payload(decode=True).decode().replace("\r\n", "\n")


def assert_well_formed(data):
    assert data.isascii()
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    for line in data.split(b"\r\n"):
        assert re.fullmatch(rb"[\t\x20-\x7e]*", line)
        assert len(line) <= 76 or line.startswith(b"List-")
    head = data.partition(b"\r\n\r\n")[0]
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^\s]*?\?=(?=\s|$)", head))
    # What a program that reads and writes it again makes of it.
    again = email.message_from_bytes(data, policy=email.policy.default).as_bytes()
    assert sorted(header_names(again)) == sorted(header_names(data))
