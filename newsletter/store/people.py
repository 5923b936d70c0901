"""People: adding, counting, leaving. Statements only; `sql.Store` says where transactions end.

Addresses are looked up by a keyed hash alone, so that what outlives an erased person names nobody.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from newsletter.audience import AudienceCounts, Expression, HasStatus, Status, Suppressed
from newsletter.audience.roster import Added, Row
from newsletter.audience.tokens import Key
from newsletter.delivery.deliver import TRIAL_KEY
from newsletter.errors import RefusedError
from newsletter.store.eligibility import clause
from newsletter.store.tables import (
    consents,
    imports,
    left_handles,
    signing_keys,
    subscribers,
    suppressions,
    tags,
)

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How somebody agreed or left, for the consent log.

    Attributes:
        source: the form, the import, the command.
        wording: the words they saw, "" where there were none.
        ip: their network address, only where the settings keep it.
        agent: their browser's name, as above.
    """

    source: str
    wording: str = ""
    ip: str = ""
    agent: str = ""


def keys(connection: sa.Connection, purpose: str) -> dict[int, Key]:
    """The signing keys of a purpose by id, oldest first."""
    rows = connection.execute(
        sa.select(signing_keys.c.id, signing_keys.c.secret)
        .where(signing_keys.c.purpose == purpose)
        .order_by(signing_keys.c.created_at, signing_keys.c.id)
    )
    return {row.id: Key(row.id, row.secret) for row in rows}


def make_link_key(connection: sa.Connection, now: dt.datetime) -> int:
    """Add a key that signs links from now on; its id.

    Raises:
        RefusedError: an id is a byte in every link, and all are taken.
    """
    # The highest stays free: it marks links of test mails, which open nothing.
    last = connection.execute(sa.select(sa.func.max(signing_keys.c.id))).scalar_one()
    if last + 1 == TRIAL_KEY.id:
        raise RefusedError("this store has had all the keys it can have", hint="start a new store")
    row = {"id": last + 1, "secret": secrets.token_bytes(32), "purpose": "links"}
    connection.execute(sa.insert(signing_keys).values(**row, created_at=now))
    return int(last) + 1


def address_hash(canonical: str, key: Key) -> str:
    """The name an address has in the records, in hex."""
    return hmac.digest(key.secret, canonical.encode(), hashlib.sha256).hex()


def count_by_status(connection: sa.Connection) -> dict[Status, int]:
    """How many people there are in each status, none left out."""
    rows = connection.execute(
        sa.select(subscribers.c.status, sa.func.count()).group_by(subscribers.c.status)
    )
    return dict.fromkeys(Status, 0) | {Status(status): number for status, number in rows}


def audience(connection: sa.Connection, eligible: Expression) -> AudienceCounts:
    """How many `eligible` holds for, and why it does not for the others, each counted once."""
    kind = sa.case(
        (clause(eligible), "eligible"),
        (clause(HasStatus(Status.UNSUBSCRIBED)), "unsubscribed"),
        (clause(HasStatus(Status.PENDING)), "pending"),
        (clause(Suppressed()), "suppressed"),
        else_="outside the segment",
    ).label("kind")
    found: dict[str, int] = dict.fromkeys(
        ("eligible", "unsubscribed", "pending", "suppressed", "outside the segment"), 0
    )
    rows = connection.execute(
        sa.select(kind, sa.func.count().label("number")).select_from(subscribers).group_by(kind)
    )
    found |= {row.kind: row.number for row in rows}
    return AudienceCounts(eligible=found.pop("eligible"), left_out=found)


def unsubscribe(
    connection: sa.Connection, handle: str, evidence: Evidence, *, now: dt.datetime
) -> bool:
    """Note that a person leaves; idempotent.

    Returns:
        Whether these records know the handle; one they do not know is kept, and whoever turns out
        to have it later stays out.
    """
    row = connection.execute(
        sa.select(subscribers.c.address_hash, subscribers.c.status).where(
            subscribers.c.handle == handle
        )
    ).one_or_none()
    if row is None:
        values = {"handle": handle, "created_at": now}
        connection.execute(insert(left_handles).values(values).on_conflict_do_nothing())
        return False
    if row.status != Status.UNSUBSCRIBED:
        connection.execute(
            sa.update(subscribers)
            .where(subscribers.c.handle == handle)
            .values(status=Status.UNSUBSCRIBED, updated_at=now)
        )
        log_consent(connection, [row.address_hash], "unsubscribed", evidence, now)
    return True


