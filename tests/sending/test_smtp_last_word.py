"""What is certain after the final dot: a "no" counts when it was the server's last word."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from newsletter.delivery import Effect, Result
from tests.sending.test_smtp import (
    DATA,
    DEFERRED,
    REFUSED,
    UNKNOWN,
    handed,
    mail,
    meaning,
    transport,
)
from tests.support.certificates import certificate, server_side
from tests.support.commands import HANGS
from tests.support.smtp_servers import HANG_UP, SAY_NO_MORE, STALL, Scripted, scripted

__all__ = ["certificate"]

pytestmark = pytest.mark.processes

ACCEPTED = (Result.ACCEPTED, Effect.GO_ON)
DOUBTED = "the mail server answered yes and no to the mail"


@pytest.fixture(params=["none", "tls"])
def security(request, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return request.param


@pytest.mark.parametrize(
    ("refusal", "last", "expected"),
    [
        ("451 later", "221 bye", DEFERRED),
        ("451 later", HANG_UP, DEFERRED),
        ("451 later", SAY_NO_MORE, DEFERRED),
        ("451 later", "421 closing", DEFERRED),
        ("451 later", "452 later\r\n221 bye", DEFERRED),
        ("554 no", "221 bye", REFUSED),
        ("554 no", HANG_UP, REFUSED),
        ("554 no", "550 no\r\n221 bye", REFUSED),
        # Another answer to the mail: the server had not said its last word.
        ("451 later", "250 taken\r\n221 bye", UNKNOWN),
        ("451 later", "452 later\r\n250 taken\r\n221 bye", UNKNOWN),
        ("451 later", "421 closing\r\n250 taken", UNKNOWN),
        ("451 later", "221 bye\r\n250 taken", UNKNOWN),
        ("451 later", "250 taken", UNKNOWN),
        ("451 later", "554 no\r\n221 bye", UNKNOWN),
        ("451 later", "354 go on\r\n221 bye", UNKNOWN),
        ("451 later", "nonsense\r\n221 bye", UNKNOWN),
        ("451 later", "", UNKNOWN),
        ("554 no", "250 taken\r\n221 bye", UNKNOWN),
        ("554 no", "451 later\r\n221 bye", UNKNOWN),
    ],
)
def test_a_no_counts_only_when_nothing_but_a_goodbye_follows_it(
    refusal, last, expected, security, certificate
):
    tls = server_side(certificate) if security == "tls" else None
    with scripted(tls=tls, dot=[refusal, "250 taken"], QUIT=[last, "221 bye"]) as server:
        with transport(server.port, security) as through:
            outcomes = [meaning(through.deliver(mail())) for _ in range(2)]
        assert outcomes == [expected, ACCEPTED]
        assert server.connections == 2, "no other mail goes over a connection that said no"


@pytest.mark.parametrize("end", [STALL, "4"])
def test_a_server_that_never_says_goodbye_leaves_its_no_in_doubt(end):
    with scripted(dot="451 later", QUIT=end) as server:
        # Enough for a busy machine to come as far as the goodbye.
        outcome = handed(server, timeout=3)
    assert meaning(outcome) == UNKNOWN


@pytest.mark.parametrize("when", ["at once", "when asked"])
def test_what_cannot_be_decrypted_behind_a_no_puts_it_in_doubt(when, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    answer = Scripted._answer

    def garbling(server, connection, what):
        if what == "QUIT" and when == "when asked":
            os.write(connection.fileno(), b"no record of TLS at all\r\n")
            return HANG_UP
        said = answer(server, connection, what)
        if what == "dot" and when == "at once":
            os.write(connection.fileno(), b"no record of TLS at all\r\n")
        return said

    monkeypatch.setattr(Scripted, "_answer", garbling)
    with scripted(tls=server_side(certificate), dot="451 later") as server:
        outcome = handed(server, security="tls")
    assert meaning(outcome) == UNKNOWN
    assert server.mails == [DATA]


@contextlib.contextmanager
def changing_its_mind(*later: str) -> Iterator[tuple[int, list[bytes]]]:
    """A server that puts a mail off, and after whatever it is told next says something else first."""
    mails: list[bytes] = []
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = door.accept()
        connection.settimeout(HANGS)
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            connection.sendall(b"220 ready\r\n")
            for line in lines:
                verb = line[:4].upper()
                if verb == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    mails.append(b"".join(iter(lines.readline, b".\r\n")))
                    connection.sendall(b"451 later\r\n")
                    lines.readline()
                    for answer in later:
                        connection.sendall(answer.encode() + b"\r\n")
                    return
                connection.sendall(b"250 ok\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield door.getsockname()[1], mails
    finally:
        door.close()
        thread.join()


@pytest.mark.parametrize(
    ("later", "expected"), [((), DEFERRED), (("250 taken", "221 bye"), UNKNOWN)]
)
def test_a_yes_in_a_later_segment_puts_a_no_in_doubt(later, expected):
    with changing_its_mind(*later) as (port, mails), transport(port) as through:
        outcome = through.deliver(mail())
    assert meaning(outcome) == expected
    assert mails == [DATA]
    assert outcome.reason == (DOUBTED if later else "SMTP 451")


@pytest.mark.parametrize("answer", ["421 closing", "421 4.3.2 closing\r\n421 closing"])
def test_a_goodbye_in_place_of_an_answer_to_the_whole_mail_says_nothing_about_it(answer):
    with scripted(dot=answer) as server:
        outcome = handed(server)
    assert meaning(outcome) == UNKNOWN
    assert outcome.reason == "the mail server ended the session (SMTP 421), after the whole mail"


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_goodbye_before_the_dot_still_proves_that_nothing_was_accepted(verb):
    script: dict[str, Any] = {verb: "421 closing"}
    with scripted(**script) as server:
        outcome = handed(server)
    assert (meaning(outcome), outcome.reason) == (DEFERRED, "SMTP 421")
