"""What `serve --print` prints is run as it stands: systemd reads it, Caddy and nginx stand in front."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from newsletter.audience import Status
from newsletter.audience.tokens import make_token
from newsletter.store import Store, signing_keys, subscribers
from tests.conftest import require
from tests.support import readers
from tests.support.certificates import certificate
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import started
from tests.support.ports import free_port

__all__ = ["certificate", "folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

HOST = "letters.example.org"
#: Where a reader asks from; the server takes the address of its own proxy for no reader's.
READER = "127.0.0.5"
PUBLIC = 'public_url = "https://letters.slackwater.example.org"'


# --- in front ----------------------------------------------------------------------------------


@contextlib.contextmanager
def nginx(text: str, there: Path, certificate: Path, plain: int) -> Iterator[None]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    require(program, "nginx is not on this machine")
    text = re.sub(r"(?m)^\s*listen \[::\].*\n", "", text)  # not every machine has IPv6
    text = text.replace("/var/log/nginx", str(there))
    text = text.replace("listen 80;", f"listen 127.0.0.1:{plain};")
    text = re.sub(r"/etc/letsencrypt/\S+/fullchain.pem", str(certificate), text)
    text = re.sub(r"/etc/letsencrypt/\S+/privkey.pem", str(certificate.with_suffix(".key")), text)
    assert "/etc/letsencrypt" not in text
    temporary = "".join(
        f"{kind}_temp_path {there}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    whole = there / "nginx.conf"
    whole.write_text(
        f"{user}daemon off;\npid {there}/nginx.pid;\nerror_log {there}/error.log;\nevents {{}}\n"
        f"http {{\n{temporary}{text}}}\n"
    )
    with running(str(program), "-p", str(there), "-e", f"{there}/error.log", "-c", str(whole)):
        yield


@contextlib.contextmanager
def caddy(text: str, there: Path, certificate: Path, plain: int) -> Iterator[None]:
    program = shutil.which("caddy")
    require(program, "caddy is not on this machine")
    site = re.search(r"(?m)^[\w.-]+:\d+ \{\n", text)
    assert site
    tls = f"\ttls {certificate} {certificate.with_suffix('.key')}\n"
    options = f"{{\n\tadmin off\n\thttp_port {plain}\n\tstorage file_system {there}/caddy\n}}\n"
    whole = there / "Caddyfile"
    whole.write_text(options + text[: site.end()] + tls + text[site.end() :])
    with running(str(program), "run", "--adapter", "caddyfile", "--config", str(whole)):
        yield


@contextlib.contextmanager
def running(*command: str) -> Iterator[None]:
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


FRONTS = {"nginx": nginx, "caddy": caddy}


def ask(port: int, certificate: Path, request: str, body: bytes = b"") -> tuple[int, str]:
    """Status and text of the answer, by TLS, from the reader's own address."""
    context = ssl.create_default_context(cafile=str(certificate))
    text = f"{request} HTTP/1.1\r\nHost: {HOST}:{port}\r\nX-Forwarded-For: 192.0.2.66\r\n"
    text += f"Connection: close\r\nContent-Length: {len(body)}\r\n"
    text += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    for attempt in range(600):
        try:
            plain = socket.create_connection(("127.0.0.1", port), 30, (READER, 0))
        except ConnectionRefusedError:
            assert attempt < 599, "nothing listens"
            time.sleep(0.1)
            continue
        with plain, context.wrap_socket(plain, server_hostname=HOST) as door:
            door.sendall(text.encode() + body)
            answer = HTTPResponse(door)
            answer.begin()
            return answer.status, answer.read().decode()
    raise AssertionError


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="a loopback address of one's own")
@pytest.mark.parametrize("path", ["", "/letters"])
@pytest.mark.parametrize("kind", FRONTS)
def test_a_reader_leaves_by_https_and_is_known_by_their_own_address(
    ready: Folder, tmp_path_factory, certificate, kind, path
):
    there = tmp_path_factory.mktemp(kind)
    port, inner = free_port(), free_port()
    ready.edit("newsletter.toml", PUBLIC, f'public_url = "https://{HOST}:{port}{path}"')
    with (ready.root / "newsletter.toml").open("a") as file:
        file.write("\n[web]\nrecord_visitors = true\n")
    text = ready.run("serve", "--port", str(inner), "--print", kind).out
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        reader = next(subscribers.each(store, status=Status.ACTIVE))
        token = make_token(reader.handle, signing_keys.newest(store))
    with (
        started(ready.root, "serve", "--port", str(inner)) as process,
        FRONTS[kind](text, there, certificate, free_port()),
    ):
        assert "serving on" in process.stderr.readline()
        status, page = ask(port, certificate, f"GET {path}/u/{token}")
        assert (status, "<form" in page) == (200, True)
        status, _ = ask(port, certificate, f"POST {path}/u/{token}", b"List-Unsubscribe=One-Click")
        assert status == 200
    assert ready.status_of(reader.email) == "unsubscribed"
    with ready.records() as store:
        log = readers.rows_about(store, reader.email, "consents")
    assert {row["ip"] for row in log if row["event"] == "unsubscribed"} == {READER}
    said = [p.read_text(errors="replace") for p in there.rglob("*") if p.is_file()]
    assert not [text for text in said if token in text]


# --- kept running ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [["serve", "--with-events", "--port", "8123"], ["events", "pull"]],
    ids=["serve", "events"],
)
def test_systemd_takes_the_unit_and_it_names_this_folder(ready: Folder, words):
    require(shutil.which("systemd-analyze"), "systemd is not on this machine")
    text = ready.run(*words, "--print", "systemd").out
    first, _, rest = text.partition("\n")
    name = first.removeprefix("# ~/.config/systemd/user/")
    (ready.root / name).write_text(rest)
    # Other units have sockets there, whose paths may not be long.
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", "--man=no", str(ready.root / name)],
            capture_output=True, text=True, check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": runtime},
        )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert f" -C {ready.root} " in rest


# --- what cannot be printed --------------------------------------------------------------------


@pytest.mark.parametrize("kind", FRONTS)
def test_without_an_address_there_is_nothing_to_stand_in_front_of(ready: Folder, kind):
    ready.edit("newsletter.toml", PUBLIC + "\n", "")
    ran = ready.run("serve", "--print", kind)
    assert (ran.code, ran.out) == (2, "")
    assert "site.public_url is not set" in ran.error


@pytest.mark.parametrize("kind", FRONTS)
@pytest.mark.parametrize("host", ["a;b.example", "x$y.example", "a{b"])
def test_a_host_that_is_no_name_is_no_line_of_theirs(ready: Folder, kind, host):
    ready.edit("newsletter.toml", PUBLIC, f'public_url = "https://{host}"')
    ran = ready.run("serve", "--print", kind)
    assert (ran.code, ran.out) == (2, "")


def test_a_name_in_other_letters_is_printed_as_machines_know_it(ready: Folder):
    ready.edit("newsletter.toml", PUBLIC, 'public_url = "https://bücher.example"')
    assert "server_name xn--bcher-kva.example;" in ready.run("serve", "--print", "nginx").out
