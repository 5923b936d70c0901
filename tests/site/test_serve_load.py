"""The public pages stand: whatever comes in at the socket, a reader's one click is answered."""

from __future__ import annotations

import contextlib
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from newsletter.audience.tokens import make_token
from newsletter.server.connections import Limits, within_descriptors
from newsletter.store import Store, signing_keys
from tests.support import readers
from tests.support.cli_fixtures import plain_environment
from tests.support.commands import HANGS, Command
from tests.support.store_samples import people, store_with, url_in

__all__ = ["plain_environment"]

pytestmark = pytest.mark.processes

SERVE = """
import datetime as dt, os, resource, socket, sys
from newsletter.store import Store
from newsletter import server as app, site as public
from newsletter.server.connections import Limits
from tests.support.web_fixtures import settings_of
url, descriptors, limits = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
os.dup2(os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT, 0o600), 2)  # it may say a lot
if descriptors:
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
with Store.open(url, patience=2) as store:
    door = app.listen("127.0.0.1", 0)
    # What nobody takes fills a small buffer soon.
    door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    public.serve(
        store, settings_of(), lambda: dt.datetime.now(dt.UTC), door,
        lambda: print(door.getsockname()[1], flush=True), limits=Limits(**limits),
    )
"""


@dataclass
class Server:
    """The pages in a process of their own."""

    process: Command
    port: int
    folder: Path
    log: Path
    tokens: list[str] = field(default_factory=list)

    def connect(self, data: bytes = b"") -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        if data:
            one.sendall(data)
        return one

    def post(
        self, person: int = 1, body: bytes = b"List-Unsubscribe=One-Click", more: str = ""
    ) -> bytes:
        """A request to leave, as bytes."""
        head = f"POST /u/{self.tokens[person - 1]} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def status(self, person: int = 1) -> str:
        with Store.open(url_in(self.folder), read_only=True) as store:
            return readers.status_of(store, f"reader{person}@example.org")

    def end(self) -> str:
        """Stop it, and give what it has said."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=HANGS)
        return self.log.read_text("utf-8")


@contextlib.contextmanager
def serving(tmp_path: Path, *, descriptors: int = 0, **limits: float) -> Iterator[Server]:
    with store_with(tmp_path, people(12)) as store:
        key = signing_keys.newest(store)
        tokens = [make_token(one.handle, key) for one in readers.people(store)]
    log = tmp_path / "stderr"
    words = (url_in(tmp_path), str(descriptors), repr(limits), str(log))
    with Command(tmp_path, words, program=SERVE) as process:
        yield Server(process, int(process.stdout.readline() or 0), tmp_path, log, tokens)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with serving(tmp_path) as it:
        yield it


def rest(one: socket.socket) -> bytes:
    """All that comes until the other side closes; a minute is far more than any limit here."""
    one.settimeout(60)
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := one.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answer(one: socket.socket) -> bytes:
    """The first line of what comes."""
    one.settimeout(60)
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while b"\r\n" not in data and (part := one.recv(65536)):
            data += part
    return data.split(b"\r\n")[0]


def answers(data: bytes) -> list[int]:
    """The status of each answer in what came."""
    return [int(status) for status in re.findall(rb"HTTP/1[.]1 (\d{3}) ", data)]


def drip(one: socket.socket, piece: bytes) -> bool:
    """Send a piece again and again; whether the other side has had enough within a minute or so."""
    try:
        for _ in range(3000):
            one.sendall(piece)
            time.sleep(0.02)
    except OSError:
        return True
    return False


@contextlib.contextmanager
def many(server: Server, number: int, data: bytes) -> Iterator[list[socket.socket]]:
    """So many connections at once that have sent a piece of a request."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(number):
            one = stack.enter_context(socket.socket())
            one.settimeout(60)
            one.connect(("127.0.0.1", server.port))
            with contextlib.suppress(OSError):
                one.sendall(data)
            found.append(one)
        yield found


def closed(connections: list[socket.socket]) -> int:
    """How many of them the other side has closed by now."""
    poll = select.poll()
    for one in connections:
        poll.register(one, select.POLLIN)
    return len(poll.poll(0))


# --- many --------------------------------------------------------------------------------------


