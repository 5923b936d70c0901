"""A mail server that reads slower than a mail is written: it is waited for, and nothing is lost."""

from __future__ import annotations

import pytest

from newsletter.delivery import Result
from tests.sending.test_smtp import DATA, HUGE, mail, transport
from tests.support.certificates import certificate, server_side
from tests.support.smtp_servers import scripted

__all__ = ["certificate"]

pytestmark = pytest.mark.processes


def test_an_encrypted_mail_that_fits_into_no_buffer_arrives_whole(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        scripted(tls=server_side(certificate)) as server,
        transport(server.port, security="tls", timeout=60.0) as through,
    ):
        outcomes = [through.deliver(mail(data=data)).result for data in (HUGE, DATA)]
    assert outcomes == [Result.ACCEPTED, Result.ACCEPTED]
    assert server.mails == [HUGE, DATA]
    assert server.connections == 1
