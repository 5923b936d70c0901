"""One person added, looked up, taken off, let in again, forgotten, by any caller."""

from __future__ import annotations

import csv
import io

import pytest

from newsletter.audience import Status, read_address
from newsletter.errors import InputError, RefusedError
from newsletter.people.add import AddResult, Change, add
from newsletter.people.erase import EraseResult, erase, files_naming
from newsletter.people.export import ExportResult, export_file, export_to
from newsletter.people.remove import AllowResult, allow, remove
from newsletter.people.show import STATUSES, list_people, look_up
from newsletter.project import Project
from newsletter.settings import load
from tests.support.store_samples import NOW, store_with, suppress

ADA = read_address("Ada@example.org")


@pytest.fixture
def store(tmp_path):
    with store_with(tmp_path, []) as made:
        yield made


def put(store, address=ADA, *, name="Ada", tags=("Old Friends",), fields=None):
    return add(store, address, name=name, tags=tags, fields=fields or {}, source="a fair", now=NOW)


def test_adding_tells_what_changed(store):
    assert put(store) == AddResult(change=Change.ADDED, odd_name=False)
    assert put(store) == AddResult(change=Change.NONE, odd_name=False)
    assert put(store, name="=?x?q?1") == AddResult(change=Change.UPDATED, odd_name=True)
    person = look_up(store, ADA).person
    assert person is not None
    assert (person.email, sorted(person.tags)) == ("Ada@example.org", ["old-friends"])


def test_whoever_has_left_is_not_added_until_they_are_allowed(store):
    put(store)
    assert remove(store, ADA, now=NOW)
    assert not remove(store, ADA, now=NOW)
    with pytest.raises(RefusedError, match="has left"):
        put(store)
    back = allow(store, ADA, source="a mail", now=NOW)
    assert back == AllowResult(kept_out="unsubscribed", known=True)
    assert allow(store, ADA, source="a mail", now=NOW) == AllowResult(kept_out="", known=True)


def test_erasing_forgets_and_keeps_out(store, tmp_path):
    put(store)
    done = erase(store, ADA, now=NOW)
    assert done == EraseResult(known=True, clean=True, renewed_backups=0)
    found = look_up(store, ADA, every_row=True)
    assert (found.person, found.suppression) == (None, "erased")
    assert {name for name, rows in found.rows.items() if rows} == {"suppressions", "consents"}
    with pytest.raises(RefusedError):
        put(store)
    assert not erase(store, read_address("ben@example.org"), now=NOW).known
    assert allow(store, ADA, source="a mail", now=NOW) == AllowResult(
        kept_out="erased", known=False
    )


@pytest.mark.parametrize("place", ["subscribers/a.csv", "mail/074/0001.eml", "build/a.html"])
def test_files_that_still_name_who_is_erased_are_found(tmp_path, place):
    project = Project(tmp_path, load(None, environ={}, dotenv=""))
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text("To: ADA@Example.org\n")
    assert files_naming(project, ADA) == (place,)
    assert files_naming(project, read_address("ben@example.org")) == ()


@pytest.mark.parametrize("ask", [look_up, lambda store, who: remove(store, who, now=NOW)])
def test_of_whom_nothing_is_on_record_that_is_said(store, ask):
    with pytest.raises(InputError, match="no subscriber has this address"):
        ask(store, ADA)


@pytest.fixture
def crowd(store):
    """One active, one who left, one whose address is blocked; and one who is erased."""
    for name in ("active", "left", "blocked", "erased"):
        put(store, read_address(f"{name}@example.org"), name=name, fields={"city": "=Ghent"})
    remove(store, read_address("left@example.org"), now=NOW)
    suppress(store, "blocked@example.org", reason="blocked", now=NOW)
    erase(store, read_address("erased@example.org"), now=NOW)
    return store


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("", {"active", "left", "blocked"}), ("active", {"active", "blocked"}),
        ("unsubscribed", {"left"}), ("suppressed", {"blocked"}), ("pending", set()),
    ],
)  # fmt: skip
def test_the_list_is_narrowed_by_status(crowd, status, names):
    assert {one.name for one in list_people(crowd, status=status)} == names
    assert not list(list_people(crowd, status=status, tag="nobody"))


def test_each_status_can_be_asked_for(crowd):
    assert set(STATUSES) == {*Status, "suppressed"}
    for status in STATUSES:
        list(list_people(crowd, status=status))


def test_an_export_says_how_many_it_holds_and_how_many_it_cannot(crowd, tmp_path):
    stream = io.StringIO()
    assert export_to(stream, crowd) == ExportResult(people=3, hashes_only=1)
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(stream.getvalue()))}
    assert {name: row["status"] for name, row in rows.items()} == {
        "active": "active", "left": "unsubscribed", "blocked": "blocked",
    }  # fmt: skip
    assert {row["city"] for row in rows.values()} == {"'=Ghent"}
    path = tmp_path / "all.csv"
    assert export_file(path, crowd).people == 3
    assert path.read_bytes().decode() == stream.getvalue()
    with pytest.raises(InputError, match="this file exists"):
        export_file(path, crowd)
