"""What has been shown of a provider's account: that mails arrive as they were written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from newsletter.message.merge import RULES
from newsletter.store.database import Database
from newsletter.store.tables import proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProof:
    """One proof; it holds for the account, region, mode and rules it was made with.

    Attributes:
        account: the provider's number of it.
        mode: "single" or "bulk".
        rules: the version of how mails are written for this mode.
        program: the version of the program that made it.
        at: when.
    """

    account: str
    region: str
    mode: str
    rules: int
    program: str
    at: dt.datetime


def keep(store: Database, proof: AccountProof) -> None:
    """Note a proof in place of an earlier one of the same."""
    same = _same(proof.account, proof.region, proof.mode, proof.rules)
    with store.writing() as connection:
        connection.execute(sa.delete(proofs).where(same))
        connection.execute(
            sa.insert(proofs).values(
                account=proof.account, region=proof.region, mode=proof.mode, rules=proof.rules,
                program=proof.program, at=proof.at,
            )
        )  # fmt: skip


def find(
    store: Database, *, account: str, region: str, mode: str, rules: int
) -> AccountProof | None:
    """The proof for an account, region, mode and version of the rules, None where there is none."""
    chosen = sa.select(proofs).where(_same(account, region, mode, rules))
    with store.reading() as connection:
        row = connection.execute(chosen).mappings().one_or_none()
    return None if row is None else AccountProof(**row)


def find_bulk(store: Database, *, account: str, region: str) -> AccountProof | None:
    """The proof for mails in bulk as they are written now, None where there is none."""
    return find(store, account=account, region=region, mode="bulk", rules=RULES)


def _same(account: str, region: str, mode: str, rules: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        proofs.c.account == account, proofs.c.region == region, proofs.c.mode == mode,
        proofs.c.rules == rules,
    )  # fmt: skip
