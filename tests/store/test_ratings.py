"""What readers say of issues: one answer each, in one count each, and nobody's name in a figure."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.audience import Status, eligible, read_address
from newsletter.errors import NewsletterError, RefusedError
from newsletter.people.erase import erase
from newsletter.store import freezing, history, ratings, retention, runs, subscribers
from newsletter.store.dossier import dossier
from tests.support import claiming
from tests.support.effort import either
from tests.support.store_samples import LATER, NOW, a_content, a_row, look, people, store_with
from tests.support.store_samples import new_store as opened_again

LABELS = (("good", "Loved it"), ("fine", "It was fine"), ("bad", "Not for me"))
READERS = 4


@pytest.fixture
def store(tmp_path, dialect):
    with store_with(tmp_path, people(READERS)) as opened:
        yield opened


def begin(store, *, issue=74, labels=LABELS, rehearsal=False, sent=True, **more):
    content = dataclasses.replace(a_content(issue), ratings=labels)
    run = freezing.start(
        store, content, rehearsal=rehearsal, transport="x", eligible=eligible(), now=NOW, **more
    )
    while sent and claiming.claim(store, run, now=NOW):
        pass
    return run


def handle(store, reader=1):
    person = subscribers.find(store, f"reader{reader}@example.org")
    return person.handle if person else ""


def rate(store, answer="good", words="", *, reader=1, issue=74):
    who = handle(store, reader)
    return ratings.rate(store, who, issue, answer=answer, words=words, now=LATER)


def counted(store, issue=74):
    with store.reading() as connection:
        found = ratings.of_issue(connection, issue)
    return None if found is None else dict(found.counts)


def test_the_last_word_of_a_reader_counts_and_once(store):
    begin(store)
    asked = ratings.look(store, handle(store), 74)
    assert asked is not None
    assert asked.answer == ""
    said = rate(store, "good", "More tides")
    assert said is not None
    assert (said.answer, said.words, said.title) == ("good", "More tides", "Issue 74")
    assert said.labels == dict(LABELS)
    rate(store, "bad")
    assert ratings.look(store, handle(store), 74) == said._replace(answer="bad", words="")
    assert counted(store) == {"good": 0, "fine": 0, "bad": 1}


def test_an_issue_is_rated_by_those_it_went_to(store):
    begin(store, sent=False)
    assert rate(store) is None  # nothing has left
    begin(store, issue=75, rehearsal=True)
    assert rate(store, issue=75) is None
    begin(store, issue=76, labels=())
    begin(store, issue=78, rehearsal=True)
    begin(store, issue=78)
    assert rate(store, issue=78) is not None  # as if it had not been rehearsed
    assert rate(store, issue=76) is None  # its mails ask nothing
    assert rate(store, issue=99) is None
    begin(store, issue=77)
    assert ratings.rate(store, "0" * 24, 77, answer="good", words="", now=LATER) is None
    assert rate(store, "superb", issue=77) is None
    assert rate(store, issue=77) is not None
    assert [counted(store, issue) for issue in (75, 76)] == [None, None]


def test_two_answers_are_offered_where_the_issue_offers_two(store):
    begin(store, labels=(LABELS[0], LABELS[2]))
    assert rate(store, "fine") is None
    rate(store, "bad")
    assert counted(store) == {"good": 0, "bad": 1}


def test_what_the_mails_offer_is_frozen(store):
    begin(store)
    for statement in ("UPDATE rating_labels SET label = 'Hated it'", "DELETE FROM rating_labels"):
        with pytest.raises(NewsletterError, match="refused"), store.writing() as connection:
            connection.exec_driver_sql(statement)


def test_a_run_that_did_not_begin_leaves_none(store, tmp_path):
    with pytest.raises(RefusedError):
        begin(store, expect=9, sent=False)
    assert look(tmp_path, "SELECT count(*) FROM rating_labels") == [(0,)]
    begin(store, labels=LABELS[:1])
    assert counted(store) == {"good": 0}


def test_the_figures_have_counts_and_words_and_nobody(store):
    run = begin(store)
    for reader, (answer, words) in enumerate(
        [("bad", "Too long"), ("good", "b"), ("good", "a")], 1
    ):
        rate(store, answer, words, reader=reader)
    found = history.of_issue(store, run).stats.ratings
    assert found is not None
    assert found.counts == {"good": 2, "fine": 0, "bad": 1}
    # Not in the order in which they came.
    assert [(one.answer, one.text) for one in found.words] == [
        ("good", "a"), ("good", "b"), ("bad", "Too long"),
    ]  # fmt: skip
    [row] = history.overview(store, now=LATER).issues
    assert (row.good, row.fine, row.bad, row.rated) == (2, 0, 1, 3)
    assert "reader1" not in repr(found)


def test_an_issue_that_asked_nothing_has_no_count_rather_than_none(store):
    begin(store, labels=())
    [row] = history.overview(store, now=LATER).issues
    assert (row.good, row.bad, row.rated) == (None, None, None)


def test_a_reader_sees_what_is_kept_of_them(store):
    begin(store)
    rate(store, "fine", "All right")
    rate(store, "good", "Not mine", reader=2)
    [row] = dossier(store, "reader1@example.org")["ratings"]
    assert (row["issue"], row["answer"], row["words"]) == (74, "fine", "All right")


def test_whoever_is_erased_leaves_a_count_and_nothing_else(store, tmp_path):
    begin(store)
    rate(store, "bad", "Wrote-this-myself")
    who = handle(store)
    erase(store, read_address("reader1@example.org"), now=LATER)
    assert counted(store) == {"good": 0, "fine": 0, "bad": 1}
    assert dossier(store, "reader1@example.org")["ratings"] == []
    assert look(tmp_path, "SELECT words FROM ratings") == [("",)]
    ours = "SELECT count(*) FROM ratings r JOIN deliveries d ON d.address_hash = r.address_hash"
    assert look(tmp_path, ours) == [(0,)]
    assert ratings.look(store, who, 74) is None
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"Wrote-this-myself" not in file.read_bytes(), file


def test_who_was_erased_and_came_back_does_not_count_twice(store, tmp_path):
    begin(store)
    rate(store)
    erase(store, read_address("reader1@example.org"), now=LATER)
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM suppressions")
    opened_again(tmp_path, [a_row("reader1@example.org")]).close()
    assert handle(store)
    assert rate(store, "bad") is None
    assert counted(store) == {"good": 1, "fine": 0, "bad": 0}


def test_who_left_long_ago_is_forgotten_here_too(store, tmp_path):
    begin(store)
    rate(store, "bad", "I am off")
    gone = f"UPDATE subscribers SET status = '{Status.UNSUBSCRIBED}' WHERE id = 1"
    with store.writing() as connection:
        connection.exec_driver_sql(gone)
    assert retention.forget_left(store, before=LATER, now=LATER) == 1
    assert counted(store) == {"good": 0, "fine": 0, "bad": 1}
    assert look(tmp_path, "SELECT words FROM ratings") == [("",)]


PRESSES = st.lists(
    st.tuples(
        st.integers(1, READERS), st.sampled_from((74, 75, 76)),
        st.sampled_from(("good", "fine", "bad", "erase")),
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.trials
@settings(
    max_examples=either(12, 300),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(presses=PRESSES)
def test_every_reader_who_answered_is_in_exactly_one_count(tmp_path_factory, presses):
    said, gone = dict[tuple[int, int], str](), set[int]()
    with store_with(tmp_path_factory.mktemp("life"), people(READERS)) as store:
        for issue in (74, 75):
            begin(store, issue=issue)
        for reader, issue, answer in presses:
            if answer == "erase":
                erase(store, read_address(f"reader{reader}@example.org"), now=LATER)
                gone.add(reader)
            elif rate(store, answer, reader=reader, issue=issue):
                said[reader, issue] = answer
                assert reader not in gone
                assert issue != 76
        for issue in (74, 75):
            mine = [answer for (_, where), answer in said.items() if where == issue]
            assert counted(store, issue) == {one: mine.count(one) for one, _ in LABELS}
            run = runs.find(store, issue, rehearsal=False)
            assert run is not None
            assert len(mine) <= runs.counts(store, run).total == READERS
