from __future__ import annotations

import pytest

from newsletter.delivery import Counts, Outcome, Result, State, is_finished, next_state


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome(result=Result.ACCEPTED, message_id="m"), State.ACCEPTED),
        (Outcome(result=Result.DEFERRED), State.DEFERRED),
        (Outcome(result=Result.REFUSED), State.REFUSED),
        (Outcome(result=Result.UNKNOWN), State.UNKNOWN),
        (Outcome(result=Result.NOT_SENT), State.QUEUED),
    ],
)
def test_every_outcome_leads_to_its_state(outcome, state):
    assert next_state(outcome) is state


def test_no_result_was_forgotten():
    for result in Result:
        assert next_state(Outcome(result=result, message_id="m")) in State


def test_only_what_is_proven_not_accepted_is_ever_sent_again():
    again = {r for r in Result if next_state(Outcome(result=r, message_id="m")) in {State.QUEUED, State.DEFERRED}}  # fmt: skip
    assert again == {Result.DEFERRED, Result.NOT_SENT}


def test_accepted_without_a_message_id_cannot_be_said():
    with pytest.raises(ValueError, match="message id"):
        Outcome(result=Result.ACCEPTED)


def test_counts_add_up_and_are_zero_where_nothing_is():
    counts = Counts(by_state={State.QUEUED: 2, State.DEFERRED: 1, State.ACCEPTED: 4})
    assert (counts.total, counts.left, counts[State.UNKNOWN]) == (7, 3, 0)


@pytest.mark.parametrize(
    ("states", "finished"),
    [
        ({}, True),
        ({State.ACCEPTED: 3, State.REFUSED: 1, State.SKIPPED: 1}, True),
        ({State.UNKNOWN: 1}, True),
        ({State.ACCEPTED: 3, State.QUEUED: 1}, False),
        ({State.ACCEPTED: 3, State.DEFERRED: 1}, False),
        ({State.ACCEPTED: 3, State.CLAIMED: 1}, False),
    ],
)
def test_a_run_is_finished_when_nothing_is_left_or_in_flight(states, finished):
    assert is_finished(Counts(by_state=states)) is finished
