"""What earlier versions of the program wrote, for the tests of going on after an upgrade."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path

from newsletter.audience.tokens import Key
from newsletter.message import FrozenIssue, encode
from newsletter.store.signing_keys import names_of
from tests.support.owned_events import envelope_from
from tests.support.raw_records import raw
from tests.support.ses_events import SOURCE
from tests.support.store_samples import old_store, people


def dump_of_version_1(issue: FrozenIssue) -> bytes:
    """What the first version froze: the encoded pieces of the mail, with holes as pairs."""
    mail = encode(issue)
    whole = {
        "version": 1,
        "pieces": [p.decode() if isinstance(p, bytes) else [p.kind, p.token] for p in mail.pieces],
        "slots": {token: [s.name, s.fallback, s.url] for token, s in mail.slots.items()},
        "subject": mail.subject,
        "sender": mail.sender,
        "unsubscribe_mailto": mail.unsubscribe_mailto,
    }
    return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()


def begun_before(folder: Path, revision: str, began: dt.datetime) -> None:
    """A store as an earlier revision left it in the middle of issue 74: to two of four readers.

    Args:
        folder: where.
        revision: from "0004" on.
        began: with a time zone.
    """
    old_store(folder, revision, empty=True)
    then, key = f"{began.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}", Key(1, b"a" * 32)
    envelope = envelope_from(SOURCE)
    run = {
        "id": 1, "issue": 74, "rehearsal": 0, "transport": "ses", "title": "A title",
        "envelope": envelope, "content_hash": hashlib.sha256(envelope).hexdigest(),
        "source_hash": "5" * 64, "skipped_checks": "", "state": "running", "recipients": 4,
        "started_at": then, "pause": "", "reason": "",
    }  # fmt: skip
    with raw(folder / "newsletter.db") as records:
        records.execute(
            f"insert into runs ({', '.join(run)}) values ({', '.join('?' * len(run))})",
            tuple(run.values()),
        )
        for place, row in enumerate(people(4), 1):
            hashed, handle = names_of(row.canonical, key)
            records.execute(
                "insert into subscribers values (?, ?, ?, ?, ?, 'active', '{}', ?, ?)",
                (place, handle, row.email, hashed, row.name, then, then),
            )
            tried = place <= 2
            records.execute(
                "insert into deliveries values (NULL, 1, 74, 0, ?, ?, ?, ?, ?, '', ?, ?, ?, 0)",
                (place, hashed, place, "unknown" if tried else "queued", int(tried),
                 "no answer" if tried else "", then if tried else None, then if tried else None),
            )  # fmt: skip
