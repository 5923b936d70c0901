"""What a door lets in can be composed: names, fields and addresses, from a list to the mail."""

from __future__ import annotations

import csv
import dataclasses
import email
import email.policy
import io
import json
import re
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from newsletter import text_rules
from newsletter.audience import Subscriber, read_address
from newsletter.audience.roster import Row, read, unguarded
from newsletter.delivery import Outcome
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.errors import InputError
from newsletter.message import compose, filled
from tests.stages.test_message_headers import INJECTIONS
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.effort import examples
from tests.support.letter_samples import NAME, SLOTS, TOWN, WAY_OUT, a_letter
from tests.support.mails import ALL_HEADERS, STAMP, decoded, display, raw, template_of

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

WORDS = [
    *INJECTIONS, "=?x?q?1", "=?x?Q?1?=", "=?utf-8?b?QmNj?=", "=?utf-8?q?=0D=0ABcc:_eve?=", "=?x?b?", "=??B??=",
    "=? x ?q? ?=", "=?x*en?q?a", "Ada =?x?q?1", "=?", "?=", "a\r\nBcc: eve@example.net", "nul\0nul", "lone \ud800",
    "\udcff", "half \ude00 pair", "\u202egnp.exe", "\u2066a\u2069", "\u200b", "\u200d", "\ufeff", "\u00ad",
    "zero\u200bwidth", "👩‍👩‍👧 🏳️‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "مرحبا", "می‌خواهم", '"quoted"', "a, b", "<eve@example.net>", "(c)", "[b]",
    "back\\slash\\", "x" * 5000, "é" * 5000, "👩" * 300, "x " * 400, "a;b:c", "@", "\x7f", "\x85", "\u2028", "\t",
]  # fmt: skip
words = (
    st.sampled_from(WORDS)
    | st.text(st.characters(), max_size=300)
    | st.text('=?qQbB \r\n\0x<>@,"\\', max_size=30)
)  # fmt: skip
LETTER = a_letter(
    f"Hello {NAME} from {TOWN}\n", f"<p>{NAME}</p>\n", subject=f"For {NAME}: =?x{TOWN}?q{NAME}?"
)
TEMPLATE = template_of(LETTER)


def listed(address: str, name: str, town: str) -> Row:
    """What a list with this one person comes to; as an attribute, any text can stand in it."""
    stream = io.StringIO(newline="")
    rows = csv.writer(stream)
    rows.writerow(["uuid", "email", "name", "attributes"])
    rows.writerow(["1", address, name.replace("\0", ""), json.dumps({"town": town})])
    stream.seek(0)
    (row,) = read(stream, file="list.csv")
    assert isinstance(row, Row), row
    return row


def mailed(row: Row) -> bytes:
    person = Subscriber(
        id=1, handle="ab" * 12, address=row.email, name=row.name, fields=dict(row.fields)
    )
    data = b"".join(compose(TEMPLATE, person, unsubscribe_url=WAY_OUT, stamp=STAMP))
    assert filled(LETTER, person, WAY_OUT).subject == decoded(raw(data, "Subject"))
    return data


def expect_one_recipient(data: bytes, address: str) -> None:
    """Read strictly, leniently and by hand, the mail has our headers and this one recipient."""
    assert data.isascii()
    assert data.count(b"\r\n") == data.count(b"\r") == data.count(b"\n")
    for line in data.split(b"\r\n"):
        assert len(line) <= 76 or line.startswith((b"List-", b"To: ", b" <"))
        assert len(line) < 998
    old = email.message_from_bytes(data)
    modern = email.message_from_bytes(data, policy=email.policy.default)
    assert old.keys() == modern.keys() == ALL_HEADERS
    to: Any = modern["To"]
    assert [one.addr_spec for one in to.addresses] == [address]
    assert not to.defects
    assert [found for _, found in getaddresses([raw(data, "To")])] == [address]
    # A program that writes what it has read makes no other headers of it.
    assert sorted(email.message_from_bytes(modern.as_bytes()).keys()) == sorted(ALL_HEADERS)


@given(words, words)
@settings(max_examples=examples(400), deadline=None)
def test_whoever_a_list_names_is_mailed_whatever_their_name(name, town):
    row = listed("sam@example.org", name, town)
    data = mailed(row)
    expect_one_recipient(data, "sam@example.org")
    kept = row.name if text_rules.stands_in_header(row.name) else ""
    assert display(data, "To") == (kept, "sam@example.org")


