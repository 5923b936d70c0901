"""What came back from the provider, as the program asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from newsletter.delivery import Run, State
from newsletter.feedback import SHOWN, Event, EventKind, Suppression
from newsletter.store import event_owners, events
from newsletter.store.batches import Batches
from newsletter.store.consents import Evidence, log_consent
from newsletter.store.database import Database
from newsletter.store.events import Recorded
from newsletter.store.signing_keys import address_hash, address_key
from newsletter.store.tables import deliveries, runs, subscribers, suppressions
from newsletter.store.tables import events as reported

#: What was received longer before something than this was so by any clock: whoever fetches events
#: writes down by their own when it was.
_CLOCKS_APART: Final = dt.timedelta(days=1)


class Coverage(NamedTuple):
    """How much the events of a run can be relied on.

    Attributes:
        accepted: deliveries that the provider said it accepted.
        seen: those of them with an event.
        shown: deliveries that only an event showed to be accepted.
        unknown: deliveries nobody can say anything about.
        last_claim: when the last unknown one was handed over.
    """

    accepted: int
    seen: int
    shown: int
    unknown: int
    last_claim: dt.datetime | None

    @property
    def share(self) -> float:
        """The part of what was accepted that events speak of, 0 when nothing was."""
        return self.seen / self.accepted if self.accepted else 0.0

    @property
    def duplicates(self) -> int:
        """How many of the unknown would be expected to arrive twice if they were sent again.

        Of the mails in doubt, events show those taken with the probability `share`; so for each
        one shown, (1 - share) / share were taken without being shown.
        """
        if not self.share:
            return self.unknown
        return min(self.unknown, round(self.shown * (1 - self.share) / self.share))


class Feedback:
    """Events on record."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Whom each run's mails are from, by the run's row; they are frozen with it.
        self._senders: dict[int, str] = {}

    def store_id(self) -> str:
        """How these records are named in the tags of mails, and so in events."""
        with self._database.reading() as connection:
            return event_owners.store_id(connection)

    def note_account(self, run: Run, account: str) -> None:
        """Note, before a run's mails leave, from which of the provider's accounts they do.

        An event about one of them that names another account is not believed.

        Args:
            run: begun.
            account: as in `outbox.Allowance`.
        """
        if not account:
            return
        this = sa.select(runs.c.accounts).where(runs.c.id == run.id)
        with self._database.writing() as connection:
            known = connection.execute(this).scalar_one().split()
            if account not in known:
                told = {"accounts": " ".join([*known, account])}
                connection.execute(sa.update(runs).where(runs.c.id == run.id).values(told))

    def record(self, found: Iterable[Event], *, now: dt.datetime, sender: str) -> Recorded:
        """Record events, durably, with all that follows; known ones change nothing.

        Args:
            found: events; one about other records is left out.
            now: with a time zone.
            sender: the address our mails are from, as in the settings: an event about no delivery
                keeps somebody out only where its mail was from there.

        Raises:
            NewsletterError: the records cannot be written.
            Exception: any other; one of the events cannot be recorded, whatever the records'
                condition. Nothing was recorded then.
        """
        with self._database.writing() as connection:
            key = address_key(connection)
            try:
                return events.record(
                    connection,
                    found,
                    lambda canonical: address_hash(canonical, key),
                    now,
                    sender=event_owners.canonical(sender),
                    senders=self._senders,
                )
            except sa.exc.IntegrityError as error:
                # Not the disk's fault, nor a lock's, as the database's own errors are read here.
                raise ValueError("the tables refuse an event") from error

    def reconcile(self) -> int:
        """Settle whatever the events on record prove by now; says how many deliveries that were."""
        # Looked for beside the writers: a run may be going on, and mostly there is nothing.
        with self._database.reading() as connection:
            doubtful = events.doubtful(connection)
            if not doubtful and not events.has_strays(connection):
                return 0
        with self._database.writing() as connection:
            adopted = events.adopt(connection)
        return adopted + settle(self._database, doubtful)

    def coverage(self, run: Run) -> Coverage:
        """How much the events of a run can be relied on."""
        mine = deliveries.c.run_id == run.id
        seen = sa.exists().where(reported.c.delivery_id == deliveries.c.id)
        answered = mine, deliveries.c.state == State.ACCEPTED, deliveries.c.reason != SHOWN
        unknown = mine, deliveries.c.state == State.UNKNOWN
        count = sa.select(sa.func.count()).select_from(deliveries)
        with self._database.reading() as connection:

            def number(*conditions: sa.ColumnElement[bool]) -> int:
                return connection.execute(count.where(*conditions)).scalar_one()

            return Coverage(
                accepted=number(*answered),
                seen=number(*answered, seen),
                shown=number(mine, deliveries.c.state == State.ACCEPTED,
                             deliveries.c.reason == SHOWN),
                unknown=number(*unknown),
                last_claim=connection.execute(
                    sa.select(sa.func.max(deliveries.c.claimed_at)).where(*unknown)
                ).scalar(),
            )  # fmt: skip

    def judged_since(self, run: Run) -> dt.datetime | None:
        """When a person last let a run go on, who knew what had come back; None where none did."""
        query = sa.select(runs.c.resumed_at).where(runs.c.id == run.id)
        with self._database.reading() as connection:
            moment: dt.datetime | None = connection.execute(query).scalar_one()
        return moment

    def accepted(self, run: Run, *, since: dt.datetime | None) -> int:
        """How many mails of a run were accepted since then, from all machines; it reads each."""
        accepted = deliveries.c.state == State.ACCEPTED
        query = sa.select(sa.func.count()).where(*_settled(run, since), accepted)
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one()

    def setbacks(self, run: Run, *, since: dt.datetime | None = None) -> tuple[int, int]:
        """How many mails of a run bounced for good, and how many brought a complaint.

        Args:
            run: begun.
            since: of those whose answer came since then; None: of all.
        """
        back = (
            sa.select(sa.func.count(reported.c.delivery_id.distinct()))
            .join(deliveries, deliveries.c.id == reported.c.delivery_id)
            .where(reported.c.received_at >= (since or run.started_at) - _CLOCKS_APART)
            .where(*_settled(run, since))
        )
        bounced = reported.c.kind == EventKind.BOUNCE, *weighing("permanent%")
        complained = reported.c.kind == EventKind.COMPLAINT, *weighing("%")
        with self._database.reading() as connection:
            return (
                connection.execute(back.where(*bounced)).scalar_one(),
                connection.execute(back.where(*complained)).scalar_one(),
            )

    def unrendered(self, run: Run, *, since: dt.datetime | None) -> int:
        """How many mails of a run, answered since then, the provider could not put together."""
        found = (
            sa.select(sa.func.count(reported.c.delivery_id.distinct()))
            .join(deliveries, deliveries.c.id == reported.c.delivery_id)
            .where(reported.c.kind == EventKind.RENDERING)
            .where(*_settled(run, since))
        )
        with self._database.reading() as connection:
            return connection.execute(found).scalar_one()

    def busiest_day(self, *, since: dt.datetime) -> int:
        """The most mails accepted for real on one day (UTC) since a moment."""
        day = sa.func.substr(deliveries.c.settled_at, 1, 10)
        counted = (
            sa.select(sa.func.count().label("number"))
            .where(
                deliveries.c.state == State.ACCEPTED,
                deliveries.c.rehearsal.is_(False),
                deliveries.c.settled_at >= since,
            )
            .group_by(day)
            .subquery()
        )
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(counted.c.number))).scalar() or 0


