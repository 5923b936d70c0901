"""A machine that stood still asks too late for an answer that was in time: it is read all the same.

A process that is stopped, or gets no processor for a minute, would else call unknown what the
kernel holds the answer to.
"""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from newsletter.delivery import Result
from newsletter.ses import connection
from newsletter.smtp.session import Session
from tests.fake_ses import FakeSes
from tests.sending.test_smtp import mail, meaning, transport
from tests.sending.test_smtp_in_step import ACCEPTED
from tests.ses.test_wire import message, opened, plain_aws
from tests.support.certificates import certificate, server_side
from tests.support.gateway import WAYS, Gateway
from tests.support.smtp_servers import scripted

__all__ = ["certificate", "plain_aws"]

pytestmark = pytest.mark.processes


def standing_still(monkeypatch: Any, where: Any, name: str, seconds: float) -> None:
    """Have nothing of this process run for a while before a function does."""
    done = getattr(where, name)

    def late(*given: Any) -> Any:
        time.sleep(seconds)
        return done(*given)

    monkeypatch.setattr(where, name, late)


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_of_ses_that_waited_for_us_is_read(monkeypatch, certificate, way):
    with (
        FakeSes() as fake,
        Gateway(fake, way, certificate, choose=lambda _: "") as gateway,
        opened(gateway, monkeypatch, read_seconds=1.0) as ses,
    ):
        assert ses.deliver(message()).result is Result.ACCEPTED
        standing_still(monkeypatch, connection, "read_answer", 1.2)
        assert ses.deliver(message(2)).result is Result.ACCEPTED


@pytest.mark.parametrize("security", ["none", "tls"])
def test_an_answer_of_a_mail_server_that_waited_for_us_is_read(monkeypatch, certificate, security):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    answered = Session.getreply

    def late(session: Session) -> tuple[int, bytes]:
        if session.dot_begun:
            time.sleep(1.2)
        return answered(session)

    monkeypatch.setattr(Session, "getreply", late)
    tls = server_side(certificate) if security == "tls" else None
    with scripted(tls=tls) as server, transport(server.port, security, patience=1.0) as through:
        assert meaning(through.deliver(mail())) == ACCEPTED


def test_but_nothing_is_waited_for_any_more_and_nothing_is_said():
    here, there = socket.socketpair()
    with here, there:
        late = connection._Timed(here, connection._Clock(until=time.monotonic() - 1))
        there.sendall(b"HTTP")
        assert late.recv(10) == b"HTTP"
        with pytest.raises(TimeoutError):
            late.recv(10)
        with pytest.raises(TimeoutError):
            late.recv_into(bytearray(10))
        with pytest.raises(TimeoutError):
            late.sendall(b"POST")
        session = Session(seconds=10)
        session.sock = here
        there.sendall(b"250 ok\r\n")
        assert session.getreply() == (250, b"ok")
        with pytest.raises(TimeoutError):
            session.getreply()
        with pytest.raises(TimeoutError):
            session.send(b"NOOP\r\n")
        with pytest.raises(BlockingIOError):
            there.recv(10, socket.MSG_DONTWAIT)
