"""What the DNS says of domains: whether they take mail, and which records they have.

Whether a domain takes mail is asked briefly and remembered for an hour.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import dns.exception
import dns.name
import dns.resolver

_LOOK_SECONDS: Final = 3.0
#: Seconds for each of two questions: whoever waits for the page is a person.
_SECONDS: Final = 0.75
_KEPT_SECONDS: Final = 3600.0
_MOST_KEPT: Final = 4096
#: Of a zone's name servers so many are asked, one after the other.
_NAME_SERVERS: Final = 3
#: Look-ups at the same time; whoever comes then is believed.
_AT_ONCE: Final = 8


class MailDomains:
    """Looks domains up; safe to share between threads.

    Args:
        ask: whether a domain takes mail, None where nobody can tell; `look_up` by default.
        clock: seconds; tests have one of their own.
    """

    def __init__(
        self,
        ask: Callable[[str], bool | None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask or look_up
        self._clock = clock
        self._known: OrderedDict[str, tuple[bool, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(_AT_ONCE)

    def take_mail(self, domain: str) -> bool:
        """Whether mail to a domain (an A-label) can arrive; true where that is not certain."""
        with self._lock:
            found = self._known.get(domain)
        if found is not None and found[1] > self._clock():
            return found[0]
        if not self._free.acquire(blocking=False):
            return True
        try:
            told = self._ask(domain)
        finally:
            self._free.release()
        if told is None:
            return True
        with self._lock:
            self._known[domain] = told, self._clock() + _KEPT_SECONDS
            self._known.move_to_end(domain)
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
        return told


def look_up(domain: str, resolver: dns.resolver.Resolver | None = None) -> bool | None:
    """Whether a domain takes mail, None where nobody can tell now.

    A null MX (RFC 7505) and a name that is not there are a no; a domain without a mail exchanger
    gets its mail at its address (RFC 5321, section 5.1), which is not looked for.

    Args:
        domain: an A-label.
        resolver: who is asked; the machine's own where none is given.
    """
    asked = resolver or dns.resolver.get_default_resolver()
    try:
        answer = asked.resolve(f"{domain}.", "MX", lifetime=_SECONDS)
    except dns.resolver.NXDOMAIN:
        return False if _knows_the_root(asked) else None
    except (dns.exception.DNSException, OSError):
        return None
    return any(record.exchange != dns.name.root for record in answer)


def records(
    name: str, kind: str, resolver: dns.resolver.Resolver | None = None
) -> tuple[str, ...] | None:
    """The records of one kind as text, names without their last dot; None where nobody can tell.

    Args:
        name: a domain; one that is not there has no records.
        kind: "TXT" (its pieces are put together), "CNAME", "MX" ("10 mail.example.org"), "A".
        resolver: who is asked; the machine's own where none is given.
    """
    asked = resolver or dns.resolver.get_default_resolver()
    try:
        answer = asked.resolve(f"{name}.", kind, lifetime=_LOOK_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError):
        return None
    return tuple(sorted(_as_text(record) for record in answer))


class FreshRecords:
    """Records as the zone's own name servers have them: no resolver's memory stands between.

    Where those cannot be asked, which closed networks do not allow, or have nothing, the resolver
    is believed: it also follows names that lead into other zones.

    Args:
        resolver: who finds the name servers; the machine's own where none is given.
    """

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        self._resolver = resolver or dns.resolver.get_default_resolver()
        self._servers: dict[dns.name.Name, dns.resolver.Resolver | None] = {}

    def ask(self, name: str, kind: str) -> tuple[str, ...] | None:
        """The records of one kind; see `records`."""
        own = self._of_zone(name)
        told = records(name, kind, own) if own else None
        return told or records(name, kind, self._resolver)

    def _of_zone(self, name: str) -> dns.resolver.Resolver | None:
        """Who asks the name servers of a name's zone; None where they do not answer."""
        try:
            zone = dns.resolver.zone_for_name(
                f"{name}.", resolver=self._resolver, lifetime=_LOOK_SECONDS
            )
        except (dns.exception.DNSException, OSError):
            return None
        if zone not in self._servers:
            self._servers[zone] = self._find(zone)
        return self._servers[zone]

    def _find(self, zone: dns.name.Name) -> dns.resolver.Resolver | None:
        own = dns.resolver.Resolver(configure=False)
        own.port = self._resolver.port
        try:
            servers = self._resolver.resolve(zone, "NS", lifetime=_LOOK_SECONDS)
            own.nameservers = [
                record.address
                for server in list(servers)[:_NAME_SERVERS]
                for record in self._resolver.resolve(server.target, "A", lifetime=_LOOK_SECONDS)
            ]
            own.resolve(zone, "SOA", lifetime=_LOOK_SECONDS)
        except (dns.exception.DNSException, OSError):
            return None
        return own


def _as_text(record: Any) -> str:  # noqa: ANN401  # a class of its own for every kind
    if strings := getattr(record, "strings", ()):
        return b"".join(strings).decode("utf-8", "replace")
    return record.to_text().removesuffix(".").lower()  # type: ignore[no-any-return]


def _knows_the_root(resolver: dns.resolver.Resolver) -> bool:
    """Some resolvers of closed networks say of every name that it is not there."""
    try:
        resolver.resolve(".", "NS", lifetime=_SECONDS)
    except (dns.exception.DNSException, OSError):
        return False
    return True
