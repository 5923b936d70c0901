"""The server behind a pooler ends, begins again or stands still, while the pooler stays there."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from newsletter.errors import ForgottenError
from newsletter.store import claims
from newsletter.store.postgres import histories
from tests.campaign.fleet import Cluster, cluster
from tests.support import effort
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import HANGS, Command, started
from tests.support.poolers import Pooler, pooler
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.store_samples import NOW
from tests.support.two_machines import two_machines

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

#: Waits for a silent server, and after its start, are short.
WORLD = "unanswered,soon_settled"
SEND = ("send", "--issue", "74", "--confirm", "74")
#: How long the server is away once that was noticed; and how long a pooler remembers that it could
#: not log in: seconds.
AWAY, REMEMBERED = 3.0, effort.either(1, 15)
#: A pooler that asks the server only when it is asked, so that it misses nothing.
QUICK = {"min_pool_size": 0, "server_login_retry": 1}


class Troubled(Keeper):
    """Something happens to the server as it takes the third mail, and is over before the last.

    Attributes:
        begun: set when it has begun; the third mail is answered then.
        noticed: set when it may end.
    """

    def __init__(self, server: Cluster, happens: Callable[[Cluster, Troubled], None]) -> None:
        super().__init__()
        self.begun, self.noticed = threading.Event(), threading.Event()
        self.happening = threading.Thread(target=happens, args=(server, self))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if len(self.mails) == 3:
            self.happening.start()
            await asyncio.to_thread(self.begun.wait, HANGS)
        if len(self.mails) == 20:
            await asyncio.to_thread(self.happening.join, HANGS)
        return answer

    def goes_on(self) -> None:
        """Return when it may end."""
        self.begun.set()
        self.noticed.wait(HANGS)
        time.sleep(AWAY)


def restart(server: Cluster, trouble: Troubled) -> None:
    """At once: a pooler has its clients wait, who notice nothing."""
    trouble.begun.set()
    server.restart("fast")


def crash(server: Cluster, trouble: Troubled) -> None:
    server.stop("immediate")
    trouble.goes_on()
    server.start()


def freeze(server: Cluster, trouble: Troubled) -> None:
    server.freeze()
    trouble.goes_on()
    server.thaw()


@contextlib.contextmanager
def behind() -> Iterator[tuple[Cluster, Pooler]]:
    """A server, and the pooler before it."""
    with (
        cluster() as server,
        pooler(server.folder, {"server_login_retry": REMEMBERED}) as made,
    ):
        yield server, made


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Cluster, Pooler]]:
    with behind() as made:
        yield made


@contextlib.contextmanager
def a_worker(folder: Folder, server: Cluster, schema: str) -> Iterator[Command]:
    """One that has begun; it is told to stop with the block, and ends well."""
    with started(folder.root, "worker", world=WORLD) as worker:
        with server.connect() as connection:
            while not connection.execute(f"select 1 from {schema}.leases").fetchall():
                assert worker.poll() is None, worker.communicate()
                time.sleep(0.05)
        yield worker
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0, worker.communicate()


@pytest.mark.parametrize("helped", [False, True], ids=["alone", "with a worker"])
@pytest.mark.parametrize("happens", [restart, crash, freeze])
def test_nobody_is_mailed_twice_and_nobody_is_lost(folder: Folder, both, happens, helped):
    server, before = both
    schema = f"{happens.__name__}{helped:d}"
    folder.patch.setenv("NEWSLETTER_STORE__URL", f"{before.url('postgres')}&schema={schema}")
    folder.patch.setenv("NEWSLETTER_TRANSPORT__CONCURRENCY", "1")
    folder.imported()
    keeper = Troubled(server, happens)
    with aiosmtpd(keeper) as port, contextlib.ExitStack() as stack:
        through_smtp(folder, port)
        if helped:
            stack.enter_context(a_worker(folder, server, schema))
        with started(folder.root, *SEND, world=WORLD) as command:
            try:
                said = "" if happens is restart else command.heard("cannot be reached any more")
            finally:
                keeper.noticed.set()
            said += command.communicate(timeout=HANGS)[1]
        keeper.happening.join()
    assert command.returncode == 0, said
    assert len({to[0] for _, to, _ in keeper.mails}) == len(keeper.mails) == 25
    with server.connect() as connection:
        states = f"select state, count(*) from {schema}.deliveries group by 1"
        assert connection.execute(states).fetchall() == [("accepted", 25)]
    assert "Traceback" not in said
    assert "psycopg" not in said
    assert "bug" not in said
    if happens is not restart:
        why = "it does not answer" if happens is freeze else "the pooler cannot reach the server"
        assert f"cannot be reached any more ({why}); nothing leaves from here until it is" in said
        assert said.count("cannot be reached any more") == 1
        assert "\nthe database is back\n" in said  # no warning


@pytest.mark.parametrize("pooled", [False, True])
def test_a_disk_that_was_put_back_is_noticed_by_what_others_had_claimed(
    tmp_path, monkeypatch, pooled
):
    monkeypatch.setattr(histories, "LOOKED", 0)
    with cluster() as server, contextlib.ExitStack() as stack:
        place = (
            stack.enter_context(pooler(server.folder, QUICK)).folder if pooled else server.folder
        )
        url = f"postgresql://nobody@/postgres?host={place}"
        with two_machines(url, tmp_path) as (leader, worker, run):
            assert len(leader.settle_and_claim(run, (), 2, now=NOW)) == 2
            server.copy()
            assert len(worker.settle_and_claim(run, (), 3, now=NOW)) == 3
            memory = leader._group_commit._memory
            assert memory
            memory.mark.rise(claims.reached(leader, run))  # as it does beside a run, each second
            server.fail_over(promoted=False)
            with pytest.raises(ForgottenError):
                leader.settle_and_claim(run, (), 4, now=NOW)
