"""One store reached by two mounts: by its folder it is the same one, by its file alone it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.project.disk import is_mounted_alone
from newsletter.store import Store
from newsletter.store.folder import backup as backups
from newsletter.store.folder.restore import restoring
from tests.support.commands import HANGS
from tests.support.store_samples import people, store_with, subscriber_count, url_in

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
#: A mount namespace of its own; who is not root gets a user namespace besides.
APART = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))


def apart(source: Path, target: Path, code: str) -> str:
    """What a program prints that sees `source` mounted at `target`, as nobody else does."""
    mounted = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$2"'
    words = ("sh", "-c", mounted, "sh", source, target, sys.executable, code)
    try:
        done = subprocess.run(
            [*APART, *words], capture_output=True, text=True, check=False, timeout=HANGS,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("mounting apart is not known here")
    if "Operation not permitted" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("nobody may mount here")
    assert done.returncode == 0, done.stderr
    return done.stdout


OPENED = """
import sys
from pathlib import Path
from newsletter.errors import NewsletterError
from newsletter.store import schema
from newsletter.store.folder.restore import restoring
from newsletter.store import Store
path = Path(sys.argv[1])
url = f"sqlite:///{path}"
for name, act in {
    "open": lambda: Store.open(url, create=False).close(),
    "look": lambda: Store.open(url, create=False, read_only=True).close(),
    "upgrade": lambda: schema.upgrade(url),
    "restore": lambda: restoring(path, path.with_name("copy.db")).__enter__(),
}.items():
    try:
        act()
        print(name, "is done")
    except NewsletterError as error:
        print(name, error.exit_code, error, "/", error.hint)
"""

LOCKED = """
import sys
from newsletter.errors import NewsletterError
from newsletter.store import Store
from tests.support.store_samples import subscriber_count
with Store.open(f"sqlite:///{sys.argv[1]}/newsletter.db", create=False) as store:
    try:
        with store.lock():
            print("sending, too")
    except NewsletterError as error:
        print(error.exit_code, subscriber_count(store))
"""


def test_a_file_that_is_mounted_by_itself_is_refused_by_every_way_in(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "newsletter.db"
    target.touch()
    with store_with(tmp_path, people(2)) as store:
        backups.backup(store, tmp_path / "elsewhere" / "copy.db")
        with store.lock():
            told = apart(tmp_path / "newsletter.db", target, OPENED).splitlines()
    assert [line.split()[:2] for line in told] == [
        ["open", "2"], ["look", "2"], ["upgrade", "2"], ["restore", "2"],
    ]  # fmt: skip
    for line in told:
        assert "is mounted without its folder, so two could send from it at once" in line
        assert line.endswith("mount the folder it is in, wherever it is needed, and not the file")
    assert {path.name for path in target.parent.iterdir()} == {"copy.db", "newsletter.db"}


def test_a_folder_reached_by_two_mounts_has_one_lock_and_one_log(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "records"
    real.mkdir()
    with store_with(real, people(2)) as store:
        with store.lock():
            assert apart(real, tmp_path / "elsewhere", LOCKED) == "7 2\n"
        assert apart(real, tmp_path / "elsewhere", LOCKED) == "sending, too\n"


def test_asking_where_a_file_is_mounted_costs_nobody_its_locks(tmp_path):
    """A process that closes a file loses all locks that it has on it (POSIX, fcntl)."""
    with store_with(tmp_path, people(1)) as store:
        subscriber_count(store)
        assert not is_mounted_alone(tmp_path / "newsletter.db")
        alone = (
            "import sqlite3, sys\n"
            f"found = sqlite3.connect({str(tmp_path / 'newsletter.db')!r}, timeout=0)\n"
            "found.execute('PRAGMA journal_mode = DELETE')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", alone], capture_output=True, text=True, check=False
        )
        assert "locked" in done.stderr


def test_records_with_a_second_name_are_not_replaced_under_one_of_them(tmp_path):
    with store_with(tmp_path, people(1)) as store:
        backups.backup(store, tmp_path / "copy.db")
    os.link(tmp_path / "newsletter.db", tmp_path / "second.db")
    path = tmp_path.resolve() / "newsletter.db"
    with pytest.raises(InputError, match="hard link"), restoring(path, tmp_path / "copy.db"):
        pass
    (tmp_path / "second.db").unlink()
    Store.open(url_in(tmp_path)).close()