class Reported(NamedTuple):
    """What a person's report of addresses did.

    Attributes:
        suppressed: how many were not kept out before.
        strangers: how many of those belong to nobody on record.
    """

    suppressed: int
    strangers: int


def report(
    store: Database,
    canonicals: Sequence[str],
    reason: Suppression,
    *,
    source: str,
    now: dt.datetime,
) -> Reported:
    """Keep addresses out because a person says what came back from them.

    Args:
        store: where.
        canonicals: the addresses, each once.
        reason: why; one that is kept out already keeps its reason where that is stronger.
        source: who says so, for the consent log.
        now: with a time zone.
    """
    batches, suppressed, strangers, rest = Batches(store), 0, 0, list(canonicals)
    while rest:
        part, rest = rest[: batches.rows], rest[batches.rows :]
        with batches.writing() as connection:
            key = address_key(connection)
            hashes = [address_hash(canonical, key) for canonical in part]
            held, known = (
                set(
                    connection.execute(
                        sa.select(table.c.address_hash).where(table.c.address_hash.in_(hashes))
                    ).scalars()
                )
                for table in (suppressions, subscribers)
            )
            for hashed in hashes:
                events.keep_out(connection, hashed, reason, now)
            new = [hashed for hashed in hashes if hashed not in held]
            log_consent(connection, new, reason.value, Evidence(source=source), now)
            suppressed += len(new)
            strangers += len(set(new) - known)
    return Reported(suppressed=suppressed, strangers=strangers)


def settle(store: Database, ids: Sequence[int]) -> int:
    """Settle deliveries by the events on record, in steps; says how many."""
    batches, number, rest = Batches(store), 0, list(ids)
    while rest:
        part, rest = rest[: batches.rows], rest[batches.rows :]
        with batches.writing() as connection:
            number += events.settle_proven(connection, part)
    return number


def _settled(run: Run, since: dt.datetime | None) -> list[sa.ColumnElement[bool]]:
    of_run = [deliveries.c.run_id == run.id]
    return [*of_run, deliveries.c.settled_at >= since] if since else of_run


def weighing(pattern: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Details that weigh on a sender's reputation: not what SES itself held back."""
    detail = reported.c.detail
    return (
        detail.like(pattern),
        detail.not_like("%onaccountsuppressionlist"),
        detail.not_like("not-spam%"),
        detail.not_like("auth-failure%"),
    )
