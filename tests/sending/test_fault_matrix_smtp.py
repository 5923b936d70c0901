"""The fault matrix, SMTP and the ways to a server: every step of the talk, and what breaks it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading

import pytest

from newsletter.ses.account import Account
from newsletter.ses.client import SesTransport
from tests.fake_ses import FakeSes
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import (
    DONE,
    REFUSED,
    TWICE,
    UNKNOWN,
    imported,
    nothing,
    paused,
    refused_by_all,
    world,
)
from tests.support.ports import free_port
from tests.support.smtp_servers import HANG_UP, SAY_NO_MORE, STALL, scripted

__all__ = ["certificate", "imported", "plain_environment", "world"]

pytestmark = pytest.mark.processes

GARBAGE = "what is this?"
LOGINS = "250-here\r\n250 AUTH PLAIN"
LOG_IN = {"SMTP__USERNAME": "wren", "SMTP__PASSWORD": "correct horse"}
FIRST = {"greeting": "220 ready", "EHLO": "250 here", "AUTH": "235 welcome", "DATA": "354 go on"}


def after_two(verb, fault):
    """The third time it comes up, and never again."""
    fine = FIRST.get(verb, "250 ok")
    return {verb: [fine, fine, fault, fine]}


def twice_after_two(verb, fault):
    """The third time and the fourth: on the connection that is there, and on the one in its place."""
    fine = FIRST.get(verb, "250 ok")
    return {verb: [fine, fine, fault, fault, fine]}


def at_first(verb, fault):
    """On the second connection only, which comes of the first hanging up on the first mail."""
    return {verb: [FIRST[verb], fault, FIRST[verb]], "MAIL": [HANG_UP, "250 ok"]}


def account(says):
    """Two are accepted, then nothing would be."""
    return paused("account", says, attempts=3, accepted=2, queued=23)


#: The fault meets the third mail, or the first connection; then the server is well.
ONE = {
    **{
        f"greeting-{name}": (at_first("greeting", fault), TWICE)
        for name, fault in {
            "421": "421 busy", "450": "450 later", "hang-up": HANG_UP, "stall": STALL,
            "garbage": GARBAGE, "half": SAY_NO_MORE,
        }.items()
    },
    "greeting-554": (at_first("greeting", "554 go away"), refused_by_all("error: smtp refuses every mail: the mail server takes no mail from here (SMTP 554)")),
    **{
        f"ehlo-{name}": (at_first("EHLO", fault), cell)
        for name, fault, cell in [
            ("450", "450 later", DONE), ("502", "502 what", DONE), ("421", "421 bye", DONE),
            ("hang-up", HANG_UP, TWICE), ("stall", STALL, TWICE), ("garbage", GARBAGE, TWICE),
        ]
    },
    **{
        f"mail-{name}": (twice_after_two("MAIL", fault), cell)
        for name, fault, cell in [
            ("450", "450 later", TWICE), ("421", "421 bye", TWICE), ("hang-up", HANG_UP, TWICE),
            ("stall", STALL, TWICE), ("garbage", GARBAGE, TWICE), ("354", "354 what", TWICE),
            ("550", "550 not you", account("the sender is refused (SMTP 550)")),
        ]
    },
    **{
        f"rcpt-{name}": (after_two("RCPT", fault), cell)
        for name, fault, cell in [
            ("450", "450 greylisted", TWICE), ("421", "421 bye", TWICE), ("hang-up", HANG_UP, TWICE),
            ("stall", STALL, TWICE), ("garbage", GARBAGE, TWICE), ("550", "550 unknown", REFUSED),
            ("552", "552 full", REFUSED), ("251", "251 forwarded", DONE),
        ]
    },
    **{
        f"data-{name}": (after_two("DATA", fault), cell)
        for name, fault, cell in [
            ("451", "451 later", TWICE), ("421", "421 bye", TWICE), ("hang-up", HANG_UP, TWICE),
            ("stall", STALL, TWICE), ("garbage", GARBAGE, TWICE), ("554", "554 no", REFUSED),
            ("250", "250 what", TWICE),
        ]
    },
    **{
        f"early-{name}": (after_two("DATA", f"354 go on\r\n{fault}"), TWICE)
        for name, fault in {
            "250": "250 taken", "451": "451 later", "554": "554 no", "garbage": GARBAGE,
        }.items()
    },
    **{
        f"behind-{name}": (after_two("dot", fault), cell)
        for name, fault, cell in [
            ("250-250", "250 ok\r\n250 ok", DONE), ("250-421", "250 ok\r\n421 bye", DONE),
            ("250-554", "250 ok\r\n554 no", UNKNOWN), ("451-250", "451 later\r\n250 ok", UNKNOWN),
            ("451-421", "451 later\r\n421 bye", TWICE), ("554-250", "554 no\r\n250 ok", UNKNOWN),
        ]
    },
    **{
        f"dot-{name}": (after_two("dot", fault), cell)
        for name, fault, cell in [
            ("451", "451 later", TWICE), ("421", "421 bye", UNKNOWN), ("554", "554 spam", REFUSED),
            ("hang-up", HANG_UP, UNKNOWN), ("stall", STALL, UNKNOWN), ("garbage", GARBAGE, UNKNOWN),
            ("half", SAY_NO_MORE, UNKNOWN), ("354", "354 what", UNKNOWN),
        ]
    },
    **{
        f"late-{name}": (after_two("dot", "451 later") | {"QUIT": [fault, "221 bye"]}, cell)
        for name, fault, cell in [
            ("250", "250 ok\r\n221 bye", UNKNOWN), ("554", "554 no\r\n221 bye", UNKNOWN),
            ("hang-up", HANG_UP, TWICE), ("stall", STALL, UNKNOWN), ("garbage", GARBAGE, UNKNOWN),
        ]
    },
    **{
        f"rset-{name}": ({"RSET": [fault, "250 ok"]} | after_two("RCPT", "450 later"), TWICE)
        for name, fault in {"500": "500 what", "hang-up": HANG_UP, "stall": STALL}.items()
    },
    **{
        f"kept-{name}": (after_two("MAIL", fault), DONE)
        for name, fault in {
            "450": "450 later", "421": "421 bye", "550": "550 not you", "hang-up": HANG_UP,
            "stall": STALL, "garbage": GARBAGE, "354": "354 what",
        }.items()
    },
}  # fmt: skip

SO_LONG = "it is tried for up to 10 minutes; Ctrl-C stops it safely: nothing is sent twice\n"
UNREACHABLE = "nothing could be reached for ten minutes: "


def unreachable(says):
    """Tried for ten minutes; how often is a matter of chance."""
    return paused("network", UNREACHABLE + says, attempts=-1, deferred=-1, queued=-1)


#: The fault meets everything.
ALL = {
    "greeting-554": ({"greeting": "554 go away"}, nothing("error: smtp refuses every mail: the mail server takes no mail from here (SMTP 554)")),
    "greeting-421": ({"greeting": "421 busy"}, unreachable("the mail server takes no mail now (SMTP 421)")),
    "greeting-hang-up": ({"greeting": HANG_UP}, nothing("error: the mail server hung up; nothing was sent now", code=6)),
    "greeting-hang-up-later": ({"greeting": ["220 ready", HANG_UP], "MAIL": HANG_UP}, unreachable("the mail server hung up")),
    "mail-hang-up": ({"MAIL": HANG_UP}, unreachable("the mail server hung up")),
    "data-hang-up": ({"DATA": HANG_UP}, unreachable("the mail server hung up")),
    "mail-garbage": ({"MAIL": GARBAGE}, unreachable("the mail server's answer makes no sense")),
    "mail-550": ({"MAIL": "550 not you"}, refused_by_all("error: smtp refuses every mail: the sender is refused (SMTP 550)")),
    "rcpt-450": ({"RCPT": "450 later"}, paused("put off", "what is left was deferred 5 times", attempts=125, deferred=25)),
    "rcpt-550": ({"RCPT": "550 unknown"}, paused("breaker", "3 mails were refused, over 2 %", refused=3, queued=22)),
    "dot-554": ({"dot": "554 spam"}, paused("breaker", "3 mails were refused, over 2 %", refused=3, queued=22)),
    "dot-hang-up": ({"dot": HANG_UP}, paused("breaker", "2 outcomes are unknown", unknown=2, queued=23)),
    "dot-garbage": ({"dot": GARBAGE}, paused("breaker", "2 outcomes are unknown", unknown=2, queued=23)),
    "early-250": ({"DATA": "354 go on\r\n250 taken"}, unreachable("the mail server spoke before it was asked")),
    "early-552": ({"in data": "552 too much"}, paused("breaker", "3 mails were refused, over 2 %", refused=3, queued=22)),
}  # fmt: skip

LOGIN_REFUSED = "error: smtp refuses every mail: the log-in is refused (SMTP 535)"
LOGGING_IN = {
    "auth-535": ({"AUTH": "535 no"}, nothing(LOGIN_REFUSED)),
    "auth-535-later": (at_first("AUTH", "535 no"), refused_by_all(LOGIN_REFUSED)),
    "auth-454": (at_first("AUTH", "454 later"), TWICE),
    "auth-hang-up": (at_first("AUTH", HANG_UP), TWICE),
    "auth-stall": (at_first("AUTH", STALL), TWICE),
    "auth-garbage": (at_first("AUTH", GARBAGE), TWICE),
}  # fmt: skip


def run(world, cell, server, **settings):
    """Send through this server; what left it per attempt is counted there, after each DATA."""
    world.configure(KIND="smtp", SMTP__HOST="127.0.0.1", SMTP__PORT=server.port, **settings)
    world.hurry()
    ran = world.send()
    expect_once(world, server)
    world.expect(cell, ran)
    return ran


def expect_once(world, server):
    """Each attempt's mail has its own Message-ID, and none was seen whole twice."""
    names = [
        line
        for mail in server.mails
        for line in mail.split(b"\r\n")
        if line.startswith(b"Message-ID:")
    ]
    assert len(names) == len(server.mails) == len(set(names))
    tried = {".".join(tag.split("-")[2:]) for tag, _ in world.attempts()}
    assert {".".join(name.decode().split(".")[1:3]) for name in names} <= tried


