"""The pace of an account that several machines send from: one row that gives out the places.

The rule is that of `newsletter.delivery.pace`, and the clock is the database's. Where that one has
gone back since the row was written, what was left to wait for is counted from there.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from newsletter.delivery.pace import CUT, FLOOR, PUSH, RECOVERY

_NEXT: Final = "p.next + least(clock_timestamp() - p.since, interval '0')"
_GONE: Final = "greatest(0, extract(epoch FROM clock_timestamp() - p.since))::float8"
_TAKE: Final = sa.text(
    f"""
    INSERT INTO paces AS p (account, next, step, rate, full_rate, since)
    VALUES (:account, clock_timestamp() + make_interval(secs => :number / :full),
        :number / :full, :full, :full, clock_timestamp())
    ON CONFLICT (account) DO UPDATE SET
        next = greatest({_NEXT}, clock_timestamp()) + make_interval(secs => :number / p.rate),
        step = :number / p.rate,
        rate = CASE WHEN p.rate >= p.full_rate THEN :full ELSE
            least(:full, p.rate + :full * {RECOVERY} * {_GONE}) END,
        full_rate = :full,
        since = clock_timestamp()
    RETURNING extract(epoch FROM next - clock_timestamp())::float8 - step, rate
    """  # noqa: S608  # fixed numbers
).bindparams(sa.bindparam("number", type_=sa.Double), sa.bindparam("full", type_=sa.Double))
_CUT: Final = sa.text(
    f"""
    UPDATE paces AS p SET
        next = greatest({_NEXT}, clock_timestamp() + make_interval(secs => {PUSH})),
        rate = greatest(full_rate * {FLOOR}, rate * {CUT}),
        since = clock_timestamp(),
        cut_at = clock_timestamp()
    WHERE account = :account AND (cut_at IS NULL OR cut_at NOT BETWEEN
        clock_timestamp() - make_interval(secs => {PUSH}) AND clock_timestamp())
    """  # noqa: S608  # fixed numbers
)
#: What a crash of the server loses of it is a burst of milliseconds.
_LIGHTLY: Final = sa.text("SET LOCAL synchronous_commit = off")


def take(connection: sa.Connection, account: str, number: int, full: float) -> tuple[float, float]:
    """Take places of an account, one after another.

    Returns:
        the seconds until the first of them, and the mails a second now.
    """
    connection.execute(_LIGHTLY)
    told = {"account": account, "number": float(number), "full": float(full)}
    wait, rate = connection.execute(_TAKE, told).one()
    return float(wait), float(rate)


def cut(connection: sa.Connection, account: str) -> None:
    """Half the pace, and nothing for a second; what was refused in that second says nothing new."""
    connection.execute(_LIGHTLY)
    connection.execute(_CUT, {"account": account})