def test_one_click_is_answered_while_far_more_connections_are_held_open_than_may_be(tmp_path):
    """Deadlines far away: it is the cap alone that lets the reader in."""
    with (
        serving(tmp_path, connections=100, head=600, body=600, summary=0.2) as server,
        many(server, 300, b"POST /u/x HTTP/1.1\r\nHost: x\r\n") as held,
    ):
        with server.connect(server.post()) as reader:
            assert answer(reader) == b"HTTP/1.1 200 OK"
        assert server.status() == "unsubscribed"
        # The oldest have gone; the newest, and the reader before them, were left alone.
        assert closed(held[:150]) == 150
        assert closed(held[-50:]) == 0
        told = server.end()
    counted = sum(int(line.split()[0]) for line in told.splitlines())
    assert 201 <= counted <= 301
    assert "connections were closed that sent no whole request in time" in told
    assert len(told) < 2000


def test_fewer_descriptors_than_connections_spin_nothing_and_fill_no_log(tmp_path):
    with serving(tmp_path, descriptors=60, head=600, summary=0.2) as server:
        with many(server, 120, b"GET"):
            with server.connect(server.post()) as reader:
                assert answer(reader) == b"HTTP/1.1 200 OK"
            before = _cpu_seconds(server.process.pid)
            time.sleep(1.5)
            assert _cpu_seconds(server.process.pid) - before < 1
        assert server.status() == "unsubscribed"
        told = server.end()
    assert "Traceback" not in told
    assert "Too many open files" not in told
    assert len(told) < 2000


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.slow
def test_two_thousand_connections_for_a_minute(tmp_path, request):
    """With `--long` at full length and the real deadlines, opened anew as they are closed."""
    long = request.config.getoption("--long")
    number, seconds = (2000, 60) if long else (400, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)))
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    half = b"POST /u/x HTTP/1.1\r\nHost: "
    with serving(tmp_path) as server, many(server, number, half) as held:
        end, person = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for place, one in enumerate(held):
                try:
                    one.sendall(b"x")
                except OSError:
                    one.close()
                    held[place] = server.connect(half)
            person = person % 12 + 1
            with server.connect(server.post(person)) as reader:
                assert answer(reader) == b"HTTP/1.1 200 OK"
            assert server.status(person) == "unsubscribed"
        told = server.end()
        for one in held:
            one.close()
    assert "Traceback" not in told
    assert len(told) < 100_000


