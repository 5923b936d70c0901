"""Records in which a proof for bulk stands, as `newsletter ses prove` leaves them."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from newsletter.message.merge import RULES
from newsletter.store import Store
from newsletter.store.proofs import AccountProof, keep

#: What the fake account is called, and where it is.
ACCOUNT, REGION = "123456789012", "eu-west-1"


def prove_bulk(root: Path) -> None:
    """Note in the records of a newsletter's folder that bulk is proven for the fake account."""
    with Store.open(f"sqlite:///{root}/.newsletter/newsletter.db") as store:
        prove_bulk_in(store)


def prove_bulk_in(store: Store) -> None:
    """Note it in these records."""
    at = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    proof = AccountProof(
        account=ACCOUNT, region=REGION, mode="bulk", rules=RULES, program="0", at=at
    )
    keep(store, proof)


if __name__ == "__main__":
    prove_bulk(Path(sys.argv[1]))
