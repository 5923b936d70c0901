from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience import (
    MAILABLE,
    And,
    HasStatus,
    HasTag,
    Not,
    Or,
    Status,
    Subscriber,
    Suppressed,
    eligible,
    holds,
    mask,
    read_address,
)
from newsletter.audience.segment import parse_segment, tag_name
from newsletter.errors import InputError, Place

PLACE = Place("issues/074-x.md", 5, 10)


# --- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "mailbox", "canonical"),
    [
        ("ada@example.org", "ada@example.org", "ada@example.org"),
        ("  Ada.L@Example.ORG \n", "Ada.L@example.org", "ada.l@example.org"),
        ("a.d.a+news@example.org", "a.d.a+news@example.org", "a.d.a+news@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("o'neil@example.org", "o'neil@example.org", "o'neil@example.org"),
        ("=x@example.org", "=x@example.org", "=x@example.org"),
    ],
)
def test_an_address_is_mailed_as_typed_and_known_in_lower_case(typed, mailbox, canonical):
    address = read_address(typed)
    assert (address.mailbox, address.canonical) == (mailbox, canonical)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "not a mail address"),
        ("ada", "not a mail address"),
        ("@example.org", "not a mail address"),
        ("ada@", "not a mail address"),
        ("ada@@example.org", "not a mail address"),
        ("ada@example", "not a mail address"),
        ("ada@-x.org", "not a mail address"),
        ("a..b@example.org", "not a mail address"),
        ('"ada l"@example.org', "not a mail address"),
        ("Ada <ada@example.org>", "not a mail address"),
        ("ada@[192.0.2.1]", "not a mail address"),
        ("ada@exa mple.org", "not a mail address"),
        ("x" * 65 + "@example.org", "not a mail address"),
        ("ädä@example.org", "outside ASCII"),
        ("ada\u200b@example.org", "invisible"),
        ("ada@exam\u00adple.org", "invisible"),
        ("a\u202eda@example.org", "invisible"),
        ("ada\0@example.org", "invisible"),
        ("ada\r\nBcc: x@example.org", "invisible"),
    ],
)
def test_what_ses_cannot_send_to_is_refused_without_repeating_it(typed, words):
    with pytest.raises(InputError, match=words) as caught:
        read_address(typed)
    shown = f"{caught.value} {caught.value.cause} {caught.value.hint}"
    assert caught.value.hint
    assert not typed or typed not in shown.replace("name@example.org", "")


@given(st.emails())
def test_reading_a_canonical_address_again_changes_nothing(text):
    try:
        address = read_address(text)
    except InputError:
        return
    again = read_address(address.canonical)
    assert again.mailbox == again.canonical == address.canonical
    assert address.canonical.isascii()


@pytest.mark.parametrize(
    ("address", "shown"),
    [("ada@example.org", "a***@e***.org"), ("b@mail.example.co.uk", "b***@m***.uk")],
)
def test_addresses_are_masked_for_output(address, shown):
    assert mask(address) == shown


def test_a_merge_field_is_the_name_or_a_field_or_nothing():
    person = Subscriber(id=1, handle="", address="a@b.org", name="Ada", fields={"city": "Malmö"})
    assert [person.value(name) for name in ("name", "city", "plan")] == ["Ada", "Malmö", ""]


# --- eligibility -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("suppressed", [False, True])
@pytest.mark.parametrize("tags", [frozenset(), frozenset({"beta"})])
def test_only_active_people_with_an_open_address_inside_the_segment_are_eligible(
    status, suppressed, tags
):
    person = Subscriber(id=1, handle="", address="a@b.org", status=status, tags=tags)
    mailable = status is Status.ACTIVE and not suppressed
    assert holds(MAILABLE, person, suppressed=suppressed) is mailable
    assert holds(eligible(), person, suppressed=suppressed) is mailable
    inside = holds(eligible(HasTag("beta")), person, suppressed=suppressed)
    assert inside is (mailable and bool(tags))


