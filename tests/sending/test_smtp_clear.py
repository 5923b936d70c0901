"""In clear nothing is asked of the system but to say and to hear: what has come is counted."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from newsletter.smtp import clear
from newsletter.smtp.session import Session, SessionError
from tests.sending.test_smtp import BACKED_OFF, DATA, mail, meaning, transport
from tests.sending.test_smtp_in_step import ACCEPTED, NONSENSE, SPOKE, TOO_EARLY
from tests.support.smtp_servers import scripted

pytestmark = pytest.mark.processes


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection of TCP."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as here,
    ):
        there, _ = server.accept()
        with there:
            yield here, there


def come(sock: socket.socket, before: int | None) -> int | None:
    """What is counted once it is no longer what it was before."""
    until = time.monotonic() + 10
    while (told := clear.arrived(sock)) == before and time.monotonic() < until:
        time.sleep(0.001)
    return told


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts")
def test_what_came_is_counted_whether_it_was_read_or_not():
    with connected() as (here, there):
        assert clear.arrived(here) == 0
        there.sendall(b"250 ok\r\n")
        assert come(here, 0) == 8
        here.recv(3)
        assert clear.arrived(here) == 8
        there.sendall(b"2")
        assert come(here, 8) == 9


@pytest.mark.parametrize("how", [socket.SHUT_WR, None])
def test_of_a_connection_that_ends_only_reading_tells(how):
    with connected() as (here, there):
        if how is None:
            here.sendall(b"unread")  # so that it is not ended but broken
            there.close()
        else:
            there.shutdown(how)
        assert come(here, 0) is None


def test_what_is_not_of_tcp_and_other_systems_count_nothing(monkeypatch):
    here, there = socket.socketpair()
    with here, there:
        assert clear.arrived(here) is None
    with connected() as (here, _):
        monkeypatch.setattr(sys, "platform", "darwin")
        assert clear.arrived(here) is None


def say_without_end(sock: socket.socket, seconds: float) -> None:
    while True:
        clear.send(sock, memoryview(bytes(1_000_000)), seconds=seconds)


@pytest.mark.parametrize("seconds", [1e-9, 0.9999999, 0.01])
def test_nothing_is_waited_for_longer_than_it_may_take(seconds):
    with connected() as (here, _):
        with pytest.raises(BlockingIOError):
            clear.receive(here, 10, seconds=seconds)
        with pytest.raises(BlockingIOError):
            say_without_end(here, seconds)


def counted(monkeypatch: Any) -> dict[str, int]:
    """How often it is said, heard and read."""
    calls: dict[str, int] = dict.fromkeys(("send", "receive", "receive_now"), 0)

    def watched(name: str) -> None:
        done = getattr(clear, name)

        def call(*given: Any, **named: Any) -> Any:
            calls[name] += 1
            return done(*given, **named)

        monkeypatch.setattr(clear, name, call)

    for name in calls:
        watched(name)
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts")
def test_a_mail_on_a_kept_connection_is_five_calls_to_say_and_four_to_hear_and_no_more(monkeypatch):
    with scripted() as server, transport(server.port) as through:
        through.deliver(mail())
        calls = counted(monkeypatch)
        assert meaning(through.deliver(mail())) == ACCEPTED
        assert calls == {"send": 5, "receive": 4, "receive_now": 0}
    assert server.mails == [DATA] * 2


@pytest.mark.parametrize("name", [*TOO_EARLY, "nothing"])
def test_where_nothing_is_counted_it_is_read_and_means_the_same(name, monkeypatch):
    monkeypatch.setattr(clear, "arrived", lambda _: None)
    with scripted(**TOO_EARLY.get(name, {})) as server, transport(server.port) as through:
        outcome = through.deliver(mail())
    assert meaning(outcome) == (ACCEPTED if name == "nothing" else BACKED_OFF)
    assert name == "nothing" or outcome.reason in {SPOKE, NONSENSE}
    assert server.mails == ([DATA] if name == "nothing" else [])


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("last", [b"421 closing\r\n", b"2", b""])
def test_what_comes_between_two_questions_is_heard_before_the_next(last, count, monkeypatch):
    if not count:
        monkeypatch.setattr(clear, "arrived", lambda _: None)
    with connected() as (here, there):
        session = Session(seconds=10)
        session.allow(10)
        session.sock = here
        there.sendall(b"250 ok\r\n")
        assert session.getreply()[0] == 250
        assert session.is_silent()
        if last:
            there.sendall(last)
        else:
            there.shutdown(socket.SHUT_WR)
        select.select([here], [], [], 10)  # it is here
        assert not session.is_silent()
        with pytest.raises(SessionError):
            session.send(b"RCPT TO:<ada@example.com>\r\n")
