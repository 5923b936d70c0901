"""What PostgreSQL's faults mean to people, by their SQLSTATE; no value of a statement is told."""

from __future__ import annotations

from typing import Final

from sqlalchemy import exc

from newsletter.errors import InputError, NewsletterError, PausedError, Place, UnreachableError
from newsletter.project.disk import FULL
from newsletter.store.postgres.histories import FUNCTIONS

_AGAIN: Final = "run the same command again when it is back"
BUSY: Final = "another program kept the records locked for {seconds:g} seconds"
BUSY_HINT: Final = "close what else is writing to them, then run the same command again"
DAMAGED: Final = "the records are damaged"
RESTORE: Final = "restore a backup of the database; keep this one, it tells who got what"
_GRANT: Final = "let it use the schema and create tables in it, or create the schema itself"
_GRANT_THESE: Final = "let it own the schema and its tables again, then run the same command again"
#: A right that everybody has, unless it was taken away.
_UNASKED: Final = (
    "the database's user may not ask which server it is on, so a standby could not be told from it",
    "as a superuser, in this database: GRANT EXECUTE ON FUNCTION "
    + ", ".join(FUNCTIONS)
    + " TO that user",
)
#: SQLAlchemy's own words for that name its pool.
_ALL_IN_USE: Final = "all connections of this process wait for it"
#: What the client library says of a connection that worked before.
_BROKEN: Final = {
    "refused": "nothing listens there",
    "No such file": "nothing listens there",
    "closed": "the connection broke",
    "lost": "the connection broke",
    "reset by peer": "the connection broke",
    "Broken pipe": "the connection broke",
}
_GONE: Final = (UnreachableError, "the database cannot be reached any more", _AGAIN)
_STRANGER: Final = (
    InputError, "the database refuses this user",
    "set the user in store.url, and NEWSLETTER_STORE__PASSWORD in the environment or in .env",
)  # fmt: skip

#: SQLSTATE, or the two letters of its class -> (kind, sentence, hint).
_FAULTS: Final[dict[str, tuple[type[NewsletterError], str, str]]] = {
    "08": _GONE,
    "57": _GONE,
    # It waited too long for a machine that was frozen in the middle, and undid the transaction.
    "25P03": _GONE,
    "25P04": _GONE,
    "53": (PausedError, "the database has no room for this now", _AGAIN),
    "53100": (PausedError, FULL, "free some space on the database's disk, then run it again"),
    "25006": (
        InputError,
        "the database can only be read",
        "set store.url to the primary server, and a user who may write",
    ),
    "28": _STRANGER,
    "3D": (InputError, "there is no such database", "make it: createdb NAME"),
    "3F": (InputError, "there is no such schema, and this user may not make it", _GRANT),
    "42501": (InputError, "the database's user lacks a right", _GRANT),
    "55P03": (PausedError, BUSY, BUSY_HINT),
    "40": (PausedError, "other programs changed the same records again and again", BUSY_HINT),
    "42P01": (InputError, DAMAGED, RESTORE),
    "42703": (InputError, DAMAGED, RESTORE),
    "XX001": (InputError, DAMAGED, RESTORE),
    "XX002": (InputError, DAMAGED, RESTORE),
}


def fault(
    error: BaseException | None, place: Place, *, opening: bool, seconds: float
) -> NewsletterError:
    """What an error of the driver means.

    Args:
        error: the driver's.
        place: the database.
        opening: whether it was just being opened.
        seconds: how long another writer was waited for.
    """
    state = getattr(error, "sqlstate", None)
    # The driver is an extra, and has kinds of it, such as one for a connection that took too long.
    kinds = {one.__name__ for one in type(error).__mro__}
    if state is None and kinds & {"OperationalError", "TimeoutError"}:
        return _unreachable(error, place, opening=opening)
    known = _FAULTS.get(state or "") or _FAULTS.get((state or "")[:2])
    if getattr(getattr(error, "diag", None), "severity_nonlocalized", None) == "PANIC":
        known = _GONE  # whatever it says, as of a full disk, the server goes down with it
    named = f"{type(error).__name__}, SQLSTATE {state}"
    if known is None:
        rule = getattr(getattr(error, "diag", None), "constraint_name", None)
        return NewsletterError(
            "the store refused a statement",
            place=place,
            cause=f"{named}, {rule}" if rule else named,
            hint="this is a bug; please report it",
        )
    kind, message, hint = known
    if state == "42501":
        # Such as "permission denied for table runs"; it names no row.
        said = getattr(getattr(error, "diag", None), "message_primary", None)
        named = f"{said} ({named})" if said else named
        hint = hint if opening else _GRANT_THESE
    if state == "42501" and any(name.partition("(")[0] in str(error) for name in FUNCTIONS):
        message, hint = _UNASKED
    # Who cannot even open it has sent nothing that could be paused.
    if opening and issubclass(kind, PausedError):
        kind = InputError
    return kind(message.format(seconds=seconds), place=place, cause=named, hint=hint)


def _unreachable(error: BaseException | None, place: Place, *, opening: bool) -> NewsletterError:
    """No connection, or one that broke: the client library's words name host, port and user."""
    cause = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, exc.TimeoutError):
        cause = _ALL_IN_USE
    if opening:
        return InputError(
            "the database cannot be reached",
            place=place,
            cause=cause,
            hint="see that the server runs and takes more connections, and that store.url and its "
            "password are right",
        )
    kind, message, hint = _GONE
    told = next((plain for part, plain in _BROKEN.items() if part in cause), cause)
    return kind(message, place=place, cause=told, hint=hint)
