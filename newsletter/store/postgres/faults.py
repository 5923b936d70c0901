"""What PostgreSQL's faults mean to people, by their SQLSTATE; no value of a statement is told."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import exc

from newsletter.errors import InputError, NewsletterError, PausedError, Place, UnreachableError
from newsletter.project.disk import FULL
from newsletter.store.postgres.histories import FUNCTIONS
from newsletter.store.postgres.refusals import Refusal, find_refusal

_AGAIN: Final = "run the same command again when it is back"
BUSY: Final = "another program kept the records locked for {seconds:g} seconds"
BUSY_HINT: Final = "close what else is writing to them, then run the same command again"
DAMAGED: Final = "the records are damaged"
RESTORE: Final = "restore a backup of the database; keep this one, it tells who got what"
_GRANT: Final = "as a superuser, in this database: CREATE SCHEMA {schema} AUTHORIZATION {user}"
_GRANT_SCHEMA: Final = (
    "as a superuser, in this database: ALTER SCHEMA {schema} OWNER TO {user}; or choose another "
    "schema, ?schema=NAME behind store.url"
)
_GRANT_THESE: Final = "let it own the schema and its tables again, then run the same command again"
#: A right that everybody has, unless it was taken away.
_UNASKED: Final = (
    "the database's user may not ask which server it is on, so a standby could not be told from it",
    "as a superuser, in this database: GRANT EXECUTE ON FUNCTION "
    + ", ".join(FUNCTIONS)
    + " TO that user",
)
#: SQLAlchemy's own words for that name its pool.
_ALL_IN_USE: Final = Refusal("all connections of this process wait for it", _AGAIN, "")
#: What to do where nothing is known.
_LOOK: Final = (
    "see that the server runs and takes more connections, and that store.url and its password are "
    "right"
)
_AWAY: Final = "the database cannot be reached"
_GONE: Final = (UnreachableError, f"{_AWAY} any more", _AGAIN)

#: SQLSTATE, or the two letters of its class -> (kind, sentence, hint); what is about a connection
#: and not about a statement is in `refusals`.
_FAULTS: Final[dict[str, tuple[type[NewsletterError], str, str]]] = {
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
    error: BaseException | None,
    place: Place,
    *,
    opening: bool,
    seconds: float,
    schema: str = "newsletter",
    user: str = "NAME",
) -> NewsletterError:
    """What an error of the driver means.

    Args:
        error: the driver's.
        place: the database.
        opening: whether it was just being opened.
        seconds: how long another writer was waited for.
        schema: of the tables.
        user: who should own it, as SQL names them.
    """
    state = getattr(error, "sqlstate", None)
    # The driver is an extra, and has kinds of it, such as one for a connection that took too long.
    kinds = {one.__name__ for one in type(error).__mro__}
    # An internal error without an SQLSTATE is the driver's: a connection ended under an answer.
    away = state is None and bool(kinds & {"OperationalError", "InternalError", "TimeoutError"})
    refusal = find_refusal(state, str(error)) if state or away else None
    if refusal or away:
        return _unreachable(error, refusal, place, opening=opening)
    known = _FAULTS.get(state or "") or _FAULTS.get((state or "")[:2])
    if getattr(getattr(error, "diag", None), "severity_nonlocalized", None) == "PANIC":
        known = _GONE  # whatever it says, as of a full disk, the server goes down with it
    named = _named(error)
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
        if opening and "for schema" in named:
            hint = _GRANT_SCHEMA
    if state == "42501" and any(name.partition("(")[0] in str(error) for name in FUNCTIONS):
        message, hint = _UNASKED
    # Who cannot even open it has sent nothing that could be paused.
    if opening and issubclass(kind, PausedError):
        kind = InputError
    hint = hint.format(schema=schema, user=user)
    return kind(message.format(seconds=seconds), place=place, cause=named, hint=hint)


def _named(error: BaseException | None) -> str:
    return f"{type(error).__name__}, SQLSTATE {getattr(error, 'sqlstate', None)}"


def _unreachable(
    error: BaseException | None, refusal: Refusal | None, place: Place, *, opening: bool
) -> NewsletterError:
    """No connection, or one that broke: a server's words name host, port and user, and no reader.

    In the middle all of it is borne for a while: what became of mails is to be recorded.
    """
    lines = str(error).strip().splitlines()
    told = next((line for line in lines if refusal and re.search(refusal.words, line)), "")
    cause: str | None = told or next(iter(lines), "")
    if getattr(error, "sqlstate", None):
        cause = _named(error)
    if isinstance(error, exc.TimeoutError):
        refusal, cause = _ALL_IN_USE, None
    if refusal is None:
        kind, message, hint = (InputError, _AWAY, _LOOK) if opening else _GONE
        return kind(message, place=place, cause=cause, hint=hint)
    if opening:
        message = f"{_AWAY}: {refusal.why}"
        return InputError(message, place=place, cause=cause, hint=refusal.hint)
    kind, message, _ = _GONE
    return kind(message, place=place, cause=refusal.why, hint=refusal.hint)
