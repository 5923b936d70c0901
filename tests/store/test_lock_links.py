"""A lock whose file is something else's name is refused; signing it would destroy what it names."""

from __future__ import annotations

import os

import pytest

from newsletter.errors import InputError
from newsletter.store.folder.lock import locked


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "newsletter.db"
    path.write_bytes(b"the records")
    return path


def symbolic(lock, records):
    lock.symlink_to(records)


def hard(lock, records):
    lock.hardlink_to(records)


def dangling(lock, records):
    lock.symlink_to(records.with_name("elsewhere"))


def pipe(lock, records):
    os.mkfifo(lock)


@pytest.mark.parametrize("make", [symbolic, hard, dangling, pipe])
def test_it_is_refused_and_nothing_is_written(tmp_path, records, make):
    lock = tmp_path / "newsletter.db.sending.lock"
    make(lock, records)
    with pytest.raises(InputError, match="the lock beside the store") as caught, locked(lock):
        pass
    assert caught.value.hint
    assert records.read_bytes() == b"the records"
    assert not (tmp_path / "elsewhere").exists()


def test_the_lock_itself_names_its_holder(tmp_path):
    lock = tmp_path / "newsletter.db.sending.lock"
    with locked(lock):
        assert lock.read_text().startswith(f"pid {os.getpid()} on ")
    assert lock.read_text() == ""
