"""A lock whose file is something else's name is refused; signing it would destroy what it names."""

from __future__ import annotations

import os

import pytest

from newsletter.errors import InputError
from newsletter.store.folder.lock import holder, locked


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


def a_folder(lock, records):
    lock.mkdir()


@pytest.mark.parametrize("make", [symbolic, dangling, pipe, a_folder])
def test_who_only_looks_for_its_holder_neither_waits_nor_tells_what_it_names(
    tmp_path, records, make
):
    lock = tmp_path / "newsletter.db.sending.lock"
    make(lock, records)
    assert holder(lock) == ""


def test_the_lock_itself_names_its_holder(tmp_path):
    lock = tmp_path / "newsletter.db.sending.lock"
    with locked(lock):
        assert lock.read_text().startswith(f"pid {os.getpid()} on ")
    assert lock.read_text() == ""