def test_as_many_descriptors_as_may_be_are_asked_for():
    code = (
        "import resource, sys; from newsletter.server.connections import *;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[1])));"
        "print(within_descriptors(Limits()).connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    for hard, told in ((4096, "1000 2256"), (512, "256 512"), (64, "32 64")):
        out = subprocess.run(
            [sys.executable, "-c", code, str(hard)], capture_output=True, text=True, check=True
        ).stdout
        assert out.strip() == told
    assert within_descriptors(Limits(connections=5)).connections == 5


# --- slow, wrong, lying ------------------------------------------------------------------------


def test_a_head_that_comes_a_byte_at_a_time_does_not_outlive_its_time(tmp_path):
    with serving(tmp_path, head=0.5, summary=600) as server:
        with server.connect(b"GET /healthz HTTP/1.1\r\nX: ") as one:
            assert drip(one, b"x")
        # It is the same behind an answer: no byte begins the time anew.
        with server.connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") as one:
            assert answer(one) == b"HTTP/1.1 200 OK"
            assert drip(one, b"x")
        assert server.end() == "2 connections were closed that sent no whole request in time\n"


def test_who_sends_nothing_is_let_go(tmp_path):
    with serving(tmp_path, head=0.2, idle=1) as server:
        with server.connect() as one:
            assert rest(one) == b""
        with server.connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") as one:
            assert rest(one).endswith(b"ok\n")


def test_a_body_that_drips_has_left_all_the_same_and_is_let_go(tmp_path):
    with serving(tmp_path, body=1) as server:
        with server.connect(server.post(body=b"x" * 1000)[:-900]) as one:
            rest(one)
        assert server.status() == "unsubscribed"
        assert "Traceback" not in server.end()


@pytest.mark.parametrize("piece", [b"1\r\nx\r\n", b"1;" + b"e" * 500 + b"\r\nx\r\n"])
def test_chunks_that_never_end_have_left_all_the_same_and_are_let_go(tmp_path, piece):
    with serving(tmp_path, body=1) as server:
        head = (
            f"POST /u/{server.tokens[0]} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with server.connect(head.encode()) as one:
            assert drip(one, piece)
        assert server.status() == "unsubscribed"
        assert "Traceback" not in server.end()


def test_half_a_form_of_preferences_changes_nothing(tmp_path):
    with serving(tmp_path, body=0.5) as server:
        with Store.open(url_in(tmp_path)) as store:
            first = readers.people(store)[0]
            token = make_token(first.handle, signing_keys.newest(store), "preferences")
        head = f"POST /p/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nname=Ad"
        with server.connect(head.encode()) as one:
            assert rest(one) == b""
        large = f"POST /p/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n".encode()
        with server.connect(large + b"name=" + b"x" * 69_995) as one:
            assert answer(one)[:12] == b"HTTP/1.1 413"
        with Store.open(url_in(tmp_path), read_only=True) as store:
            assert readers.people(store)[0] == first
        assert "Traceback" not in server.end()


def test_a_large_body_says_nothing_about_leaving_and_one_without_end_is_not_read(server):
    with server.connect(server.post(body=b"x" * 300_000)) as one:
        assert answer(one) == b"HTTP/1.1 200 OK"
    assert server.status() == "unsubscribed"
    one = server.connect(
        server.post(2)[: -len(b"List-Unsubscribe=One-Click")].replace(b": 26", b": 99999999999")
    )
    with contextlib.suppress(OSError):
        for _ in range(2000):
            one.sendall(b"x" * 65536)
        pytest.fail("128 MB were taken")
    one.close()
    assert server.status(2) == "unsubscribed"


def test_a_length_that_is_too_short_leaves_half_a_request_behind_the_answer(tmp_path):
    with serving(tmp_path, head=0.5) as server:
        with server.connect(server.post().replace(b": 26", b": 4")) as one:
            told = rest(one)
        assert answers(told) == [200]
        assert server.status() == "unsubscribed"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x8f" * 500, id="tls"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000, id="huge header"),
        pytest.param(b"GET /" + b"x" * 200_000, id="huge line"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40_000, id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(b"\x00" * 50_000, id="nothing"),
    ],
)  # fmt: skip
def test_what_is_no_http_is_told_so_once_and_let_go(server, data):
    one = server.connect()
    with contextlib.suppress(OSError):
        one.sendall(data)
    assert rest(one)[:12] in {b"HTTP/1.1 400", b""}  # reset where more came than was read
    one.close()
    with server.connect(server.post()) as reader:
        assert answer(reader) == b"HTTP/1.1 200 OK"
    assert server.end() == "1 connection was closed that sent no whole request in time\n"


def test_garbage_behind_a_request_does_not_undo_it(server):
    with server.connect(server.post() + server.post(2) + b"\x00\xff garbage\r\n\r\n") as one:
        told = rest(one)
    assert answers(told) == [200, 200, 400]
    assert [server.status(1), server.status(2)] == ["unsubscribed"] * 2


def test_garbage_in_the_middle_of_a_body_ends_the_connection_and_has_left(server):
    head = f"POST /u/{server.tokens[0]} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with server.connect(head.encode() + b"zzz\r\n\r\n") as one:
        rest(one)
    for _ in range(3000):
        if server.status() == "unsubscribed":
            break
        time.sleep(0.02)
    assert server.status() == "unsubscribed"
    assert "Traceback" not in server.end()


def test_answers_nobody_takes_hold_no_connection(tmp_path):
    with serving(tmp_path, answer=1, connections=2, summary=600) as server:
        # Far more than is read at once: what is left unread makes the end a reset, seen at once.
        asked = b"GET /u/wrong HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(60)
            one.connect(("127.0.0.1", server.port))
            with contextlib.suppress(ConnectionError):
                one.sendall(asked)  # may block until the other side gives up
            expect_reset(one)
        with server.connect(server.post()) as reader:
            assert answer(reader) == b"HTTP/1.1 200 OK"
        assert server.end() == "1 connection was closed that sent no whole request in time\n"


def expect_reset(one: socket.socket) -> None:
    """Wait, without reading a byte, until the other side has torn the connection."""
    poll = select.poll()
    poll.register(one, select.POLLHUP)
    assert poll.poll(60_000)
