"""With very many deliveries on record, no statement of a run reads them all, nor sorts them.

Thirty thousand each time; a million with `--long`.
"""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
import sqlalchemy as sa

from newsletter.delivery import Outcome, Result, RunState
from newsletter.store import Store, claims, deliveries, runs, shares
from tests.support import claiming
from tests.support.effort import either
from tests.support.store_samples import NOW, store_with, url_in

MANY = either(30_000, 1_000_000)
ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="0100-abc")
UNKNOWN = Outcome(result=Result.UNKNOWN, reason="read timeout")

PEOPLE = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {rows})
INSERT INTO subscribers (id, handle, email, address_hash, name, status, fields, created_at,
                         updated_at)
SELECT n, printf('%024x', n), 'reader' || n || '@example.org',
       printf('%064x', n * 2654435761 % 4294967296), 'Reader', 'active', '{{}}',
       '2026-11-22T08:00:00.000000Z', '2026-11-22T08:00:00.000000Z'
FROM number
"""

#: Three runs: two finished earlier, and one half on its way, each with its share of trouble.
FILL = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {rows})
INSERT INTO deliveries (run_id, issue, rehearsal, subscriber_id, address_hash, position, state,
                        attempt, reason, message_id, claimed_at, settled_at)
SELECT {run}, {run} + 70, 0, n, printf('%064x', n * 2654435761 % 4294967296), n,
       CASE WHEN n > {sent} THEN 'queued' WHEN n % 1000 = 0 THEN 'unknown'
            WHEN n % 1000 = 1 THEN 'refused' ELSE 'accepted' END,
       n <= {sent}, CASE WHEN n <= {sent} AND n % 1000 < 2 THEN 'why' ELSE '' END, 'm',
       '2026-11-22T08:00:00.000000Z', '2026-11-22T08:00:00.000000Z'
FROM number
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("million")
    store_with(folder, []).close()
    with contextlib.closing(sqlite3.connect(folder / "newsletter.db")) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -200000")
        database.execute(PEOPLE.format(rows=MANY * 9 // 10))
        for run, rows, sent in (
            (1, MANY // 20, MANY // 20),
            (2, MANY // 20, MANY // 20),
            (3, MANY * 9 // 10, MANY * 4 // 10),
        ):
            database.execute(
                "INSERT INTO runs VALUES (?, ?, 0, 'ses', 'Title', 'mail', 'c', 's', '', ?, ?, "
                "'2026-11-22T08:00:00.000000Z', NULL, '', '', 0, '', '', '', 0, 0, NULL)",
                (run, run + 70, "running" if run == 3 else "finished", rows),
            )
            database.execute(FILL.format(run=run, rows=rows, sent=sent))
        database.commit()
        assert database.execute("SELECT count(*) FROM deliveries").fetchone() == (MANY,)
    return folder


@pytest.fixture(scope="module", params=["as it grew", "after ANALYZE"])
def asked(request, folder):
    """Every statement of a run from its start to its end, with what it was given."""
    if request.param == "after ANALYZE":
        with contextlib.closing(sqlite3.connect(folder / "newsletter.db")) as database:
            database.execute("ANALYZE")
    with Store.open(url_in(folder)) as store:
        found: dict[str, object] = {}
        sa.event.listen(
            store.engine,
            "before_cursor_execute",
            lambda _c, _cur, statement, values, _x, _m: found.setdefault(statement, values),
        )
        (run,) = [run for run in runs.find_all(store) if run.state is RunState.RUNNING]
        deliveries.recover(store, run, now=NOW)
        deliveries.requeue(store, run)
        for outcome in (ACCEPTED, UNKNOWN):
            delivery = claiming.claim(store, run, now=NOW)
            assert delivery is not None
            claiming.settle(store, run, delivery, outcome, now=NOW)
        shares.rate(store, run, now=NOW)
        deliveries.doubtful(store, run, most=20)
        runs.reasons(store, run)
        runs.counts(store, run)
        claims.reached(store, run)
        claims.exposed(store, run, 450_000)
        store.feedback.reconcile()  # again and again while a run goes on
        yield store, found


def plans(store, found):
    for statement, values in list(found.items()):
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
            one = values[0] if isinstance(values, list) else values
            with store.reading() as connection:
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
                yield statement, [row.detail for row in rows]


def test_no_statement_reads_every_delivery_or_sorts(asked):
    store, found = asked
    seen = 0
    for statement, steps in plans(store, found):
        if "deliveries" not in statement:
            continue
        seen += 1
        for step in steps:
            assert not step.startswith(("SCAN deliveries", "SCAN events")), (statement, steps)
            assert "USE TEMP B-TREE" not in step, (statement, steps)
    assert seen >= 9


def test_a_claim_goes_straight_to_the_next_queued_row(asked):
    store, found = asked
    ((_, steps),) = [
        plan for plan in plans(store, found) if "LEFT OUTER JOIN subscribers" in plan[0]
        and "suppressions" in plan[0]
    ]  # fmt: skip
    assert (
        "SEARCH deliveries USING INDEX ix_deliveries_run_id_state_position (run_id=? AND state=?)"
        in steps
    )


def test_counting_reads_the_index_alone(asked):
    store, found = asked
    ((_, steps),) = [
        plan
        for plan in plans(store, found)
        if "GROUP BY deliveries.state" in plan[0] and "reason" not in plan[0]
    ]
    (step,) = steps
    assert "USING COVERING INDEX ix_deliveries_run_id_state_position (run_id=?)" in step


def test_reasons_are_read_from_the_index_of_those_that_have_one(asked):
    store, found = asked
    ((_, steps),) = [
        plan
        for plan in plans(store, found)
        if "GROUP BY deliveries.state, deliveries.reason" in plan[0]
    ]
    assert "ix_deliveries_reasons" in steps[0]


def test_how_far_a_run_has_come_is_told_without_what_is_still_to_be_claimed(asked):
    store, found = asked
    told = [
        steps
        for statement, steps in plans(store, found)
        if "sum(deliveries.attempt)" in statement
        or "events.delivery_id = deliveries.id" in statement
    ]
    assert len(told) >= 2
    for first, *_ in told:
        assert "COVERING INDEX ix_deliveries_attempted" in first
