from __future__ import annotations

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.audience import (
    MAILABLE,
    And,
    Expression,
    HasStatus,
    HasTag,
    Not,
    Or,
    Status,
    Subscriber,
    Suppressed,
    eligible,
    holds,
)
from newsletter.audience.roster import Added
from newsletter.audience.segment import parse_segment
from newsletter.errors import InputError, Place
from newsletter.store import Store, freezing, imports, runs, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.imported import imported_hash
from tests.support.effort import examples
from tests.support.store_samples import (
    LATER,
    NOW,
    a_content,
    a_row,
    count_by_status,
    look,
    on_sqlite,
    people,
    store_with,
    subscriber_count,
    suppress,
    url_in,
)

pytestmark = pytest.mark.usefixtures("dialect")


def person(folder, email="ada@example.org"):
    [row] = look(folder, "SELECT id, name, status, fields FROM subscribers WHERE email = ?", email)
    tags = look(folder, "SELECT tag FROM tags WHERE subscriber_id = ? ORDER BY tag", row[0])
    return row[1], row[2], json.loads(row[3]), [tag for (tag,) in tags]


# --- adding ----------------------------------------------------------------------------------


def test_new_people_are_added_with_all_they_brought(tmp_path):
    row = a_row(tags=frozenset({"beta", "vip"}), fields={"city": "Malmö"})
    with store_with(tmp_path, []) as store:
        assert imports.add(store, [row], source="fair 2026", now=NOW) == Added(added=1)
        assert count_by_status(store) == {
            Status.PENDING: 0,
            Status.ACTIVE: 1,
            Status.UNSUBSCRIBED: 0,
        }
    assert person(tmp_path) == ("Ada", "active", {"city": "Malmö"}, ["beta", "vip"])
    assert look(tmp_path, "SELECT event, source, at FROM consents") == [
        ("imported", "fair 2026", "2026-11-22T08:00:00.123456Z")
    ]


def test_handles_are_random_and_24_hex_digits(tmp_path):
    store_with(tmp_path, people(50)).close()
    handles = {handle for (handle,) in look(tmp_path, "SELECT handle FROM subscribers")}
    assert len(handles) == 50
    assert all(len(bytes.fromhex(handle)) == 12 for handle in handles)


def test_the_same_list_again_changes_nothing(tmp_path):
    rows = [a_row(tags=frozenset({"beta"}), fields={"city": "Malmö"}), *people(3)]
    with store_with(tmp_path, rows) as store:
        assert imports.add(store, rows, source="test", now=LATER) == Added(unchanged=4)
    assert look(tmp_path, "SELECT DISTINCT updated_at FROM subscribers") == [
        ("2026-11-22T08:00:00.123456Z",)
    ]
    assert look(tmp_path, "SELECT count(*) FROM consents") == [(4,)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (a_row(name="Ada L."), ("Ada L.", "active", {"city": "Malmö"}, ["beta"])),
        (a_row(name="", fields={"plan": "x"}), ("Ada", "active", {"city": "Malmö", "plan": "x"}, ["beta"])),
        (a_row(fields={"city": "Lund"}), ("Ada", "active", {"city": "Lund"}, ["beta"])),
        (a_row(tags=frozenset({"vip"})), ("Ada", "active", {"city": "Malmö"}, ["beta", "vip"])),
        (a_row(status=Status.UNSUBSCRIBED), ("Ada", "unsubscribed", {"city": "Malmö"}, ["beta"])),
    ],
)  # fmt: skip
def test_known_people_are_updated_with_what_is_new(tmp_path, change, expected):
    with store_with(tmp_path, [a_row(tags=frozenset({"beta"}), fields={"city": "Malmö"})]) as store:
        assert imports.add(store, [change], source="test", now=LATER) == Added(updated=1)
    assert person(tmp_path) == expected


def test_another_spelling_of_an_address_is_the_same_person_and_is_mailed_as_last_typed(tmp_path):
    with store_with(tmp_path, [a_row("ada@example.org")]) as store:
        assert imports.add(store, [a_row("Ada@example.org")], source="test", now=LATER) == Added(
            updated=1
        )
    assert look(tmp_path, "SELECT email FROM subscribers") == [("Ada@example.org",)]


def test_an_import_never_brings_back_who_has_left(tmp_path):
    with store_with(tmp_path, [a_row()]) as store:
        [(handle,)] = look(tmp_path, "SELECT handle FROM subscribers")
        assert store.departures.leave(handle, Evidence(source="link"), now=NOW)
        assert imports.add(store, [a_row(name="New")], source="test", now=LATER) == Added(
            kept_out=1
        )
    assert person(tmp_path) == ("Ada", "unsubscribed", {}, [])


def test_an_import_never_brings_in_a_suppressed_address(tmp_path):
    with store_with(tmp_path, [a_row()]) as store:
        suppress(store, "ada@example.org", reason="bounced", now=NOW)
        suppress(store, "bob@example.org", reason="complained", now=NOW)
        added = imports.add(
            store, [a_row(name="New"), a_row("Bob@example.org")], source="x", now=LATER
        )
        assert added == Added(kept_out=2, barred=2)
        assert subscriber_count(store) == 1
    assert person(tmp_path)[0] == "Ada"


