"""`newsletter db backup`: whole or not at all, while others write, and good to go on with."""

from __future__ import annotations

import resource
import shutil

import pytest

from tests.campaign.servers import serving
from tests.cli.test_status import SEND
from tests.support.beside_the_program import spoil
from tests.support.cli_fixtures import plain_environment, snapshot
from tests.support.commands import HANGS, installed, script, started
from tests.support.faults import imported, world

__all__ = ["imported", "plain_environment", "world"]

pytestmark = pytest.mark.processes


def test_a_backup_is_one_file_for_this_user_and_says_nothing_of_what_is_in_it(world):
    root = world.newsletter.root
    ran = world.newsletter.run("db", "backup", "copy.db")
    assert (ran.code, ran.out) == (0, "copy.db\n")
    size = (root / "copy.db").stat().st_size
    assert ran.err == (
        f"{size:,} bytes: people, deliveries and the signing keys; keep it as you keep a password\n"
    )
    assert (root / "copy.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in root.glob("*copy.db*")] == ["copy.db"]
    said = (ran.out + ran.err).lower()
    secrets = [secret.hex() for (secret,) in world.newsletter.untold("signing_keys", "secret")]
    assert len(secrets) == 2
    assert not [secret for secret in secrets if secret in said]


@pytest.mark.parametrize(
    ("target", "says", "hint"),
    [
        ("newsletter.toml", "this file exists, and a backup never overwrites one", "name a new file"),
        ("nowhere/copy.db", "the backup cannot be written", "name a file in a folder that this user"),
        ("newsletter.toml/copy.db", "the backup cannot be written", "name a file in a folder that"),
    ],
)  # fmt: skip
def test_where_no_backup_can_be_nothing_is_left_behind(world, target, says, hint):
    before = snapshot(world.newsletter.root)
    ran = world.newsletter.run("db", "backup", target)
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == f"error: {target}: {says}"
    assert hint in ran.hint
    after = snapshot(world.newsletter.root)
    assert {p for p in after if ".newsletter" not in p} == {
        p for p in before if ".newsletter" not in p
    }


def test_a_disk_that_fills_up_leaves_no_half_of_a_backup(world):
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = installed(world.newsletter.root, "db", "backup", "copy.db", preexec_fn=small)
    assert done.returncode == 6, done.stderr
    assert "error: copy.db: the disk is full\n" in done.stderr
    assert "hint: free some space, or name a file on another disk" in done.stderr
    assert done.stdout == ""
    assert not list(world.newsletter.root.glob("*copy.db*"))


def test_records_that_are_damaged_make_no_backup(world):
    path = world.newsletter.root / ".newsletter/newsletter.db"
    spoil(path, "subscribers")
    ran = world.newsletter.run("db", "backup", "copy.db")
    assert ran.code in {1, 2}
    assert not list(world.newsletter.root.glob("*copy.db*"))


def test_a_backup_made_during_a_run_opens_and_goes_on(world, tmp_path):
    root = world.newsletter.root
    with serving("smtp", tmp_path, hold=3) as server:
        world.environ(server.environ)
        with started(root, *SEND) as process:
            server.wait(4)  # the fourth is taken, and not answered before there is a copy
            done = script(root, "db", "backup", str(tmp_path / "copy.db"))
            assert done.returncode == 0, done.stderr
            assert server.postman
            server.postman.resume()
            assert process.wait(timeout=HANGS) == 0
        assert server.ledger.update() == 25
    copy = tmp_path / "restored"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".newsletter"))
    (copy / ".newsletter").mkdir()
    shutil.copy(tmp_path / "copy.db", copy / ".newsletter/newsletter.db")
    status = script(copy, "status")
    assert status.returncode == 0
    assert " interrupted " in status.stdout
    with serving("smtp", copy) as server:
        world.environ(server.environ)
        # The file beside the issues knows that more was sent than the copy does.
        assert script(copy, *SEND).returncode == 8
        assert server.ledger.update() == 0
        (copy / "issues/.ledger/74.json").unlink()
        done = script(copy, *SEND)
        assert done.returncode == 9, done.stderr  # of the fourth nobody knows
        assert server.ledger.update() == 21
    assert "issue 74: 21 mails sent now" in done.stdout


@pytest.mark.parametrize(
    "target", [".newsletter/backups/mine.db", ".newsletter/../.newsletter/backups/x.db"]
)
def test_the_folder_for_backups_beside_the_records_is_made_where_it_is_named(world, target):
    folder = world.newsletter.root / ".newsletter/backups"
    shutil.rmtree(folder, ignore_errors=True)
    assert world.newsletter.run("db", "backup", target).code == 0
    assert (world.newsletter.root / target).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
