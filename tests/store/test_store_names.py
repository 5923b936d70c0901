"""A store is one, whatever names lead to it."""

from __future__ import annotations

import os

import pytest

from newsletter.audience import Status
from newsletter.errors import InputError, LockedError
from newsletter.store import Store, subscribers
from tests.support.store_samples import (
    NOW,
    count_by_status,
    on_sqlite,
    people,
    store_with,
    url_in,
)

pytestmark = pytest.mark.usefixtures("dialect")


@on_sqlite
def test_one_store_under_two_names_has_one_lock_and_one_list_of_who_left(tmp_path):
    store_with(tmp_path, people(2)).close()
    other = tmp_path / "other"
    other.mkdir()
    (other / "newsletter.db").symlink_to(tmp_path / "newsletter.db")
    with Store.open(url_in(other)) as linked, Store.open(url_in(tmp_path)) as store:
        assert linked.folder == store.folder == tmp_path
        with linked.lock(), pytest.raises(LockedError), store.lock():
            pass
        # What is in the write-ahead log beside the real file is seen under the other name.
        subscribers.remove(store, "reader1@example.org", now=NOW)
        with Store.open(url_in(other), read_only=True) as reader:
            assert count_by_status(reader)[Status.UNSUBSCRIBED] == 1
    assert [path.name for path in other.iterdir()] == ["newsletter.db"]
    (other / "newsletter.db").unlink()
    os.link(tmp_path / "newsletter.db", other / "newsletter.db")
    for folder in (tmp_path, other):
        with pytest.raises(InputError, match="second name"):
            Store.open(url_in(folder), create=False)