local_parts = st.text(
    "abcXYZ0189!#$%&'*+-/=?^_`{|}~.", min_size=1, max_size=66
) | st.sampled_from(["=?x?q?1", "=?utf-8?q?=0ABcc?=", "a" * 64, "a" * 65, "=x", "x?=", "=?"])  # fmt: skip
domains = st.sampled_from(
    [
        "example.org",
        "bücher.example",
        "EXAMPLE.org",
        ".".join(["b" * 60] * 3) + ".example",
        "x.test",
    ]
) | st.from_regex(r"[a-z0-9-]{1,70}\.(org|example)", fullmatch=True)


@given(st.builds("{}@{}".format, local_parts, domains) | st.emails())
@example("a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".example")
@example("=?x?q?1@example.org")
@settings(max_examples=examples(400), deadline=None)
def test_every_address_that_is_let_in_is_the_one_recipient(text):
    try:
        mailbox = read_address(text).mailbox
    except InputError as refused:
        assert text not in str(refused)  # noqa: PT017  # both ends are right
        return
    assert text_rules.is_mailbox(mailbox)
    assert len(mailbox) <= 254
    # In a list, an apostrophe before such a letter guards a formula and is accepted_as off.
    assume(unguarded(text) == text)
    for name in ("", "Sam", "é" * 40):
        expect_one_recipient(mailed(listed(text, name, "")), mailbox)


@given(words)
@settings(max_examples=examples(400), deadline=None)
def test_a_line_made_once_is_made_for_good_and_any_store_holds_it(text):
    line = text_rules.one_line(text)
    assert text_rules.one_line(line) == line
    assert line.encode().decode() == line
    assert "\0" not in line
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)
    assert line == line.strip()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  Ada \r\n Lovelace\t", "Ada Lovelace"), ("A\0B", "A B"), ("\u202eabc\u202c", "abc"),
        ("A\u200bB\ufeff", "AB"), ("lone \ud800", "lone"), ("\u200d \u200e", ""), ("\u2028", ""),
        ("می‌خواهم", "می‌خواهم"), ("👩‍👩‍👧", "👩‍👩‍👧"), ("=?x?q?1", "=?x?q?1"), ("\U0001fadf", "\U0001fadf"),
    ],
)  # fmt: skip
def test_a_name_keeps_what_can_be_seen_and_what_scripts_need(text, line):
    assert text_rules.one_line(text) == line


def test_a_name_that_no_header_carries_still_greets_its_reader():
    row = listed("sam@example.org", "=?x?q?1", "Ghent")
    assert row.name == "=?x?q?1"
    data = mailed(row)
    assert b"\r\nTo: sam@example.org\r\n" in data
    (text, _) = email.message_from_bytes(data, policy=email.policy.default).iter_parts()
    assert text.get_content() == "Hello =?x?q?1 from Ghent\r\n"


def test_values_that_make_an_encoded_word_only_together_leave_the_subject_to_the_fallbacks():
    letter = a_letter(subject=f"{NAME}{TOWN}")
    template = template_of(letter)
    person = Subscriber(id=1, handle="ab" * 12, address="sam@example.org", name="=?utf-8",
                        fields={"town": "?q?=0ABcc:_eve?="})  # fmt: skip
    data = b"".join(compose(template, person, stamp=STAMP))
    assert decoded(raw(data, "Subject")) == "thereyour town"


@pytest.mark.parametrize("odd", ["=?x?q?1", "x" * 5000])
def test_only_the_field_that_cannot_stand_in_a_subject_gives_way(odd):
    template = template_of(a_letter(subject=f"{NAME} of {TOWN}"))
    person = Subscriber(id=1, handle="ab" * 12, address="sam@example.org", name="Sam",
                        fields={"town": odd})  # fmt: skip
    data = b"".join(compose(template, person, stamp=STAMP))
    assert decoded(raw(data, "Subject")) == "Sam of your town"


def test_a_subject_that_its_own_fallbacks_spoil_is_told_before_anybody_is_written_to():
    slots = {**SLOTS, NAME: dataclasses.replace(SLOTS[NAME], fallback="?q?")}
    with pytest.raises(InputError, match="Subject holds"):
        template_of(a_letter(subject=f"=?utf-8{NAME}", slots=slots))