def handle_of(canonical: str, key: Key) -> str:
    """The handle of an address: as unguessable as the key, and the same whenever it is added.

    So a link in an old mail still takes somebody off the list who was forgotten by a restored
    backup, erased, or imported anew.
    """
    return hmac.digest(key.secret, b"handle\0" + canonical.encode(), hashlib.sha256)[:12].hex()


def suppress(connection: sa.Connection, hashed: str, *, reason: str, now: dt.datetime) -> bool:
    """Never mail this address again; false when that was so already."""
    held = sa.select(suppressions.c.address_hash).where(suppressions.c.address_hash == hashed)
    if connection.execute(held).first():
        return False
    row = {"address_hash": hashed, "reason": reason, "created_at": now}
    connection.execute(sa.insert(suppressions).values(row))
    return True


def record_import(
    connection: sa.Connection,
    added: Added,
    *,
    file_name: str,
    file_hash: str,
    source: str,
    now: dt.datetime,
) -> None:
    """Note which file was imported, and with what result."""
    numbers = {name: getattr(added, name) for name in Added.__slots__}
    connection.execute(
        sa.insert(imports).values(
            file_name=file_name,
            file_hash=file_hash,
            consent_source=source,
            counts=json.dumps(numbers),
            at=now,
        )
    )


def imported_hash(connection: sa.Connection, file_name: str) -> str | None:
    """SHA-256 (hex) of the file of this name when it was last imported, or None."""
    query = sa.select(imports.c.file_hash).where(imports.c.file_name == file_name)
    return connection.execute(query.order_by(imports.c.id.desc()).limit(1)).scalar()


def add(
    connection: sa.Connection, rows: Iterable[Row], *, key: Key, source: str, now: dt.datetime
) -> Added:
    """Add or update people, a thousand at a time; see `Store.add`."""
    total = Added()
    for batch in _batches(rows, key):
        total = total + _Batch(connection, batch, key, Evidence(source=source), now).write()
    return total


