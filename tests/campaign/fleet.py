"""Several machines that send one issue, and what may happen to them: one thing after another."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from newsletter.store import Store, imports
from tests.campaign import checks
from tests.campaign.checks import Row, Snapshot
from tests.campaign.letters import FIRST, Letters, environment
from tests.campaign.servers import Server, serving
from tests.conftest import require
from tests.support.cli_fixtures import copy_example
from tests.support.commands import Command
from tests.support.postgres import NOBODY, PLACES
from tests.support.store_samples import NOW, people

#: What may happen.
KILL, STOP, TERMINATE, RESTART, CUT = "kill -9", "SIGSTOP", "terminate", "restart", "cut"
EVENTS = (KILL, STOP, TERMINATE, RESTART, CUT)

#: As a connection says it; not the level READ COMMITTED that a transaction begins with.
COMMIT = b"COMMIT\0"
#: Longer than a lease and its grace, as `planted.short_leases` makes them.
_FROZEN = 7.0
_PATIENCE = 240.0
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 100
shared_buffers = 16MB
fsync = on
log_min_messages = fatal
"""
_KEEPER = 'read -r _; "$1" -D "$0/data" -m immediate stop; rm -rf "$0"'


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server that can be started anew.

    Attributes:
        folder: where its socket is.
    """

    folder: Path

    def connect(self) -> psycopg.Connection:
        """A connection past the program; it waits for a server that is starting."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                info = f"host={self.folder} dbname=postgres user=nobody"
                connection = psycopg.connect(info, autocommit=True)
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                connection.execute("SET search_path = newsletter")
                return connection

    def restart(self, how: str) -> None:
        """End it, and start it again."""
        _control(self.folder, "restart", "-m", how)

    def stop(self, how: str) -> None:
        """End it."""
        _control(self.folder, "stop", "-m", how)

    def start(self) -> None:
        """Start it again."""
        _control(self.folder, "start")

    def freeze(self) -> None:
        """Have all its processes stand still."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        first = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for process in (first, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def copy(self) -> None:
        """Make a standby: what it has is what was committed by now."""
        program, target = str(PLACES[-1] / "pg_basebackup"), str(self.folder / "standby")
        words = [program, "-h", str(self.folder), "-U", "nobody", "-D", target, "-c", "fast", "-N"]
        subprocess.run([*_nobody(), *words], check=True, stdin=subprocess.DEVNULL, cwd="/")

    def fail_over(self, *, promoted: bool) -> None:
        """Lose the server and have the standby take over.

        Args:
            promoted: as one does that followed; else as a disk does that was put back.
        """
        _control(self.folder, "stop", "-m", "immediate")
        shutil.rmtree(self.folder / "data")
        (self.folder / "standby").rename(self.folder / "data")
        if promoted:
            (self.folder / "data/standby.signal").touch()
        _control(self.folder, "start")
        if promoted:
            _control(self.folder, "promote")


@contextlib.contextmanager
def cluster(*, settings: str = "", rules: str = "") -> Iterator[Cluster]:
    """Make one in a temporary folder, gone with this process however that ends.

    Args:
        settings: lines of its configuration, besides the usual ones.
        rules: lines of its pg_hba.conf, before the one that lets everybody in.
    """
    require(PLACES, "no postgresql (apt install postgresql): the fleet needs its programs")
    folder = Path(tempfile.mkdtemp(prefix="newsletter-fleet-"))
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    initdb = [str(PLACES[-1] / "initdb"), "-D", str(folder / "data"), "--no-sync", "-A", "trust",
              "--locale=C", "-E", "UTF8", "-U", "nobody"]  # fmt: skip
    subprocess.run([*_nobody(), *initdb], check=True, stdout=subprocess.DEVNULL)
    with (folder / "data/postgresql.conf").open("a") as stream:
        stream.write(_SETTINGS.format(folder=folder) + settings)
    access = folder / "data/pg_hba.conf"
    access.write_text(rules + access.read_text())
    _control(folder, "start")
    keeper = subprocess.Popen(
        [*_nobody(), "sh", "-c", _KEEPER, str(folder), str(PLACES[-1] / "pg_ctl")],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield Cluster(folder)
    finally:
        assert keeper.stdin
        keeper.stdin.close()
        keeper.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _nobody() -> list[str]:
    return NOBODY if os.geteuid() == 0 else []


def _control(folder: Path, *words: str) -> None:
    control, data, log = (
        str(one) for one in (PLACES[-1] / "pg_ctl", folder / "data", folder / "log")
    )
    command = [control, "-D", data, "-l", log, "-w", *words]
    subprocess.run(
        [*_nobody(), *command], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        cwd="/",
    )  # fmt: skip


class Wire:
    """Stands between the program and its database, and loses the answer of a commit when told."""

    def __init__(self, server: Path, folder: Path) -> None:
        self.folder, self._server = folder, server / ".s.PGSQL.5432"
        folder.mkdir()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / ".s.PGSQL.5432"))
        self._door.listen(64)
        self.cuts = 0
        self._wanted = threading.Semaphore(0)
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Lose the answer of the next commit, and its connection."""
        self._wanted.release()

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self._server))
                except OSError:
                    _hang_up(client, server)
                    continue
                lost = threading.Event()
                for pump in (self._ask, self._answer):
                    threading.Thread(target=pump, args=(client, server, lost), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if COMMIT in data and self._wanted.acquire(blocking=False):
                    lost.set()
                server.sendall(data)
        _hang_up(client, server)

    def _answer(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if lost.is_set():
                    self.cuts += 1
                    break
                client.sendall(data)
        _hang_up(client, server)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@dataclass(slots=True)
class Fleet:
    """One that sends and several that help, each with a folder of its own.

    Attributes:
        happened: how often each thing did.
        violations: sentences of the checks.
    """

    database: Cluster
    wire: Wire
    server: Server
    root: Path
    machines: list[Letters]
    chance: random.Random
    happened: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    running: dict[int, Command] = field(default_factory=dict)
    frozen: dict[int, float] = field(default_factory=dict)
    senders: Counter[str] = field(default_factory=Counter)

    def send(self, issue: int, events: int) -> None:
        """One issue, with so many things that happen until it is finished."""
        before, left, end = self.look(), events, time.monotonic() + _PATIENCE
        while self.look().runs.get(issue) != "finished":
            if self.violations or time.monotonic() > end:
                self.violations.append(f"issue {issue} is not finished: {self.look().states()}")
                break
            self._keep_running(issue)
            if left and self._has_begun(issue):
                self._happen(self.chance.choice(EVENTS))
                left -= 1
                end = time.monotonic() + _PATIENCE
            time.sleep(self.chance.uniform(0, 0.5))
            self._thaw()
        self._end()
        self._check(before, issue)

    def look(self) -> Snapshot:
        """The records, as the server has them."""
        with self.database.connect() as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            rows = connection.execute(
                "SELECT d.issue, lower(s.email), d.state, d.attempt, d.reason, d.message_id "
                "FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id"
            ).fetchall()
            runs = connection.execute("SELECT issue, recipients, state FROM runs").fetchall()
        return Snapshot(
            rows={
                (issue, email): Row(state=state, attempt=attempt, reason=why, message_id=name)
                for issue, email, state, attempt, why, name in rows
            },
            frozen={issue: number for issue, number, state in runs if state != "freezing"},
            runs={issue: state for issue, _, state in runs},
        )

    def _has_begun(self, issue: int) -> bool:
        with self.database.connect() as connection:
            sent = "SELECT count(*) FROM deliveries WHERE issue = %s AND attempt > 0"
            return bool(connection.execute(sent, (issue,)).fetchone()[0])  # type: ignore[index]

    def _keep_running(self, issue: int) -> None:
        """Start what has ended: the first sends, the others help."""
        for number, machine in enumerate(self.machines):
            process = self.running.get(number)
            if process is not None and process.poll() is None:
                continue
            if process is not None:
                self._gone(number)
            words = machine.words(issue) if not number else ["worker"]
            self.running[number] = machine.start(*words)

    def _gone(self, number: int) -> None:
        process = self.running.pop(number)
        self.frozen.pop(number, None)
        code = process.wait()
        said = process.stderr.read()
        # One that starts while the server is away ends with 2; whoever runs it starts it again.
        if code == 1 or (code == 2 and "the database cannot be reached" not in said):
            self.violations.append(f"machine {number} ended with {code}: {said}")
        with process:
            pass

    def _happen(self, what: str) -> None:
        self.happened[what] += 1
        number = self.chance.choice([n for n in self.running if n not in self.frozen] or [0])
        match what:
            case "kill -9":
                self.running[number].kill()
            case "SIGSTOP":
                self.running[number].send_signal(signal.SIGSTOP)
                self.frozen[number] = time.monotonic() + _FROZEN
            case "terminate":
                with self.database.connect() as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity "
                        "WHERE starts_with(application_name, 'newsletter') "
                        "ORDER BY random() LIMIT 3) AS some_of_them"
                    )
            case "restart":
                self.database.restart(self.chance.choice(["fast", "immediate"]))
            case "cut":
                self.wire.cut()

    def _thaw(self, *, all_of_them: bool = False) -> None:
        for number, until in list(self.frozen.items()):
            if all_of_them or time.monotonic() > until:
                self.running[number].send_signal(signal.SIGCONT)
                del self.frozen[number]

    def _end(self) -> None:
        """Have all end in order: what they hold is settled, late answers as well."""
        self._thaw(all_of_them=True)
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for number in list(self.running):
            self._gone(number)

    def _check(self, before: Snapshot, issue: int) -> None:
        self.server.settle()
        now, ledger = self.look(), self.server.ledger
        mine = Snapshot(
            rows={mail: row for mail, row in now.rows.items() if mail[0] == issue},
            frozen=now.frozen, runs=now.runs,
        )  # fmt: skip
        self.violations += (
            checks.duplicates(ledger)
            + checks.unrecorded(ledger, now)
            + checks.invented(ledger, now)
            + checks.uncounted(now)
            + checks.lost(now)
        )
        wrong = set(mine.states()) - {"accepted", "unknown"}
        if wrong:
            self.violations.append(f"issue {issue} left {mine.states()}")
        with self.database.connect() as connection:
            for machine, number in connection.execute(
                "SELECT worker, count(*) FROM deliveries WHERE issue = %s GROUP BY 1", (issue,)
            ):
                self.senders[machine] += number


@contextlib.contextmanager
def fleet(
    folder: Path, *, readers: int, issues: int, machines: int = 3, seed: int = 76,
    bugs: tuple[str, ...] = (), latency: float = 0.2,
) -> Iterator[Fleet]:  # fmt: skip
    """A newsletter with so many readers, and so many machines that send it."""
    with (
        cluster() as database,
        tempfile.TemporaryDirectory() as short,  # the name of a socket is short
        serving("smtp", folder, latency=latency, seed=seed) as server,
        contextlib.ExitStack() as stack,
    ):
        wire = Wire(database.folder, Path(short) / "wire")
        stack.callback(wire.close)
        url = f"postgresql://nobody@/postgres?host={quote(str(wire.folder))}"
        places = [folder / f"machine{n}" for n in range(machines + 1)]
        made = [_machine(place, url, server.environ, issues) for place in places]
        with Store.open(f"{url}&folder={places[0]}/.newsletter") as store:
            imports.add(store, people(readers), source="test", now=NOW)
        for one in made:
            one.bugs = ("short_leases", "other_machine", *bugs)
        made_fleet = Fleet(database, wire, server, folder, made, random.Random(seed))
        try:
            yield made_fleet
        finally:
            for process in made_fleet.running.values():
                process.__exit__(None, None, None)


def _machine(root: Path, url: str, environ: dict[str, str], issues: int) -> Letters:
    copy_example(root)
    (root / "subscribers/example.csv").unlink()
    for number in range(FIRST, FIRST + issues):
        text = f"---\ntitle: The {number}th\n---\nHello {{{{ name }}}}, this is number {number}.\n"
        (root / f"issues/{number}-a-letter.md").write_text(text, "utf-8")
    more = environ | {"NEWSLETTER_STORE__URL": url}
    return Letters(root, environment(root, more, 4))
