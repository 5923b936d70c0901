"""Long lists: staged, applied step by step, gone on with after a crash."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys

import pytest

from newsletter.audience import Status
from newsletter.audience.roster import Added, Reject
from newsletter.errors import InputError, LockedError, NewsletterError
from newsletter.store import batches, imports, subscribers
from newsletter.store.abandoning import alone
from newsletter.store.imported import imported_hash
from newsletter.store.imports import Import
from newsletter.store.intake import take_in
from newsletter.store.sqlite.maintenance import empty_log
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import script
from tests.support.store_samples import (
    LATER,
    NOW,
    a_row,
    look,
    on_sqlite,
    people,
    store_with,
    subscriber_count,
    suppress,
)

__all__ = ["folder", "plain_environment"]

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("dialect")]

STAGES = "select count(*) from staged_rows union all select count(*) from staged_imports"
GONE = [(0,), (0,)]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(batches, "MOST", 500)
    monkeypatch.setattr(imports, "_MOST", 500)
    monkeypatch.setattr(batches, "_LEAST_PAUSE", 0.0)


def a_list(*, digit="a", source="fair"):
    return Import(source=source, now=NOW, file_name="list.csv", file_hash=digit * 64)


def everything():
    """Everything that can become of a row, among many others."""
    return [
        *people(2600),
        Reject(line=9000, reason="this is not a mail address"),
        a_row("left@example.org"),
        a_row("bounced@example.org", suppression="bounced"),
        a_row("tagged@example.org", tags=frozenset({"beta"}), fields={"city": "Malmö"}),
        a_row("waits@example.org", status=Status.PENDING),
        a_row("gone@example.org", status=Status.UNSUBSCRIBED),
        Reject(line=9001, reason="line 2 has this address too"),
    ]


TOTALS = Added(added=2603, kept_out=1, suppressed=1)


def prepared(folder):
    """A store that knows one who has left."""
    store = store_with(folder, [a_row("left@example.org")])
    assert subscribers.remove(store, "left@example.org", now=NOW)
    return store


def facts(folder):
    return [
        look(folder, question)
        for question in (
            "select email, name, status, fields from subscribers order by email",
            "select email, tag from tags join subscribers on id = subscriber_id order by email, tag",
            "select event, source, count(*) from consents group by event, source order by 1, 2",
            "select reason, count(*) from suppressions group by reason order by reason",
        )
    ]


@pytest.fixture
def crashing(monkeypatch):
    """The process ends after so many steps into the records."""

    def after(number):
        real, left = take_in, [number]

        def take(*arguments, **named):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return real(*arguments, **named)

        monkeypatch.setattr(imports, "take_in", take)

    return after


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an import that nothing stops leaves behind."""
    folder = tmp_path_factory.mktemp("whole")
    with prepared(folder) as store:
        job = a_list()
        told: list[Reject] = []
        job.write(store, everything(), told.extend)
        assert (job.added, job.rejected, job.resumed) == (TOTALS, 2, False)
        assert [reject.line for reject in told] == [9000, 9001]
    assert look(folder, STAGES) == GONE
    [(counts,)] = look(folder, "select counts from imports")
    assert Added(**json.loads(counts)) == TOTALS
    return facts(folder)


@pytest.mark.parametrize("steps_done", [0, 1, 4])
def test_an_import_goes_on_where_its_process_died(
    tmp_path, whole, crashing, monkeypatch, steps_done
):
    with prepared(tmp_path) as store:
        crashing(steps_done)
        job = a_list()
        with pytest.raises(KeyboardInterrupt):
            job.write(store, everything())
        done = job.added.added + job.added.kept_out + job.added.suppressed
        assert done <= 500 * steps_done
        assert (done > 0) == (steps_done > 0)
        assert imported_hash(store, "list.csv") is None
        monkeypatch.undo()
        again = a_list()
        told: list[Reject] = []
        again.write(store, everything(), told.extend)
        assert (again.added, again.rejected, again.resumed) == (TOTALS, 2, True)
        assert [reject.reason[:6] for reject in told] == ["this i", "line 2"]
        assert imported_hash(store, "list.csv") == "a" * 64
    assert facts(tmp_path) == whole
    assert look(tmp_path, STAGES) == GONE


