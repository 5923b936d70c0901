"""The server's thread: start, stop, and questions asked from outside."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import random
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.commands import HANGS

from .account import Account, Settings
from .control import control, reset
from .desk import Desk
from .faults import SENDS, Fault, Script
from .record import Log, Mail, Record, State
from .shapes import warm
from .signature import ACCESS_KEY, SECRET_KEY
from .wire import Connection, Hall

T = TypeVar("T")
#: More turns of the loop than asyncio takes from the kernel's queue to connection_made.
_TURNS = 6


class FakeSes:
    """A fake SESv2 (and STS GetCallerIdentity) on a port of this machine.

    Example:
        with FakeSes(rate=14, latency=0.04) as ses:
            ses.script(Fault(kind="reset", requests=(3,), accept=True))
            ...  # send to ses.url
            assert ses.state.duplicates == {}

    Args:
        *faults: The script to begin with.
        host: The address to listen on.
        port: The port; 0 for a free one.
        log: An append-only file of accepted messages.
        fsync: Whether a line of the log is on the disk before the answer leaves.
        seed: Seeds the probabilities and the jitter.
        tls: Speak HTTPS, with the certificate of this context.
        **settings: Fields of Settings.
    """

    def __init__(
        self,
        *faults: Fault,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        fsync: bool = False,
        seed: int = 0,
        tls: ssl.SSLContext | None = None,
        **settings: Any,
    ) -> None:
        self._host = host
        self._port = port
        self._log_path = log
        self._fsync = fsync
        self._seed = seed
        self._tls = tls
        self._log: Log | None = None
        self._desk = Desk(
            Account(Settings(**settings)), Record(), Script(faults, seed=seed), defects=[]
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None and self._desk.defects:
            raise RuntimeError("the fake failed:\n" + "\n".join(self._desk.defects))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for a plain socket."""
        return self._host, self._port

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that point AWS's clients here."""
        return {
            "AWS_ENDPOINT_URL_SESV2": self.url,
            "AWS_ENDPOINT_URL_STS": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": self.settings.region,
            "AWS_DEFAULT_REGION": self.settings.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        warm(SENDS)
        if self._log_path is not None:
            self._log = Log(self._log_path, fsync=self._fsync)
            self._desk.record.log = self._log
        begun: Future[int] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(begun,), name="fake-ses", daemon=True
        )
        self._thread.start()
        self._port = begun.result(HANGS)

    def stop(self) -> None:
        """Close every connection and end the thread; counts can still be read."""
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(HANGS)
        self._loop = self._thread = None
        self._desk.publisher.stop()
        if self._log is not None:
            self._log.close()
            self._log = self._desk.record.log = None

    @property
    def state(self) -> State:
        """A snapshot of all counts."""
        return self._ask(lambda: self._desk.record.state(self._desk.script.used()))

    @property
    def requests(self) -> int:
        """HTTP requests whose head was read."""
        return self._ask(lambda: self._desk.record.requests)

    @property
    def accepted(self) -> dict[str, int]:
        """Per recipient, messages accepted."""
        return self.state.accepted

    @property
    def received(self) -> dict[str, int]:
        """Per recipient, messages in requests read whole."""
        return self.state.received

    @property
    def messages(self) -> list[Mail]:
        """The accepted messages, when `keep_messages` is on."""
        return self._ask(lambda: list(self._desk.record.messages))

    @property
    def times(self) -> list[float]:
        """When each recipient was accepted, in seconds of the monotonic clock."""
        return self._ask(self._desk.record.times.tolist)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._desk.account.settings

    def script(self, *faults: Fault, clear: bool = False) -> None:
        """Add faults, after taking out the old ones when `clear`."""

        def put() -> None:
            if clear:
                self._desk.script.clear()
            self._desk.script.add(faults)

        self._ask(put)

    def change(self, **settings: Any) -> None:
        """Change fields of Settings."""
        changed = dataclasses.replace(self.settings, **settings)
        self._ask(lambda: self._desk.account.change(changed))

    def order(self, domain: str, **states: Any) -> None:
        """Put an identity in a state, see `Configuration.order`."""
        self._ask(lambda: self._desk.configuration.order(domain, **states))

    def configured(self) -> dict[str, Any]:
        """Identities, configuration sets and destinations, to be compared."""
        return self._ask(self._desk.configuration.snapshot)

    def published(self) -> None:
        """Return when the events of everything accepted are in their topics."""
        self._desk.publisher.wait()

    def reset(self) -> None:
        """Forget counts, kept messages, faults, the day's quota and what was set up."""
        self._ask(lambda: reset(self._desk))

    def quiet(self, timeout: float = HANGS) -> State:
        """Wait until no client is connected any more, then take a snapshot.

        After a kill of the client this is the moment when everything it had written was read.

        Raises:
            TimeoutError: A connection stayed open.
        """
        end = time.monotonic() + timeout
        while open_connections := self._settled():
            if time.monotonic() > end:
                raise TimeoutError(f"{open_connections} connections are still open")
            time.sleep(0.005)
        return self.state

    def _settled(self) -> int:
        """How many connections are open, those counted that were still waiting to be taken up."""
        if self._loop is None:
            return 0

        async def turns() -> int:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            return self._desk.record.open_connections

        return asyncio.run_coroutine_threadsafe(turns(), self._loop).result(HANGS)

    def _ask(self, question: Callable[[], T]) -> T:
        """Answer in the server's thread, so that no request is half counted."""
        loop = self._loop
        if loop is None:
            return question()
        answer: Future[T] = Future()

        def give() -> None:
            try:
                answer.set_result(question())
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                answer.set_exception(error)

        loop.call_soon_threadsafe(give)
        return answer.result(HANGS)

    def _run(self, begun: Future[int]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            connections: set[Connection] = set()
            hall = Hall(
                desk=self._desk,
                control=functools.partial(control, desk=self._desk),
                chance=random.Random(self._seed),
                connections=connections,
            )
            try:
                server = runner.run(self._listen(hall))
            except OSError as error:
                begun.set_exception(error)
                return
            self._loop = loop
            begun.set_result(server.sockets[0].getsockname()[1])
            loop.run_forever()
            runner.run(_ended(server, connections))

    async def _listen(self, hall: Hall) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: Connection(hall), self._host, self._port, backlog=1024, ssl=self._tls
        )


async def _ended(server: asyncio.Server, connections: set[Connection]) -> None:
    """Close everything and let asyncio notice, so that no socket is left to the collector."""
    server.close()
    # A connection just taken from the kernel needs some turns of the loop to become ours, and
    # an aborted one another to be closed.
    for _ in range(2 * _TURNS):
        for connection in tuple(connections):
            connection.end()
        await asyncio.sleep(0)
