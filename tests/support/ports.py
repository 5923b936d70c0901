"""Ports for programs that must be told one before they listen."""

from __future__ import annotations

import itertools
import os
import socket
from typing import Final

#: Below those that the system gives to whoever connects, so that none of them takes one meanwhile;
#: each process of the tests has some of its own.
_FIRST: Final = 20_000
_EACH: Final = 500
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20
_BEGIN: Final = _FIRST + _WORKER * _EACH
_START: Final = os.getpid() % _EACH
_ports = itertools.cycle(_BEGIN + (_START + number) % _EACH for number in range(_EACH))


def free_port() -> int:
    """One on which nothing listens, and which nobody else is given for a long while."""
    for port in _ports:
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError
