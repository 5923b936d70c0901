"""Group commit: what arrives while one transaction is being written goes into the next, together.

A commit costs a flush of the disk whatever it holds. Each caller still returns only when its own
part is on the disk; with one caller this is one transaction each, as if it were not here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from newsletter.delivery import Delivery, Outcome, Result
from newsletter.errors import ForgottenError, NewsletterError, PausedError, UnreachableError
from newsletter.project.high_water import HighWaterMark
from newsletter.project.ledger import Reached
from newsletter.store import claims, deliveries, settling
from newsletter.store.commit_job import Job
from newsletter.store.database import Database
from newsletter.store.settling import Settled

#: How often a writer lets others have the processor before it begins: who has an outcome already
#: then comes along, and without this half of all commits would be for one mail alone. Nobody is
#: waited for who waits for something else.
_YIELDS: Final = 4
#: Certainly not handed over.
_HELD_BACK = Outcome(result=Result.NOT_SENT, reason="the ledger could not be written")


@dataclass(slots=True)
class _Memory:
    """What the records have answered for: each commit stands for all before it.

    Attributes:
        mark: of the run.
        claimed: the last that was claimed here, once one was.
        settled: the last that was settled here.
        told: whether all were told that the records have forgotten some of it.
    """

    mark: HighWaterMark
    told: bool = False
    claimed: Delivery | None = None
    settled: Delivery | None = None


class GroupCommit:
    """Claims and settles for many threads; safe to share between them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: list[Job] = []
        #: Rises with every claim of a real run, on the disk before the claim returns.
        self._mark: HighWaterMark | None = None
        #: How mails leave from here, where another process leads the run.
        self._way = ""
        self._writing = False
        #: What callers have, each row with the attempt that it was claimed for: what is told of an
        #: earlier one says nothing of it. And whether some was claimed that no caller heard of.
        self._held: set[tuple[int, int]] = set()
        self._unheard = False
        #: How many connections there had been when the records were last held against the mark.
        self._compared = 0
        self._memory: _Memory | None = None
        #: What callers knew of their deliveries and could not have recorded.
        self.unrecorded: list[Settled] = []

    @contextlib.contextmanager
    def begun(self, mark: HighWaterMark | None, way: str) -> Iterator[None]:
        """Inside the block no claim returns before the mark has risen to it; see `Store.marked`."""
        self._mark, self._way = mark, way
        if mark is not None and self._database.backend.on_server:
            before = self._memory or _Memory(mark)
            self._memory = replace(before, mark=mark, told=False)
        try:
            yield
        finally:
            self._mark = None

    def settle_and_claim(
        self, run: int, settled: Sequence[tuple[Delivery, Outcome]], most: int, *, now: dt.datetime
    ) -> tuple[Delivery, ...]:
        """Record outcomes and take the next queued deliveries of a run, durably.

        Fewer are taken when no more are queued.

        Raises:
            NewsletterError: one of `settled` is not claimed with its attempt, and none of it is
                recorded; or nothing could be claimed, though the outcomes are recorded.
            PausedError: another run may have taken over, and have settled them as unknown.
            UnreachableError: the records are away. What was claimed all the same is given back
                with the next claim.
        """
        done = tuple(Settled(run=run, delivery=one, outcome=said, now=now) for one, said in settled)
        job = Job(run, now, settled=done, wanted=most)
        try:
            try:
                return self._commit(job)
            except PausedError as error:
                if not done or not self._may_pass(job, error):
                    raise
                self._record_when_back(job)
            return self._commit(Job(run, now, wanted=most)) if most else ()
        except UnreachableError:
            raise
        except NewsletterError:
            if done:
                self._look(thoroughly=True)
            raise
        finally:
            if done and not job.recorded:
                self.unrecorded += done

    def _may_pass(self, job: Job, error: PausedError) -> bool:
        """Whether what kept outcomes from being recorded may pass, as a full disk of a server."""
        if isinstance(error, UnreachableError):
            return True
        forgotten = job.recorded or isinstance(error, ForgottenError)
        return self._database.backend.on_server and not forgotten

    def _record_when_back(self, job: Job) -> None:
        """Outcomes wait in memory; told twice, one counts once."""

        def again() -> None:
            self._commit(Job(job.run, job.now, settled=job.settled))

        self._database.when_back(again, faults=PausedError)
        job.recorded = True

    def conclude(self, run: int) -> None:
        """Give back what was claimed and no caller heard of; call this when no claim follows.

        Raises:
            UnreachableError: the records are away.
            PausedError: what was claimed unheard is not through yet.
        """
        if self._unheard:
            self._give_back({run})

    def _give_back(self, runs: Collection[int]) -> None:
        """Alone: a commit whose answer was lost may still be under way, and is waited for.

        Raises:
            PausedError: it was, all the time.
        """
        with self._database.writing() as connection:
            worker = self._database.backend.claimer()
            self._expect_remembered(connection, self._memory)
            for run in runs:
                settling.give_back(connection, run, worker, held=self._held)
        self._unheard = False

    def look(self) -> None:
        """Look whether the records have forgotten what was done here, until all were told.

        Raises:
            ForgottenError: they have, or another server may have.
            PausedError: a lease of this process has ended.
        """
        if self._memory is not None and not self._memory.told:
            self._look(thoroughly=False)

    def _look(self, *, thoroughly: bool) -> None:
        """Refuse to go on where the records have forgotten what was done here, and say it to all.

        Raises:
            ForgottenError: they have, or another server may have.
            PausedError: a lease of this process has ended.
        """
        # Before the snapshot, in which nothing may be missing that is committed meanwhile.
        memory = self._memory and replace(self._memory)
        least = memory.mark.reached if memory and thoroughly else None
        try:
            with self._database.reading() as connection:
                self._database.backend.expect_held(connection)
                self._expect_remembered(connection, memory, least)
        except ForgottenError as error:
            self._tell(error)
            raise

    def _expect_new_connections_to_remember(self, connection: sa.Connection) -> None:
        """Whoever answers after the server was away may be a standby without the last commits."""
        made = self._database.backend.connections
        if made != self._compared:
            memory = self._memory
            self._expect_remembered(connection, memory, memory.mark.reached if memory else None)
            self._compared = made

    def _expect_remembered(
        self, connection: sa.Connection, memory: _Memory | None, least: Reached | None = None
    ) -> None:
        """Refuse to go on where the records have forgotten what was done here.

        Args:
            connection: inside a transaction that sees all that `memory` holds.
            memory: what is asked for.
            least: how far all machines have come at least; None does not ask, which is slow.

        Raises:
            ForgottenError: they have, or another server may have.
        """
        if memory is None:
            return
        run = memory.mark.run
        told = claims.why_distrusted(connection, run, least, memory.claimed, memory.settled)
        if not told:
            return
        place, hint = self._database.backend.place, "send the issue again: it says what can be done"
        raise ForgottenError(told, place=place, hint=hint)

    def _tell(self, error: ForgottenError) -> None:
        """Have nobody claim any more, and say how far this process knows it to have come."""
        if (memory := self._memory) is None or memory.told:
            return
        mark, reason = memory.mark, error.message
        database = self._database
        database.when_back(lambda: claims.distrust(database, mark.run, mark.reached, reason))
        self._memory = _Memory(mark, told=True)

    def _commit(self, job: Job) -> tuple[Delivery, ...]:
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

    def _raise_mark(self, jobs: Sequence[Job]) -> None:
        """Flush the mark for what these have claimed; where that fails, nothing of it leaves."""
        claimed = [job for job in jobs if job.taken]
        if self._mark is None or not claimed:
            return
        try:
            self._mark.flush()
        except NewsletterError as error:
            back = [
                Settled(run=job.run, delivery=one, outcome=_HELD_BACK, now=job.now)
                for job in claimed
                for one in job.taken
            ]
            _fail(claimed, error)
            # What cannot be given back is unknown at the next start.
            with contextlib.suppress(NewsletterError), self._beside_others() as connection:
                settling.settle(connection, back)

    def _write(self, jobs: Sequence[Job]) -> None:
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
                alone = Job(jobs[0].run, jobs[0].now, settled=jobs[0].settled)
                self._write([alone])
                jobs[0].recorded = alone.recorded
        except BaseException as error:
            _fail(jobs, NewsletterError(f"the records were not written ({type(error).__name__})"))
            raise

    def _beside_others(self) -> AbstractContextManager[sa.Connection]:
        """A transaction about deliveries that no other process has: others may do the same."""
        return self._database.writing(shared=True)

    def _transact(self, jobs: Sequence[Job]) -> None:
        worker = self._database.backend.claimer()
        claiming = [job for job in jobs if job.wanted]
        lost = self._give_back_unheard(claiming)
        if lost:
            claiming = []
        unheard = self._unheard
        if worker and claiming:
            self._unheard = True  # until the commit has answered
        if self._mark is not None:
            self._mark.begin()
        with self._beside_others() as connection:
            settling.settle(connection, [one for job in jobs for one in job.settled])
            taken, refusal = self._grant(connection, claiming, max(job.now for job in jobs))
        for job in jobs:
            job.recorded = True
        self._unheard, lost = unheard, lost or refusal
        if worker:
            self._held |= {(one.id, one.attempt) for mine in taken.values() for one in mine}
            told = (one.delivery for job in jobs for one in job.settled)
            self._held -= {(one.id, one.attempt) for one in told}
        if self._mark is not None:
            self._mark.count(taken.get(self._mark.run, ()))
            self._remember(self._mark.run, taken, jobs)
        if isinstance(lost, ForgottenError):
            self._tell(lost)
        for job in claiming:
            mine = taken.get(job.run, [])
            job.taken = tuple(mine[: job.wanted])
            del mine[: job.wanted]
        for job in jobs:
            job.error, job.done = lost if job.wanted else None, True

    def _give_back_unheard(self, claiming: Sequence[Job]) -> PausedError | None:
        """Give back what was claimed unheard, before more is; why that cannot be done now."""
        if not (claiming and self._unheard):
            return None
        try:
            self._give_back({job.run for job in claiming})
        except UnreachableError:
            raise
        except PausedError as error:  # whoever claimed it unheard is not through yet
            return error
        return None

    def _grant(
        self, connection: sa.Connection, claiming: Sequence[Job], now: dt.datetime
    ) -> tuple[dict[int, list[Delivery]], PausedError | None]:
        """What is claimed for these, by the run; or why it is over for claims.

        Outcomes are still recorded then, so that is not raised.
        """
        backend, taken = self._database.backend, dict[int, list[Delivery]]()
        if not claiming:
            return taken, None
        worker, way = backend.claimer(), None if backend.leads() else self._way
        try:
            backend.expect_held(connection)
            self._expect_new_connections_to_remember(connection)
            for run in {job.run for job in claiming}:
                most = sum(job.wanted for job in claiming if job.run == run)
                claimed = deliveries.claim(connection, run, most, now, worker=worker, way=way)
                taken[run] = list(claimed)
            if not any(taken.values()):
                self._expect_remembered(connection, self._memory)
        except PausedError as error:
            return {}, error
        return taken, None

    def _remember(
        self, run: int, taken: Mapping[int, Sequence[Delivery]], jobs: Sequence[Job]
    ) -> None:
        if (memory := self._memory) is None:
            return
        for delivery in taken.get(run, ()):
            memory.claimed = delivery
        for one in (one for job in jobs for one in job.settled if one.run == run):
            memory.settled = one.delivery


def _fail(jobs: Sequence[Job], error: NewsletterError) -> None:
    for job in jobs:
        job.error, job.done, job.taken = error, True, ()
