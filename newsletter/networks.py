"""Which addresses belong to the world, after IANA's two registries of special-purpose addresses.

https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as they
stood in 2025. Python's own table depends on its version and lacks some ranges.
"""

from __future__ import annotations

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def _networks(text: str) -> _Networks:
    return tuple(ipaddress.ip_network(word) for word in text.split())


#: "Globally Reachable" is not True there; and multicast, which no registry of those two lists.
_CLOSED: Final = _networks("""
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    224.0.0.0/4 240.0.0.0/4
    2001::/23 2001:db8::/32 3fff::/20
""")
#: Inside one of those, and reachable all the same.
_OPEN: Final = _networks("""
    192.0.0.9/32 192.0.0.10/32
    2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32 2001:4:112::/48 2001:20::/28 2001:30::/28
""")
#: All that is assigned to the world (RFC 4291, section 2.4). Outside lie loopback, mapped,
#: compatible and translated IPv4, NAT64 of one's own, discard-only, dummy, SRv6, unique local,
#: link-local, site-local and multicast addresses.
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
#: RFC 6052, section 2.1: an IPv4 address in the last 32 bits.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address belongs to the world: not to this machine, its network or no one.

    What carries an IPv4 address inside is as public as that: mapped, 6to4 and NAT64.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    return not _is_in(address, _CLOSED) or _is_in(address, _OPEN)


def _is_in(address: Address, networks: _Networks) -> bool:
    return any(address in network for network in networks if network.version == address.version)