def test_a_list_may_say_that_people_left_or_bounced(tmp_path):
    rows = [
        a_row("left@example.org", status=Status.UNSUBSCRIBED),
        a_row("waits@example.org", status=Status.PENDING),
        a_row("gone@example.org", status=Status.UNSUBSCRIBED, suppression="bounced"),
        a_row("ada@example.org"),
    ]
    with store_with(tmp_path, [a_row("gone@example.org")]) as store:
        assert imports.add(store, rows, source="test", now=NOW) == Added(added=3, suppressed=1)
        assert imports.add(store, rows, source="test", now=NOW) == Added(
            unchanged=2, kept_out=2, barred=1
        )
        assert subscribers.audience(store, eligible()).eligible == 1
    assert look(tmp_path, "SELECT reason FROM suppressions") == [("bounced",)]
    events = look(tmp_path, "SELECT event, count(*) FROM consents GROUP BY event ORDER BY event")
    assert events == [("imported", 2), ("imported pending", 1), ("unsubscribed", 1)]


def test_consent_makes_a_pending_person_active_but_not_the_other_way_round(tmp_path):
    with store_with(tmp_path, [a_row(status=Status.PENDING)]) as store:
        assert imports.add(store, [a_row()], source="test", now=LATER) == Added(updated=1)
        pending = a_row(status=Status.PENDING)
        assert imports.add(store, [pending], source="test", now=LATER) == Added(unchanged=1)
        assert count_by_status(store)[Status.ACTIVE] == 1


def test_a_list_of_several_batches_with_repeats_adds_up(tmp_path):
    rows = [*people(2500), *people(10), a_row("READER1@example.org", name="Reader 1")]
    with store_with(tmp_path, []) as store:
        added = imports.add(store, iter(rows), source="test", now=NOW)
        assert added == Added(added=2500, unchanged=10, updated=1)
        assert subscriber_count(store) == 2500


def test_a_list_that_breaks_in_the_middle_adds_nobody(tmp_path):
    def broken():
        yield from people(1500)
        raise InputError("a quote is never closed", place=Place("list.csv", 1501))

    with store_with(tmp_path, []) as store:
        with pytest.raises(InputError, match="never closed"):
            imports.add(store, broken(), source="test", now=NOW)
        assert subscriber_count(store) == 0


def test_an_import_is_noted_with_its_file(tmp_path):
    with store_with(tmp_path, []) as store:
        assert imported_hash(store, "list.csv") is None
        for digit in "ab":
            imports.add(
                store, people(2), source="fair", now=NOW, file_name="list.csv", file_hash=digit * 64
            )
        assert imported_hash(store, "list.csv") == "b" * 64
        assert imported_hash(store, "other.csv") is None
    [first, _] = look(tmp_path, "SELECT consent_source, counts FROM imports ORDER BY id")
    assert first[0] == "fair"
    assert json.loads(first[1]) == {
        "added": 2, "updated": 0, "unchanged": 0, "kept_out": 0, "barred": 0,
        "suppressed": 0,
    }  # fmt: skip


def test_leaving_is_noted_once_and_only_for_somebody(tmp_path):
    with store_with(tmp_path, [a_row()]) as store:
        [(handle,)] = look(tmp_path, "SELECT handle FROM subscribers")
        assert store.departures.leave(handle, Evidence(source="link"), now=LATER)
        assert store.departures.leave(handle, Evidence(source="link"), now=LATER)
        assert not store.departures.leave("0" * 24, Evidence(source="link"), now=LATER)
    events = look(tmp_path, "SELECT event, source FROM consents ORDER BY id")
    assert events == [("imported", "test"), ("unsubscribed", "link")]


def test_an_address_is_suppressed_once(tmp_path):
    with store_with(tmp_path, []) as store:
        assert suppress(store, "ada@example.org", reason="bounced", now=NOW)
        assert not suppress(store, "ada@example.org", reason="complained", now=NOW)
    assert look(tmp_path, "SELECT reason FROM suppressions") == [("bounced",)]


def test_the_number_of_an_erased_person_is_never_given_again(tmp_path):
    with store_with(tmp_path, people(3)) as store:
        with store.writing() as connection:
            connection.exec_driver_sql("DELETE FROM subscribers WHERE id = 3")
        imports.add(store, [a_row()], source="test", now=LATER)
    assert look(tmp_path, "SELECT id FROM subscribers ORDER BY id") == [(1,), (2,), (4,)]


def test_no_record_but_the_subscribers_holds_an_address(tmp_path):
    with store_with(tmp_path, [a_row()]) as store:
        suppress(store, "bob@example.org", reason="bounced", now=NOW)
        freezing.start(
            store, a_content(), rehearsal=False, transport="ses", eligible=eligible(), now=NOW
        )
    for table in ("suppressions", "consents", "imports", "deliveries"):
        assert "example.org" not in str(look(tmp_path, f"SELECT * FROM {table}"))


