"""Which changes of the records are departures; each database's room makes triggers of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from newsletter.audience import Status

#: Kinds that are no reason of a suppression.
LEFT: Final = "left"
RETURNED: Final = "returned"
RELEASED: Final = "released"
FORGOTTEN: Final = "forgotten"
HANDLE: Final = "handle"


class Departure(NamedTuple):
    """A change that is told.

    Attributes:
        name: of the trigger.
        what: the statement it watches.
        when: the condition under which it is told.
        kind: SQL for its kind, or the reason of a suppression.
        who: SQL for the hash or the handle it is about.
    """

    name: str
    what: str
    when: str
    kind: str
    who: str


DEPARTURES: Final = (
    Departure("suppressed", "INSERT ON suppressions", "true", "NEW.reason", "NEW.address_hash"),
    Departure(
        "suppressed_anew", "UPDATE OF reason ON suppressions", "true",
        "NEW.reason", "NEW.address_hash",
    ),
    Departure(
        "released", "DELETE ON suppressions", "true", f"'{RELEASED}'", "OLD.address_hash"
    ),
    Departure(
        "left", "UPDATE OF status ON subscribers", f"NEW.status = '{Status.UNSUBSCRIBED}'",
        f"'{LEFT}'", "NEW.address_hash",
    ),
    Departure(
        "added_as_left", "INSERT ON subscribers", f"NEW.status = '{Status.UNSUBSCRIBED}'",
        f"'{LEFT}'", "NEW.address_hash",
    ),
    Departure(
        "returned", "UPDATE OF status ON subscribers",
        f"OLD.status = '{Status.UNSUBSCRIBED}' AND NEW.status <> OLD.status",
        f"'{RETURNED}'", "NEW.address_hash",
    ),
    Departure(
        "forgotten", "DELETE ON subscribers", "true", f"'{FORGOTTEN}'", "OLD.address_hash"
    ),
    Departure("left_unknown", "INSERT ON left_handles", "true", f"'{HANDLE}'", "NEW.handle"),
)  # fmt: skip
