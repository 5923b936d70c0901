"""The real command with a bug planted, before it runs.

Each bug is what a plausible program would do; the tests show that the checks find it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Self

import sqlalchemy as sa
from botocore.awsrequest import AWSPreparedRequest

import newsletter.clocks
import newsletter.delivery
import newsletter.s3
import newsletter.server
import newsletter.ses.client
import newsletter.smtp
from newsletter.delivery import Attempt, Delivery, Result, State
from newsletter.delivery.deliver import Hand
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.errors import UnknownOutcomesError
from newsletter.project import ledger
from newsletter.project.high_water import HighWaterMark
from newsletter.ses import outcomes
from newsletter.ses.http1 import ClosedError, HttpResponse
from newsletter.ses.wire import Wire
from newsletter.smtp import SmtpTransport
from newsletter.store import Store, deliveries, filling, hurry, settling
from newsletter.store.database import Database
from newsletter.store.group_commit import GroupCommit
from newsletter.store.postgres import engine as server_engine
from newsletter.store.postgres import histories, leases, silence
from newsletter.store.postgres.backend import PostgresBackend
from newsletter.store.postgres.schema import leases as lease_rows
from newsletter.store.sqlite import backend, engine
from newsletter.store.tables import moment_text
from tests.support import claiming, impatience

Bug = Callable[[], None]


def record_before_claim() -> None:
    """Send first, then claim and record."""

    def deliver_next(self: Hand[Any], *_: Any) -> tuple[Attempt, ...]:
        records: Any = self.records
        run = self.run
        with records.reading() as connection:
            row = connection.execute(
                deliveries._NEXT, {"run": run.id, "most": 1, "leads": True, "way": ""}
            ).first()
        if row is None:
            return ()
        mail = self.outlet.compose(run, deliveries._delivery(row), now=self.clock())
        [outcome] = self.outlet.hand_over([mail])
        claimed = claiming.claim(records, run, now=self.clock())
        assert claimed is not None
        claiming.settle(records, run, claimed, outcome, now=self.clock())
        return (Attempt(position=claimed.position, number=claimed.attempt, outcome=outcome),)

    Hand.deliver_next = deliver_next  # type: ignore[method-assign, assignment]


class _UndoneError(Exception):
    """Carries what was claimed out of a transaction that is undone."""

    taken: tuple[Delivery, ...] = ()


def claim_without_commit() -> None:
    """The claim is undone, and made good together with the outcome."""
    commit = GroupCommit.settle_and_claim

    def claim_undone(
        self: GroupCommit, run: int, settled: Any, most: int, *, now: dt.datetime
    ) -> tuple[Delivery, ...]:
        for one in settled:
            with self._database.writing() as connection:
                deliveries.claim(connection, run, 1, now)
            commit(self, run, [one], 0, now=now)
        undone = _UndoneError()
        try:
            with self._database.writing() as connection:
                undone.taken = deliveries.claim(connection, run, most, now)
                raise undone
        except _UndoneError:
            return undone.taken

    GroupCommit.settle_and_claim = claim_undone  # type: ignore[method-assign]


def outcome_dropped() -> None:
    """The next claim is committed, and the outcome that should have gone with it is not."""
    commit = GroupCommit.settle_and_claim

    def claim_alone(
        self: GroupCommit, run: int, _: Any, most: int, *, now: dt.datetime
    ) -> tuple[Delivery, ...]:
        return commit(self, run, (), most, now=now)

    GroupCommit.settle_and_claim = claim_alone  # type: ignore[method-assign, assignment]


def default_retries() -> None:
    """A request without an answer is sent again at once, as boto3 does out of the box."""
    once = Wire._exchange

    def again(self: Wire, request: AWSPreparedRequest) -> HttpResponse:
        for _ in range(2):
            with contextlib.suppress(OSError, ClosedError):
                return once(self, request)
        return once(self, request)

    Wire._exchange = again  # type: ignore[method-assign]


def trust_the_exception() -> None:
    """A connection that broke looks as if it had never been."""
    newsletter.ses.client.failed_after_request = lambda error: judged(  # type: ignore[attr-defined]
        Verdict.UNREACHABLE, type(error).__name__
    )


def trust_any_4xx() -> None:
    """Whoever says 429 in place of SES is believed."""
    outcomes.error_code = lambda answer: "TooManyRequestsException" if answer.status else ""


def retry_on_timeout() -> None:
    """What is not proven is tried again, like what is proven not to have been accepted."""
    newsletter.delivery._NEXT[Result.UNKNOWN] = State.DEFERRED


def recipients_twice() -> None:
    """A join that finds everybody twice, at the freezing."""
    once = filling._recipients

    def twice(part: Any) -> sa.Subquery:
        return sa.union_all(sa.select(once(part)), sa.select(once(part))).subquery()

    filling._recipients = twice


def resume_from_a_cursor() -> None:
    """Go on after as many places as there are accepted mails, whatever the states say."""
    cursor: list[Iterator[int]] = []
    here = sa.text(
        "SELECT d.id delivery_id, d.position, d.attempt, s.id, s.handle, s.email, s.name, "
        "s.status, s.fields FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id "
        "WHERE d.run_id = :run AND d.position = :place"
    )
    count = sa.text("SELECT count(*) FROM deliveries WHERE run_id = :run AND state = 'accepted'")

    def claim(
        connection: Any, run: int, most: int, now: dt.datetime, *, worker: str = "", **_: Any
    ) -> tuple[Delivery, ...]:
        if not cursor:
            done = connection.execute(count, {"run": run}).scalar_one()
            cursor.append(itertools.count(done + 1))
        taken = []
        for place in itertools.islice(cursor[0], most):
            row = connection.execute(here, {"run": run, "place": place}).first()
            if row is None:
                break
            taken.append(deliveries._delivery(row))
            told = {
                "this": row.delivery_id, "try": row.attempt + 1, "by": worker,
                "now": moment_text(now),
            }  # fmt: skip
            connection.execute(deliveries._CLAIM, told)
        return tuple(taken)

    deliveries.claim = claim


def finish_with_unknown() -> None:
    """Nobody is told that outcomes are unknown."""
    UnknownOutcomesError.exit_code = 0


def lock_off() -> None:
    """Everybody may send at once."""
    Store.lock = lambda *_: contextlib.nullcontext()  # type: ignore[method-assign]


def no_second_look() -> None:
    """Who unsubscribed since the freezing is claimed like everybody else."""
    kept = [
        c for c in deliveries._NEXT.selected_columns if c.name not in {"mailable", "suppressed"}
    ]
    blind = deliveries._NEXT.with_only_columns(
        *kept, sa.literal(1).label("mailable"), sa.literal(0).label("suppressed")
    )
    deliveries._NEXT = blind  # type: ignore[misc]


def idle_connections() -> None:
    """A connection is used again, however long it has rested."""
    make = Wire.__init__

    def patient(self: Wire, bundle: str, read_seconds: float, _: float, connect: float) -> None:
        make(self, bundle, read_seconds, 1e9, connect)

    Wire.__init__ = patient  # type: ignore[method-assign, assignment]


def normal_synchronous() -> None:
    """A commit returns before it is on the disk."""
    prepare = engine._make_durable

    def hasty(connection: Any) -> None:
        prepare(connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    engine._make_durable = hasty


#: Those that break a promise; the last one needs a power cut to show.
BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        record_before_claim, claim_without_commit, outcome_dropped, default_retries,
        retry_on_timeout, recipients_twice, resume_from_a_cursor, finish_with_unknown,
        lock_off, no_second_look,
        idle_connections, trust_the_exception, trust_any_4xx, normal_synchronous,
    )
}  # fmt: skip


# --- no bugs: a world in which waiting is short and clocks jump -------------------------------


def impatient() -> None:
    """Wait for a locked store for a moment only."""
    backend._BUSY_SECONDS = 0  # type: ignore[misc]


def jumping_clock() -> None:
    """The clock stands a day off, back or ahead by turns, from the third look on."""
    tell = newsletter.clocks.now
    looks = itertools.count(int(os.environ.get("CLOCK_BEGINS", "0")))

    def clock() -> dt.datetime:
        turn = next(looks) // 5 % 3
        return tell() + dt.timedelta(days=(0, -1, 1)[turn])

    newsletter.clocks.now = clock


def short_leases() -> None:
    """A lease lasts three seconds, and what is claimed under it is given up three later."""
    leases.LASTS, leases.RENEWED, leases._MARGIN = 3, 0.5, 1  # type: ignore[misc, assignment]
    histories.LOOKED = 4  # type: ignore[misc]
    moment, seconds = sa.func.clock_timestamp(), sa.func.make_interval(0, 0, 0, 0, 0, 0, 3)
    leases._UNTIL = moment + seconds  # type: ignore[misc]
    leases._GONE = lease_rows.c.until < moment - seconds  # type: ignore[misc]


def unanswered() -> None:
    """A server that does not answer is given up after a second, by who ends as well."""
    impatience.shorten(setattr, answered=1.0, doubted=1.0)
    silence.HURRIED = 0.5  # type: ignore[misc]
    server_engine._CONNECT, hurry.STOPPING = 2, 3.0  # type: ignore[misc]


def soon_settled() -> None:
    """A server that has just begun is claimed from four seconds later."""
    histories.LOOKED = 4  # type: ignore[misc]


def other_machine() -> None:
    """Each process is on a machine of its own."""
    name = f"machine {os.getpid()}"
    leases._boot = lambda: name


def no_fence() -> None:
    """What was claimed is handed over, however long ago that was."""
    PostgresBackend.may_hand_over = lambda self: True  # type: ignore[method-assign]


def give_up_the_living() -> None:
    """Whatever others have claimed counts as lost."""
    PostgresBackend.under_way = lambda *_: frozenset()  # type: ignore[method-assign]


def requeue_the_lost() -> None:
    """What a dead worker had claimed is sent again by another."""
    real = deliveries._move

    def move(*words: Any, **more: Any) -> int:
        if words[2] is State.CLAIMED and words[3]["state"] is State.UNKNOWN:
            words = (*words[:3], {"state": State.QUEUED, "settled_at": None}, *words[4:])
        return real(*words, **more)

    deliveries._move = move


def give_back_everything() -> None:
    """After a lost answer of the database, everything this worker has claimed is queued again."""
    real = settling.give_back
    settling.give_back = lambda *words, held: real(*words, held=())


class _ByNumber(set[tuple[int, int]]):
    """Rows with their attempts, of which one takes all others of its row along."""

    def __isub__(self, told: AbstractSet[tuple[int, int]]) -> Self:  # type: ignore[override, misc]
        numbers = {number for number, _ in told}
        self.difference_update([held for held in self if held[0] in numbers])
        return self


def held_by_number() -> None:
    """What is told of one attempt lets a process forget that the next is out."""
    make = GroupCommit.__init__

    def forgetful(self: GroupCommit, database: Database) -> None:
        make(self, database)
        self._held = _ByNumber()

    GroupCommit.__init__ = forgetful  # type: ignore[method-assign]


def mark_at_begin_and_end() -> None:
    """The file beside the issues is written when a run begins and when it ends, and only then."""
    HighWaterMark.flush = lambda self: None  # type: ignore[method-assign]


def mark_not_looked_at() -> None:
    """Records are believed, whatever the file says of its run."""
    ledger.is_behind = lambda *_, unclaimed: False


#: Against what a restored backup has forgotten.
LEDGER_BUGS: dict[str, Bug] = {
    bug.__name__: bug for bug in (mark_at_begin_and_end, mark_not_looked_at)
}


#: Among several machines that send one issue.
FLEET_BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        no_fence, give_up_the_living, requeue_the_lost, give_back_everything, held_by_number,
    )
}  # fmt: skip


def patient() -> None:
    """Wait an hour for a mail server that does not answer: what ends sooner has not waited."""
    defaults: Any = SmtpTransport.__init__.__kwdefaults__
    defaults |= {"timeout": 3600.0, "patience": 3600.0}
    newsletter.smtp._GREETS = 3600.0  # type: ignore[misc]


def _or_die(call: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and the end of the process where it is asked for the KILLED_AT-th time."""
    turns = itertools.count(1)

    def called(*words: Any, **more: Any) -> Any:
        if next(turns) == int(os.environ["KILLED_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*words, **more)

    return called


def killed_at_a_file() -> None:
    """Killed with a whole file written, which has yet to take the place of another."""
    os.replace = _or_die(os.replace)


def killed_at_an_object() -> None:
    """Killed before it puts something into a bucket."""
    newsletter.s3.Bucket.put = _or_die(newsletter.s3.Bucket.put)  # type: ignore[method-assign]


def three_a_request() -> None:
    """A request in bulk holds three mails and not fifty."""
    newsletter.ses.client.SesTransport.most = 3


def graceful() -> None:
    """Wait an hour for open requests when told to stop."""
    newsletter.server._GRACE_SECONDS = 3600  # type: ignore[misc]


def unhurried_account() -> None:
    """The control plane of SES takes any number of requests a second."""
    from newsletter.ses.setup import control  # noqa: PLC0415  # boto3 is heavy

    control.SES_SECONDS = 0.0  # type: ignore[misc]


WORLDS: dict[str, Bug] = {
    "graceful": graceful,
    "impatient": impatient,
    "killed_at_a_file": killed_at_a_file,
    "killed_at_an_object": killed_at_an_object,
    "jumping_clock": jumping_clock,
    "other_machine": other_machine,
    "patient": patient,
    "short_leases": short_leases,
    "three_a_request": three_a_request,
    "unanswered": unanswered,
    "soon_settled": soon_settled,
    "unhurried_account": unhurried_account,
}


def plant(names: str) -> None:
    """Plant what these names, separated by commas, stand for."""
    for name in names.split(","):
        (BUGS | LEDGER_BUGS | FLEET_BUGS | WORLDS)[name]()
