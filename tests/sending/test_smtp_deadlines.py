"""A mail server that never stops talking: every step has a deadline for the whole of it.

No time is measured: a server that drips would, after a thousand pieces, come to a good end. Whoever
waits for each piece anew hears that end; whoever has a deadline for the whole is gone before it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from newsletter import clocks
from newsletter.delivery import Result
from newsletter.smtp import SmtpTransport
from newsletter.smtp.session import Session
from tests.sending.test_smtp import (
    BACKED_OFF,
    DATA,
    LOGINS,
    PASSWORD,
    UNKNOWN,
    handed,
    mail,
    meaning,
    transport,
)
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import plain_environment
from tests.support.commands import HANGS
from tests.support.faults import imported, world
from tests.support.smtp_servers import PIECES, STALL, WHILE, Drip, scripted

__all__ = ["certificate", "imported", "plain_environment", "world"]

pytestmark = pytest.mark.processes

LATE = "the mail server did not answer in time"
ADA: dict[str, Any] = {"username": "ada", "password": PASSWORD}
#: Seconds for a step, the next where a busy machine did not come as far as what takes long; all of
#: them are shorter than a drip.
STEPS = (1.0, 4.0, 16.0)
GOOD = {
    "greeting": "220 ready", "EHLO": "250 here", "AUTH": "235 welcome", "MAIL": "250 ok",
    "RCPT": "250 ok", "DATA": "354 go on", "dot": "250 taken", "RSET": "250 ok", "QUIT": "221 bye",
}  # fmt: skip


def drip(verb: str, how: str, **more: Any) -> Drip:
    """An answer that ends well, line by line or letter by letter."""
    if how == "lines":
        return Drip(f"{GOOD[verb][:3]}-\r\n", GOOD[verb], **more)
    return Drip("x", "", first=f"{GOOD[verb]} ", **more)


@pytest.mark.parametrize("how", ["lines", "letters"])
@pytest.mark.parametrize("verb", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "dot"])
def test_an_answer_that_drips_does_not_outlive_its_deadline(verb, how, monkeypatch):
    # So that the number of lines is not what ends it.
    monkeypatch.setattr("newsletter.smtp.session._MOST_LINES", 10 * PIECES)
    # Silence after the dot is borne for long; an answer that has begun is not.
    script: dict[str, Any] = {"EHLO": LOGINS, "AUTH": "235 ok", verb: drip(verb, how)}
    for seconds in STEPS:
        with scripted(**script) as server:
            outcome = handed(server, timeout=seconds, patience=HANGS, **ADA)
        if server.dripped:
            break
    assert meaning(outcome) == (UNKNOWN if verb == "dot" else BACKED_OFF)
    assert outcome.reason.startswith(LATE)
    assert 0 < server.dripped < PIECES
    assert server.mails == ([DATA] if verb == "dot" else [])


@pytest.mark.parametrize("how", ["lines", "letters"])
@pytest.mark.parametrize("verb", ["RSET", "MAIL"])
def test_a_kept_connection_that_drips_costs_a_connection_and_no_mail(how, verb):
    script: dict[str, Any] = {"RCPT": ["550 nobody", "250 ok"], "MAIL": ["250 ok"]}
    script[verb] = [*script.get(verb, []), drip(verb, how), "250 ok"]
    expected = [Result.REFUSED, Result.ACCEPTED]
    for seconds in STEPS:
        with scripted(**script) as server, transport(server.port, timeout=seconds) as through:
            results = [through.deliver(mail()).result for _ in range(2)]
        if results == expected:
            break
    assert results == expected
    assert server.connections == 2
    assert 0 < server.dripped < PIECES


@pytest.mark.parametrize("how", ["lines", "letters"])
def test_goodbyes_that_drip_are_not_waited_for(how, monkeypatch):
    monkeypatch.setattr("newsletter.smtp._GOODBYE", 1.0)
    with scripted(QUIT=drip("QUIT", how)) as server:
        with transport(server.port) as through:
            sessions = []
            for _ in range(5):
                through.deliver(mail())
                sessions.append(through._idle.pop())
            through._idle.extend(sessions)
        assert server.dripped < PIECES
        # All five together have the time of one, and the first has used it up.
        assert server.connections == 5
        assert server.verbs().count("QUIT") == 1


@contextlib.contextmanager
def listening(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """A server for one connection; the event is set when its client has come to an end."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            connection, _ = door.accept()
            with connection, contextlib.suppress(ConnectionError):
                talk(connection, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            over.set()
            thread.join()


def say(connection: socket.socket, *answers: str) -> None:
    """The first at once, each other when a line was heard."""
    for number, answer in enumerate(answers):
        while number and b"\n" not in connection.recv(1000):
            pass
        connection.sendall(f"{answer}\r\n".encode())


@pytest.mark.parametrize(
    ("security", "before"),
    [("tls", ()), ("starttls", ("220 ready", "250-here\r\n250 STARTTLS", "220 go"))],
)
def test_a_handshake_that_drips_does_not_outlive_its_deadline(security, before):
    dripped = 0

    def talk(connection: socket.socket, over: threading.Event) -> None:
        nonlocal dripped
        say(connection, *before)
        connection.recv(1000)
        # A record of TLS that says how long it is, and comes a byte at a time.
        connection.sendall(b"\x16\x03\x03\x3f\xff")
        while dripped < PIECES and not over.wait(WHILE):
            connection.sendall(b"\x02")
            dripped += 1

    for seconds in STEPS:
        with listening(talk) as port, transport(port, security, timeout=seconds) as through:
            outcome = through.deliver(mail())
        assert meaning(outcome) == BACKED_OFF
        assert outcome.reason == LATE
        if dripped:
            break
    assert 0 < dripped < PIECES


def test_an_encrypted_answer_that_drips_does_not_outlive_its_deadline(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for seconds in STEPS:
        with scripted(tls=server_side(certificate), dot=drip("dot", "letters")) as server:
            outcome = handed(server, security="tls", timeout=seconds)
        if server.dripped:
            break
    assert meaning(outcome) == UNKNOWN
    assert 0 < server.dripped < PIECES


def test_a_mail_that_is_read_drop_by_drop_does_not_outlive_its_deadline():
    huge = DATA + b"All work and no play.\r\n" * 1_000_000
    read = 0

    def talk(connection: socket.socket, over: threading.Event) -> None:
        nonlocal read
        say(connection, "220 ready", "250 here", "250 ok", "250 ok", "354 go on")
        # Each piece makes room for the next, in time for whoever waits for each anew.
        while not over.wait(0.1) and (data := connection.recv(65536)):
            read += len(data)

    for seconds in STEPS:
        with listening(talk) as port, transport(port, timeout=seconds) as through:
            outcome = through.deliver(mail(data=huge))
        assert meaning(outcome) == BACKED_OFF
        if read:
            break
    assert 0 < read < len(huge)


def test_each_address_of_a_host_gets_its_share_of_the_time(monkeypatch):
    tried: list[tuple[Any, float]] = []

    class Deaf(socket.socket):
        def connect(self, address: Any) -> None:
            tried.append((address, self.gettimeout() or 0.0))
            raise TimeoutError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 25)) for n in range(4)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    monkeypatch.setattr(socket, "socket", Deaf)
    with transport(25, host="mail.example.org", timeout=8.0) as through:
        outcome = through.deliver(mail())
    assert meaning(outcome) == BACKED_OFF
    assert [address for address, _ in tried] == [place for *_, place in found]
    # The clock hardly moved, so the shares show that each leaves the rest to those after it.
    assert [round(8.0 / seconds) for _, seconds in tried] == [4, 3, 2, 1]


