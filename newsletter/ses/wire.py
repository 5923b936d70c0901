"""The connections to SES: one for each thread, none used again after a rest."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from newsletter import clocks
from newsletter.ses.connection import (
    NotConnectedError,
    RequestProgress,
    Route,
    SesConnection,
    route_to,
)
from newsletter.ses.http1 import HttpResponse, MalformedResponseError
from newsletter.ses.recent import RecentNames

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

#: How many answers are known again, should a proxy hand one out twice.
_NAMES: Final = 10_000
CONNECT_SECONDS: Final = 10.0
#: AWS's name for one answer; no two have the same.
REQUEST_ID: Final = "x-amzn-requestid"


class Wire:
    """Sends requests on connections of the thread's own, none idle for long.

    Nothing here tries twice: a request is written once, on one connection, and whatever goes wrong
    is raised. No redirect is followed.

    Args:
        bundle: file of certificates to trust, "" for those that come with botocore.
        read_seconds: for a request and its whole answer.
        idle_seconds: after how long a connection is not used again.
        connect_seconds: for a connection, with proxy and TLS.
    """

    def __init__(
        self,
        bundle: str,
        read_seconds: float,
        idle_seconds: float,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._bundle = bundle
        self._read_seconds, self._connect_seconds = read_seconds, connect_seconds
        self._idle = idle_seconds
        self._own = threading.local()
        self._lock = threading.Lock()
        self._open: set[SesConnection] = set()
        self._answers = RecentNames(_NAMES)
        self._routes: dict[str, Route] = {}
        self._context: ssl.SSLContext | None = None

    def forget(self) -> None:
        """Begin a delivery: this thread has sent nothing yet."""
        self._own.record = RequestProgress()
        self._own.answer = None

    @property
    def begun(self) -> bool:
        """Whether a byte of this thread's request may have left since `forget`."""
        record: RequestProgress = self._own.record
        return record.begun

    @property
    def answer(self) -> HttpResponse | None:
        """The answer to this thread's request since `forget`, None where there was none."""
        answer: HttpResponse | None = self._own.answer
        return answer

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Send one request; botocore's `before-send` event takes the answer as its own.

        Raises:
            NotConnectedError: no connection; nothing has left.
            ClosedError, MalformedResponseError, OSError: no answer that can be read.
            ValueError: the request cannot be written down; nothing has left.
        """
        answer = self._exchange(request)
        self._own.answer = answer
        return response(request, answer.status, dict(answer.headers), answer.body)

    def hang_up(self) -> None:
        """Close this thread's connection."""
        kept: SesConnection | None = getattr(self._own, "connection", None)
        if kept is not None:
            self._own.connection = None
            self._drop(kept)

    def close(self) -> None:
        """Close every thread's connection; call it when nothing is in flight."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            connection.close()

    def _exchange(self, request: AWSPreparedRequest) -> HttpResponse:
        record: RequestProgress = self._own.record
        connection = self._connection(self._route(request.url), record)
        parts = urlsplit(request.url)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        body: Any = request.body or b""
        headers: Any = request.headers
        kept = False
        try:
            answer = connection.exchange(
                request.method, path, headers, body.encode() if isinstance(body, str) else body,
                seconds=self._read_seconds, record=record,
            )  # fmt: skip
            self._expect_another(answer)
            # What is not an answer of SES may be followed by more than nobody asked for.
            kept = answer.keep and (answer.status == HTTPStatus.OK or answer.refuses)
            # A proxy may pass on SES's word that more may follow, and hang up all the same.
            kept = kept and not connection.forwards
        finally:
            if kept:
                self._own.connection, self._own.at = connection, clocks.seconds()
            else:
                self._drop(connection)
        return answer

    def _expect_another(self, answer: HttpResponse) -> None:
        """An answer that came before, to whichever thread, belongs to another request.

        Raises:
            MalformedResponseError: it has the name of an earlier one.
        """
        name = answer.header(REQUEST_ID)
        if name and not self._answers.take([name]):
            raise MalformedResponseError("it is the answer to an earlier request")

    def _connection(self, route: Route, record: RequestProgress) -> SesConnection:
        """The thread's connection, taken from it, if it may be used again; or a new one.

        Raises:
            NotConnectedError: none came about.
        """
        kept: SesConnection | None = getattr(self._own, "connection", None)
        if kept is not None:
            self._own.connection = None
            rested = clocks.seconds() - self._own.at
            if kept.route == route and rested <= self._idle and kept.is_silent():
                return kept
            self._drop(kept)
        connection = SesConnection(route, self._trusted, self._connect_seconds, record)
        with self._lock:
            self._open.add(connection)
        return connection

    def _drop(self, connection: SesConnection) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def _route(self, url: str) -> Route:
        """The route to a URL, by way of the proxy that the environment names for it."""
        parts = urlsplit(url)
        key = f"{parts.scheme}://{parts.netloc}"
        route = self._routes.get(key)
        if route is None:
            proxy = get_environ_proxies(url).get(parts.scheme, "")
            route = self._routes[key] = route_to(url, proxy)
        return route

    def _trusted(self) -> ssl.SSLContext:
        """The certificates to trust, read once.

        Raises:
            NotConnectedError: they cannot be read.
        """
        with self._lock:
            if self._context is None:
                try:
                    self._context = ssl.create_default_context(
                        cafile=self._bundle or str(get_cert_path(verify=True))
                    )
                except OSError as error:
                    raise NotConnectedError(
                        f"the trusted certificates cannot be read ({type(error).__name__}); "
                        "AWS_CA_BUNDLE or ca_bundle names them"
                    ) from error
                # Whoever else may offer HTTP/2, it is not spoken here.
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context


def response(
    request: AWSPreparedRequest, status: int, headers: Mapping[str, str], body: bytes
) -> AWSResponse:
    """An answer as botocore wants to read it."""
    fields: Any = headers
    return AWSResponse(request.url, status, fields, _Body(body))


class _Body:
    """A body that botocore can read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body
