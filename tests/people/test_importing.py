"""A list is imported by any caller: what came of it is a value, what goes wrong is reported."""

from __future__ import annotations

import pytest

from newsletter.audience.roster import Added
from newsletter.errors import InputError
from newsletter.people.changed import warn_of_changed_lists
from newsletter.people.consent import consent_source
from newsletter.people.importing import (
    check_list,
    import_list,
    open_list,
)
from newsletter.project import Project
from newsletter.settings import load
from tests.support.reports import Heard
from tests.support.store_samples import NOW, store_with, subscriber_count

LIST = """email,name
ada@example.org,Ada
no address,Nobody
ben@example.org,=?x?q?1
ADA@example.org,Again
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "subscribers/friends.csv"
    path.parent.mkdir()
    path.write_text(LIST)
    return path


def import_into(store, file, heard):
    listed = open_list(file.parent.parent, file)
    return import_list(listed, store, source="a fair", now=NOW, reporter=heard)


def test_what_an_import_did_is_a_value(tmp_path, file):
    heard = Heard()
    with store_with(tmp_path, []) as store:
        done = import_into(store, file, heard)
        assert done.added == Added(added=2)
        again = import_into(store, file, heard)
    assert again.added == Added(unchanged=2)
    assert (done.rejected, [one.line for one in done.tally.first]) == (2, [3, 5])
    assert (done.tally.odd_names, done.resumed, done.given_up) == (1, False, None)
    assert (heard.said, heard.warned) == ([], [])
    kept = (file.parent / "friends-rejected.csv").read_text().splitlines()
    assert kept[1:] == ['3,"this is not a mail address"', '5,"line 2 has this address too"']


def test_a_check_finds_the_same_and_writes_nothing(tmp_path, file):
    found = check_list(open_list(tmp_path, file), None, now=NOW)
    assert (found.added, found.rejected, found.tally.odd_names) == (Added(added=2), 2, 1)
    assert [one.line for one in found.tally.first] == [3, 5]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["friends.csv", "subscribers"]


def test_only_a_few_rejected_rows_are_told_one_by_one(tmp_path, file):
    file.write_text("email\n" + "no address\n" * 9)
    found = check_list(open_list(tmp_path, file), None, now=NOW)
    assert (found.rejected, [one.line for one in found.tally.first]) == (9, [2, 3, 4, 5, 6])


def test_a_list_without_addresses_is_refused_before_there_are_records(tmp_path, file):
    file.write_text("name\nAda\n")
    with pytest.raises(InputError):
        open_list(tmp_path, file)


def test_rejected_rows_that_cannot_be_written_down_undo_no_import(tmp_path, file):
    (file.parent / "friends-rejected.csv").mkdir()
    heard = Heard()
    with store_with(tmp_path, []) as store:
        assert import_into(store, file, heard).added == Added(added=2)
        assert subscriber_count(store) == 2
    (warning,) = heard.warned
    assert warning.startswith("the list of rejected rows is missing: ")


def test_a_list_that_changed_since_its_import_is_warned_of(tmp_path, file):
    project = Project(tmp_path, load(None, environ={}, dotenv=""))
    heard = Heard()
    with store_with(tmp_path, []) as store:
        import_into(store, file, heard)
        (file.parent / "new.csv").write_text("email\n")  # never imported, so nothing to say
        warn_of_changed_lists(project, store, heard)
        assert heard.warned == []
        for text in (LIST + "cleo@example.org,Cleo\n", ""):
            file.write_text(text)
            warn_of_changed_lists(project, store, heard)
    said = "subscribers/friends.csv changed since it was imported; the records are what counts"
    assert heard.warned == [said] * 2


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u200b"])
def test_nobody_is_added_without_a_source_of_consent(text):
    with pytest.raises(InputError, match="nothing says how these people agreed") as caught:
        consent_source(text, example="a fair")
    assert caught.value.hint == '--consent-source "a fair"'


def test_a_source_of_consent_is_one_line():
    assert consent_source(" asked at\nthe fair ", example="") == "asked at the fair"