# --- a signal --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "states", "says"),
    [
        ("dot", {"accepted": 2, "unknown": 1, "queued": 22}, "paused: interrupted"),
        ("RCPT", {"accepted": 2, "deferred": 1, "queued": 22}, "paused: interrupted"),
        ("greeting", {}, "interrupted; nothing was sent, and nothing is begun"),
    ],
)
def test_a_signal_ends_a_send_to_a_server_that_never_stops_talking(world, verb, states, says):
    def stop() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    endless = drip(verb, "lines", begun=stop)
    fine = [] if verb == "greeting" else [GOOD[verb], GOOD[verb]]
    script: dict[str, Any] = {verb: [*fine, endless]}
    with scripted(**script) as server:
        world.configure(
            KIND="smtp", SMTP__HOST="127.0.0.1", SMTP__PORT=server.port, SMTP__SECURITY="none"
        )
        ran = world.send()
        assert server.dripped < PIECES
    assert ran.code == 143
    assert says in ran.err
    assert world.newsletter.states() == states


# --- asleep ----------------------------------------------------------------------------------


def test_a_connection_that_was_kept_through_suspend_is_left_for_a_new_one():
    now = [0.0]
    with scripted(MAIL=["250 ok", "250 ok", STALL]) as server:
        with transport(server.port, idle=10.0, clock=lambda: now[0]) as through:
            assert through.deliver(mail()).result is Result.ACCEPTED
            now[0] += 3600.0
            assert through.deliver(mail()).result is Result.ACCEPTED
        assert server.connections == server.verbs().count("MAIL") == 2


def test_the_clock_of_idle_connections_goes_on_while_the_machine_sleeps(monkeypatch):
    asleep = getattr(time, "CLOCK_BOOTTIME", None)
    if asleep is None:
        pytest.skip("this system's monotonic clock counts sleep")
    ticks = {asleep: 5000.0, time.CLOCK_MONOTONIC: 20.0}
    monkeypatch.setattr(time, "clock_gettime", ticks.__getitem__)
    monkeypatch.setattr(time, "monotonic", lambda: 20.0)
    assert clocks.seconds() == 5000.0


def test_a_transport_measures_idleness_by_that_clock():
    begin: Any = SmtpTransport.__init__
    assert begin.__kwdefaults__["clock"] is clocks.seconds


def test_a_session_that_was_never_connected_says_so():
    session = Session(seconds=1.0)
    session.allow(1.0)
    with pytest.raises(OSError, match="hung up"):
        session.docmd("NOOP")
