"""The connections to SES: one for each thread, none used again after a rest."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

CONNECT_SECONDS: Final = 10


class Wire:
    """Sends requests on connections of the thread's own, none idle for long.

    It knows whether a thread's request came as far as here: before, nothing can have left.
    """

    def __init__(self, verify: Any, read_seconds: float, idle_seconds: float) -> None:  # noqa: ANN401  # True, or a bundle's path
        self._verify = verify
        # botocore's stubs know one number; the client itself passes a pair.
        self._seconds: Any = (CONNECT_SECONDS, read_seconds)
        self._idle = idle_seconds
        self._own = threading.local()
        self._all: list[URLLib3Session] = []

    def forget(self) -> None:
        """Begin a delivery: this thread has sent nothing yet."""
        self._own.sent = False

    def used(self) -> bool:
        """Whether this thread has sent a request, or begun to, since `forget`."""
        return bool(self._own.sent)

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Send one request; botocore's `before-send` event takes the answer as its own."""
        session = self._fresh(request.url)
        self._own.sent = True
        try:
            return session.send(request)
        finally:
            self._own.at = time.monotonic()

    def close(self) -> None:
        """Hang up, for every thread."""
        for session in self._all:
            session.close()

    def _fresh(self, url: str) -> URLLib3Session:
        session: URLLib3Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = URLLib3Session(
                verify=self._verify,
                proxies=get_environ_proxies(url),
                timeout=self._seconds,
                max_pool_connections=1,
            )
            self._all.append(session)
        elif time.monotonic() - self._own.at > self._idle:
            session.close()
        return session