def _batches(rows: Iterable[Row], key: Key) -> Iterator[dict[str, Row]]:
    """Groups of rows by address hash; no address stands in one group twice."""
    batch: dict[str, Row] = {}
    for row in rows:
        hashed = address_hash(row.canonical, key)
        if hashed in batch or len(batch) == _BATCH:
            yield batch
            batch = {}
        batch[hashed] = row
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some rows on their way in, by address hash."""

    connection: sa.Connection
    rows: dict[str, Row]
    key: Key
    evidence: Evidence
    now: dt.datetime

    def write(self) -> Added:
        handles = {h: handle_of(row.canonical, self.key) for h, row in self.rows.items()}
        held = self._held(handles)
        known = {row.address_hash: row for row in self._known()}
        barred = {h: r for h, r in self.rows.items() if r.suppression and h not in held}
        left = {h for h, row in known.items() if row.status == Status.UNSUBSCRIBED}
        wanted = {
            h: r
            for h, r in self.rows.items()
            if h not in held and h not in left and not r.suppression
        }
        new = {h: r for h, r in wanted.items() if h not in known}
        self._bar(barred)
        self._insert(new, handles)
        updated = self._update({h: r for h, r in wanted.items() if h in known}, known)
        return Added(
            added=len(new),
            updated=updated,
            unchanged=len(wanted) - len(new) - updated,
            kept_out=len(self.rows) - len(wanted) - len(barred),
            suppressed=len(barred),
        )

    def _held(self, handles: dict[str, str]) -> set[str]:
        """Suppressed addresses, and those whose link was used when nobody knew them."""
        owners = {handle: h for h, handle in handles.items()}
        left = sa.select(left_handles.c.handle).where(left_handles.c.handle.in_(owners))
        for handle in self.connection.execute(left).scalars().all():
            suppress(self.connection, owners[handle], reason="unsubscribed", now=self.now)
        column = suppressions.c.address_hash
        return set(
            self.connection.execute(sa.select(column).where(column.in_(self.rows))).scalars()
        )

    def _known(self) -> list[sa.Row[Any]]:
        query = sa.select(subscribers).where(subscribers.c.address_hash.in_(self.rows))
        return list(self.connection.execute(query))

    def _bar(self, rows: dict[str, Row]) -> None:
        if rows:
            self.connection.execute(
                sa.insert(suppressions),
                [
                    {"address_hash": h, "reason": row.suppression, "created_at": self.now}
                    for h, row in rows.items()
                ],
            )

    def _insert(self, rows: dict[str, Row], handles: dict[str, str]) -> None:
        if not rows:
            return
        self.connection.execute(
            sa.insert(subscribers),
            [
                _columns(row)
                | {
                    "address_hash": h,
                    "handle": handles[h],
                    "status": row.status,
                    "created_at": self.now,
                    "updated_at": self.now,
                }
                for h, row in rows.items()
            ],
        )
        ids = {row.address_hash: row.id for row in self._known()}
        self._tag({ids[h]: row.tags for h, row in rows.items()})
        for status, event in _EVENTS.items():
            hashes = [h for h, row in rows.items() if row.status is status]
            log_consent(self.connection, hashes, event, self.evidence, self.now)

    def _update(self, rows: dict[str, Row], known: dict[str, sa.Row[Any]]) -> int:
        carried = self._tags_of([known[h].id for h in rows])
        changed = 0
        for h, row in rows.items():
            old = known[h]
            values = _columns(_merged(row, old)) | {"status": _status(row, Status(old.status))}
            fresh = row.tags - carried.get(old.id, frozenset())
            if not fresh and all(getattr(old, name) == value for name, value in values.items()):
                continue
            changed += 1
            self.connection.execute(
                sa.update(subscribers)
                .where(subscribers.c.id == old.id)
                .values(**values, updated_at=self.now)
            )
            self._tag({old.id: fresh})
            if values["status"] != old.status:
                log_consent(
                    self.connection, [h], _EVENTS[values["status"]], self.evidence, self.now
                )
        return changed

    def _tags_of(self, ids: list[int]) -> dict[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for row in self.connection.execute(sa.select(tags).where(tags.c.subscriber_id.in_(ids))):
            found.setdefault(row.subscriber_id, set()).add(row.tag)
        return {number: frozenset(words) for number, words in found.items()}

    def _tag(self, words: dict[int, frozenset[str]]) -> None:
        rows = [
            {"subscriber_id": number, "tag": tag}
            for number, some in words.items()
            for tag in sorted(some)
        ]
        if rows:
            self.connection.execute(sa.insert(tags), rows)


_EVENTS: Final = {
    Status.PENDING: "imported pending",
    Status.ACTIVE: "imported",
    Status.UNSUBSCRIBED: "unsubscribed",
}


def log_consent(
    connection: sa.Connection, hashes: list[str], event: str, evidence: Evidence, now: dt.datetime
) -> None:
    """Add to the consent log what some people agreed to, or that they left."""
    words = evidence.wording
    row = {
        "event": event,
        "source": evidence.source,
        "at": now,
        "wording": words,
        "wording_hash": hashlib.sha256(words.encode()).hexdigest() if words else "",
        "ip": evidence.ip,
        "agent": evidence.agent,
    }
    if hashes:
        connection.execute(sa.insert(consents), [row | {"address_hash": h} for h in hashes])


def _columns(row: Row) -> dict[str, Any]:
    fields = json.dumps(dict(row.fields), ensure_ascii=False, sort_keys=True)
    return {"email": row.email, "name": row.name, "fields": fields}


def _merged(row: Row, old: sa.Row[Any]) -> Row:
    """What the file says, over what is known already; an empty name erases none."""
    return replace(row, name=row.name or old.name, fields=json.loads(old.fields) | dict(row.fields))


def _status(row: Row, old: Status) -> Status:
    """Leaving always counts; a file in which somebody is pending does not undo their consent."""
    return old if row.status is Status.PENDING else row.status