# --- our own refusals ------------------------------------------------------------------------

OURS = judged(Verdict.UNFIT, "so")


def after(*outcomes: Outcome, now: float = 0.0) -> bool:
    breaker = Breaker(total=1000)
    return [breaker.hear(outcome, now=now) for outcome in outcomes][-1] is not None


def test_no_number_of_our_own_refusals_stops_a_run_and_none_hides_the_providers():
    theirs = judged(Verdict.REFUSED, "so")
    assert not after(*[OURS] * 1000)
    assert after(*[theirs] * 5)
    assert after(*[x for _ in range(5) for x in (OURS, theirs)])
    assert not after(*[theirs] * 4, judged(Verdict.DEFERRED, "so"), *[OURS] * 5)


def test_our_own_refusals_do_not_make_an_unreachable_server_reachable():
    breaker = Breaker(total=1000)
    away = judged(Verdict.UNREACHABLE, "so")
    assert breaker.hear(away, now=0.0) is None
    assert breaker.hear(OURS, now=300.0) is None
    assert breaker.hear(away, now=600.0) is not None


# --- from the command line -------------------------------------------------------------------


def test_a_list_of_nasty_names_is_mailed_whole(folder: Folder):
    names = [" ".join(word.split("\0")) for word in WORDS if not re.search("[\ud800-\udfff]", word)]
    stream = io.StringIO(newline="")
    rows = csv.writer(stream)
    rows.writerow(["email", "name", "city"])
    rows.writerows([f"reader{n}@example.org", name, name] for n, name in enumerate(names))
    folder.write("subscribers/nasty.csv", stream.getvalue())
    source = ("--consent-source", "invented")
    ran = folder.run("subscribers", "import", "subscribers/nasty.csv", *source)
    assert (ran.code, ran.out) == (
        0, f"{len(names)} added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 0 rejected\n",
    )  # fmt: skip
    assert re.search(
        r"\d+ names stand in no header of a mail; those mails name the address", ran.err
    )
    assert "0 added" in folder.run("subscribers", "import", "subscribers/nasty.csv", *source).out
    assert folder.send().code == 0
    mails = folder.mails()
    assert len(mails) == len(names) > 30
    found = []
    for path in mails:
        modern = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        to: Any = modern["To"]
        (one,) = to.addresses
        found.append(one.addr_spec)
        assert modern["Bcc"] is None
        assert modern.keys().count("To") == modern.keys().count("Subject") == 1
    assert sorted(found) == sorted(f"reader{n}@example.org" for n in range(len(names)))


@pytest.mark.parametrize("name", ["=?x?q?1", "\udcff\udcfe", "a\u202eb", "x" * 5000, "a\nBcc: b"])
def test_a_person_is_added_whatever_the_name(folder: Folder, name):
    words = ("subscribers", "add", "nia@example.org", "--consent-source", "invented")
    ran = folder.run(*words, "--name", name, "--field", f"city={name}")
    assert (ran.code, ran.out) == (0, "added\n")
    warned = "a header cannot hold the name" in ran.err
    assert warned is (not text_rules.stands_in_header(text_rules.one_line(name)))
    assert folder.send().code == 0
    assert len(folder.mails()) == 1


def test_people_an_older_version_let_in_are_refused_one_by_one_and_the_issue_goes_on(
    folder: Folder, monkeypatch
):
    folder.imported()
    with monkeypatch.context() as older:
        older.setattr("newsletter.text_rules.is_mailbox", lambda _text: True)
        for n in range(10):
            words = ("subscribers", "add", f"=?x?q?{n}@example.org", "--consent-source", "x")
            assert folder.run(*words).code == 0
    ran = folder.send()
    assert ran.code == 0
    assert folder.states() == {"accepted": 25, "refused": 10}
    assert "10 mails were refused" in ran.err
    status = folder.run("status")
    assert "the address for To cannot be written in a header" in status.out
    assert [run.pause for run in folder.runs()] == [None]


def test_consent_tags_and_sources_take_any_bytes_of_a_terminal(folder: Folder):
    ran = folder.run(
        "subscribers", "add", "nia@example.org", "--consent-source", "a \udcff mail",
        "--tag", "\udcff b",
    )  # fmt: skip
    assert (ran.code, ran.out) == (0, "added\n")
    assert folder.consents("nia@example.org") == [("imported", "a mail")]
