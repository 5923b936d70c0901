"""A backup of a server's records is a file, which knows nothing of what machines sent since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.sending import run as sending
from newsletter.store import Store
from tests.support import postgres
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

URL = "NEWSLETTER_STORE__URL"
MARK = "issues/.ledger/74.json"


class Lost:
    """A backup made before any mail left; then another machine sent some, and the server died.

    What the file of the run says in the folder of that machine, and in the folder of this one.
    """

    def __init__(self, folder: Folder, kept: Path, keeper: Keeper) -> None:
        self.folder, self.keeper, self.file = folder, keeper, f"sqlite:///{kept}/copy.db"
        self.here = (folder.root / MARK).read_bytes()
        assert folder.run("db", "backup", str(kept / "copy.db")).code == 0
        assert folder.run("worker", "--once").code == 0
        self.there = (folder.root / MARK).read_bytes()
        self.at_home()

    def at_home(self) -> None:
        self.folder.write(MARK, self.here)
        self.folder.patch.setenv(URL, self.file)

    def on_another_server(self) -> None:
        url = postgres.server().url(postgres.new_database())
        ran = self.folder.run("db", "copy", "--to", url)
        assert ran.code == 0, ran.err
        self.folder.patch.setenv(URL, url)

    def nobody_twice(self) -> bool:
        mails = self.keeper.mails
        return len(mails) == len({to[0] for _, to, _ in mails}) == 25


@pytest.fixture
def lost(folder: Folder, tmp_path, monkeypatch) -> Iterator[Lost]:
    monkeypatch.setattr(sending, "_TAKEN_UP_SECONDS", 0.0)
    url = postgres.server().url(postgres.new_database())
    folder.patch.setenv(URL, url)
    folder.imported()
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        with Store.open(f"{url}&folder={tmp_path}/b") as store, store.work():
            assert folder.send("--detach").code == 6
        kept = tmp_path / "kept"
        kept.mkdir()
        yield Lost(folder, kept, keeper)


def test_in_a_file_nobody_can_tell_who_got_it_since(lost: Lost) -> None:
    ran = lost.folder.send()
    assert ran.code == 8
    assert "these records are a backup of a server's, so mails may have left" in ran.error
    assert "newsletter db copy" in ran.hint
    status = lost.folder.run("status", "--issue", "74").out
    assert "these records are a backup of a server's: 25 more mails may have gone" in status
    ran = lost.folder.send("--restored")
    assert ran.code == 9
    assert "25 deliveries may have been sent" in ran.err
    assert lost.nobody_twice()
    assert lost.folder.send().code == 9  # it is asked once


def test_on_another_server_the_machines_tell_who_got_it_since(lost: Lost) -> None:
    lost.on_another_server()
    ran = lost.folder.send()
    assert ran.code == 8
    assert "another server took these records over, so mails may have left" in ran.error
    assert "newsletter worker --once" in ran.hint
    lost.folder.write(MARK, lost.there)
    ran = lost.folder.run("worker", "--once")
    assert (ran.code, ran.err.splitlines()) == (0, [
        "issue 74: the records now know which mails left from here",
        "no issue is being sent that a worker could help with",
    ])  # fmt: skip
    lost.folder.write(MARK, lost.here)
    ran = lost.folder.send("--restored")
    assert (ran.code, "25 deliveries may have been sent" in ran.err) == (9, True)
    assert lost.nobody_twice()


@pytest.mark.parametrize("where", ["file", "server"])
def test_a_machine_that_sent_none_of_it_says_so_as_well(lost: Lost, where: str) -> None:
    """It has no file of the run."""
    said = "these records are a backup of a server's: 25 more mails may have gone"
    if where == "server":
        lost.on_another_server()
        said = "another server took these records over: more mails may have gone"
    (lost.folder.root / MARK).unlink()
    assert said in lost.folder.run("status").out
    assert said in lost.folder.run("doctor", "--only", "ledger").out
    ran = lost.folder.run("send", "--due", "--yes")
    assert (ran.code, "mails may have left that they do not know of" in ran.err) == (8, True)
