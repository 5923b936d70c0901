"""How the preview keeps up: streams, the disk, sockets and signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from newsletter import clocks, preview
from newsletter import server as web_app
from newsletter.errors import InputError, NewsletterError
from newsletter.preview import reload
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.parts import text_part
from newsletter.preview.readers import READERS, reader
from newsletter.preview.reload import Changes
from newsletter.settings import ConfigText, load
from tests.support.cli_fixtures import copy_example
from tests.support.commands import HANGS
from tests.support.pages import parse_page
from tests.support.preview_fixtures import Desk, a_preview, desk

__all__ = ["desk"]


# --- events ------------------------------------------------------------------------------------


class Stream:
    """An event stream asked for without a socket."""

    def __init__(self, application: Any, path: str) -> None:
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": [(b"host", b"localhost")], "scheme": "http",
            "http_version": "1.1", "server": ("localhost", 80), "client": None, "root_path": "",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
        }  # fmt: skip
        self.task = asyncio.ensure_future(application(scope, self._inbox.get, self._outbox.put))

    async def next(self) -> str:
        """The next piece of the answer that says something, "" at its end."""
        while True:
            message = await asyncio.wait_for(self._outbox.get(), 10)
            if message["type"] == "http.response.start":
                self.headers = dict(message["headers"])
            elif not message["body"].startswith((b"retry", b":")):
                return str(message["body"].decode())

    async def leave(self) -> None:
        """Close the page."""
        await self._inbox.put({"type": "http.disconnect"})
        await asyncio.wait_for(self.task, 10)


@contextlib.asynccontextmanager
async def stream(desk: Desk, path: str) -> AsyncIterator[Stream]:
    opened = Stream(desk.application(), path)
    try:
        yield opened
    finally:
        desk.changes.close()
        await asyncio.wait_for(opened.task, 10)


def test_a_page_hears_of_a_change_once_and_of_none_that_changes_nothing(desk):
    async def scene() -> None:
        async with stream(desk, "/issues/74/events") as opened:
            first = await opened.next()
            assert first.startswith("event: version\ndata: ")
            assert opened.headers[b"content-type"].startswith(b"text/event-stream")
            desk.changes.announce()  # nothing changed
            desk.made[74] = a_preview("<p>Changed</p>")
            desk.changes.announce()
            second = await opened.next()
            assert second.startswith("event: version\ndata: ")
            desk.made[74] = InputError("broken")
            desk.changes.announce()
            third = await opened.next()
            desk.made.clear()
            desk.changes.announce()
            assert await opened.next() == "event: version\ndata: gone\n\n"
            assert len({first, second, third}) == 3

    asyncio.run(scene())


def test_the_version_of_the_stream_is_the_version_of_the_page(desk):
    async def scene() -> str:
        async with stream(desk, "/issues/74/events") as opened:
            return await opened.next()

    [body] = parse_page(desk.page()).iter("body")
    assert asyncio.run(scene()) == f"event: version\ndata: {body.get('data-version')}\n\n"


def test_the_list_hears_of_changes_too(desk):
    async def scene() -> None:
        async with stream(desk, "/events") as opened:
            first = await opened.next()
            desk.shelf = ()
            desk.changes.announce()
            assert await opened.next() != first

    asyncio.run(scene())


def test_streams_end_when_the_server_stops_and_when_the_page_goes(desk):
    async def scene() -> None:
        async with stream(desk, "/issues/74/events") as opened:
            await opened.next()
            desk.changes.close()
            assert await opened.next() == ""
        gone = Stream(desk.application(), "/events")
        await gone.leave()

    asyncio.run(scene())


def test_a_quiet_stream_breathes_so_that_pages_that_went_are_noticed(desk, monkeypatch):
    monkeypatch.setattr(reload, "_BREATH", 0.001)

    async def scene() -> str:
        pieces = reload.events(desk.changes, lambda: "1")
        return [await anext(pieces) for _ in range(3)][-1]

    assert asyncio.run(scene()) == ": still here\n\n"


# --- the disk ----------------------------------------------------------------------------------


@contextlib.contextmanager
def example(tmp_path: Path) -> Iterator[tuple[Path, IssuePreviews]]:
    root = tmp_path / "letters"
    copy_example(root)

    def settings() -> Any:
        text = (root / "newsletter.toml").read_text("utf-8")
        return load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv="")

    yield root, IssuePreviews(root, settings, clocks.now)


def test_a_proof_is_made_again_only_when_something_changed(tmp_path):
    with example(tmp_path) as (root, previews):
        first = previews.preview(74, READERS[0])
        assert first is not None
        assert previews.preview(74, READERS[0]) is first
        changes: list[Callable[[], object]] = [
            lambda: _append(root / "issues/074-the-long-minute.md", "\nMore.\n"),
            lambda: _append(root / "templates/email/style.css", "\n.x { color: red; }\n"),
            lambda: _replace(root / "newsletter.toml", "#1f7a8c", "#112233"),
            (root / "issues/images/harbour.png").unlink,
        ]
        for change in changes:
            change()
            again = previews.preview(74, READERS[0])
            assert again is not first
            assert previews.preview(74, READERS[0]) is again
            first = again


def test_proofs_are_what_the_invented_reader_gets(tmp_path):
    with example(tmp_path) as (_, previews):
        preview = previews.preview(74, READERS[0])
        assert preview is not None
        assert "Hello Sam Reader" in preview.html
        assert "Hello Sam Reader" in text_part(preview.mail)
        nameless = previews.preview(74, reader("nameless"))
        assert nameless is not None
        assert "Hello there" in nameless.html
        assert nameless.source == preview.source
        assert preview.assets_url == "https://assets.slackwater.example.org"
        assert previews.preview(9999, READERS[0]) is None


def test_folders_are_watched_without_what_lies_beside_them(tmp_path):
    with example(tmp_path) as (root, previews):
        (root / ".venv/lib").mkdir(parents=True)
        named = {path.relative_to(root).as_posix() for path in previews.folders()}
        assert named == {".", "templates", "templates/email", "issues", "issues/images"}


async def _is_heard(changes: Changes, file: Path) -> None:
    """One change, made when all has been quiet for longer than the watcher's look around."""
    with changes.listening() as bell:
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(bell.wait(), 0.6)
                bell.clear()
        _append(file, "\n")
        await asyncio.wait_for(bell.wait(), HANGS)