def go_on(world, cell):
    with scripted(EHLO=LOGINS, AUTH="235 welcome") as well:
        world.configure(SMTP__PORT=well.port, SMTP__SECURITY="none")
        world.expect_again(cell, world.send())
        expect_once(world, well)


@pytest.mark.parametrize(
    ("script", "cell"),
    [*ONE.values(), *ALL.values()],
    ids=[*ONE, *(f"all-{name}" for name in ALL)],
)
def test_a_fault_at_a_step_of_the_talk(world, script, cell):
    with scripted(**script) as server:
        run(world, cell, server, SMTP__SECURITY="none")
    go_on(world, cell)


@pytest.mark.parametrize("name", LOGGING_IN)
def test_a_fault_while_logging_in(world, name):
    script, cell = LOGGING_IN[name]
    with scripted(EHLO=LOGINS, **script) as server:
        ran = run(world, cell, server, SMTP__SECURITY="none", **LOG_IN)
    assert "correct horse" not in ran.out + ran.err
    go_on(world, cell)


def test_encryption_that_is_taken_away_stops_before_the_log_in(world):
    cell = nothing(
        "error: smtp refuses every mail: the mail server does not offer STARTTLS: set "
        'transport.smtp.security = "tls"'
    )
    with scripted(EHLO=LOGINS) as server:
        run(world, cell, server, SMTP__SECURITY="starttls", **LOG_IN)
        assert not {"AUTH", "MAIL"} & set(server.verbs())
    go_on(world, cell)


