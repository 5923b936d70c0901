"""A damaged file of records: one sentence with the way out, never a bug, never an address."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.audience import eligible
from newsletter.errors import InputError, NewsletterError
from newsletter.store import Store, freezing, runs
from newsletter.store.sqlite.integrity import is_damaged
from newsletter.store.sqlite.maintenance import empty_log
from tests.support.cli_fixtures import ADDRESSES, Folder, Ran, folder, plain_environment, ready
from tests.support.store_samples import (
    NOW,
    a_content,
    count_by_status,
    new_store,
    people,
    store_with,
    suppress,
    url_in,
)

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

PAGE = 4096
DATABASE = ".newsletter/newsletter.db"
IMPORT = ("subscribers", "import", "subscribers/example.csv", "--consent-source", "a list")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status",), ("subscribers", "list"), ("send", "--issue", "74", "--confirm", "74"), IMPORT,
    ("send", "--due", "--yes", "--no-input"), ("db", "upgrade"), ("stats", "--issue", "74"),
)  # fmt: skip
#: What a person may read who had the file damaged under them; the first is the usual one.
SENTENCE = re.compile("the store is damaged|not a SQLite database, or it is damaged")


def flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 8, 200))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def flip_early(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(PAGE)] ^= 1 << chance.randrange(8)


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(1, len(data)) :]


def zero_a_page(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) // PAGE) * PAGE
    data[at : at + PAGE] = bytes(PAGE)


def swap_pages(data: bytearray, chance: random.Random) -> None:
    pages = [bytes(data[at : at + PAGE]) for at in range(0, len(data), PAGE)]
    one, two = (n * PAGE for n in chance.sample(range(len(pages)), 2))
    while pages[one // PAGE] == pages[two // PAGE]:  # empty tables look alike, and nothing is wrong
        one, two = (n * PAGE for n in chance.sample(range(len(pages)), 2))
    data[one : one + PAGE], data[two : two + PAGE] = data[two : two + PAGE], data[one : one + PAGE]


def spoil_the_header(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(100)
    data[at : at + 8] = chance.randbytes(8)


def letters_in_pages(data: bytearray, chance: random.Random) -> None:
    """An address where a name of a table, a state or a date stood."""
    for _ in range(40):
        at = chance.randrange(len(data) - 64)
        data[at : at + len(ADDRESSES[0])] = ADDRESSES[0].encode()


def no_utf8(data: bytearray, chance: random.Random) -> None:
    for match in list(re.finditer(rb"@[a-z]+", bytes(data)))[::3]:
        data[match.start()] = 0xFF


Kind = Callable[[bytearray, random.Random], None]
KINDS: tuple[Kind, ...] = (
    flip, flip_early, cut, zero_a_page, swap_pages, spoil_the_header, letters_in_pages, no_utf8,
)  # fmt: skip


@pytest.fixture
def sent(ready: Folder) -> Folder:
    """The example, sent once: rows in most tables."""
    assert ready.send().code == 0
    assert not (ready.root / f"{DATABASE}-wal").exists()
    return ready


def faults(ran: Ran) -> list[str]:
    """What is wrong with what a command said of a damaged file."""
    found = []
    if ran.code == 1 or "Traceback" in ran.err:
        found.append(ran.err)
    if "@" in ran.err.replace("wren@slackwater.example.org", ""):
        found.append("an address was told")
    if SENTENCE.search(ran.err) and "newsletter db restore FILE" not in ran.hint:
        found.append("no way out")
    return found


def damage(newsletter: Folder, whole: bytes, seed: int) -> Kind:
    """Put a damaged copy in place, the same for the same seed; `Folder.run` looks for addresses."""
    chance = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    data = bytearray(whole)
    kind(data, chance)
    for path in (newsletter.root / ".newsletter").glob("newsletter.db*"):
        path.unlink()
    newsletter.write(DATABASE, bytes(data))
    return kind


def test_no_damage_is_a_bug_of_any_command_or_tells_an_address(sent, request):
    whole = (sent.root / DATABASE).read_bytes()
    number = 200 if request.config.getoption("--long") else 32
    noticed, wrong = 0, []
    for seed in range(number):
        kind = damage(sent, whole, seed)
        words = COMMANDS[seed % len(COMMANDS)]
        for command in (("status",), words):
            damage(sent, whole, seed)
            ran = sent.run(*command)
            wrong += [f"seed {seed}, {kind.__name__}, {command}: {why}" for why in faults(ran)]
            noticed += bool(SENTENCE.search(ran.err))
    assert wrong == []
    assert noticed > number // 2


@pytest.mark.parametrize("kind", [zero_a_page, swap_pages, spoil_the_header, cut])
def test_a_store_spoilt_under_an_open_one_is_called_damaged(tmp_path, kind):
    store_with(tmp_path, people(300)).close()
    file = tmp_path / "newsletter.db"
    whole = file.read_bytes()
    met: list[NewsletterError] = []
    for seed in range(6):
        data = bytearray(whole)
        kind(data, random.Random(seed))
        file.write_bytes(data)
        try:
            with Store.open(url_in(tmp_path), read_only=True) as store:
                count_by_status(store)
                list(runs.find_all(store))
                store.backend.expect_whole()
        except NewsletterError as error:
            met.append(error)
    assert len(met) >= 4
    assert all(isinstance(error, InputError) and SENTENCE.search(str(error)) for error in met)


def test_a_foreign_log_beside_the_file_is_no_bug(sent, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    writer = new_store(other, people(900))
    assert (other / "newsletter.db-wal").stat().st_size
    shutil.copy(other / "newsletter.db-wal", sent.root / f"{DATABASE}-wal")
    writer.close()
    for words in (("status",), ("subscribers", "list"), ("db", "upgrade"), ("status",)):
        assert faults(sent.run(*words)) == []


def test_a_file_that_was_emptied_is_not_begun_anew(sent):
    with Store.open(f"sqlite:///{sent.root}/{DATABASE}") as store:
        suppress(store, "reader@example.net", reason="complained", now=NOW)
    sent.write(DATABASE, b"")
    ran = sent.run(*IMPORT)
    assert ran.code == 2
    assert "the store is damaged: its file is empty" in ran.error
    assert "db restore" in ran.hint
    assert (sent.root / DATABASE).read_bytes() == b""


def test_a_frozen_letter_that_changed_in_the_file_is_never_sent(tmp_path):
    store = store_with(tmp_path, people(3))
    store.close()
    with Store.open(url_in(tmp_path)) as store:
        freezing.start(
            store, a_content(), rehearsal=False, transport="ses", eligible=eligible(None), now=NOW
        )
        assert runs.find(store, 74, rehearsal=False)
        empty_log(store)
    file = tmp_path / "newsletter.db"
    data = file.read_bytes()
    assert data.count(b"wren@example.org") == 1
    file.write_bytes(data.replace(b"wren@example.org", b"wren@exomple.org"))
    with Store.open(url_in(tmp_path)) as store, pytest.raises(InputError, match="damaged"):
        runs.find(store, 74, rehearsal=False)


@pytest.mark.parametrize(
    "change",
    ["UPDATE runs SET started_at = '2026-13-01T00:00:00.000000Z'",
     "UPDATE runs SET state = CAST(x'ff' AS TEXT)",
     "DROP TABLE subscribers", "DELETE FROM signing_keys"],
)  # fmt: skip
def test_what_the_program_cannot_have_written_is_called_damaged_or_its_own_sentence(sent, change):
    with sqlite3.connect(sent.root / DATABASE, isolation_level=None) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("PRAGMA foreign_keys = 0")
        connection.execute(change)
    connection.close()
    ran = sent.run("status")
    if "started_at" in change or "state" in change:
        assert ran.code == 2
        assert SENTENCE.search(ran.error)
    assert "@" not in ran.err


def test_words_of_the_database_that_are_no_utf8_mean_damage():
    def opened() -> sqlite3.Connection:
        raise UnicodeDecodeError("utf-8", b"malformed database schema (\xa0)", 27, 28, "invalid")

    assert is_damaged(opened)


def test_files_of_tests_have_pages_of_this_size(tmp_path: Path):
    store_with(tmp_path, []).close()
    with sqlite3.connect(tmp_path / "newsletter.db") as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (PAGE,)
    connection.close()
