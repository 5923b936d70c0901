"""The pages that a test calls in its own process run in one event loop, as they do when served.

Starlette's client makes a loop and its threads anew for each request, for more time than a page takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.testclient import TestClient

_running = ExitStack()
_portals: list[BlockingPortal] = []


def _portal() -> BlockingPortal:
    """One for each process."""
    if not _portals:
        _portals.append(_running.enter_context(start_blocking_portal()))
    return _portals[0]


@contextmanager
def _shared(client: TestClient) -> Iterator[BlockingPortal]:
    """The client's own in a `with` of its own, where pages begin and end."""
    yield client.portal or _portal()


TestClient._portal_factory = _shared  # type: ignore[method-assign,assignment]


def pytest_unconfigure() -> None:
    """The loops end."""
    _portals.clear()
    _running.close()