# --- the way to a server ---------------------------------------------------------------------


@contextlib.contextmanager
def answering(speak):
    """A server that does this with every connection; yields its port and what came in clear."""
    door = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve():
        while True:
            try:
                connection, _ = door.accept()
            except OSError:
                return
            connection.settimeout(2)
            with connection, contextlib.suppress(OSError):
                speak(connection, heard)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield door.getsockname()[1], heard
    finally:
        # Closing alone does not wake who waits in accept().
        with contextlib.suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        door.close()
        thread.join()


def shaking_hands(certificate):
    context = server_side(certificate)

    def speak(connection, heard):
        with context.wrap_socket(connection, server_side=True) as inside:
            # A client that hangs up after the handshake has said nothing.
            heard.extend(filter(None, [inside.recv(10)]))

    return speak


def speaking(text):
    def speak(connection, heard):
        connection.recv(4096)
        connection.sendall(text)

    return speak


PROXY_LOG_IN = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
#: What stands in the way, and what a person sees as its cause.
WAYS = {
    "nobody-listens": "SES cannot be reached (it refuses connections)",
    "no-such-host": "SES cannot be reached (its name cannot be looked up)",
    "untrusted": "no encrypted connection to SES comes about (its certificate is not trusted)",
    "other-host": "no encrypted connection to SES comes about (its certificate is not trusted)",
    "no-tls": "no encrypted connection to SES comes about (SSLError)",
    "proxy-refuses": "the proxy cannot be reached (it refuses connections)",
    "proxy-wants-a-log-in": "the proxy wants a log-in (HTTP 407)",
}


@contextlib.contextmanager
def in_the_way(world, name, certificate):
    """Put this in the way to SES; yields what was heard of any mail."""
    environ = {}
    speak = {
        "untrusted": shaking_hands(certificate), "other-host": shaking_hands(certificate),
        "no-tls": speaking(b"220 ready\r\n"), "proxy-wants-a-log-in": speaking(PROXY_LOG_IN),
    }.get(name)  # fmt: skip
    with contextlib.ExitStack() as stack:
        port, heard = stack.enter_context(answering(speak)) if speak else (free_port(), [])
        host = "localhost" if name == "other-host" else "127.0.0.1"
        url = f"https://{host}:{port}"
        if name == "nobody-listens":
            url = f"http://127.0.0.1:{port}"
        elif name == "no-such-host":
            url = "https://ses.nowhere.invalid"
        elif name == "other-host":
            environ["AWS_CA_BUNDLE"] = str(certificate)
        elif name.startswith("proxy"):
            environ["HTTPS_PROXY"], url = f"http://127.0.0.1:{port}", "https://ses.nowhere.invalid"
        with FakeSes() as fake:
            world.environ(fake.environ)
        world.environ(environ | {"AWS_ENDPOINT_URL_SESV2": url, "AWS_ENDPOINT_URL_STS": url})
        world.configure(KIND="ses")
        yield heard
    for variable in environ:
        world.newsletter.patch.delenv(variable)


@pytest.mark.parametrize("name", WAYS)
def test_ses_that_cannot_be_reached_stops_before_the_first_claim(world, name, certificate):
    with in_the_way(world, name, certificate) as heard:
        ran = world.send()
        assert heard == []
    world.expect(nothing("error: SES cannot be reached"), ran)
    # What the first line says already is not said again.
    cause = re.sub(r"^SES cannot be reached \((.*)\)$", r"\1", WAYS[name])
    assert f"cause: {cause}\n" in ran.err


@pytest.mark.parametrize("name", WAYS)
def test_ses_that_cannot_be_reached_any_more_is_waited_for(world, name, certificate):
    world.hurry()
    limits = Account(rate=50.0, day=-1, sent=0, sandbox=False)
    cell = paused("network", UNREACHABLE, attempts=-1, deferred=-1, queued=-1)
    with world.newsletter.patch.context() as patch:
        patch.setattr(SesTransport, "read_account", lambda _self: limits)
        with in_the_way(world, name, certificate) as heard:
            ran = world.send()
            assert heard == []
    world.expect(cell, ran)
    assert WAYS[name] in ran.err
    assert ran.err.count(SO_LONG) == 1
    with FakeSes() as fake:
        world.environ(fake.environ)
        world.expect_again(cell, world.send())
        assert set(fake.quiet().received_tags.values()) == {1}


MAIL_WAYS = {
    "untrusted": "self-signed certificate",
    "other-host": "Hostname mismatch, certificate is not valid for 'localhost'",
}
SET_BY = "NEWSLETTER_TRANSPORT__SMTP__"
NOT_THERE = {
    "nobody-listens": ("127.0.0.1", "it refuses connections"),
    "no-such-host": ("mail.nowhere.invalid", "its name cannot be looked up"),
}
SEE = (
    f"hint: see that transport.smtp.host ({SET_BY}HOST) and transport.smtp.port ({SET_BY}PORT) "
    "are right, then: newsletter send --issue 74\n"
)


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_mail_server_that_is_not_there_is_told_at_once_and_nothing_is_begun(world, name):
    host, why = NOT_THERE[name]
    port = free_port()
    world.configure(KIND="smtp", SMTP__HOST=host, SMTP__PORT=port, SMTP__SECURITY="none")
    ran = world.send()
    assert ran.code == 6, ran.err
    assert ran.err.endswith(
        f"error: the mail server {host}:{port} cannot be reached ({why}); nothing was sent now\n"
        + SEE
    )
    assert world.newsletter.runs() == ()
    assert not (world.newsletter.root / "issues/.ledger").exists()


@pytest.mark.parametrize("name", MAIL_WAYS)
def test_a_mail_server_nobody_vouches_for_is_told_and_nothing_is_begun(world, name, certificate):
    why = f"error: the mail server's certificate is not trusted: {MAIL_WAYS[name]}"
    cell = nothing(f"{why}; nothing was sent now", code=6)
    with answering(shaking_hands(certificate)) as (port, heard):
        host = "localhost" if name == "other-host" else "127.0.0.1"
        world.configure(KIND="smtp", SMTP__HOST=host, SMTP__SECURITY="tls", SMTP__PORT=port)
        if name == "other-host":
            world.environ({"SSL_CERT_FILE": str(certificate)})
        world.expect(cell, ran := world.send())
        assert heard == []
    assert ran.err.endswith(SEE)
    world.configure(SMTP__HOST="127.0.0.1")
    go_on(world, cell)


def test_a_mail_server_without_tls_is_told_at_once_and_nothing_is_begun(world):
    with answering(speaking(b"220 ready\r\n")) as (port, heard):
        world.configure(KIND="smtp", SMTP__HOST="127.0.0.1", SMTP__SECURITY="tls", SMTP__PORT=port)
        ran = world.send()
        assert heard == []
    assert ran.code == 4, ran.err
    way = 'set transport.smtp.security = "starttls"'
    assert f"port {port} does not begin with TLS: {way}\n" in ran.err
    assert world.newsletter.runs() == ()
    assert not (world.newsletter.root / "issues/.ledger").exists()


CELLS = len(ONE) + len(ALL) + len(LOGGING_IN) + 2 * len(WAYS) + len(MAIL_WAYS) + len(NOT_THERE) + 2