@pytest.mark.parametrize("change", [{"digit": "b"}, {"source": "another"}])
def test_another_list_does_not_go_on_with_it(tmp_path, crashing, monkeypatch, change):
    with prepared(tmp_path) as store:
        crashing(1)
        with pytest.raises(KeyboardInterrupt):
            a_list().write(store, everything())
        monkeypatch.undo()
        other = a_list(**change)
        other.write(store, [a_row(f"x{n}@example.org") for n in range(700)])
        assert (other.added, other.resumed) == (Added(added=700), False)
    assert look(tmp_path, STAGES) == GONE


def test_nobody_who_leaves_between_two_steps_is_brought_back(tmp_path, crashing, monkeypatch):
    with prepared(tmp_path) as store:
        crashing(3)
        with pytest.raises(KeyboardInterrupt):
            a_list().write(store, everything())
        monkeypatch.undo()
        here = [one.email for one in subscribers.each(store) if one.email.startswith("reader")]
        staged = look(tmp_path, "select email from staged_rows where email like 'reader%' limit 1")
        subscribers.remove(store, here[0], now=LATER)
        suppress(store, staged[0][0], reason="complained", now=LATER)
        again = a_list()
        again.write(store, everything())
        assert again.added.kept_out == TOTALS.kept_out + 1
    status = "select status from subscribers where email = ?"
    assert look(tmp_path, status, here[0]) == [("unsubscribed",)]
    assert look(tmp_path, status, staged[0][0]) == []


def test_a_list_that_cannot_be_read_to_its_end_leaves_nothing(tmp_path):
    def broken():
        yield from people(1800)
        raise InputError("a quote is never closed")

    with store_with(tmp_path, []) as store:
        with pytest.raises(InputError):
            imports.add(store, broken(), source="x", now=NOW)
        assert subscriber_count(store) == 0
    assert look(tmp_path, STAGES) == GONE


def test_one_import_at_a_time(tmp_path):
    with store_with(tmp_path, []) as store, alone(store):
        with pytest.raises(LockedError, match="another run is importing into this store"):
            imports.add(store, people(600), source="x", now=NOW)
        with pytest.raises(LockedError):
            subscribers.erase(store, "reader1@example.org", now=NOW)
        assert imports.add(store, people(3), source="x", now=NOW).added == 3


@on_sqlite
def test_erasing_takes_an_abandoned_import_with_it(tmp_path, crashing, monkeypatch):
    with store_with(tmp_path, []) as store:
        crashing(1)
        with pytest.raises(KeyboardInterrupt):
            a_list().write(store, people(2000))
        monkeypatch.undo()
        [(email,)] = look(tmp_path, "select email from staged_rows limit 1")
        assert subscribers.erase(store, email, now=LATER) == (False, True)
        for name in ("newsletter.db", "newsletter.db-wal"):
            assert email.encode() not in (tmp_path / name).read_bytes()
    assert look(tmp_path, STAGES) == GONE


@on_sqlite
def test_after_an_import_the_stage_is_overwritten(tmp_path):
    """A row that was staged and kept out stands nowhere any more."""
    with prepared(tmp_path) as store:
        suppress(store, "kept.out@example.org", reason="blocked", now=NOW)
        imports.add(
            store,
            [*people(1200), a_row("kept.out@example.org", name="Zelda Quill")],
            source="x",
            now=NOW,
        )
        assert empty_log(store)
        data = (tmp_path / "newsletter.db").read_bytes()
    assert b"kept.out" not in data
    assert b"Zelda" not in data


@on_sqlite
def test_a_fault_of_the_records_stays_a_fault_and_goes_on_later(tmp_path, whole):
    with prepared(tmp_path) as store:
        with sqlite3.connect(tmp_path / "newsletter.db") as other:
            other.execute(
                "create trigger fault before insert on subscribers when new.email = "
                "'reader700@example.org' begin select raise(abort, 'so it is'); end"
            )
        job = a_list()
        with pytest.raises(NewsletterError):
            job.write(store, everything())
        assert subscriber_count(store) < 2600
        with sqlite3.connect(tmp_path / "newsletter.db") as other:
            other.execute("drop trigger fault")
        (job := a_list()).write(store, everything())
        assert (job.added, job.resumed) == (TOTALS, True)
    assert facts(tmp_path) == whole


# --- the command -----------------------------------------------------------------------------

IMPORT = ("subscribers", "import", "subscribers/long.csv", "--consent-source", "invented")
NUMBER = 4_000


def long_list(folder: Folder, number: int) -> None:
    rows = "".join(f"reader{n}@example.org,Reader {n}\n" for n in range(number))
    folder.write("subscribers/long.csv", f"email,name\n{rows}bad,Bad\nreader7@EXAMPLE.org,Again\n")