# --- who is eligible -------------------------------------------------------------------------


def test_the_audience_counts_everybody_once(tmp_path):
    rows = [
        a_row("in@example.org", tags=frozenset({"beta"})),
        a_row("out@example.org"),
        a_row("left@example.org", status=Status.UNSUBSCRIBED),
        a_row("waits@example.org", status=Status.PENDING),
        a_row("bounced@example.org", tags=frozenset({"beta"})),
        a_row("both@example.org", status=Status.UNSUBSCRIBED),
    ]
    with store_with(tmp_path, rows) as store:
        for address in ("bounced@example.org", "both@example.org"):
            suppress(store, address, reason="bounced", now=NOW)
        counts = subscribers.audience(store, eligible(HasTag("beta")))
    assert counts.eligible == 1
    assert counts.left_out == {
        "unsubscribed": 1,
        "pending": 1,
        "suppressed": 2,
        "outside the segment": 1,
    }


def test_the_audience_of_nobody_names_all_reasons(tmp_path):
    with store_with(tmp_path, []) as store:
        counts = subscribers.audience(store, eligible())
    assert (counts.eligible, set(counts.left_out.values()), len(counts.left_out)) == (0, {0}, 4)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "segment",
    [
        " or ".join(f"tag:t{n}" for n in range(250)),
        " and ".join(f"tag:t{n}" for n in range(250)),
        "not " * 20 + "tag:t1",
        "(tag:a or " * 20 + "tag:t1" + ")" * 20,
        "not (tag:a and " * 10 + "tag:t1" + ")" * 10,
        "(tag:a or (tag:t1 and " * 10 + "tag:t1" + "))" * 10,
        "(tag:a or not (tag:a and " * 6 + "tag:t1" + "))" * 6,
    ],
)
def test_the_longest_segments_that_can_be_written_can_be_asked_for(tmp_path, segment):
    rule = parse_segment(segment, place=Place("issues/074.md"))
    with store_with(tmp_path, [a_row(tags=frozenset({"t1"}))]) as store:
        counts = subscribers.audience(store, eligible(rule))
        run = freezing.start(
            store, a_content(), rehearsal=True, transport="t", eligible=eligible(rule), now=NOW
        )
        assert runs.counts(store, run).total == counts.eligible
    person = Subscriber(id=1, handle="", address="ada@example.org", tags=frozenset({"t1"}))
    assert counts.eligible == holds(eligible(rule), person, suppressed=False)


TAGS = ["beta", "vip", "é", "a-b"]
EXPRESSIONS = st.recursive(
    st.one_of(
        st.builds(HasStatus, st.sampled_from(Status)),
        st.just(Suppressed()),
        st.builds(HasTag, st.sampled_from([*TAGS, "unused"])),
        st.just(MAILABLE),
    ),
    lambda inner: st.one_of(
        st.builds(Not, inner), st.builds(And, inner, inner), st.builds(Or, inner, inner)
    ),
    max_leaves=12,
)
PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(Status), st.frozensets(st.sampled_from(TAGS), max_size=3), st.booleans()
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Making a store takes longer than an example; all examples share one, emptied."""
    folder = tmp_path_factory.mktemp("eligible")
    with Store.open(url_in(folder)) as store:
        yield store, folder


@pytest.mark.trials
@on_sqlite
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crowd=PEOPLE, rules=st.lists(EXPRESSIONS, min_size=1, max_size=5))
def test_sql_and_python_agree_on_who_is_eligible(shared, crowd, rules):
    store, folder = shared
    with store.writing() as connection:
        for table in ("deliveries", "runs", "subscribers", "suppressions"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    rows = [
        a_row(f"{letter}@example.org", status=status, tags=tags)
        for letter, (status, tags, _) in zip(string.ascii_lowercase, crowd, strict=False)
    ]
    imports.add(store, rows, source="test", now=NOW)
    for row, (_, _, suppressed) in zip(rows, crowd, strict=True):
        if suppressed:
            suppress(store, row.canonical, reason="bounced", now=NOW)
    for issue, rule in enumerate(rules):
        wanted = {row.email for row, (_, _, bad) in zip(rows, crowd, strict=True) if expected(rule, row, suppressed=bad)}  # fmt: skip
        assert subscribers.audience(store, rule).eligible == len(wanted)
        freezing.start(
            store, a_content(issue), rehearsal=True, transport="t", eligible=rule, now=NOW
        )
        frozen = look(
            folder,
            "SELECT email FROM deliveries JOIN subscribers s ON s.id = subscriber_id WHERE issue = ?",
            issue,
        )
        assert {email for (email,) in frozen} == wanted


def expected(rule: Expression, row, *, suppressed: bool) -> bool:
    person = Subscriber(id=1, handle="", address=row.email, status=row.status, tags=row.tags)
    return holds(rule, person, suppressed=suppressed)
