"""The recipients of a run, written down in parts; on a server over two connections at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

import sqlalchemy as sa

from newsletter.audience import Expression
from newsletter.delivery import Run, RunState, State
from newsletter.errors import NewsletterError
from newsletter.store.batches import Batches
from newsletter.store.database import Database
from newsletter.store.eligibility import clause
from newsletter.store.runs import expect_not_cancelled, select_run
from newsletter.store.tables import deliveries, subscribers

#: How many write recipients down at the same time on a server, which has more than one processor;
#: of a transaction of theirs, for which nobody waits who leaves in between: seconds, and rows.
_HANDS: Final = 2
_SECONDS: Final = 1.0
_MOST: Final = 50_000


class ChangedError(Exception):
    """The list is not what it was: an address was erased and added again since the first part."""


class Filling:
    """The people, cut into parts by their rows, on their way into a run.

    Where several hands write, each has a part and the places of its recipients before it writes: so
    all are numbered without a gap, part by part.

    Args:
        store: where.
        run: begun, without recipients.
        eligible: who gets it.
        expect_wanted: refuses to go on where the run is not to begin any more.
    """

    def __init__(
        self,
        store: Database,
        run: Run,
        eligible: Expression,
        expect_wanted: Callable[[], None],
    ) -> None:
        self._store = store
        self._run = run
        self._eligible = clause(eligible)
        self._expect_wanted = expect_wanted
        self._cutting = threading.Lock()
        self._stopped = False
        #: The last row that is in a part, and how many recipients there are up to it.
        self._last = self._number = 0

    def fill(self) -> int:
        """Write down all; says how many they are.

        Raises:
            ChangedError: the list is not what it was.
            NewsletterError: the run is no longer being frozen, or not to begin any more.
        """
        if not self._store.backend.on_server:
            self._write(Batches(self._store))
            return self._number
        with ThreadPoolExecutor(_HANDS) as pool:
            hands = [
                pool.submit(
                    self._write, Batches(self._store, shared=True, seconds=_SECONDS, most=_MOST)
                )
                for _ in range(_HANDS)
            ]
            try:
                wait(hands)
            finally:
                self._stopped = True
        for hand in hands:
            hand.result()
        return self._number

    def _write(self, batches: Batches) -> None:
        """Write down part after part, until there is none any more."""
        try:
            while self._write_part(batches):
                pass
        except BaseException:
            self._stopped = True
            raise

    def _write_part(self, batches: Batches) -> bool:
        """Write down the recipients of one part, if there is one.

        Whoever changes the list comes wholly before or wholly after this transaction.
        """
        self._expect_wanted()
        with batches.writing() as connection:
            expect_freezing(connection, self._run)
            with self._cutting:
                first, before = self._last, self._number
                ends = {"last": first, "most": batches.rows}
                last = None if self._stopped else connection.execute(_END, ends).scalar()
                if last is None:
                    return False
                part = sa.and_(subscribers.c.id > first, subscribers.c.id <= last, self._eligible)
                people = _recipients(part)
                count = sa.select(sa.func.count()).select_from(people)
                number = connection.execute(count).scalar_one()
                self._last, self._number = last, before + number
            try:
                written = connection.execute(_write_down(self._run, people, before)).rowcount
            except sa.exc.IntegrityError as error:
                raise ChangedError from error
            if written != number:
                raise ChangedError
        return True


def _recipients(part: sa.ColumnElement[bool]) -> sa.Subquery:
    """Who of some people gets it."""
    return sa.select(subscribers.c.id, subscribers.c.address_hash).where(part).subquery()


def _write_down(run: Run, people: sa.Subquery, before: int) -> sa.Insert:
    """Write down some recipients, after so many others."""
    rows = sa.select(
        sa.literal(run.id),
        sa.literal(run.content.issue),
        sa.literal(run.rehearsal),
        people.c.id,
        people.c.address_hash,
        before + sa.func.row_number().over(order_by=people.c.id),
        sa.literal(State.QUEUED.value),
    )
    columns = ["run_id", "issue", "rehearsal", "subscriber_id", "address_hash"]
    added = sa.insert(deliveries).from_select([*columns, "position", "state"], rows)
    return added.execution_options(preserve_rowcount=True)


#: The last row of so many people.
_END = sa.select(
    sa.func.max(
        sa.select(subscribers.c.id)
        .where(subscribers.c.id > sa.bindparam("last"))
        .order_by(subscribers.c.id)
        .limit(sa.bindparam("most"))
        .subquery()
        .c.id
    )
)


def expect_freezing(connection: sa.Connection, run: Run) -> None:
    """Refuse to go on with a run that is not being frozen any more.

    Raises:
        RefusedError: a person has cancelled it.
        NewsletterError: it is no longer what it was.
    """
    now = select_run(connection, run.content.issue, rehearsal=run.rehearsal)
    if now is not None and now.state is RunState.FREEZING:
        return
    if now is not None:
        expect_not_cancelled(now)
    raise NewsletterError(
        f"issue {run.content.issue} was changed by another program while it began",
        hint="run the same command again",
    )
