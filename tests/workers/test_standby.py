"""A standby without the last commits takes over while mails leave."""

from __future__ import annotations

import pytest

from newsletter.audience import MAILABLE
from newsletter.delivery import Outcome, Result
from newsletter.errors import PausedError
from newsletter.project import ledger
from newsletter.store import Store, claims, freezing, imports, runs
from tests.support import postgres
from tests.support.store_samples import NOW, a_content, people

pytestmark = pytest.mark.processes

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")


def _forget_and_hang_up(database: str) -> None:
    """Leave the records as if nothing had been claimed, and end all connections."""
    with postgres.server().connect(database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE deliveries SET state = 'queued', attempt = 0, message_id = ''")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("in_flight", [False, True])
def test_nothing_is_claimed_where_the_records_forgot_what_left(tmp_path, in_flight):
    database = postgres.new_database(postgres.template())
    url = f"{postgres.server().url(database)}&folder={tmp_path}"
    with Store.open(url) as store, store.lock():
        imports.add(store, people(4), source="test", now=NOW)
        run = freezing.start(
            store, a_content(), rehearsal=False, transport="smtp", eligible=MAILABLE, expect=None,
            now=NOW, occurrence=None,
        )  # fmt: skip
        reached = claims.reached(store, run)
        counts = runs.counts(store, run)
        with store.marked(ledger.write(tmp_path, run, counts, reached, occurrence=None)):
            claimed = store.claim_batch(run, 2, now=NOW)
            settled = [(one, ACCEPTED) for one in claimed]
            if not in_flight:
                store.settle_batch(run, settled, now=NOW)
            _forget_and_hang_up(database)
            told = "these records know of fewer mails"
            if in_flight:
                with pytest.raises(PausedError, match=told):
                    store.settle_batch(run, settled, now=NOW)
            with pytest.raises(PausedError, match=told):
                store.claim_batch(run, 2, now=NOW)
