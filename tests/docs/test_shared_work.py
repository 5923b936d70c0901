"""What tests share is made once, and where their files are."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support import in_memory
from tests.support.made_once import made_once


def test_all_pages_that_tests_call_run_in_one_loop():
    async def which(request):
        return PlainTextResponse(str(id(asyncio.get_running_loop())))

    pages = Starlette(routes=[Route("/", which)])
    assert len({TestClient(pages).get("/").text for _ in range(3)}) == 1
    with TestClient(pages) as client:  # its pages begin and end with it
        assert client.get("/").text != TestClient(pages).get("/").text


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("SHARED_BY_TESTS", str(tmp_path))


def test_what_is_made_once_is_whole_and_each_gets_a_copy(run):
    made = []

    def make(folder):
        made.append(folder)
        time.sleep(0.05)  # for the others to come
        (folder / "one").write_text("as it was")

    with ThreadPoolExecutor(4) as several:
        copies = list(several.map(lambda _: made_once("thing", make), range(4)))
    assert len(made) == 1
    assert len(set(copies)) == 4
    (copies[0] / "one").write_text("changed")
    assert (made_once("thing", make) / "one").read_text() == "as it was"


def test_what_was_begun_and_failed_is_made_by_the_next(run):
    def fail(folder):
        (folder / "half").touch()
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        made_once("thing", fail)
    made = made_once("thing", lambda folder: (folder / "one").touch())
    assert [path.name for path in made.iterdir()] == ["one"]


@pytest.mark.parametrize(
    ("free", "set_to", "expected"),
    [
        (in_memory.ROOM, "", "memory"),
        (in_memory.ROOM - 1, "", ""),
        (in_memory.ROOM, "/elsewhere", "/elsewhere"),
    ],
)
def test_files_are_in_memory_where_there_is_room_and_nobody_said_otherwise(
    tmp_path, monkeypatch, free, set_to, expected
):
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(in_memory, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    monkeypatch.setenv("TMPDIR", set_to)
    in_memory.begin()
    assert os.environ["TMPDIR"] == (str(tmp_path / expected) if expected == "memory" else expected)
