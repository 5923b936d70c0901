"""Whether a domain takes mail: asked of a name server, briefly, and believed where it is certain."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from newsletter.domains import MailDomains, look_up

pytestmark = pytest.mark.processes

ANSWERS = {
    "good.example.": ("MX", "10 mail.good.example."),
    "null.example.": ("MX", "0 ."),
    ".": ("NS", "a.root-servers.net."),
}


class NameServer:
    """A name server on this machine that knows a few names."""

    def __init__(self) -> None:
        self.door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.door.bind(("127.0.0.1", 0))
        self.knows_root = True
        self.asked: list[str] = []
        self.thread = threading.Thread(target=self._answer, daemon=True)
        self.thread.start()

    def _answer(self) -> None:
        while True:
            data, origin = self.door.recvfrom(4096)
            if data == b"end":
                return
            query = dns.message.from_wire(data)
            name = query.question[0].name.to_text()
            self.asked.append(name)
            if name == "silent.example.":
                continue
            reply = dns.message.make_response(query)
            if name == "broken.example.":
                reply.set_rcode(dns.rcode.SERVFAIL)
            elif name in ANSWERS and (self.knows_root or name != "."):
                kind, value = ANSWERS[name]
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, value))
            elif name != "bare.example.":
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self.door.sendto(reply.to_wire(), origin)

    def resolver(self) -> dns.resolver.Resolver:
        made = dns.resolver.Resolver(configure=False)
        made.nameservers = ["127.0.0.1"]
        made.port = self.door.getsockname()[1]
        return made

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"end", self.door.getsockname())
        self.thread.join()
        self.door.close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    one = NameServer()
    yield one
    one.close()


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ("good.example", True), ("null.example", False), ("nobody.example", False),
        ("bare.example", None), ("broken.example", None), ("silent.example", None),
    ],
)  # fmt: skip
def test_what_the_dns_says_of_a_domain(server, domain, found):
    assert look_up(domain, server.resolver()) is found


def test_a_resolver_that_knows_nothing_is_not_believed(server):
    server.knows_root = False
    assert look_up("nobody.example", server.resolver()) is None


def test_an_answer_is_remembered_for_an_hour(server):
    seconds = [0.0]
    domains = MailDomains(lambda d: look_up(d, server.resolver()), clock=lambda: seconds[0])
    assert [domains.take_mail("null.example") for _ in range(3)] == [False] * 3
    assert server.asked == ["null.example."]
    seconds[0] = 3601
    domains.take_mail("null.example")
    assert server.asked == ["null.example."] * 2


def test_whoever_comes_while_all_are_asking_is_believed_at_once():
    going, begun = threading.Event(), threading.Semaphore(0)

    def slow(_: str) -> bool:
        begun.release()
        going.wait(20)
        return False

    domains = MailDomains(slow)
    threads = [threading.Thread(target=domains.take_mail, args=(f"{n}.example",)) for n in range(8)]
    for one in threads:
        one.start()
    for _ in threads:
        assert begun.acquire(timeout=20)
    assert domains.take_mail("another.example")
    going.set()
    for one in threads:
        one.join()