#: The command, killed in the middle of its third step into the records.
KILLED = """
import os, signal, sys
from newsletter.cli.app import main
from newsletter.store import imports
real, left, imports._MOST = imports.take_in, [2], 1000
def take(*arguments, **named):
    done = real(*arguments, **named)
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return done
imports.take_in = take
main()
"""


@on_sqlite
def test_an_import_that_is_killed_goes_on_by_the_same_command(folder):
    long_list(folder, NUMBER)
    command = [sys.executable, "-c", KILLED, *IMPORT]
    killed = subprocess.run(command, cwd=folder.root, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert 0 < there(folder) < NUMBER
    ran = script(folder.root, *IMPORT)
    assert ran.returncode == 0, ran.stderr
    assert there(folder) == NUMBER
    assert (
        ran.stdout
        == f"{NUMBER:,} added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 2 rejected\n"
    )
    assert "interrupted import of this list was resumed" in ran.stderr
    assert look(folder.root / ".newsletter", STAGES) == GONE
    kept = (folder.root / "subscribers/long-rejected.csv").read_text("utf-8").splitlines()
    assert kept[1:] == [
        f'{NUMBER + 2},"this is not a mail address"',
        f'{NUMBER + 3},"line 9 has this address too"',
    ]


def there(folder: Folder) -> int:
    try:
        return len(folder.untold("subscribers", "id"))
    except sqlite3.OperationalError:
        return 0


@on_sqlite
def test_no_issue_is_begun_with_half_a_list(folder, monkeypatch, crashing):
    long_list(folder, 1700)
    crashing(2)
    assert folder.run(*IMPORT).code == 130
    some = there(folder)
    monkeypatch.undo()
    monkeypatch.chdir(folder.root)
    sending = ("send", "--issue", "74", "--confirm", "74")
    for more in ((), ("--dry-run",)):
        ran = script(folder.root, *sending, *more)
        assert ran.returncode == 8
        left = f"{1700 - some:,} rows are not in the records yet"
        assert f"the import of subscribers/long.csv is not finished: {left}" in ran.stderr
    ran = script(folder.root, *sending, "--dry-run", "--expect", str(some))
    assert ran.returncode == 0, ran.stderr
    assert script(folder.root, *IMPORT).returncode == 0
    assert script(folder.root, *sending, "--dry-run").returncode == 0


@on_sqlite
def test_an_import_that_is_given_up_is_told(folder, monkeypatch, crashing):
    long_list(folder, 1700)
    crashing(2)
    assert folder.run(*IMPORT).code == 130
    left = 1700 - there(folder)
    monkeypatch.undo()
    monkeypatch.chdir(folder.root)
    rows = "".join(f"other{n}@example.org\n" for n in range(600))
    folder.write("subscribers/other.csv", f"email\n{rows}")
    ran = script(folder.root, *IMPORT[:2], "subscribers/other.csv", *IMPORT[3:])
    assert ran.returncode == 0, ran.stderr
    assert f"{left:,} rows of it are not in the records: import it again" in ran.stderr


@on_sqlite
def test_what_stops_an_import_says_how_far_it_is(folder, monkeypatch, crashing):
    long_list(folder, 1700)
    crashing(2)
    ran = folder.run(*IMPORT)
    assert ran.code == 130
    told = r"([\d,]+) rows are in the records by now; the same command goes on with the rest\n"
    found = re.search(told + r"\Z", ran.err)
    assert found is not None
    assert int(found[1].replace(",", "")) == there(folder)
    monkeypatch.undo()
    monkeypatch.chdir(folder.root)
    again = script(folder.root, *IMPORT)
    assert again.stdout.startswith("1,700 added, ")
    assert "an interrupted import of this list was resumed" in again.stderr


@on_sqlite
def test_a_dry_run_counts_as_the_import_does(folder):
    long_list(folder, 1700)
    dry = folder.run(*IMPORT, "--dry-run")
    totals = "1,700 added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 2 rejected"
    assert dry.out == f"would be: {totals}; nothing was written\n"
    assert not (folder.root / ".newsletter").exists()
    assert folder.run(*IMPORT).out == f"{totals}\n"


def test_the_lists_own_order_is_kept_where_it_is_short(tmp_path):
    with store_with(tmp_path, people(499)) as store:
        assert [one.email for one in subscribers.each(store)] == [row.email for row in people(499)]