def test_either_term_is_enough_for_or():
    person = Subscriber(id=1, handle="", address="a@b.org", tags=frozenset({"b"}))
    assert holds(Or(HasTag("a"), HasTag("b")), person, suppressed=False)
    assert not holds(Or(HasTag("a"), Suppressed()), person, suppressed=False)


# --- segments --------------------------------------------------------------------------------

A, B, C = HasTag("a"), HasTag("b"), HasTag("c")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", None),
        ("  \t ", None),
        ("tag:a", A),
        ("tag:a and tag:b", And(A, B)),
        ("tag:a or tag:b and tag:c", Or(A, And(B, C))),
        ("tag:a and tag:b or tag:c", Or(And(A, B), C)),
        ("(tag:a or tag:b) and tag:c", And(Or(A, B), C)),
        ("not tag:a and tag:b", And(Not(A), B)),
        ("not (tag:a and tag:b)", Not(And(A, B))),
        ("not not tag:a", Not(Not(A))),
        ("tag:a or tag:b or tag:c", Or(Or(A, B), C)),
        ("TAG:A AND NOT tag:B", And(A, Not(B))),
        ("tag:e-mail.v2+x", HasTag("e-mail.v2+x")),
        ("tag:not", HasTag("not")),
        ("tag:Café", HasTag("café")),
        ("tag:Cafe\u0301", HasTag("café")),
    ],
)
def test_a_segment_is_read_as_people_mean_it(text, meaning):
    assert parse_segment(text, place=PLACE) == meaning


@pytest.mark.parametrize(
    ("text", "words", "character"),
    [
        ("beta", "cannot be read here", 1),
        ("tag:", "cannot be read here", 1),
        ("tag:a and", "cannot be read here", 10),
        ("and tag:a", "cannot be read here", 1),
        ("not", "cannot be read here", 4),
        ("tag:a or or tag:b", "cannot be read here", 10),
        ("()", "cannot be read here", 2),
        ("tag:a tag:b", "goes on where it should end", 7),
        ("tag:a)", "goes on where it should end", 6),
        ("tag:a & tag:b", "goes on where it should end", 7),
        ("(tag:a", "not closed", 7),
        ("(tag:a tag:b", "not closed", 8),
        ("(" * 60 + "tag:a" + ")" * 60, "nested too deeply", 22),
        ("not " * 60 + "tag:a", "nested too deeply", 85),
    ],
)
def test_a_malformed_segment_is_named_with_its_character(text, words, character):
    with pytest.raises(InputError, match=words) as caught:
        parse_segment(text, place=PLACE)
    assert caught.value.place == PLACE
    assert f"(character {character} of the segment)" in str(caught.value)
    assert caught.value.hint


def test_a_segment_that_no_database_could_take_is_refused():
    text = " or ".join(f"tag:t{n}" for n in range(300))
    with pytest.raises(InputError, match="too long"):
        parse_segment(text, place=PLACE)


@given(st.text(alphabet="()andortg:b \n", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        parse_segment(text, place=PLACE)
    except InputError as error:
        assert error.place == PLACE  # noqa: PT017  # both ways are right


@pytest.mark.parametrize(
    ("text", "tag"),
    [("VIP Customer", "vip-customer"), (" a/b ", "a-b"), ("É", "é"), ("E\u0301", "é"), ("!?", ""), ("v2.0+x_y", "v2.0+x_y")],
)  # fmt: skip
def test_a_tag_is_written_so_that_a_segment_can_name_it(text, tag):
    assert tag_name(text) == tag


@given(st.text(max_size=20))
def test_every_tag_can_be_named_by_a_segment(text):
    if tag := tag_name(text):
        assert tag_name(tag) == tag
        assert parse_segment(f"tag:{tag}", place=PLACE) == HasTag(tag)


def test_statuses_are_part_of_the_rule():
    person = Subscriber(id=1, handle="", address="a@b.org", status=Status.PENDING)
    assert holds(HasStatus(Status.PENDING), person, suppressed=False)
