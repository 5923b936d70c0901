"""The one way out over HTTP: what it may ask, what it never asks, and what it says."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.http import Address, Fetcher, Reply, is_public
from tests.support.certificates import certificate, server_side
from tests.support.ports import free_port
from tests.support.web_servers import Told, dripping, silent, torn, web_server

__all__ = ["certificate"]

pytestmark = pytest.mark.processes


def anywhere(_: Address) -> bool:
    return True


#: Tests have no world but this machine.
HERE = Fetcher(allowed=anywhere, seconds=5.0)


def asked(told: Told, path: str, fetcher: Fetcher = HERE) -> Reply:
    with web_server(told):
        return fetcher.ask(told.url(path))


def test_a_page_that_is_there_answers_with_its_status_and_size():
    told = Told({"/a?b=c": (200, {}, b"hello")})
    reply = asked(told, "/a?b=c#d")
    assert (reply.status, reply.problem, reply.certain, reply.size) == (200, "", False, 5)
    assert told.asked == ["GET /a?b=c"]
    assert told.headers["Host"] == f"127.0.0.1:{told.port}"
    assert told.headers["User-Agent"].startswith("newsletter")
    assert "Cookie" not in told.headers
    assert "Referer" not in told.headers


@pytest.mark.parametrize("status", [204, 304, 401, 403, 404, 410, 429, 500, 503, 999])
def test_a_status_is_an_answer_and_no_problem(status):
    reply = asked(Told({"/": (status, {}, b"")}), "")
    assert (reply.status, reply.problem) == (status, "")


def test_redirects_are_followed_to_their_end():
    told = Told({
        "/a": (301, {"Location": "/b"}, b""), "/b": (302, {"Location": "c?d"}, b""),
        "/c?d": (308, {"Location": ""}, b""),
    })  # fmt: skip
    reply = asked(told, "/a")
    assert told.asked == ["GET /a", "GET /b", "GET /c?d"]
    assert (reply.status, reply.url) == (308, told.url("/c?d"))


def test_redirects_without_end_are_given_up_after_five():
    told = Told({"/a": (302, {"Location": "/a"}, b"")})
    reply = asked(told, "/a")
    assert (reply.problem, reply.certain) == ("it redirects without end", True)
    assert len(told.asked) == 6


def test_what_is_posted_is_sent_once_and_never_sent_on():
    told = Told({"/hook": (307, {"Location": "/other"}, b"")})
    with web_server(told):
        reply = HERE.ask(
            told.url("/hook"),
            method="POST",
            body=b"{}",
            headers={"Content-Type": "application/json"},
        )
    assert (reply.status, told.asked, told.bodies) == (307, ["POST /hook"], [b"{}"])
    assert told.headers["Content-Type"] == "application/json"


# Where it never goes


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://127.1:{}/", "http://2130706433:{}/", "http://0x7f000001:{}/",
     "http://[::ffff:127.0.0.1]:{}/", "http://0.0.0.0:{}/", "http://[::1]:{}/", "http://127.0.0.1.:{}/"],
)  # fmt: skip
def test_this_machine_is_never_asked_however_it_is_spelt(url):
    told = Told({"/": (200, {}, b"secret")})
    with web_server(told):
        reply = Fetcher(seconds=5.0).ask(url.format(told.port))
    assert told.asked == []
    assert reply.status == 0
    assert reply.problem in {
        "its server is in a private network", "there is no such host",
        "its name cannot be looked up",
    }  # fmt: skip


def test_a_redirect_into_a_private_network_is_not_followed():
    told = Told({"/a": (302, {"Location": "http://127.0.0.2/secret"}, b"")})

    def first_only(address: Address) -> bool:
        return str(address) == "127.0.0.1"

    with web_server(told):
        reply = Fetcher(allowed=first_only, seconds=5.0).ask(told.url("/a"))
    assert reply == Reply(
        url="http://127.0.0.2/secret",
        problem="its server is in a private network",
        certain=True,
    )


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("192.0.2.7", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    judged = Fetcher(allowed=lambda a: a != ipaddress.ip_address("10.0.0.1"), seconds=1.0)
    assert judged.ask("http://a.example/").problem == "its server is in a private network"


def test_the_address_that_was_judged_is_the_one_that_is_asked(monkeypatch):
    # A name may lead elsewhere at the second look-up (DNS rebinding); there is none.
    told = Told({"/": (200, {}, b"")})
    looked_up = []

    def once(host, port, **_):
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    real = socket.getaddrinfo
    with web_server(told):
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda h, p, *a, **k: once(h, p) if h == "a.example" else real(h, p, *a, **k),
        )
        assert HERE.ask(f"http://a.example:{told.port}/").status == 200
    assert looked_up == ["a.example"]
    assert told.headers["Host"] == f"a.example:{told.port}"


def test_an_address_that_does_something_is_not_asked_even_behind_a_redirect():
    told = Told({"/a": (302, {"Location": "/u/token"}, b""), "/u/token": (200, {}, b"gone")})
    with web_server(told):
        careful = Fetcher(allowed=anywhere, refused=lambda url: "/u/" in url)
        replies = [careful.ask(told.url("/u/token")), careful.ask(told.url("/a"))]
    assert told.asked == ["GET /a"]
    assert [r.problem for r in replies] == 2 * ["it is one of our own, which does something"]


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "file:///etc/passwd", "http://", "http://user@127.0.0.1/", "http://127.0.0.1:99999/", "http://[::1", "", "mailto:a@b.example",
     "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/a b"],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_said_to_be_none(url):
    reply = HERE.ask(url)
    assert reply.status == 0
    assert reply.problem in {"it is no plain web address", "nobody answers there"}


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True), ("2606:4700::1111", True), ("10.0.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False), ("100.64.0.1", False),
        ("169.254.169.254", False), ("127.0.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False), ("192.0.2.1", False),
        ("::1", False), ("::", False), ("fe80::1", False), ("fc00::1", False), ("ff02::1", False), ("::ffff:10.0.0.1", False), ("::ffff:1.1.1.1", True),
        ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False), ("64:ff9b::101:101", True), ("2001:db8::1", False),
    ],
)  # fmt: skip
def test_only_addresses_of_the_world_are_public(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_in_the_clothes_of_another_version(address):
    for clothes in ("::ffff:0:0", "64:ff9b::"):
        dressed = ipaddress.IPv6Address(int(ipaddress.IPv6Address(clothes)) | int(address))
        assert is_public(dressed) is is_public(address)


# What goes wrong


def test_a_closed_port_is_told():
    reply = HERE.ask(f"http://127.0.0.1:{free_port()}/")
    assert (reply.problem, reply.certain) == ("nobody answers there", False)


def test_a_host_that_is_not_there_is_told(monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    reply = HERE.ask("http://nobody.example/")
    assert (reply.problem, reply.certain) == ("there is no such host", True)


def test_a_name_server_that_is_away_says_nothing_about_the_link(monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    reply = HERE.ask("http://nobody.example/")
    assert (reply.problem, reply.certain) == ("its name cannot be looked up", False)


@pytest.mark.parametrize("manner", [dripping, silent])
def test_a_server_that_never_finishes_is_given_up_in_time(manner):
    reply = asked(Told({"/": manner}), "/", Fetcher(allowed=anywhere, seconds=0.5))
    # The server goes on for a minute, and whoever waits for its end says something else.
    assert (reply.problem, reply.certain) == ("no answer in time", False)


def test_half_an_answer_is_none():
    assert asked(Told({"/": torn}), "/").problem == "the connection broke"


def test_a_certificate_nobody_vouches_for_is_told(certificate):
    told = Told({"/": (200, {}, b"")})
    with web_server(told, tls=server_side(certificate)):
        distrusted = HERE.ask(told.url("/", scheme="https"))
        trusting = Fetcher(allowed=anywhere, tls=ssl.create_default_context(cafile=certificate))
        trusted = trusting.ask(told.url("/", scheme="https"))
        plain = HERE.ask(told.url("/"))
    assert (distrusted.problem, distrusted.status) == ("its certificate is not valid", 0)
    assert (trusted.status, trusted.problem) == (200, "")
    assert plain.problem == "the connection broke"


def test_the_certificates_of_the_system_are_read_once(certificate, monkeypatch):
    reads = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *args: reads.append(args))
    told = Told({"/": (200, {}, b"")})
    fetcher = Fetcher(allowed=anywhere)
    with web_server(told, tls=server_side(certificate)):
        for _ in range(3):
            assert fetcher.ask(told.url("/", scheme="https")).problem
    assert len(reads) == 1


def test_a_server_without_tls_is_told():
    told = Told({"/": (200, {}, b"")})
    with web_server(told):
        reply = HERE.ask(told.url("/", scheme="https"))
    assert reply.problem == "it does not speak TLS"


# How much


def test_a_body_without_a_stated_size_is_read_up_to_a_limit_and_no_further():
    whole = {"/": (200, {"Content-Length": ""}, b"x" * 300_000)}
    sizes = [
        asked(Told(whole), "/", Fetcher(allowed=anywhere, read=n)).size
        for n in (0, 100_000, 999_999)
    ]
    assert sizes == [None, 100_000, 300_000]


def test_a_stated_size_is_believed_without_reading():
    told = Told({"/": (200, {"Content-Length": "123456789"}, b"x")})
    assert asked(told, "/").size == 123_456_789


def test_many_are_asked_at_once_but_one_server_only_once_at_a_time():
    def slow(handler):
        time.sleep(0.05)
        handler.answer(200, {}, b"")

    told = Told({f"/{n}": slow for n in range(6)})
    with web_server(told):
        urls = [told.url(f"/{n}") for n in range(6)]
        replies = HERE.ask_all([*urls, urls[0]])
    assert list(replies) == urls
    assert {r.status for r in replies.values()} == {200}
    assert sorted(told.asked) == sorted(f"GET /{n}" for n in range(6))
    assert told.most_at_once == 1
