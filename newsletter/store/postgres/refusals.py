"""Why a server, or a pooler before it, lets nobody in: one table, with the way out of each case.

Who is turned away at the door hears words alone, and a pooler has one SQLSTATE for everything; so
words count for those, and the SQLSTATE for whatever has one of its own. A server that talks in
another language than English is understood by its SQLSTATE only.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Refusal(NamedTuple):
    """One reason.

    Attributes:
        why: after "the database cannot be reached: ".
        hint: the way out of it.
        words: a pattern of what is said.
        states: SQLSTATEs, or the two letters of a class.
    """

    why: str
    hint: str
    words: str
    states: tuple[str, ...] = ()


_THEN: Final = "then run the same command again"
_BY_ENVIRONMENT: Final = "NEWSLETTER_STORE__PASSWORD in the environment or in .env"

#: The first that fits counts.
_REFUSALS: Final = (
    # The password and the user.
    Refusal(
        "its server asks for a password, and there is none",
        f"set {_BY_ENVIRONMENT}",
        r"no password supplied",
    ),
    Refusal(
        "its server refuses this user's password",
        f"set the user in store.url, and {_BY_ENVIRONMENT}",
        r"(password|SASL|SCRAM|PAM|LDAP|RADIUS) authentication failed|auth failed|empty password",
        ("28P01",),
    ),
    Refusal(
        "its server lets this user in only with an encrypted connection",
        "write sslmode=require in store.url; where that is not it, the server's pg_hba.conf has no "
        "line for this user and this machine",
        r"SSL required|TLS connection required"
        r"|(?s:\A(?!.*(SSL encryption|\[local\])).*no encryption)"
        r"|no pg_hba\.conf entry.*SSL off",
    ),
    Refusal(
        "its server lets this user not in from this machine",
        "add a line for both to the server's pg_hba.conf, and reload it",
        r"no pg_hba\.conf entry|pg_hba\.conf rejects|login rejected",
    ),
    Refusal(
        "its server wants a certificate of this client",
        "name it with ?sslcert=FILE&sslkey=FILE behind store.url",
        r"valid client certificate|certificate authentication failed|certificate required",
    ),
    Refusal(
        "its server does not know this user, or does not let it log in",
        "set the user in store.url; as a superuser: createuser NAME --pwprompt",
        r'role ".*" does not exist|role ".*" is not permitted to log in|no such user'
        r"|authentication failed",
        ("28",),
    ),
    # The certificate.
    Refusal(
        "its server does not encrypt connections",
        "switch ssl on there; on a network that is yours alone, ?sslmode=disable behind store.url",
        r"server does not support SSL",
    ),
    Refusal(
        "the certificate of its server is not one that is trusted here",
        "name the file of who signed it, ?sslmode=verify-full&sslrootcert=FILE behind store.url, "
        "and the server as its certificate does",
        r"certificate verify failed|server certificate for|root certificate file"
        r"|could not load root certificate|unknown ca\b",
    ),
    # The database.
    Refusal(
        "the pooler knows no such database",
        "name it in [databases] of the pooler's settings, or another one in store.url",
        r"no such database",
    ),
    Refusal(
        "there is no such database",
        "make it: createdb NAME; or name another one in store.url",
        r'database ".*" does not exist',
        ("3D", "57P04"),
    ),
    Refusal(
        "it takes no connections for now",
        "as a superuser: ALTER DATABASE NAME ALLOW_CONNECTIONS true; in a pooler: ENABLE NAME",
        r"not currently accepting connections|database .* is disabled"
        r"|database does not allow connections",
    ),
    # Too many.
    Refusal(
        "the pooler takes no more connections",
        f"raise max_client_conn in its settings, or end other programs that use it, {_THEN}",
        r"max_client_conn|max_user_client_connections|max_db_client_connections",
    ),
    Refusal(
        "the pooler has had no connection to the server free for too long",
        "see that the server answers, and raise default_pool_size in the pooler's settings; "
        f"{_THEN}",
        r"query_wait_timeout",
    ),
    Refusal(
        "its server takes no more connections of this user, or to this database",
        "end other programs that use it, or as a superuser: ALTER ROLE, or ALTER DATABASE, NAME "
        f"CONNECTION LIMIT -1; {_THEN}",
        r"too many connections for",
    ),
    Refusal(
        "its server takes no more connections",
        f"end other programs that use it, raise its max_connections, or put a pooler before it; "
        f"{_THEN}",
        r"too many clients|remaining connection slots|no more connections|too many connections",
        ("53300",),
    ),
    # On its way up, or down.
    Refusal(
        "its server is starting or shutting down",
        f"wait a moment, or start it, {_THEN}",
        r"database system is (starting up|shutting down|in recovery|not (yet )?accepting)",
        ("57P03",),
    ),
    Refusal(
        "its server has ended the connection, as it does when it is shut down",
        f"see that it runs, {_THEN}",
        r"terminating connection due to administrator|because of crash of another",
        ("57P01", "57P02", "57P05"),
    ),
    Refusal(
        "the pooler cannot reach the server",
        "see that the server runs, and its address, user and password in the pooler's settings; "
        f"{_THEN}",
        r"server_login_retry|server login (has been failing|failed)|cannot connect to server"
        r"|DNS lookup failed|client_login_timeout|server conn crashed|no working server",
    ),
    Refusal(
        "the pooler's settings do not fit this user and database",
        "see the pooler's log, which says what is wrong",
        r"bouncer config error",
    ),
    Refusal(
        "the pooler gives each statement a connection of its own",
        "set pool_mode in the pooler's settings to transaction or session",
        r"statement pooling mode",
    ),
    Refusal(
        "the pooler refuses an option of the connection",
        "take it out of store.url, or name it in ignore_startup_parameters of the pooler's "
        "settings",
        r"unsupported startup parameter",
    ),
    Refusal(
        "the pooler has ended what took too long",
        "set query_timeout and idle_transaction_timeout in the pooler's settings to 0",
        r"query.timeout|idle.transaction.timeout|client_idle_timeout",
    ),
    Refusal(
        "its server has ended a statement that took too long",
        "as a superuser: ALTER ROLE NAME SET statement_timeout = 0",
        r"statement timeout",
        ("57014",),
    ),
    # The network.
    Refusal(
        "its server is not found by its name",
        "set the host in store.url right, or see why this machine cannot look it up",
        r"resolve host|translate host name|Name or service not known|name resolution",
    ),
    Refusal(
        "nothing listens there",
        f"start the server, or set host and port in store.url right; {_THEN}",
        r"Connection refused|No such file or directory",
    ),
    Refusal(
        "it does not answer",
        "see that the server runs, that this machine is let through to its port, and that a pooler "
        f"before it has connections free; {_THEN}",
        r"does not answer|timeout expired|timed out|No route to host|Network is unreachable",
    ),
    Refusal(
        "the connection broke",
        f"see that the server runs, {_THEN}",
        r"connection (is|was|has been) (closed|lost)|closed (the connection|unexpectedly)"
        r"|reset by peer|Broken pipe|EOF detected",
        ("08",),
    ),
)

#: SQLSTATEs that are about a connection and never about a statement, and say less than the words:
#: a pooler calls each of its refusals a violation of the protocol.
_AT_THE_DOOR: Final = ("08", "28", "3D", "53300", "55000", "57P")


def find_refusal(state: str | None, words: str) -> Refusal | None:
    """Why there is no connection, or none any more; None where it is not known, or not about that.

    Args:
        state: SQLSTATE, None where none was told.
        words: what was said.
    """
    if state is None or state.startswith(_AT_THE_DOOR):
        for one in _REFUSALS:
            if re.search(one.words, words):
                return one
    return next((one for one in _REFUSALS if state and state.startswith(one.states)), None)
