"""What `ses setup` says of DNS records comes from the zone's own name servers, not from a memory."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from newsletter.domains import FreshRecords

pytestmark = pytest.mark.processes

RESOLVER, OWN = "127.0.0.1", "127.0.0.2"
ZONE = "example.org."
#: What leads to the name servers of the zone.
ABOUT = {
    (ZONE, "SOA"): "ns.example.org. root.example.org. 1 60 60 60 60",
    (ZONE, "NS"): "ns.example.org.",
    ("ns.example.org.", "A"): OWN,
}


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Those who answer are threads of this process, and the machine may be busy."""
    monkeypatch.setattr("newsletter.domains._LOOK_SECONDS", 300.0)


def sockets():
    """Two on one port, for a resolver and a name server."""
    while True:
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind((RESOLVER, 0))
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            second.bind((OWN, first.getsockname()[1]))
        except OSError as taken:
            first.close()
            second.close()
            if taken.errno != errno.EADDRINUSE:
                raise
        else:
            return first, second


@contextlib.contextmanager
def answering(line, zone):
    """Answer by name and kind until the block ends; what was asked."""
    asked = []

    def serve():
        while True:
            data, sender = line.recvfrom(4096)
            if not data:
                return
            message = dns.message.from_wire(data)
            [question] = message.question
            key = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
            asked.append(key)
            answer = dns.message.make_response(message)
            if key in zone:
                answer.answer.append(
                    dns.rrset.from_text(question.name, 60, "IN", key[1], zone[key])
                )
            elif not any(name == key[0] for name, _ in zone):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            line.sendto(answer.to_wire(), sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", line.getsockname())
        thread.join()
        line.close()


def test_what_a_resolver_remembers_is_not_what_the_zone_says_now():
    new, far = ("new.example.org.", "TXT"), ("far.example.org.", "TXT")
    first, second = sockets()
    asks = dns.resolver.Resolver(configure=False)
    asks.nameservers, asks.port = [RESOLVER], first.getsockname()[1]
    remembered = ABOUT | {new: '"old"', far: '"elsewhere"'}
    with answering(first, remembered), answering(second, ABOUT | {new: '"now"'}) as told:
        fresh = FreshRecords(asks)
        assert fresh.ask("new.example.org", "TXT") == ("now",)
        # What the zone does not have itself may lie in another, which the resolver follows.
        assert fresh.ask("far.example.org", "TXT") == ("elsewhere",)
        assert fresh.ask("none.example.org", "TXT") == ()
        assert len(fresh._servers) == 1
        assert new in told


def test_name_servers_that_may_not_be_asked_leave_the_resolver():
    first, second = sockets()
    second.close()
    asks = dns.resolver.Resolver(configure=False)
    asks.nameservers, asks.port = [RESOLVER], first.getsockname()[1]
    nowhere = {**ABOUT, ("ns.example.org.", "A"): RESOLVER, (ZONE, "NS"): "gone.example.org."}
    with answering(first, nowhere | {("new.example.org.", "TXT"): '"old"'}):
        assert FreshRecords(asks).ask("new.example.org", "TXT") == ("old",)
