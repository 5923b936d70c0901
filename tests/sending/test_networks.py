"""Every special-purpose range of IANA's registries, at both its ends, and what lies beside it."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.http import Fetcher
from newsletter.networks import is_public

#: The registries' ranges that are not globally reachable, or reachable for a few only.
CLOSED = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/29
192.0.0.8/32 192.0.0.170/32 192.0.0.171/32 192.0.0.255/32 192.0.2.0/24 192.88.99.0/24
192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
255.255.255.255/32
::/128 ::1/128 ::/96 ::ffff:10.0.0.0/104 ::ffff:0:0:0/96 64:ff9b::7f00:0/104 64:ff9b::a00:0/104
64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/32 2001:2::/48 2001:10::/28 2001:1::/128
2001:1::4/128 2001:db8::/32 2002:a00::/24 2002:7f00::/24 2002:c0a8::/32 3fff::/20 5f00::/16
fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()
#: Special, and the world's all the same; then plain neighbours.
OPEN = """
192.0.0.9/32 192.0.0.10/32 192.31.196.0/24 192.52.193.0/24 192.175.48.0/24
64:ff9b::101:101/128 64:ff9b::808:0/112 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32
2001:4:112::/48 2001:20::/28 2001:30::/28 2620:4f:8000::/48 2002:101:101::/48 ::ffff:1.1.1.1/128
1.1.1.1/32 100.63.255.255/32 100.128.0.0/32 172.32.0.0/32 192.0.1.0/32 198.17.255.255/32
198.20.0.0/32 223.255.255.255/32 2001:200::/32 2606:4700::1111/128 3ffe::/32
""".split()

OPENED = {ipaddress.ip_address("192.0.0.9"), ipaddress.ip_address("192.0.0.10")}


@pytest.mark.parametrize(
    ("network", "public"), [*((n, False) for n in CLOSED), *((n, True) for n in OPEN)]
)
def test_a_range_is_what_the_registry_says_from_its_first_address_to_its_last(network, public):
    whole = ipaddress.ip_network(network)
    middle = whole[whole.num_addresses // 2]
    assert {is_public(address) for address in (whole[0], middle, whole[-1])} == {public}


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_as_public_as_alone(address):
    for shape in ("::ffff:0:0", "64:ff9b::"):
        inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(shape)) | int(address))
        assert is_public(inside) is is_public(address)
    tunnelled = ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80 | 1)
    assert is_public(tunnelled) is is_public(address)
    compatible = ipaddress.IPv6Address(int(address))
    assert not is_public(compatible)


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_public_only_where_the_registry_opens_it(address):
    if is_public(address) and not address.is_global:
        assert address in OPENED


@pytest.mark.parametrize("zone", ["fe80::1%eth0", "2606:4700::1111%1"])
def test_an_address_with_a_zone_is_on_this_machine_s_own_link(zone):
    assert not is_public(ipaddress.ip_address(zone))


@pytest.mark.sweep
@pytest.mark.parametrize(
    "answers",
    [["10.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["10.0.0.1", "1.1.1.1"], ["fe80::1%lo"],
     ["2606:4700::1111", "::ffff:127.0.0.1"], ["192.88.99.1"], ["64:ff9b:1::1"]],
)  # fmt: skip
def test_one_answer_that_leads_inside_refuses_the_host(monkeypatch, answers):
    def found(_host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in answers]

    def never(*_, **__):
        raise AssertionError("it was connected to")

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(socket, "create_connection", never)
    reply = Fetcher().ask("http://a.example/")
    assert (reply.problem, reply.certain) == ("its server is in a private network", True)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:7f00:1]", "[::1]", "0"]
)
def test_no_spelling_of_this_machine_is_asked(host, monkeypatch):
    def never(*_, **__):
        raise AssertionError("it was connected to")

    monkeypatch.setattr(socket, "create_connection", never)
    assert Fetcher().ask(f"http://{host}/").status == 0
