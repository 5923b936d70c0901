"""What single mode promises of a limit, the mark and files taken away holds for a whole batch."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable

import pytest

from newsletter.project.disk import flush
from newsletter.ses.client import SesTransport
from tests.fake_ses import FakeSes, Fault
from tests.support.bulk_sends import BATCH, letters, paces, sent
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import imported, world

__all__ = ["imported", "letters", "paces", "plain_environment", "world"]

pytestmark = pytest.mark.processes


@pytest.fixture
def before_request(monkeypatch):
    """What is done before a request of a number leaves, and how many mails each has."""
    acts: dict[int, Callable[[], object]] = {}
    sizes: list[int] = []
    deliver = SesTransport._deliver_request

    def leaving(transport, shared, request):
        sizes.append(len(request.mails))
        acts.get(len(sizes), lambda: None)()
        return deliver(transport, shared, request)

    monkeypatch.setattr(SesTransport, "_deliver_request", leaving)
    return acts, sizes


@pytest.mark.parametrize(
    ("limit", "lost", "states"),
    [
        (3, 1, {"unknown": 3, "queued": 22}),
        (5, 1, {"unknown": 5, "queued": 20}),
        (7, 1, {"unknown": 5, "accepted": 2, "queued": 18}),
        (8, 2, {"accepted": 5, "unknown": 3, "queued": 17}),
    ],
)
def test_mails_that_may_have_arrived_count_towards_a_limit(letters, limit, lost, states):
    with FakeSes(Fault(kind="reset", accept=True, requests=(lost,))) as fake:
        state, found = sent(letters, fake, "--limit", str(limit), code=6)
        assert len(state.accepted) == limit
    assert found == states
    assert [run.pause for run in letters.newsletter.runs()] == ["limit"]


def test_what_was_not_accepted_leaves_room_for_others_within_a_limit(letters):
    with FakeSes(
        Fault(kind="entry", code="TRANSIENT_FAILURE", entries=(0, 3), requests=(1,))
    ) as fake:
        state, found = sent(letters, fake, "--limit", "7", code=6)
        assert len(state.accepted) == 7
    assert found == {"accepted": 7, "deferred": 2, "queued": 16}


def test_a_run_whose_lock_was_removed_records_the_batch_on_its_way_and_claims_no_other(
    letters, before_request
):
    acts, sizes = before_request
    acts[2] = (letters.newsletter.root / ".newsletter/newsletter.db.sending.lock").unlink
    with FakeSes() as fake:
        _, states = sent(letters, fake, code=6)
        assert states == {"accepted": 2 * BATCH, "queued": 15}
        assert sizes == [BATCH] * 2
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}


def test_a_run_whose_records_are_gone_stops_with_the_batch_on_its_way(letters, before_request):
    acts, sizes = before_request
    records = letters.newsletter.root / ".newsletter/newsletter.db"
    acts[2] = lambda: records.rename(records.with_name("elsewhere"))
    with FakeSes() as fake:
        letters.environ(fake.environ)
        ran = letters.newsletter.send()
        assert (ran.code, sizes) == (6, [BATCH] * 2), ran.err
        assert len(fake.quiet().accepted) == 2 * BATCH
    assert "the records were moved, replaced or removed while they were in use" in ran.err


@pytest.mark.parametrize(("before", "code"), [(1, 2), (2, 6)])
def test_a_ledger_that_cannot_be_written_holds_the_whole_batch_back(
    letters, before_request, monkeypatch, before, code
):
    ledger = letters.newsletter.root / "issues/.ledger"
    flushes = []
    real = flush

    def failing(handle):
        flushes.append(handle)
        if len(flushes) == before:
            shutil.rmtree(ledger)
            raise OSError(5, "input/output error")
        real(handle)

    monkeypatch.setattr("newsletter.project.high_water.flush", failing)
    with FakeSes() as fake:
        letters.environ(fake.environ)
        ran = letters.newsletter.send()
        assert ran.code == code, ran.err
        assert before_request[1] == [BATCH] * (before - 1)
        monkeypatch.setattr("newsletter.project.high_water.flush", real)
        ledger.mkdir()
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}


def test_the_mark_is_on_the_disk_for_a_whole_batch_before_its_request(
    letters, before_request, monkeypatch
):
    acts, sizes = before_request
    flushed, seen = [], []

    def watched(handle):
        flush(handle)
        flushed.append(json.loads(os.pread(handle, 4096, 0))["attempts"])

    acts.update({number: lambda: seen.append(flushed[-1]) for number in range(1, 6)})
    monkeypatch.setattr("newsletter.project.high_water.flush", watched)
    with FakeSes() as fake:
        _, states = sent(letters, fake)
    assert states == {"accepted": 25}
    assert (sizes, seen) == ([BATCH] * 5, [5, 10, 15, 20, 25])
