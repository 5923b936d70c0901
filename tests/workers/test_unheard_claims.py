"""What was claimed and nobody heard of, and what others defer in the last moment."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest

from newsletter.audience import MAILABLE
from newsletter.delivery import Outcome, Result, State
from newsletter.errors import UnreachableError
from newsletter.sending.drain import drain
from newsletter.store import Store, deliveries, freezing, imports, runs, settling
from tests.campaign.fleet import COMMIT, Wire
from tests.support import postgres
from tests.support.store_samples import NOW, a_content, people

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("way_in"), pytest.mark.pooled]

ACCEPTED = Outcome(result=Result.ACCEPTED, message_id="m")
DEFERRED = Outcome(result=Result.DEFERRED, reason="451 greylisted")


class LateWire(Wire):
    """The program's end is lost as its commit passes; the server hears of that commit later."""

    def _ask(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if COMMIT in data and self._wanted.acquire(blocking=False):
                    lost.set()
                    client.shutdown(socket.SHUT_RDWR)
                    time.sleep(0.5)
                server.sendall(data)


class _Idle:
    """Finds nothing to deliver."""

    def deliver_next(self, *_: object) -> tuple[()]:
        return ()

    def settle(self) -> None:
        """Nothing is left open."""


def _begun(store: Store, number: int):
    imports.add(store, people(number), source="test", now=NOW)
    return freezing.start(
        store, a_content(), rehearsal=False, transport="smtp", eligible=MAILABLE, expect=None,
        now=NOW, occurrence=None,
    )  # fmt: skip


def test_a_claim_whose_commit_comes_through_late_is_given_back(tmp_path):
    database = postgres.new_database(postgres.template())
    with tempfile.TemporaryDirectory() as short:
        wire = LateWire(postgres.server().reached, Path(short) / "wire")
        url = f"postgresql://nobody@/{database}?host={wire.folder}&folder={tmp_path}"
        with contextlib.closing(wire), Store.open(url) as store, store.lock():
            run = _begun(store, 4)
            wire.cut()
            with pytest.raises(UnreachableError):
                store.settle_and_claim(run, (), 2, now=NOW)
            while claimed := store.settle_and_claim(run, (), 2, now=NOW):
                store.settle_and_claim(run, [(one, ACCEPTED) for one in claimed], 0, now=NOW)
            store.conclude(run)
            assert runs.counts(store, run).by_state == {State.ACCEPTED: 4}


def test_what_a_worker_defers_while_the_leader_looks_gets_another_turn(tmp_path):
    url = postgres.server().url(postgres.new_database(postgres.template()))
    with (
        Store.open(f"{url}&folder={tmp_path}/a") as leader,
        Store.open(f"{url}&folder={tmp_path}/b") as worker,
        leader.lock(),
        worker.work(),
    ):
        run = _begun(leader, 1)
        runs.share(leader, run, "smtp")
        with worker.marked(None, way="smtp"):
            last = [worker.settle_and_claim(run, (), 1, now=NOW)[0]]

        def between() -> None:
            while last:
                worker.settle_and_claim(run, [(last.pop(), DEFERRED)], 0, now=NOW)

        def requeue() -> int:
            number = deliveries.requeue(leader, run)
            between()
            return number

        def elsewhere() -> bool:
            others = settling.is_elsewhere(leader, run)
            between()
            return others

        ended = drain(
            _Idle, requeue=requeue, elsewhere=elsewhere,
            stopped=lambda: bool(runs.counts(leader, run)[State.QUEUED]),
        )  # fmt: skip
        assert ended.stop  # not as if nothing were left
        assert runs.counts(leader, run).by_state == {State.QUEUED: 1}
