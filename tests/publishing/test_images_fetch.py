"""`newsletter images fetch`: pictures of past issues come along before the old account goes."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from newsletter.http import Fetcher
from newsletter.project import files
from newsletter.publishing import old_pictures
from tests.publishing.test_past_issues import empty, imported
from tests.support.cli_fixtures import Folder, folder, plain_environment, snapshot

__all__ = ["empty", "folder", "plain_environment"]
pytestmark = pytest.mark.processes


def png(colour: str, *, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20), colour).save(stream, kind)
    return stream.getvalue()


class Old:
    """The earlier service: its pictures by path, and what was asked of it."""

    def __init__(self) -> None:
        self.pictures: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def old() -> Iterator[Old]:
    there = Old()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.asked.append(self.path)
            status, data = there.pictures.get(self.path, (404, b""))
            self.send_response(status)
            if status == 301:
                self.send_header("Location", data.decode())
            short = 9 if status == 206 else 0
            self.send_header("Content-Length", str(len(data) + short))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    there.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield there
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def here(empty: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """The newsletter on a machine from which the earlier service can be reached."""
    fetcher = Fetcher(keep=100_000, allowed=lambda _: True)
    monkeypatch.setattr(old_pictures, "patient_fetcher", lambda: fetcher)
    return empty


def past(folder: Folder, number: int, body: str, *lines: str) -> str:
    head = "".join(f"{line}\n" for line in ("date: 2021-03-01", "sent_elsewhere: Substack", *lines))
    name = f"issues/{number:03d}-past.md"
    folder.write(name, f"---\ntitle: Past\n{head}---\n\n{body}\n")
    return name


def test_texts_show_the_pictures_here_and_nothing_else_changes(here, old):
    behind = "/fetch/w_9,c_limit/https%3A%2F%2Fa.example%2Fimages%2FHarbour.JPEG"
    old.pictures = {
        "/1/a.png": (200, png("teal")), "/2/a.png": (200, png("red")),
        behind: (200, png("blue", kind="JPEG")), "/q?x=1&y=2": (301, b"/1/a.png"),
        "/b_(1).png": (200, png("green")), "/og.png": (200, png("black")),
    }  # fmt: skip
    a, b, c, q, e = map(old.url, ["/1/a.png", "/2/a.png", behind, "/q?x=1&y=2", "/b_(1).png"])
    body = (
        f'Words ![A [one]]({a} "T") and [a link]({a}).\n\n![B](<{b}>)\n\n*A caption*\n\n'
        f'<p><img src="{q.replace("&", "&amp;")}" alt="Q"></p>\n\n[![C]({c})](https://x.example/)\n\n'
        f"![E][e] ![](images/own.png) ![](/abs.png)\n\n`{c}`\n\n[e]: {e}"
    )
    name = past(here, 3, body, f'image: "{old.url("/og.png")}"')
    before = (here.root / name).read_text("utf-8")
    ran = here.run("images", "fetch")
    assert (ran.code, ran.err.strip()) == (0, "6 pictures fetched")
    text = (here.root / name).read_text("utf-8")
    changes = {f"]({a} ": "](images/a.png ", f"(<{b}>)": "(*)", f'"{q.replace("&", "&amp;")}"': '"**"',
               f"]({c})": "](images/harbour.jpg)", f"]: {e}": "]: images/b-1.png",
               f'"{old.url("/og.png")}"': "images/og.png"}  # fmt: skip
    for was, now in changes.items():
        assert before.count(was) == 1, was
        before = before.replace(was, now)
    names = sorted(path.name for path in (here.root / "issues/images").iterdir())
    other = next(one for one in names if one.startswith("a-"))
    assert text == before.replace("(*)", f"(images/{other})").replace('"**"', '"images/q.png"')
    assert (here.root / "issues/images/q.png").read_bytes() == png("teal")
    assert (here.root / "issues/images" / other).read_bytes() == png("red")
    old.asked.clear()
    state = snapshot(here.root)
    assert here.run("images", "fetch").err.strip() == "0 pictures fetched"
    assert (old.asked, snapshot(here.root)) == ([], state)


def test_line_ends_and_the_mark_stay(here, old):
    old.pictures = {"/a.png": (200, png("teal"))}
    text = f"---\ntitle: P\ndate: 2021-03-01\nsent_elsewhere: yes\n---\n\nx\n![]({old.url('/a.png')})\n"
    data = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    path = here.write("issues/003-p.md", data)
    assert here.run("images", "fetch").code == 0
    assert path.read_bytes() == data.replace(old.url("/a.png").encode(), b"images/a.png")


def test_what_cannot_be_had_stays_as_it_is_and_is_told(here, old):
    old.pictures = {
        "/ok.png": (200, png("teal")), "/page.png": (200, b"<html>moved</html>"), "/empty.png": (200, b""),
        "/large.png": (200, png("teal") + b"0" * 100_000), "/cut.png": (206, png("teal")[:40]),
        "/act.svg": (200, b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
    }  # fmt: skip
    paths = ["/none.png", *old.pictures]
    name = past(here, 3, "\n\n".join(f"![]({old.url(path)})" for path in paths))
    before = snapshot(here.root / "issues/images")
    ran = here.run("images", "fetch", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["fetched"] == {old.url("/ok.png"): "images/ok.png"}
    assert {one["url"].rpartition("/")[2]: one["reason"] for one in told["left"]} == {
        "none.png": "its server answered 404",
        "page.png": "it is damaged or no picture",
        "empty.png": "it is empty",
        "large.png": "it is larger than 40 MB",
        "cut.png": "the connection broke",
        "act.svg": "it is an SVG with a script in it",
    }
    assert {one["file"] for one in told["left"]} == {name}
    text = (here.root / name).read_text("utf-8")
    assert [path for path in paths if old.url(path) in text] == [p for p in paths if p != "/ok.png"]
    assert set(snapshot(here.root / "issues/images")) - set(before) == {"ok.png"}


def test_a_text_that_would_say_anything_else_stays_as_it_is(here, old):
    old.pictures = {"/a.png": (200, png("teal"))}
    url = old.url("/a.png")
    name = past(here, 3, f"![]({url})\n\nI write `![]({url})` for it.")
    state = snapshot(here.root)
    ran = here.run("images", "fetch")
    assert f"left: {name}: {url}: the text names it in a way" in ran.err
    assert (old.asked, snapshot(here.root)) == ([], state)


def test_a_plan_asks_nobody_and_writes_nothing(here, old):
    past(here, 3, f"![]({old.url('/a.png')})")
    state = snapshot(here.root)
    ran = here.run("images", "fetch", "--plan")
    assert (ran.out.strip(), ran.err.strip()) == (
        f"issues/003-past.md: {old.url('/a.png')}", "would fetch 1 picture",
    )  # fmt: skip
    assert (old.asked, snapshot(here.root)) == ([], state)


def test_issues_of_ones_own_are_left_alone(here, old):
    here.write("issues/005-own.md", f"---\ntitle: Own\n---\n\n![]({old.url('/a.png')})\n")
    assert here.run("images", "fetch").err.strip() == "0 pictures fetched"
    ran = here.run("images", "fetch", "--issue", "5")
    assert (ran.code, "did not come from an earlier service" in ran.error) == (2, True)
    assert here.run("images", "fetch", "--issue", "6").code == 2
    assert old.asked == []


def test_a_private_network_is_asked_for_nothing(empty, old):
    name = past(empty, 3, f"![]({old.url('/a.png')}) ![](http://[::1]:9/b.png)")
    before = (empty.root / name).read_bytes()
    ran = empty.run("images", "fetch")
    assert ran.err.count("its server is in a private network") == 2
    assert (old.asked, (empty.root / name).read_bytes()) == ([], before)


def test_one_that_dies_is_finished_by_the_next_one(here, old, monkeypatch):
    old.pictures = {f"/{n}/a.png": (200, png(colour)) for n, colour in enumerate(("red", "blue"))}
    for number in (3, 4):
        past(here, number, "".join(f"![]({old.url(f'/{n}/a.png')})" for n in range(2)))
    written: list[object] = []
    real = files.write_atomic

    def dies(path, data, **more):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        real(path, data, **more)

    monkeypatch.setattr(files, "write_atomic", dies)
    assert here.run("images", "fetch").code == 130
    monkeypatch.setattr(files, "write_atomic", real)
    assert here.run("images", "fetch").code == 0
    first, second = (issue.body.strip() for issue in imported(here))
    assert first == second
    assert "127.0.0.1" not in first
    assert len(list((here.root / "issues/images").glob("a*"))) == 2


def test_what_its_author_saves_meanwhile_is_kept(here, old, monkeypatch):
    old.pictures = {"/a.png": (200, png("teal"))}
    name = past(here, 3, f"Words.\n\n![]({old.url('/a.png')})")
    reachable = old_pictures.patient_fetcher()

    class Slow(Fetcher):
        def ask(self, url, **more):
            here.edit(name, "Words.", "Better words.")
            return reachable.ask(url, **more)

    with monkeypatch.context() as patch:
        patch.setattr(old_pictures, "patient_fetcher", Slow)
        ran = here.run("images", "fetch")
    assert "its file changed meanwhile" in ran.err
    assert here.run("images", "fetch").err.strip() == "1 picture fetched"
    assert imported(here)[0].body.strip() == "Better words.\n\n![](images/a.png)"


def test_a_server_that_is_gone_is_asked_three_times_at_most(empty, monkeypatch):
    past(empty, 3, "".join(f"![](http://old.example.org/{n}.png)" for n in range(9)))
    asked = []

    class Nobody(Fetcher):
        def ask(self, url, **more):
            asked.append(url)
            return Fetcher(refused=lambda _: True).ask(url, **more)

    monkeypatch.setattr(old_pictures, "patient_fetcher", Nobody)
    ran = empty.run("images", "fetch")
    assert (len(asked), ran.err.count("left: ")) == (3, 9)
    assert "hint: 9 pictures stay at the old address" in ran.err
