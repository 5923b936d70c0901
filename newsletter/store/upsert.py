"""People on their way into the list: added where they are new, updated where they are known.

Whoever has left or is suppressed stays so.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from newsletter.audience import Status
from newsletter.audience.roster import Added, Row
from newsletter.audience.tokens import Key
from newsletter.store.consents import Evidence, log_consent
from newsletter.store.rows import insert_rows
from newsletter.store.signing_keys import address_hash, handle_of
from newsletter.store.suppressions import suppress
from newsletter.store.tables import left_handles, moment_text, subscribers, suppressions, tags

_BATCH: Final = 1000
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
_PERSON: Final = (
    "handle", "email", "address_hash", "name", "status", "fields", "created_at", "updated_at",
)  # fmt: skip
_TAG: Final = ("subscriber_id", "tag")

# A list given to `in_` itself costs more for each of its values than to look one up.
_THESE: Final[sa.BindParameter[Any]] = sa.bindparam("these", expanding=True)
_LEFT: Final = sa.select(left_handles.c.handle).where(left_handles.c.handle.in_(_THESE))
_SUPPRESSED: Final = sa.select(suppressions.c.address_hash).where(
    suppressions.c.address_hash.in_(_THESE)
)
_KNOWN: Final = sa.select(subscribers).where(subscribers.c.address_hash.in_(_THESE))
_IDS: Final = sa.select(subscribers.c.address_hash, subscribers.c.id).where(
    subscribers.c.address_hash.in_(_THESE)
)
_TAGS: Final = sa.select(tags).where(tags.c.subscriber_id.in_(_THESE))


def upsert(
    connection: sa.Connection, rows: Iterable[Row], *, key: Key, source: str, now: dt.datetime
) -> Added:
    """Add or update people, a thousand at a time; see `imports.add_list`."""
    total = Added()
    for batch in _batches(rows, key):
        total = total + _Batch(connection, batch, key, Evidence(source=source), now).write()
    return total


def foresee(connection: sa.Connection, rows: Iterable[Row], *, key: Key, now: dt.datetime) -> Added:
    """What `upsert` would do with these rows, no address among them twice; nothing is written."""
    total = Added()
    for batch in _batches(rows, key):
        total = total + _Batch(connection, batch, key, Evidence(source=""), now).foresee()
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
class _Kinds:
    """Some rows by what becomes of them, by address hash.

    Attributes:
        known: people on record.
        barred: rows that suppress their address.
        new, met: rows of people who are not on record, and who are.
        kept_out, held: how many stay out, and how many of them because they are suppressed.
    """

    known: dict[str, sa.Row[Any]]
    barred: dict[str, Row]
    new: dict[str, Row]
    met: dict[str, Row]
    kept_out: int
    held: int

    @classmethod
    def of(cls, rows: dict[str, Row], *, held: set[str], known: dict[str, sa.Row[Any]]) -> _Kinds:
        barred = {h: r for h, r in rows.items() if r.suppression and h not in held}
        left = {h for h, row in known.items() if row.status == Status.UNSUBSCRIBED}
        out = (held | left) - barred.keys()
        wanted = {h: r for h, r in rows.items() if h not in out and h not in barred}
        return cls(
            known=known,
            barred=barred,
            new={h: r for h, r in wanted.items() if h not in known},
            met={h: r for h, r in wanted.items() if h in known},
            kept_out=len(out),
            held=len(held),
        )

    def added(self, updated: int) -> Added:
        return Added(
            added=len(self.new),
            updated=updated,
            unchanged=len(self.met) - updated,
            kept_out=self.kept_out,
            barred=self.held,
            suppressed=len(self.barred),
        )


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
        kinds = _Kinds.of(self.rows, held=self._held(handles), known=self._known())
        self._bar(kinds.barred)
        self._insert(kinds.new, handles)
        self._insert({h: r for h, r in kinds.barred.items() if h not in kinds.known}, handles)
        updated = self._update(kinds.met, kinds.known)
        return kinds.added(updated)

    def foresee(self) -> Added:
        """What `write` would do; nothing is written."""
        handles = {h: handle_of(row.canonical, self.key) for h, row in self.rows.items()}
        held = self._suppressed() | set(self._left(handles))
        kinds = _Kinds.of(self.rows, held=held, known=self._known())
        return kinds.added(sum(1 for _ in self._changes(kinds.met, kinds.known)))

    def _held(self, handles: dict[str, str]) -> set[str]:
        """Suppressed addresses, and those whose link was used when nobody knew them."""
        for hashed in self._left(handles):
            suppress(self.connection, hashed, reason="unsubscribed", now=self.now)
        return self._suppressed()

    def _left(self, handles: dict[str, str]) -> list[str]:
        owners = {handle: h for h, handle in handles.items()}
        left = self.connection.execute(_LEFT, {"these": list(owners)})
        return [owners[handle] for handle in left.scalars().all()]

    def _suppressed(self) -> set[str]:
        return set(self.connection.execute(_SUPPRESSED, {"these": list(self.rows)}).scalars())

    def _known(self) -> dict[str, sa.Row[Any]]:
        known = self.connection.execute(_KNOWN, {"these": list(self.rows)})
        return {row.address_hash: row for row in known}

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
        now = moment_text(self.now)
        people = [
            (
                handles[h],
                row.email,
                h,
                row.name,
                row.status.value,
                fields_text(row.fields),
                moment_text(min(row.joined, self.now)) if row.joined else now,
                now,
            )
            for h, row in rows.items()
        ]
        insert_rows(self.connection, subscribers, _PERSON, people)
        self._tag_new({h: row.tags for h, row in rows.items() if row.tags})
        for status, event in EVENTS.items():
            hashes = [h for h, row in rows.items() if row.status is status]
            since = {h: self._agreed(rows[h]) for h in hashes}
            log_consent(self.connection, hashes, event, self.evidence, self.now, since=since)

    def _agreed(self, row: Row) -> dt.datetime | None:
        """When a person agreed, as the list says; whoever is pending or has left did not."""
        if row.joined is None or row.status is not Status.ACTIVE:
            return None
        return min(row.joined, self.now)

    def _tag_new(self, words: dict[str, frozenset[str]]) -> None:
        """Tag people who have just been added, by address hash."""
        if words:
            ids = self.connection.execute(_IDS, {"these": list(words)}).all()
            self._tag({number: words[h] for h, number in ids})

    def _changes(
        self, rows: dict[str, Row], known: dict[str, sa.Row[Any]]
    ) -> Iterator[tuple[str, dict[str, Any], frozenset[str]]]:
        """Whom the rows change: hash, new values, new tags."""
        carried = self._tags_of([known[h].id for h in rows])
        for h, row in rows.items():
            old = known[h]
            values = _columns(_merged(row, old)) | {"status": _status(row, Status(old.status))}
            fresh = row.tags - carried.get(old.id, frozenset())
            if fresh or any(getattr(old, name) != value for name, value in values.items()):
                yield h, values, fresh

    def _update(self, rows: dict[str, Row], known: dict[str, sa.Row[Any]]) -> int:
        changed = 0
        for h, values, fresh in self._changes(rows, known):
            old = known[h]
            changed += 1
            self.connection.execute(
                sa.update(subscribers)
                .where(subscribers.c.id == old.id)
                .values(**values, updated_at=self.now)
            )
            self._tag({old.id: fresh})
            if values["status"] != old.status:
                event, since = EVENTS[values["status"]], {h: self._agreed(rows[h])}
                log_consent(self.connection, [h], event, self.evidence, self.now, since=since)
        return changed

    def _tags_of(self, ids: list[int]) -> dict[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for row in self.connection.execute(_TAGS, {"these": ids}):
            found.setdefault(row.subscriber_id, set()).add(row.tag)
        return {number: frozenset(words) for number, words in found.items()}

    def _tag(self, words: dict[int, frozenset[str]]) -> None:
        rows = [(number, tag) for number, some in words.items() for tag in sorted(some)]
        insert_rows(self.connection, tags, _TAG, rows)


#: What the consent log says of people in a list, by how they stand there.
EVENTS: Final = {
    Status.PENDING: "imported pending",
    Status.ACTIVE: "imported",
    Status.UNSUBSCRIBED: "unsubscribed",
}


def fields_text(fields: Mapping[str, str]) -> str:
    """Fields as they stand in the records."""
    return _ENCODER.encode(dict(fields)) if fields else "{}"


def _columns(row: Row) -> dict[str, Any]:
    return {"email": row.email, "name": row.name, "fields": fields_text(row.fields)}


def _merged(row: Row, old: sa.Row[Any]) -> Row:
    """What the file says, over what is known already; an empty name erases none."""
    fields = json.loads(old.fields) | dict(row.fields)
    return row._replace(name=row.name or old.name, fields=fields)


def _status(row: Row, old: Status) -> Status:
    """Leaving always counts; a file in which somebody is pending does not undo their consent."""
    return old if row.status is Status.PENDING else row.status
