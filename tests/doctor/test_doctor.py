"""`newsletter doctor` on this machine alone: a broken world for each check, and exactly that found."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import sys
from importlib import metadata
from typing import NamedTuple

import pytest

from newsletter.doctor import CHECKS
from newsletter.project import disk
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready, snapshot
from tests.support.raw_records import raw

__all__ = ["folder", "plain_environment", "ready"]

LOCAL = ("python", "sqlite", "libraries", "config", "files", "disk", "git", "store", "key", "ledger",
         "unknown", "lists")  # fmt: skip


class Usage(NamedTuple):
    """What `shutil.disk_usage` says."""

    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def no_git(monkeypatch):
    """A quick test starts no process; tests about git have a file of their own."""
    monkeypatch.setattr(shutil, "which", lambda _: None)


def found(ran) -> dict[str, str]:
    """Of each check that is not well, its severity."""
    checks = only_json(ran)["checks"]
    return {c["id"]: c["severity"] for c in checks if c["severity"] in {"warning", "error"}}


def told(ran, name: str) -> tuple[str, str]:
    """What a check says, and its hint."""
    (one,) = (c for c in only_json(ran)["checks"] if c["id"] == name)
    return one["detail"], one["hint"]


def wrong(folder: Folder, *changes: str) -> None:
    """Change the records past the program."""
    with raw(folder.root / ".newsletter/newsletter.db") as there:
        for change in changes:
            there.execute(change)


def past_the_guards(folder: Folder, *changes: str) -> None:
    """Change what the guards refuse; they are there again afterwards."""
    guards = [
        row[1:]
        for row in folder.untold("sqlite_master", "type", "name", "sql")
        if row[0] == "trigger"
    ]
    dropped = [f"DROP TRIGGER {name}" for name, _ in guards]
    wrong(folder, *dropped, *changes, *(sql for _, sql in guards))


# --- a sound newsletter -------------------------------------------------------------------------


def test_a_sound_newsletter_is_told_in_one_line(ready):
    ran = ready.run("doctor")
    assert (ran.code, ran.out, ran.err) == (0, "12 checks: 12 ok\n", "")


def test_more_is_shown_on_demand_in_the_order_of_asking(ready):
    ran = ready.run("doctor", "-v")
    lines = ran.out.splitlines()
    assert [line.split(":")[0].removeprefix("ok ") for line in lines[:-1]] == list(LOCAL)
    assert "ok config: 23 settings read; mails leave through folder" in lines


def test_without_records_what_is_about_them_is_skipped(folder):
    ran = folder.run("doctor", "--json")
    assert ran.code == 0
    checks = {c["id"]: c for c in only_json(ran)["checks"]}
    assert [n for n, c in checks.items() if c["severity"] == "skipped"] == sorted(
        ["store", "key", "ledger", "unknown", "lists"]
    )
    assert checks["key"]["detail"] == "there are no records yet"
    assert checks["store"]["hint"] == "newsletter subscribers import FILE makes them"
    assert not (folder.root / ".newsletter").exists()


def test_scripts_get_every_check_sorted_and_a_sum(ready):
    body = only_json(ready.run("doctor", "--json"))
    assert [one["id"] for one in body["checks"]] == sorted(LOCAL)
    assert {tuple(one) for one in body["checks"]} == {
        ("id", "title", "severity", "detail", "hint", "seconds")
    }
    assert body["summary"] == {"ok": 12, "skipped": 0, "warning": 0, "error": 0}


def test_nothing_is_changed(ready):
    before = snapshot(ready.root)
    ready.run("doctor")
    assert snapshot(ready.root) == before


# --- a broken world for each check --------------------------------------------------------------


def _old_python(folder, patch):
    patch.setattr(sys, "version_info", (3, 10, 2))


def _old_sqlite(folder, patch):
    patch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    patch.setattr(sqlite3, "sqlite_version", "3.34.1")


def _old_library(folder, patch):
    real = metadata.version
    patch.setattr(metadata, "version", lambda n: "1.9.2" if n == "boto3" else real(n))


def _missing_library(folder, patch):
    real = metadata.version

    def version(name):
        if name == "lxml":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    patch.setattr(metadata, "version", version)


def _no_kind(folder, patch):
    folder.write("newsletter.toml", '[transport.smtp]\nhost = "smtp.example.org"\n')


def _open_secrets(folder, patch):
    folder.write(".env", "").chmod(0o644)


def _open_records(folder, patch):
    (folder.root / ".newsletter").chmod(0o755)
    (folder.root / ".newsletter/newsletter.db").chmod(0o640)


def _foreign(folder, patch):
    patch.setattr(os, "geteuid", lambda: 54321)


def _read_only(folder, patch):
    patch.setattr(os, "access", lambda path, _mode: path.name != "issues")


def _network(folder, patch):
    mounts = folder.root.parent / "mountinfo"
    mounts.write_text(f"""\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
