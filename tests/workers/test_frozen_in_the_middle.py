"""A machine freezes in the middle of a transaction for longer than the server waits for it."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from newsletter.audience import MAILABLE
from newsletter.delivery import Outcome, Result, State
from newsletter.store import Store, freezing, imports, runs, settling
from tests.support import postgres
from tests.support.store_samples import NOW, a_content, people

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("way_in")]


def test_its_answer_is_recorded_all_the_same(tmp_path, monkeypatch):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    settle, frozen = settling.settle, list[bool]()

    def freeze_once(connection, settled):
        if settled and not frozen:
            frozen.append(True)
            patience = "SET LOCAL idle_in_transaction_session_timeout = '50ms'"
            connection.execute(sa.text(patience))
            time.sleep(0.5)
        settle(connection, settled)

    with Store.open(f"{url}&folder={tmp_path}") as store, store.lock():
        imports.add(store, people(1), source="test", now=NOW)
        run = freezing.start(
            store, a_content(), rehearsal=False, transport="smtp", eligible=MAILABLE, expect=None,
            now=NOW, occurrence=None,
        )  # fmt: skip
        claimed = store.settle_and_claim(run, (), 1, now=NOW)
        monkeypatch.setattr(settling, "settle", freeze_once)
        accepted = Outcome(result=Result.ACCEPTED, message_id="m")
        store.settle_and_claim(run, [(claimed[0], accepted)], 0, now=NOW)
        assert frozen
        assert runs.counts(store, run).by_state == {State.ACCEPTED: 1}
