"""Group commit: what arrives while one transaction is being written goes into the next, together.

A commit costs a flush of the disk whatever it holds. Each caller still returns only when its own
part is on the disk; with one caller this is one transaction each, as if it were not here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from newsletter.delivery import Delivery, Outcome, Result
from newsletter.errors import NewsletterError, PausedError
from newsletter.project.ledger import HighWaterMark
from newsletter.store import deliveries
from newsletter.store.database import Database
from newsletter.store.deliveries import Settled

#: How often a writer lets others have the processor before it begins: who has an outcome already
#: then comes along, and without this half of all commits would be for one mail alone. Nobody is
#: waited for who waits for something else.
_YIELDS: Final = 4
#: Certainly not handed over.
_HELD_BACK = Outcome(result=Result.NOT_SENT, reason="the ledger could not be written")


def _taken() -> threading.Lock:
    """A lock that somebody holds."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class _Job:
    """What one caller waits for: deliveries to settle, and how many to claim.

    Attributes:
        called: given back when it is done, or when it is this caller's turn to write. A lock, for
            an event costs ten times as much.
        taken: the claimed deliveries, once it is done.
        error: why it failed.
    """

    run: int
    now: dt.datetime
    settled: tuple[Settled, ...] = ()
    wanted: int = 0
    called: threading.Lock = field(default_factory=_taken)
    done: bool = False
    taken: tuple[Delivery, ...] = ()
    error: NewsletterError | None = None


class GroupCommit:
    """Claims and settles for many threads; safe to share between them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []
        #: Rises with every claim of a real run, on the disk before the claim returns.
        self.mark: HighWaterMark | None = None
        self._writing = False

    def settle_and_claim(
        self, run: int, settled: Sequence[Settled], most: int, *, now: dt.datetime
    ) -> tuple[Delivery, ...]:
        """Record outcomes and take the next queued deliveries of a run, durably.

        Fewer are taken when no more are queued.

        Raises:
            NewsletterError: one of `settled` is not claimed with its attempt, and none of it is
                recorded; or nothing could be claimed, though the outcomes are recorded.
            PausedError: another run may have taken over, and have settled them as unknown.
        """
        try:
            return self._commit(_Job(run, now, settled=tuple(settled), wanted=most))
        except NewsletterError:
            if settled:
                with self._database.reading() as connection:
                    self._database.backend.expect_held(connection)
            raise

    def _commit(self, job: _Job) -> tuple[Delivery, ...]:
        with self._lock:
            self._waiting.append(job)
            mine, self._writing = not self._writing, True
        if not mine:
            job.called.acquire()
        if not job.done:
            self._take_turn()
        if job.error is not None:
            raise job.error
        return job.taken

    def _take_turn(self) -> None:
        """Write everything that waits, the caller's own job too, and call the next writer."""
        for _ in range(_YIELDS):
            time.sleep(0)
        with self._lock:
            jobs, self._waiting = self._waiting, []
        try:
            self._write(jobs)
        finally:
            with self._lock:
                following = self._waiting[:1]
                self._writing = bool(following)
            for job in following:
                job.called.release()
            try:  # while the next one writes: they flush different files
                self._raise_mark(jobs)
            finally:
                for job in jobs:
                    job.called.release()

    def _raise_mark(self, jobs: Sequence[_Job]) -> None:
        """Flush the mark for what these have claimed; where that fails, nothing of it leaves."""
        claimed = [job for job in jobs if job.taken]
        if self.mark is None or not claimed:
            return
        try:
            self.mark.flush()
        except NewsletterError as error:
            back = [
                Settled(run=job.run, delivery=one, outcome=_HELD_BACK, now=job.now)
                for job in claimed
                for one in job.taken
            ]
            _fail(claimed, error)
            # What cannot be given back is unknown at the next start.
            with contextlib.suppress(NewsletterError), self._beside_others() as connection:
                deliveries.settle(connection, back)

    def _write(self, jobs: Sequence[_Job]) -> None:
        try:
            self._transact(jobs)
        except PausedError as error:  # the disk, or a lock: trying each alone would wait for each
            _fail(jobs, error)
        except NewsletterError as error:
            if len(jobs) > 1:
                for job in jobs:
                    self._write([job])
                return
            _fail(jobs, error)
            if jobs[0].settled and jobs[0].wanted:
                # What is wrong with the next claim must not cost what is known of the last.
                self._write([_Job(jobs[0].run, jobs[0].now, settled=jobs[0].settled)])
        except BaseException as error:
            _fail(jobs, NewsletterError(f"the records were not written ({type(error).__name__})"))
            raise

    def _beside_others(self) -> AbstractContextManager[sa.Connection]:
        """A transaction about deliveries that no other process has: others may do the same."""
        return self._database.writing(shared=True)

    def _transact(self, jobs: Sequence[_Job]) -> None:
        lost: NewsletterError | None = None
        with self._beside_others() as connection:
            deliveries.settle(connection, [one for job in jobs for one in job.settled])
            claiming = [job for job in jobs if job.wanted]
            try:
                if claiming:
                    self._database.backend.expect_held(connection)
            except PausedError as error:  # what is over for claims; outcomes are still recorded
                lost, claiming = error, []
            taken = {
                run: list(
                    deliveries.claim(
                        connection,
                        run,
                        sum(job.wanted for job in claiming if job.run == run),
                        max(job.now for job in jobs),
                    )
                )
                for run in {job.run for job in claiming}
            }
        if self.mark is not None:
            self.mark.count(taken.get(self.mark.run, ()))
        for job in claiming:
            mine = taken[job.run]
            job.taken = tuple(mine[: job.wanted])
            del mine[: job.wanted]
        for job in jobs:
            job.error, job.done = lost if job.wanted else None, True


def _fail(jobs: Sequence[_Job], error: NewsletterError) -> None:
    for job in jobs:
        job.error, job.done, job.taken = error, True, ()