31 22 0:27 / {folder.root} rw,relatime shared:2 - nfs4 server:/letters rw
""")
    patch.setattr(disk, "_MOUNTS", mounts)


def _full(folder, patch):
    patch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, 100 << 20))


def _nearly_full(folder, patch):
    patch.setattr("newsletter.doctor.folder._TIMES", 1 << 40)


def _damaged(folder, patch):
    path = folder.root / ".newsletter/newsletter.db"
    with path.open("r+b") as stream:
        stream.seek(4096 * 3)
        stream.write(b"\xff" * 4096)


def _no_guard(folder, patch):
    wrong(folder, "DROP TRIGGER deliveries_arrow")


def _weaker_guard(folder, patch):
    wrong(
        folder,
        "DROP TRIGGER deliveries_kept",
        "CREATE TRIGGER deliveries_kept BEFORE DELETE ON deliveries WHEN 0 BEGIN SELECT 1; END",
    )


def _other_guard(folder, patch):
    wrong(folder, "CREATE TRIGGER mine AFTER DELETE ON events WHEN 0 BEGIN SELECT 1; END")


def _other_journal(folder, patch):
    wrong(folder, "PRAGMA journal_mode = DELETE")


def _long_log(folder, patch):
    patch.setattr("newsletter.doctor.records._LONG_LOG", -1)


def _no_key(folder, patch):
    wrong(folder, "DELETE FROM signing_keys WHERE purpose = 'links'")


def _unknown_send(folder, patch):
    entry = {
        "issue": 74, "attempts": 25, "position": 25, "run": "2026-11-01T10:00:00+00:00",
        "content_hash": "ab", "recipients": 25, "by_state": {},
    }  # fmt: skip
    folder.write("issues/.ledger/74.json", json.dumps(entry))


def _changed_list(folder, patch):
    with (folder.root / "subscribers/example.csv").open("a") as stream:
        stream.write("\n")


BROKEN = [
    (_old_python, "python", "error", "Python 3.10.2 is too old"),
    (_old_sqlite, "sqlite", "error", "SQLite 3.34.1 is older than 3.35.0"),
    (_old_library, "libraries", "error", "boto3 1.9.2 is older than 1.40"),
    (_missing_library, "libraries", "error", "lxml is missing"),
    (_no_kind, "config", "warning", "transport.smtp is set, but transport.kind is not"),
    (_open_secrets, "files", "error", "other users can reach .env"),
    (_open_records, "files", "error", "other users can reach .newsletter/newsletter.db"),
    (_foreign, "files", "error", "belongs to another user"),
    (_read_only, "files", "error", "issues cannot be written"),
    (_network, "files", "error", "is on a network file system"),
    (_full, "disk", "error", "100 MB are free for the records"),
    (_nearly_full, "disk", "warning", "too little for a backup and an upgrade"),
    (_damaged, "store", "error", ""),
    (_no_guard, "store", "error", "guards of the database are missing or changed: deliveries_arrow"),
    (_weaker_guard, "store", "error", "deliveries_kept"),
    (_other_guard, "store", "error", "mine"),
    (_other_journal, "store", "warning", "its journal mode is delete"),
    (_long_log, "store", "warning", "the write-ahead log has"),
    (_no_key, "key", "error", "the key that signs links is gone"),
    (_unknown_send, "ledger", "error", "issue 74: issues/.ledger/74.json tells of mails"),
    (_changed_list, "lists", "warning", "subscribers/example.csv changed since it was imported"),
]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case[0].__name__.strip("_"))
def test_exactly_what_is_wrong_is_found(ready, monkeypatch, case):
    break_it, name, severity, words = case
    break_it(ready, monkeypatch)
    ran = ready.run("doctor", "--json")
    monkeypatch.undo()
    assert found(ran) == {name: severity}
    detail, hint = told(ran, name)
    assert words in detail
    assert hint
    assert ran.code == (5 if severity == "error" else 0)


def test_every_local_check_has_a_broken_world():
    # Runs and git have theirs below, and in files of their own; so has a server of records.
    assert {name for _, name, *_ in BROKEN} | {"unknown", "git"} == set(LOCAL)
    everywhere = [one for one in CHECKS if one.transports == CHECKS[0].transports]
    assert [one.id for one in everywhere if not one.on_server] == list(LOCAL)


def test_what_lies_in_a_folder_that_nobody_else_can_enter_is_out_of_reach(ready):
    (ready.root / ".newsletter/newsletter.db").chmod(0o644)
    assert found(ready.run("doctor", "--json")) == {}


def test_settings_that_cannot_be_read_are_told_with_their_line_and_keep_the_rest_from_being_asked(
    ready,
):
    ready.write("newsletter.toml", '[site]\nname = "Slack Water"\ntimezon = "UTC"\n')
    ran = ready.run("doctor", "--json")
    assert (ran.code, found(ran)) == (5, {"config": "error"})
    assert told(ran, "config")[0].startswith("newsletter.toml:3:1: ")
    skipped = {c["id"]: c["detail"] for c in only_json(ran)["checks"] if c["severity"] == "skipped"}
    assert skipped["files"] == "fix this first: config"
    assert set(skipped) == set(LOCAL) - {"python", "sqlite", "libraries", "config"}


def test_older_records_are_led_to_the_upgrade(ready):
    wrong(ready, "UPDATE alembic_version SET version_num = '0001'")
    ran = ready.run("doctor")
    assert ran.code == 5
    assert ran.out.splitlines()[0] == (
        "error store: .newsletter/newsletter.db: this store was made by an older version "
        "(newsletter db upgrade)"
    )


def test_a_bug_in_a_check_keeps_no_other_from_being_asked(ready, monkeypatch):
    def fail(_):
        raise ZeroDivisionError

    monkeypatch.setattr("newsletter.people.changed.imported_hash", lambda *_: fail(0))
    ran = ready.run("doctor", "--json")
    assert found(ran) == {"lists": "error"}
    assert told(ran, "lists")[0] == "the check itself fails (ZeroDivisionError)"


# --- runs that wait -----------------------------------------------------------------------------


@pytest.mark.processes
def test_runs_and_mails_that_wait_for_a_person_are_named(ready, monkeypatch):
    ready.send()
    past_the_guards(
        ready,
        "UPDATE runs SET rehearsal = 0, state = 'paused', pause = 'network', reason = 'no network'",
        "UPDATE deliveries SET rehearsal = 0",
        "UPDATE deliveries SET state = 'unknown', claimed_at = '2026-01-01T10:00:00.000000Z' "
        "WHERE position < 3",
        "UPDATE deliveries SET state = 'claimed' WHERE position = 3",
    )
    ran = ready.run("doctor", "--only", "unknown", "--json")
    detail, hint = told(ran, "unknown")
    assert detail == (
        "issue 74 is paused: no network; issue 74: 1 mail was in flight when it ended; "
        "issue 74: 2 mails are unknown for more than a day"
    )
    assert hint == ("newsletter send --issue 74 goes on; newsletter retry --issue 74 --unknown")
    assert ran.code == 0
    detail, hint = told(ready.run("doctor", "--only", "ledger", "--json"), "ledger")
    assert detail == (
        "issues/.ledger/74.json is missing: restored records could send the issue again"
    )
    assert hint == "newsletter send --issue 74 writes it again, and goes on"
    past_the_guards(ready, "UPDATE runs SET state = 'running', pause = '', reason = ''")
    ran = ready.run("doctor", "--only", "unknown", "--json")
    assert told(ran, "unknown")[0].startswith("issue 74 was interrupted; ")


# --- what can be asked for ----------------------------------------------------------------------


def test_one_check_alone_is_told_with_what_it_needs_asked_silently(ready):
    ran = ready.run("doctor", "--only", "key", "--only", "disk", "--json")
    assert [one["id"] for one in only_json(ran)["checks"]] == ["disk", "key"]
    ready.write("newsletter.toml", "nonsense")
    ran = ready.run("doctor", "--only", "key", "--json")
    assert only_json(ran)["summary"] == {"ok": 0, "skipped": 1, "warning": 0, "error": 0}


def test_a_name_that_no_check_has_is_an_error_of_usage(ready):
    ran = ready.run("doctor", "--only", "stor")
    assert (ran.code, ran.error) == (2, 'error: no check is called "stor"')
    assert ran.hint == 'hint: did you mean "store"?'


@pytest.mark.parametrize("kind", ["ses", "smtp"])
def test_offline_opens_no_socket(ready, monkeypatch, kind):
    # A quick test may open none: what tried to is told by the fixture of all quick tests.
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", kind)
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SMTP__HOST", "127.0.0.1")
    monkeypatch.setattr(socket, "socket", None)
    ran = ready.run("doctor", "--offline", "--json")
    assert ran.code == 0, ran.out
    online = {one.id for one in CHECKS if one.online and kind in one.transports}
    skipped = [c for c in only_json(ran)["checks"] if c["severity"] == "skipped"]
    assert {one["id"] for one in skipped} == online
    assert {one["detail"] for one in skipped} == {"not asked: --offline"}
