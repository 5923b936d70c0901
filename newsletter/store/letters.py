"""Letters to those who arrive: queued, claimed before a byte leaves, settled. Never sent twice.

They come out in the order in which they went in, as many as the budget allows; those of people who
have confirmed do not count. A row holds no address: it is looked up when the letter is claimed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.audience.letters import LetterKind, LetterState
from newsletter.delivery import Effect, Outcome, Result
from newsletter.message.letters import Letter
from newsletter.store.consents import Evidence, log_consent
from newsletter.store.database import Database
from newsletter.store.signup_tables import confirmations, letters, signups
from newsletter.store.tables import consents, subscribers, suppressions

#: A letter that has waited so long is not sent any more: who asked has forgotten it.
_WAITS: Final = dt.timedelta(hours=24)
_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)
_KEPT: Final = dt.timedelta(days=30)
#: Minutes until a letter is tried again that was proven not to be accepted.
_AGAIN: Final = (5, 15, 40)
#: Minutes until anything is tried again where the way out itself is at fault.
_WAY_OUT: Final = 1
#: Links of one sign-up that work at the same time.
_LINKS: Final = 3
#: Bytes of a link's token: nobody guesses it.
_TOKEN: Final = 16
_ASKED: Final = (LetterKind.CONFIRM, LetterKind.ALREADY, LetterKind.MOVE, LetterKind.MOVED)
#: Proven not accepted, and not for this recipient's sake.
_FAULT: Final = frozenset(
    {Effect.SLOW_DOWN, Effect.BACK_OFF, Effect.PAUSE, Effect.STOP, Effect.ABORT}
)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many letters may go to people who have not confirmed.

    Attributes:
        hour: in an hour.
        day: in a day.
    """

    hour: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Letters that are to be sent.

    Attributes:
        number: how many wait, those included that are tried again later.
        held: how many of them wait for the budget.
        since: when the oldest of them was asked for, None where none waits.
    """

    number: int
    held: int
    since: dt.datetime | None


def queue(
    connection: sa.Connection,
    kind: LetterKind,
    hashed: str,
    *,
    now: dt.datetime,
    wanted: bool = True,
) -> None:
    """Have a letter sent; the statement is the same where none is wanted."""
    values: dict[str, Any] = {
        "kind": kind, "address_hash": hashed, "state": LetterState.QUEUED, "attempt": 0,
        "released": False, "created_at": now, "not_before": now, "message_id": "", "reason": "",
    }  # fmt: skip
    insert_if(connection, letters, values, wanted=wanted)


def insert_if(
    connection: sa.Connection, table: sa.Table, values: dict[str, Any], *, wanted: bool
) -> None:
    """Insert a row, or none by the same statement."""
    row = sa.select(*(sa.literal(value, table.c[name].type) for name, value in values.items()))
    wish = sa.literal(int(wanted)) == 1
    connection.execute(sa.insert(table).from_select(list(values), row.where(wish)))


def was_welcomed(connection: sa.Connection, hashed: str) -> bool:
    """Whether somebody has had a welcome mail, or one is on its way."""
    logged = sa.select(consents.c.id).where(
        consents.c.address_hash == hashed, consents.c.event == "welcomed"
    )
    way = sa.select(letters.c.id).where(
        letters.c.address_hash == hashed,
        letters.c.kind == LetterKind.WELCOME,
        letters.c.state.in_((LetterState.QUEUED, LetterState.CLAIMED)),
    )
    return any(connection.execute(query.limit(1)).first() for query in (logged, way))


def is_due(store: Database, *, now: dt.datetime) -> bool:
    """Whether a letter is to be sent now, should the budget allow it."""
    due = letters.c.state == LetterState.QUEUED, letters.c.not_before <= now
    with store.reading() as connection:
        return connection.execute(sa.select(letters.c.id).where(*due).limit(1)).first() is not None


def claim(store: Database, budget: Budget, *, now: dt.datetime) -> Letter | None:
    """Take the next letter, durably; None when none is due or the budget is used up.

    The link to confirm is made here, and its hash written in the same transaction, so that no
    record ever holds a link that works.
    """
    with store.writing() as connection:
        _drop_old(connection, now)
        while row := _next(connection, budget, now):
            found = _recipient(connection, row)
            if found is None:
                _end(connection, row.id, LetterState.DROPPED, "there is nobody to get it", now)
                continue
            address, handle = found
            token = _token(connection, row, now)
            changed = {"state": LetterState.CLAIMED, "claimed_at": now, "attempt": row.attempt + 1}
            this = sa.update(letters).where(letters.c.id == row.id)
            connection.execute(this.values(**changed))
            if row.kind == LetterKind.WELCOME and not row.attempt:
                evidence = Evidence(source="newsletter serve")
                log_consent(connection, [row.address_hash], "welcomed", evidence, now)
            return Letter(
                id=row.id, kind=LetterKind(row.kind), attempt=row.attempt + 1, address=address,
                handle=handle, token=token, asked_at=row.created_at,
            )  # fmt: skip
        return None


def settle(store: Database, letter: Letter, outcome: Outcome, *, now: dt.datetime) -> LetterState:
    """Record what became of a claimed letter; what is proven not accepted is tried again."""
    state, wait = _after(letter, outcome)
    values: dict[str, Any] = {"state": state, "reason": outcome.reason, "settled_at": now}
    if state is LetterState.QUEUED:
        values["not_before"] = now + wait
    if outcome.result is Result.ACCEPTED:
        values["message_id"] = outcome.message_id
    with store.writing() as connection:
        this = letters.c.id == letter.id, letters.c.state == LetterState.CLAIMED
        connection.execute(sa.update(letters).where(*this).values(**values))
    return state


def recover(store: Database, *, now: dt.datetime) -> int:
    """Letters whose process has died are unknown; says how many. Called by who holds the lock."""
    with store.writing() as connection:
        dead = sa.update(letters).where(letters.c.state == LetterState.CLAIMED)
        reason = "the process ended while it was sent"
        values = {"state": LetterState.UNKNOWN, "settled_at": now, "reason": reason}
        return connection.execute(dead.values(**values)).rowcount


def waiting(store: Database, budget: Budget, *, now: dt.datetime) -> Waiting:
    """How many letters wait, and why."""
    queued = letters.c.state == LetterState.QUEUED
    held = queued, letters.c.kind.in_(_ASKED), sa.not_(letters.c.released)
    with store.reading() as connection:
        count = sa.select(sa.func.count(), sa.func.min(letters.c.created_at))
        number, since = connection.execute(count.where(queued)).one()
        spent = not _budget_left(connection, budget, now)
        kept = connection.execute(count.where(*held)).one()[0] if spent else 0
        return Waiting(number=number, held=kept, since=since)


def release(store: Database) -> int:
    """Let all letters go that wait for the budget; says how many wait."""
    with store.writing() as connection:
        queued = letters.c.state == LetterState.QUEUED, letters.c.kind.in_(_ASKED)
        return connection.execute(sa.update(letters).where(*queued).values(released=True)).rowcount


def forget(store: Database, *, now: dt.datetime) -> None:
    """Delete what has been settled for a month."""
    with store.writing() as connection:
        over = letters.c.state.not_in((LetterState.QUEUED, LetterState.CLAIMED))
        connection.execute(sa.delete(letters).where(over, letters.c.created_at < now - _KEPT))


def token_hash(token: str) -> str:
    """The name of a link to confirm in the records."""
    return hashlib.sha256(token.encode()).hexdigest()


def _drop_old(connection: sa.Connection, now: dt.datetime) -> None:
    """Who has confirmed gets their letter, however late."""
    old = (
        letters.c.state == LetterState.QUEUED,
        letters.c.kind.in_(_ASKED),
        letters.c.created_at < now - _WAITS,
    )
    values = {"state": LetterState.DROPPED, "settled_at": now, "reason": "it waited for a day"}
    connection.execute(sa.update(letters).where(*old).values(**values))


def _next(connection: sa.Connection, budget: Budget, now: dt.datetime) -> sa.Row[Any] | None:
    due = letters.c.state == LetterState.QUEUED, letters.c.not_before <= now
    query = sa.select(letters).where(*due).order_by(letters.c.id).limit(1)
    if not _budget_left(connection, budget, now):
        free = sa.or_(letters.c.kind == LetterKind.WELCOME, letters.c.released)
        query = query.where(free)
    return connection.execute(query).first()


def _budget_left(connection: sa.Connection, budget: Budget, now: dt.datetime) -> bool:
    spent = sa.func.coalesce(
        sa.func.sum(sa.case((letters.c.claimed_at > now - _HOUR, 1), else_=0)), 0
    )
    query = sa.select(spent, sa.func.count()).where(
        letters.c.kind.in_(_ASKED), letters.c.claimed_at > now - _DAY
    )
    hour, day = connection.execute(query).one()
    return bool(hour < budget.hour and day < budget.day)


def _recipient(connection: sa.Connection, row: sa.Row[Any]) -> tuple[str, str] | None:
    """Address and handle of who gets a letter now; None where nobody is there any more."""
    hashed = row.address_hash
    person = connection.execute(
        sa.select(subscribers.c.email, subscribers.c.handle, subscribers.c.status).where(
            subscribers.c.address_hash == hashed
        )
    ).one_or_none()
    if row.kind in {LetterKind.CONFIRM, LetterKind.MOVE}:
        query = sa.select(signups.c.email).where(signups.c.address_hash == hashed)
        email = connection.execute(query).scalar()
        return (email, person.handle if person else "") if email else None
    held = sa.select(suppressions.c.reason).where(suppressions.c.address_hash == hashed)
    if person is None or connection.execute(held).first():
        return None
    if row.kind == LetterKind.MOVED or person.status == Status.ACTIVE:
        return person.email, person.handle
    return None


def _token(connection: sa.Connection, row: sa.Row[Any], now: dt.datetime) -> str:
    """A link to confirm, the oldest of too many taken away; "" for a letter without one."""
    if row.kind not in {LetterKind.CONFIRM, LetterKind.MOVE}:
        return ""
    alive = (
        sa.select(confirmations.c.token_hash)
        .where(confirmations.c.address_hash == row.address_hash, confirmations.c.spent == "")
        .order_by(confirmations.c.created_at.desc(), confirmations.c.token_hash)
    )
    for old in connection.execute(alive).scalars().all()[_LINKS - 1 :]:
        connection.execute(sa.delete(confirmations).where(confirmations.c.token_hash == old))
    token = secrets.token_urlsafe(_TOKEN)
    values = {
        "token_hash": token_hash(token), "address_hash": row.address_hash, "created_at": now,
        "spent": "",
    }  # fmt: skip
    connection.execute(sa.insert(confirmations).values(values))
    return token


def _after(letter: Letter, outcome: Outcome) -> tuple[LetterState, dt.timedelta]:
    """The next state of a letter, and how long it waits where it is tried again."""
    if outcome.result is Result.ACCEPTED:
        return LetterState.ACCEPTED, dt.timedelta()
    if outcome.result is Result.UNKNOWN:
        return LetterState.UNKNOWN, dt.timedelta()
    if outcome.effect in _FAULT:
        return LetterState.QUEUED, dt.timedelta(minutes=_WAY_OUT)
    if outcome.result is Result.DEFERRED and letter.attempt <= len(_AGAIN):
        return LetterState.QUEUED, dt.timedelta(minutes=_AGAIN[letter.attempt - 1])
    return LetterState.REFUSED, dt.timedelta()


def _end(
    connection: sa.Connection, number: int, state: LetterState, reason: str, now: dt.datetime
) -> None:
    values = {"state": state, "settled_at": now, "reason": reason}
    connection.execute(sa.update(letters).where(letters.c.id == number).values(**values))
