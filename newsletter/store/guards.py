"""What no constraint can say, as triggers: which state may follow which, what is never changed.

They are the last line. Whatever a bug or a hand at the database tries, no mail that was accepted is
queued again, no attempt is skipped or repeated, and no record of a real run vanishes. So they are
written out here, and do not follow the program's own tables of what is allowed.

They are made with the store, and all made anew by every upgrade: a revision that needs other guards
changes them here. The conditions are SQL that SQLite and PostgreSQL both understand; the room of
each makes triggers of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_ARROWS: Final = ", ".join(
    f"'{arrow}'"
    for arrow in (
        "queued>claimed", "queued>skipped", "claimed>accepted", "claimed>deferred",
        "claimed>queued", "claimed>refused", "claimed>unknown", "deferred>queued",
        "refused>queued", "unknown>queued", "unknown>assumed",
        # As events show.
        "queued>accepted", "deferred>accepted", "refused>accepted", "unknown>accepted",
        "assumed>accepted", "accepted>refused", "unknown>refused", "assumed>refused",
    )
)  # fmt: skip


class Guard(NamedTuple):
    """One thing that is refused.

    Attributes:
        name: of the trigger.
        what: the statement it watches.
        when: the condition under which that is refused; "true" is always, and a condition in
            brackets that is added to a number counts as 0 or 1.
        why: what the database says then.
    """

    name: str
    what: str
    when: str
    why: str


_DELIVERIES: Final = (
    Guard(
        "deliveries_arrow",
        "UPDATE OF state ON deliveries",
        f"OLD.state || '>' || NEW.state NOT IN ({_ARROWS})",
        "no such way from state to state",
    ),
    Guard(
        "deliveries_attempt",
        "UPDATE OF attempt, state ON deliveries",
        "NEW.attempt <> OLD.attempt + (OLD.state = 'queued' AND NEW.state = 'claimed')",
        "an attempt is counted by its claim, one by one",
    ),
    Guard(
        "deliveries_risk",
        "UPDATE OF risked, state ON deliveries",
        "NEW.risked <> OLD.risked + (OLD.state = 'unknown' AND NEW.state = 'queued')",
        "what is unknown is sent again once, by a person",
    ),
    Guard(
        "deliveries_accepted",
        "UPDATE OF state ON deliveries",
        "NEW.state = 'accepted' AND OLD.state NOT IN ('claimed', 'accepted') "
        # A worker that was given up answers late, maybe once a person has had it queued again; each
        # attempt was claimed by one.
        "AND NOT (OLD.worker <> '' AND OLD.message_id = '' "
        "AND (OLD.state = 'unknown' OR (OLD.state = 'queued' AND OLD.risked = 1))) "
        "AND NOT EXISTS "
        "(SELECT 1 FROM events WHERE delivery_id = OLD.id "
        "AND kind NOT IN ('reject', 'rendering failure'))",
        "no event shows that it was accepted",
    ),
    Guard(
        "deliveries_dropped",
        "UPDATE OF state ON deliveries",
        "NEW.state = 'refused' AND OLD.state NOT IN ('claimed', 'refused') AND NOT EXISTS "
        "(SELECT 1 FROM events WHERE delivery_id = OLD.id "
        "AND kind IN ('reject', 'rendering failure'))",
        "no event shows that it was dropped",
    ),
    Guard(
        "deliveries_running",
        "UPDATE OF state ON deliveries",
        "NEW.state = 'claimed' AND (SELECT state FROM runs WHERE id = NEW.run_id) <> 'running'",
        "the run is not running",
    ),
    Guard(
        "deliveries_fixed",
        "UPDATE OF id, run_id, issue, rehearsal, subscriber_id, address_hash, position "
        "ON deliveries",
        "true",
        "who gets what is frozen",
    ),
    # Only a run that never ran gives its rows up.
    Guard(
        "deliveries_kept",
        "DELETE ON deliveries",
        "NOT OLD.rehearsal AND (OLD.state <> 'queued' OR OLD.attempt <> 0 OR NOT EXISTS "
        "(SELECT 1 FROM runs WHERE id = OLD.run_id AND recipients = 0 "
        "AND state IN ('freezing', 'cancelled')))",
        "a real run stays on record",
    ),
)

_RUNS: Final = (
    Guard("runs_fixed", "UPDATE OF id, issue, rehearsal ON runs", "true", "what is sent is frozen"),
    # What nobody has got yet may change.
    Guard(
        "runs_content",
        "UPDATE OF envelope, content_hash, source_hash ON runs",
        "OLD.recipients <> 0 OR OLD.state NOT IN ('announced', 'freezing', 'cancelled')",
        "what is sent is frozen",
    ),
    # A rehearsal may be begun anew.
    Guard(
        "runs_recipients",
        "UPDATE OF recipients ON runs",
        "OLD.recipients <> 0 AND NOT (OLD.rehearsal AND NEW.recipients = 0 "
        "AND NEW.state = 'freezing')",
        "the number of recipients is frozen",
    ),
    Guard(
        "runs_freezing",
        "UPDATE OF state ON runs",
        "NEW.state = 'freezing' AND NOT OLD.rehearsal AND (OLD.recipients <> 0 "
        "OR OLD.state NOT IN ('announced', 'freezing', 'cancelled'))",
        "what was begun is not frozen again",
    ),
    Guard(
        "runs_frozen",
        "UPDATE OF state ON runs",
        "OLD.state = 'freezing' AND NEW.state NOT IN ('announced', 'freezing', 'cancelled') "
        "AND (NEW.state <> 'running' OR NEW.recipients <> "
        "(SELECT count(*) FROM deliveries WHERE run_id = NEW.id))",
        "not all recipients are frozen",
    ),
    Guard(
        "runs_finished",
        "UPDATE OF state ON runs",
        "NEW.state = 'finished' AND EXISTS (SELECT 1 FROM deliveries WHERE run_id = NEW.id "
        "AND state IN ('queued', 'claimed', 'deferred'))",
        "deliveries are left",
    ),
    Guard(
        "runs_forgotten",
        "UPDATE OF forgotten_attempts ON runs",
        "NEW.forgotten_attempts < OLD.forgotten_attempts",
        "what was attempted stays on record",
    ),
    Guard(
        "runs_kept",
        "DELETE ON runs",
        "NOT OLD.rehearsal AND (OLD.state <> 'freezing' OR OLD.recipients <> 0 "
        "OR EXISTS (SELECT 1 FROM deliveries WHERE run_id = OLD.id))",
        "a real run stays on record",
    ),
)

_LOGS: Final = (
    Guard(
        "events_fixed",
        "UPDATE OF id, key, kind, detail, at, sent_at, received_at, message_id, attempt, "
        "address_hash ON events",
        "true",
        "what was reported stays as it was",
    ),
    Guard(
        "events_attached",
        "UPDATE OF delivery_id ON events",
        "OLD.delivery_id IS NOT NULL",
        "an event belongs to one delivery",
    ),
    Guard("events_kept", "DELETE ON events", "true", "what was reported stays on record"),
    Guard(
        "consents_fixed",
        "UPDATE OF id, address_hash, event, source, at, wording, wording_hash, since ON consents",
        "true",
        "the consent log is only added to",
    ),
    Guard(
        "consents_visitor",
        "UPDATE OF ip, agent ON consents",
        "NEW.ip NOT IN ('', OLD.ip) OR NEW.agent NOT IN ('', OLD.agent)",
        "what is known of a visitor is only ever forgotten",
    ),
    Guard("consents_kept", "DELETE ON consents", "true", "the consent log is only added to"),
    Guard(
        "letters_arrow",
        "UPDATE OF state ON letters",
        "OLD.state || '>' || NEW.state NOT IN ('queued>claimed', 'queued>dropped', "
        "'claimed>queued', 'claimed>accepted', 'claimed>refused', 'claimed>unknown')",
        "no such way from state to state",
    ),
    Guard(
        "letters_attempt",
        "UPDATE OF attempt, state ON letters",
        "NEW.attempt <> OLD.attempt + (OLD.state = 'queued' AND NEW.state = 'claimed')",
        "an attempt is counted by its claim, one by one",
    ),
    # Wherever a mail in somebody's mailbox leads, it leads there for good.
    Guard("links_fixed", "UPDATE ON links", "true", "where a link leads is frozen"),
    Guard(
        "links_kept",
        "DELETE ON links",
        "EXISTS (SELECT 1 FROM runs WHERE issue = OLD.issue AND NOT rehearsal AND recipients <> 0)",
        "where a link leads is frozen",
    ),
    Guard("rating_labels_fixed", "UPDATE ON rating_labels", "true", "what readers chose is frozen"),
    Guard(
        "rating_labels_kept",
        "DELETE ON rating_labels",
        "EXISTS (SELECT 1 FROM runs WHERE issue = OLD.issue AND NOT rehearsal AND recipients <> 0)",
        "what readers chose is frozen",
    ),
    Guard("occurrences_fixed", "UPDATE ON occurrences", "true", "a date is used up once"),
    Guard(
        "occurrences_kept",
        "DELETE ON occurrences",
        "OLD.state = 'taken' AND NOT OLD.rehearsal",
        "a date is used up once",
    ),
    Guard("identity_fixed", "UPDATE ON identity", "true", "the id of a store never changes"),
    Guard("identity_kept", "DELETE ON identity", "true", "the id of a store never changes"),
    Guard("identity_one", "INSERT ON identity", "true", "a store has one id"),
)


GUARDS: Final = _DELIVERIES + _RUNS + _LOGS