def test_changes_on_disk_ring_even_after_folders_were_taken_away_and_made_anew(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(reload, "_LOOK_AGAIN", 200)
    with example(tmp_path) as (root, previews):
        changes = Changes()
        theme, kept = root / "templates/email", tmp_path / "kept"
        shutil.copytree(theme, kept)

        async def scene() -> None:
            task = asyncio.ensure_future(reload.watch(previews.folders, changes))
            async with asyncio.timeout(HANGS):
                await _is_heard(changes, root / "newsletter.toml")
                await _is_heard(changes, root / "issues/074-the-long-minute.md")
                shutil.rmtree(theme)
                shutil.copytree(kept, theme)
                await _is_heard(changes, theme / "style.css")
                (root / "issues/new").mkdir()
                await _is_heard(changes, root / "issues/new/x.png")
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(scene())


def test_the_watcher_lives_as_long_as_the_application(desk):
    seen = []

    async def watching() -> None:
        seen.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    app = desk.application(watching=watching)
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/").status_code == 200
    assert seen == ["began", "ended"]
    with desk.client() as client:
        assert client.get("/").status_code == 200


# --- sockets -----------------------------------------------------------------------------------


@pytest.mark.processes
def test_the_next_free_port_is_taken():
    with web_app.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with web_app.listen("127.0.0.1", port, tries=20) as second:
            assert port < second.getsockname()[1] <= port + 19
            assert web_app.url_of(second) == f"http://127.0.0.1:{second.getsockname()[1]}"
        with pytest.raises(InputError, match=f"port {port} is taken"):
            web_app.listen("127.0.0.1", port)


@pytest.mark.processes
@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_an_input_error(host):
    with pytest.raises(InputError, match=f"nothing can listen on {host}") as caught:
        web_app.listen(host, 0)
    assert caught.value.hint


@pytest.mark.processes
def test_an_ipv6_address_is_written_in_brackets():
    try:
        door = web_app.listen("::1", 0)
    except NewsletterError:
        pytest.skip("this machine has no IPv6")
    with door:
        assert web_app.url_of(door) == f"http://[::1]:{door.getsockname()[1]}"


@pytest.mark.processes
def test_the_browser_is_opened_with_the_page_in_silence(tmp_path, monkeypatch, capfd):
    note = tmp_path / "opened"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho noise; echo noise >&2\nprintf %s "$1" > {note}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    opened = web_app.open_browser("http://127.0.0.1:7474/issues/74")
    assert isinstance(opened, subprocess.Popen)
    opened.wait(30)
    assert note.read_text() == "http://127.0.0.1:7474/issues/74"
    assert capfd.readouterr() == ("", "")


def test_without_a_screen_no_browser_is_opened(monkeypatch):
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert web_app.open_browser("http://127.0.0.1:7474/") is None


@pytest.mark.processes
def test_it_serves_until_ctrl_c_and_gives_the_handlers_back(tmp_path, capfd):
    with example(tmp_path) as (root, _):
        door, seen = web_app.listen("127.0.0.1", 0), []
        url = f"{web_app.url_of(door)}/issues/74"

        def look() -> None:
            with urllib.request.urlopen(url, timeout=20) as answer:
                seen.append((answer.status, "long minute" in answer.read().decode()))
            events = urllib.request.urlopen(f"{url}/events", timeout=20)
            seen.append(events.readline())
            os.kill(os.getpid(), signal.SIGINT)
            events.read()  # to its end
            events.close()

        before = signal.getsignal(signal.SIGINT)
        looking = threading.Thread(target=look)
        config = ConfigText(
            file="newsletter.toml", text=(root / "newsletter.toml").read_text("utf-8")
        )
        settings = load(config, environ={}, dotenv="")
        preview.serve(root, lambda: settings, door, looking.start, clock=clocks.now)
        looking.join(20)
        assert seen == [(200, True), b"retry: 500\n"]
        assert signal.getsignal(signal.SIGINT) is before
        assert capfd.readouterr() == ("", "")


def _replace(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)
