"""The ways to SES: directly, or through the process of a proxy that others have written.

HTTP is forwarded by a proxy ("plain"), HTTPS tunnelled ("connect"). Each proxy speaks to SES from
an address of its own, so that what has passed it is told from what has not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.fake_ses import FakeSes, Fault
from tests.support.certificates import server_side
from tests.support.ports import free_port

TINYPROXY_FROM, SQUID_FROM = "127.0.0.2", "127.0.0.3"
#: After so many seconds tinyproxy gives up a server that says nothing, also when its own client
#: has long gone.
TINYPROXY_PATIENCE = 5


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to SES.

    Attributes:
        name: "direct", or the proxy's with "-plain" or "-connect".
        peer: the address from which SES is spoken to.
        proxy: its URL, "" for none.
        certificate: SES's own, None where it speaks HTTP.
    """

    name: str = "direct"
    peer: str = "127.0.0.1"
    proxy: str = ""
    certificate: Path | None = None

    def fake(self, *faults: Fault, **settings: Any) -> FakeSes:
        """SES at its end."""
        tls = server_side(self.certificate) if self.certificate else None
        return FakeSes(*faults, tls=tls, **settings)

    def environ(self, behind: dict[str, str]) -> dict[str, str]:
        """What leads AWS's clients on this way to what has the environment `behind`."""
        if self.certificate:
            behind = behind | {"AWS_CA_BUNDLE": str(self.certificate)}
        if self.proxy:
            behind = behind | {f"{'https' if self.certificate else 'http'}_proxy": self.proxy}
        return behind


DIRECT = Way()
#: The ways through a proxy that every run of the tests goes, and those of `pytest --long`.
USUAL = ("tinyproxy-plain", "tinyproxy-connect")
PROXIED = (*USUAL, "squid-plain", "squid-connect")


def choose_ways(metafunc: pytest.Metafunc) -> None:
    """For a module's `pytest_generate_tests`: its tests that ask for `proxied` go these ways."""
    if "proxied" in metafunc.fixturenames:
        ways = PROXIED if metafunc.config.getoption("--long") else USUAL
        metafunc.parametrize("proxied", ways, indirect=True)


@pytest.fixture
def proxied(request: pytest.FixtureRequest, certificate: Path) -> Way:
    """One of PROXIED, see `choose_ways`; its process serves the whole module."""
    name: str = request.param
    proxy, _, kind = name.partition("-")
    return Way(
        name=name,
        peer=TINYPROXY_FROM if proxy == "tinyproxy" else SQUID_FROM,
        proxy=request.getfixturevalue(proxy),
        certificate=certificate if kind == "connect" else None,
    )


@pytest.fixture(scope="module")
def tinyproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL."""
    require(shutil.which("tinyproxy"), "tinyproxy is not on this machine")
    folder, port = tmp_path_factory.mktemp("tinyproxy"), free_port()
    settings = folder / "tinyproxy.conf"
    settings.write_text(
        f"Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBind {TINYPROXY_FROM}\n"
        f"Timeout {TINYPROXY_PATIENCE}\nLogLevel Error\n"
        f'LogFile "{folder}/tinyproxy.log"\nPidFile "{folder}/tinyproxy.pid"\n'
    )
    with _running(port, "tinyproxy", "-d", "-c", str(settings)) as url:
        yield url


@pytest.fixture(scope="module")
def squid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL. It keeps connections to SES, as its users' squid does, but for a second only."""
    program = shutil.which("squid", path=f"{os.environ['PATH']}:/usr/sbin")
    require(program, "squid is not on this machine")
    folder, port = tmp_path_factory.mktemp("squid"), free_port()
    settings = folder / "squid.conf"
    settings.write_text(
        f"http_port 127.0.0.1:{port}\ntcp_outgoing_address {SQUID_FROM}\n"
        "visible_hostname proxy.example.org\nhttp_access allow all\ncache deny all\n"
        "server_idle_pconn_timeout 1 second\nshutdown_lifetime 0 seconds\n"
        "access_log none\ncache_log /dev/null\npid_filename none\nnetdb_filename none\n"
        # Started by root it wants another user to be.
        "coredump_dir none\npinger_enable off\ncache_effective_user nobody\n"
    )
    # Its name keeps its shared memory apart from that of others.
    with _running(port, str(program), "-n", f"tests{port}", "-N", "-f", str(settings)) as url:
        yield url


@contextlib.contextmanager
def _running(port: int, *command: str) -> Iterator[str]:
    require(sys.platform == "linux", "a proxy's own loopback address wants Linux")
    with subprocess.Popen(command) as process:
        try:
            _wait_for(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    pytest.fail("the proxy did not start")
