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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from newsletter.errors import LockedError
from newsletter.store import Store, imports
from newsletter.store.deliveries import ENDED
from tests.campaign import checks
from tests.campaign.checks import Row, Snapshot
from tests.campaign.letters import FIRST, Letters, environment
from tests.campaign.servers import Server, serving
from tests.campaign.ways import SMTP, Way
from tests.conftest import require
from tests.fake_ses.record import Tagged
from tests.support.cli_fixtures import copy_example
from tests.support.commands import Command
from tests.support.postgres import NOBODY, PLACES
from tests.support.proven import prove_bulk_in
from tests.support.store_samples import NOW, people

#: What may happen, whatever the way out; more is the way's own.
KILL, STOP, TERMINATE, RESTART, CUT = "kill -9", "SIGSTOP", "terminate", "restart", "cut"
EVENTS = (KILL, STOP, TERMINATE, RESTART, CUT)

#: As a connection says it; not the level READ COMMITTED that a transaction begins with.
COMMIT = b"COMMIT\0"
#: Longer than a lease and its grace, as `planted.short_leases` makes them.
_FROZEN = 7.0
#: For so long at most nothing happens while all stands still.
_STANDS = 6.0
#: How often a trouble of the way out comes with one of the network, how soon, and of how many
#: commits at most.
_TOGETHER = 0.75
_SOON = 2.0
_IN_A_ROW = 8
_RESTS = 5.0
_PATIENCE = 240.0
_SHOWN = 5
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

    def cut(self, times: int = 1) -> None:
        """Lose the answer of the next commit, or of so many, each with its connection."""
        self._wanted.release(times)

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
        struck: the leases of processes that were killed or frozen.
        senders: mails by the lease that claimed them.
        cuts: when commits lose their answers, besides.
        deck: what has yet to happen before anything does again.
        turned_away: until when nobody tries to send, for a worker leads.
        bugs: planted in all processes.
    """

    database: Cluster
    wire: Wire
    server: Server
    root: Path
    machines: list[Letters]
    chance: random.Random
    way: Way
    happened: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    running: dict[int, Command] = field(default_factory=dict)
    frozen: dict[int, float] = field(default_factory=dict)
    senders: Counter[str] = field(default_factory=Counter)
    struck: set[str] = field(default_factory=set)
    cuts: list[float] = field(default_factory=list)
    deck: list[str] = field(default_factory=list)
    turned_away: float = 0.0
    bugs: tuple[str, ...] = ()

    def send(self, issue: int, events: int) -> None:
        """One issue, with so many things that happen until it is finished."""
        left, end, before, again = events, time.monotonic() + _PATIENCE, 0, 0.0
        self._begin(issue)
        while (stands := self._stands(issue))[0] != "finished":
            if self.violations or time.monotonic() > end:
                self.violations.append(f"issue {issue} is not finished: {self.look().states()}")
                break
            self._keep_running(issue)
            claims = stands[1]
            # What stands still is struck as well, but not again and again.
            if left and claims and (claims > before or time.monotonic() > again):
                self._happen(self._next())
                left, before = left - 1, claims
                again = time.monotonic() + self.chance.uniform(0, _STANDS)
                end = time.monotonic() + _PATIENCE
            time.sleep(self.chance.uniform(0, 0.5))
            self._thaw()
            self._cut()
        self._end()
        self._check(issue)

    def _begin(self, issue: int) -> None:
        pattern = self.way.patterns[(issue - FIRST) % len(self.way.patterns)]
        for machine in self.machines:
            machine.bugs = (*self.bugs, *pattern.bugs)
        if self.server.ses is not None:
            self.server.ses.change(**pattern.account)

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

    def _next(self) -> str:
        """What happens now: everything in turn, in an order that chance makes anew each time."""
        if not self.deck:
            self.deck = [*EVENTS, *self.way.troubles]
            self.chance.shuffle(self.deck)
        return self.deck.pop()

    def _stands(self, issue: int) -> tuple[str, int]:
        """The state of its run, "" before there is one, and how many claims there were."""
        query = (
            "SELECT coalesce((SELECT state FROM runs WHERE issue = %(issue)s), ''), "
            "(SELECT coalesce(sum(attempt), 0) FROM deliveries WHERE issue = %(issue)s)"
        )
        with self.database.connect() as connection:
            state, claims = connection.execute(query, {"issue": issue}).fetchone() or ("", 0)
        return state, int(claims)

    def _keep_running(self, issue: int) -> None:
        """Start what has ended: the first sends, the others help."""
        for number, machine in enumerate(self.machines):
            process = self.running.get(number)
            if process is not None and process.poll() is None:
                continue
            if process is not None:
                self._gone(number)
            if self.turned_away > time.monotonic() and not number:
                continue
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
        if code == LockedError.exit_code:
            # A worker leads, and whoever wants to send has heard so.
            self.turned_away = time.monotonic() + _RESTS
        with process:
            pass

    def _happen(self, what: str) -> None:
        self.happened[what] += 1
        number = self.chance.choice(
            [n for n in self.running if n not in self.frozen] or [*self.running]
        )
        match what:
            case "kill -9":
                self.running[number].kill()
                self._note_struck(number)
            case "SIGSTOP":
                self.running[number].send_signal(signal.SIGSTOP)
                self.frozen[number] = time.monotonic() + _FROZEN
                self._note_struck(number)
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
            case _:
                assert self.server.ses is not None
                self.server.ses.script(*self.way.troubles[what](self.chance))
                # What a process knows of mails that are sent anew, a lost commit may cost it.
                if self.chance.random() < _TOGETHER:
                    self.cuts.append(time.monotonic() + self.chance.uniform(0, _SOON))

    def _cut(self) -> None:
        """Lose the answers of some commits in a row, where it is time for it."""
        now = time.monotonic()
        for _ in [at for at in self.cuts if at < now]:
            self.wire.cut(self.chance.randint(1, _IN_A_ROW))
        self.cuts = [at for at in self.cuts if at >= now]

    def _note_struck(self, number: int) -> None:
        """What was claimed under the leases of one that is dead or frozen may become unknown."""
        held = "SELECT token FROM leases WHERE pid = %s"
        with self.database.connect() as connection:
            rows = connection.execute(held, (self.running[number].pid,)).fetchall()
        self.struck |= {token for (token,) in rows}

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

    def _check(self, issue: int) -> None:
        self.server.settle()
        now, ledger = self.look(), self.server.ledger
        self.violations += (
            checks.duplicates(ledger)
            + checks.unrecorded(ledger, now)
            + checks.invented(ledger, now)
            + checks.misnamed(ledger, now)
            + checks.uncounted(now)
            + checks.lost(now)
            + self._unfounded(issue)
        )
        with self.database.connect() as connection:
            for machine, number in connection.execute(
                "SELECT worker, count(*) FROM deliveries WHERE issue = %s GROUP BY 1", (issue,)
            ):
                self.senders[machine] += number

    def _unfounded(self, issue: int) -> list[str]:
        """Who has come to another end than accepted, though nothing happened that can be why."""
        untold: set[tuple[int, ...]] = set()
        refused: set[tuple[int, ...]] = set()
        if self.server.ses is not None:
            state = self.server.ses.state
            untold, refused = _attempts(state.untold_tags), _attempts(state.refused_tags)
        query = (
            "SELECT position, attempt, state, reason, worker FROM deliveries WHERE issue = %s "
            "AND state NOT IN ('accepted', 'queued', 'deferred', 'claimed') ORDER BY position"
        )
        with self.database.connect() as connection:
            rows = connection.execute(query, (issue,)).fetchall()
        faults = []
        for position, attempt, state, reason, worker in rows:
            this = (issue, position, attempt)
            if state == "unknown":
                why = worker in self.struck if reason == ENDED else this in untold
            else:
                why = state == "refused" and this in refused
            if not why:
                faults.append(f"{this} is {state}, and nothing was why: {reason} ({worker})")
        return faults[:_SHOWN]


def _attempts(tags: Mapping[Tagged, int]) -> set[tuple[int, ...]]:
    """Issue, position and attempt of the fake's tags."""
    return {tuple(map(int, name.split("-")[1:])) for name, _ in tags}


@contextlib.contextmanager
def fleet(
    folder: Path, *, readers: int, issues: int, machines: int = 3, seed: int = 76,
    bugs: tuple[str, ...] = (), way: Way = SMTP,
) -> Iterator[Fleet]:  # fmt: skip
    """A newsletter with so many readers, and so many machines that send it."""
    with (
        cluster() as database,
        tempfile.TemporaryDirectory() as short,  # the name of a socket is short
        serving(way.kind, folder, latency=way.latency, seed=seed) as server,
        contextlib.ExitStack() as stack,
    ):
        wire = Wire(database.folder, Path(short) / "wire")
        stack.callback(wire.close)
        url = f"postgresql://nobody@/postgres?host={quote(str(wire.folder))}"
        places = [folder / f"machine{n}" for n in range(machines + 1)]
        environ = {**server.environ, **way.environ}
        made = [_machine(place, url, environ, issues) for place in places]
        with Store.open(f"{url}&folder={places[0]}/.newsletter") as store:
            imports.add(store, people(readers), source="test", now=NOW)
            prove_bulk_in(store)
        made_fleet = Fleet(
            database, wire, server, folder, made, random.Random(seed), way,
            bugs=("short_leases", "other_machine", *bugs),
        )  # fmt: skip
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
