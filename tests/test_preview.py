"""The preview without a socket: what it shows, whom it answers, when it says that it is stale."""

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from newsletter.check import Finding
from newsletter.errors import InputError, NewsletterError, Place
from newsletter.settings import ConfigText, load
from newsletter.web import app as web_app
from newsletter.web import preview, reload
from newsletter.web.preview import application
from newsletter.web.proofs import Entry, Proof, Proofs
from newsletter.web.reload import Changes
from tests.cli_fixtures import copy_example
from tests.pages import parse_page, text_of, with_class
from tests.web_fixtures import policy

PAGE = "<!DOCTYPE html><html><head><title>x</title></head><body>{}</body></html>"
MARKUP = '<script>alert("x")</script><b>"bold" & odd</b>'
FINDING = Finding(
    id="link-http", severity="warning", place=Place("issues/074-x.md", 12, 5),
    message="this link is not encrypted", hint="write https",
)  # fmt: skip


def a_proof(body: str = "<p>Hello</p>", **changed: Any) -> Proof:
    whole = {
        "number": 74, "title": "A letter", "status": "ready", "html": PAGE.format(body),
        "text": "Hello\n", "assets_url": "https://assets.example.org/",
    }  # fmt: skip
    return Proof(**{**whole, **changed})


@dataclass
class Desk:
    """A builder that gives what the test has put there, and raises what it has put there."""

    folder: Path
    made: dict[int, Proof | Exception] = field(default_factory=lambda: {74: a_proof()})
    shelf: tuple[Entry, ...] = (Entry(number=74, title="A letter"),)
    changes: Changes = field(default_factory=Changes)

    def build(self, number: int) -> Proof | None:
        made = self.made.get(number)
        if isinstance(made, Exception):
            raise made
        return made

    def application(self) -> Any:
        return application(
            builder=self.build, shelf=lambda: self.shelf, folder=self.folder, changes=self.changes
        )

    def client(self, host: str = "127.0.0.1:7474") -> TestClient:
        return TestClient(self.application(), base_url=f"http://{host}", follow_redirects=False)

    def page(self, address: str = "/issues/74") -> str:
        answer = self.client().get(address)
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "letters" / "issues"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "harbour view.png").write_bytes(b"a picture")
    (folder / "images" / "x.png").write_bytes(b"another")
    (folder / "074-a-letter.md").write_text("secret draft")
    (tmp_path / "letters" / "outside.png").write_bytes(b"not beside the issue")
    return Desk(folder)


# --- the list ----------------------------------------------------------------------------------


def test_the_list_shows_number_title_and_state_and_leads_to_each_issue(desk):
    desk.shelf = (Entry(number=75, title="Next", status="draft"), Entry(number=74, title="Now"))
    items = list(parse_page(desk.page("/")).iter("li"))
    assert [" ".join(text_of(item).split()) for item in items] == ["75 Next draft", "74 Now ready"]
    assert [item[0].get("href") for item in items] == ["/issues/75", "/issues/74"]


def test_an_issue_that_cannot_be_read_is_listed_with_its_place(desk):
    desk.shelf = (Entry(number=7, fault="issues/007.md:3:1: this is no YAML"),)
    assert "issues/007.md:3:1: this is no YAML" in desk.page("/")


def test_an_empty_newsletter_says_how_to_begin(desk):
    desk.shelf = ()
    assert "newsletter new" in desk.page("/")


# --- an issue ----------------------------------------------------------------------------------


def test_the_frame_shows_title_number_state_size_and_counts(desk):
    error = Finding(id="x", severity="error", place=Place("f", 1), message="m", hint="h")
    ignored = Finding(
        id="y", severity="error", place=Place("f", 1), message="m", hint="h", ignored="so"
    )
    desk.made[74] = a_proof(status="draft", findings=(ignored, FINDING, error))
    head = " ".join(text_of(_by_id(desk.page(), "head")).split())
    size = len(PAGE.format("<p>Hello</p>"))
    assert head == f"74 A letter draft {size} / 102,400 bytes 1 error, 1 warning"


def test_every_finding_shows_severity_place_id_message_and_hint_ignored_ones_last(desk):
    ignored = Finding(
        id="y", severity="error", place=Place("f.md"), message="m", hint="h", ignored="my reason"
    )
    desk.made[74] = a_proof(findings=(ignored, FINDING))
    shown = [" ".join(text_of(item).split()) for item in _by_id(desk.page(), "checks").iter("li")]
    assert shown == [
        "warning link-http issues/074-x.md:12:5 this link is not encrypted write https",
        "ignored y f.md m my reason",
    ]


def test_a_faultless_issue_says_so(desk):
    assert "The checks found nothing." in desk.page()


def test_the_text_tab_holds_the_text_part_to_the_letter(desk):
    desk.made[74] = a_proof(text='\n  Indented <b> & "quoted"\n\n\nend\n')
    assert text_of(_by_id(desk.page(), "text")) == '\n  Indented <b> & "quoted"\n\n\nend\n'


def test_markup_in_titles_findings_and_texts_is_text(desk):
    finding = Finding(id=MARKUP, severity="error", place=Place(MARKUP), message=MARKUP, hint=MARKUP)
    desk.made[74] = a_proof(title=MARKUP, text=MARKUP, findings=(finding,))
    desk.shelf = (Entry(number=74, title=MARKUP), Entry(number=75, fault=MARKUP))
    for address in ("/", "/issues/74"):
        page = parse_page(desk.page(address))
        assert [e.get("src") for e in page.iter("script")] == ["/static/preview.js"]
        assert list(page.iter("b")) == []
        assert MARKUP in text_of(page)


@pytest.mark.parametrize(
    ("query", "tab", "width"),
    [
        ("", "mail", "full"),
        ("?tab=text&width=375", "text", "375"),
        ("?tab=checks", "checks", "full"),
        ("?width=600", "mail", "600"),
        ('?tab="><script>&width=999', "mail", "full"),
    ],
)
def test_tab_and_width_stand_in_the_address(desk, query, tab, width):
    page = parse_page(desk.page(f"/issues/74{query}"))
    [stage] = page.iter("main")
    assert (stage.get("data-tab"), stage.get("data-width")) == (tab, width)
    chosen = [e.get("data-value") for e in page.iter("a") if e.get("aria-current")]
    assert chosen == [tab, width]
    other = next(e for e in page.iter("a") if e.get("data-value") == "600")
    assert other.get("href") == f"?tab={tab}&width=600"


@pytest.mark.parametrize("path", ["/issues/99", "/issues/99/mail", "/issues/99/events", "/issues/74/nope", "/issues/074-a-letter.md", "/issues/074-a-letter", "/issues/-74", "/issues/", "/nothing", "/issues/74/", "/static/../app.py", "/static/%2e%2e/app.py"])  # fmt: skip
def test_issues_are_found_by_number_and_by_nothing_else(desk, path):
    assert desk.client().get(path).status_code == 404


# --- the mail ----------------------------------------------------------------------------------


def test_the_mail_runs_no_script_and_stands_in_a_sandbox_without_scripts(desk):
    answer = desk.client().get("/issues/74/mail")
    rules = policy(answer.headers)
    assert rules["script-src"] == rules["default-src"] == "'none'"
    assert "allow-scripts" not in rules["sandbox"]
    [frame] = parse_page(desk.page()).iter("iframe")
    assert frame.get("src") == "/issues/74/mail"
    assert "allow-scripts" not in frame.get("sandbox", "allow-scripts")


def test_the_frame_runs_only_the_preview_s_own_script(desk):
    rules = policy(desk.client().get("/issues/74").headers)
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"


def test_links_of_the_mail_open_outside_the_frame(desk):
    assert '<head><base target="_blank"><title>' in desk.client().get("/issues/74/mail").text


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('<img src="https://assets.example.org/images/x.png">', "images/x.png"),
        ('<img alt="" src="https://assets.example.org/images/harbour%20view.png">', "images/harbour%20view.png"),
        ('<td background="https://assets.example.org/images/x.png"></td>', "images/x.png"),
        ("<td style=\"background: url('https://assets.example.org/images/x.png')\"></td>", "images/x.png"),
    ],
)  # fmt: skip
def test_local_pictures_are_shown_from_beside_the_issue(desk, written, name):
    desk.made[74] = a_proof(written)
    shown = desk.client().get("/issues/74/mail").text
    assert "assets.example.org" not in shown
    address = f"/issues/74/assets/{name}"
    assert address in shown
    answer = desk.client().get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in policy(answer.headers)


def test_without_an_assets_url_pictures_stand_as_written_and_are_shown_too(desk):
    desk.made[74] = a_proof('<img src="images/x.png">', assets_url="")
    assert (
        '<img src="/issues/74/assets/images/x.png?v=' in desk.client().get("/issues/74/mail").text
    )


@pytest.mark.parametrize(
    "written",
    [
        '<img src="https://assets.example.org/images/missing.png">',
        '<img src="https://elsewhere.example/images/x.png">',
        '<img src="https://assets.example.org/../outside.png">',
        '<a href="https://assets.example.org/images/x.png">large</a>',
    ],
)
def test_other_addresses_stay_as_they_are_in_the_mail(desk, written):
    desk.made[74] = a_proof(written)
    assert written in desk.client().get("/issues/74/mail").text


def test_a_changed_picture_has_another_address(desk):
    desk.made[74] = a_proof('<img src="https://assets.example.org/images/x.png">')
    before = desk.client().get("/issues/74/mail").text
    os.utime(desk.folder / "images" / "x.png", (1, 1))
    assert desk.client().get("/issues/74/mail").text != before


@pytest.mark.parametrize(
    "name",
    [
        "../outside.png", "..%2foutside.png", "%2e%2e/outside.png", "images/../../outside.png",
        "images%2f..%2f..%2foutside.png", "/etc/hostname", "%2fetc%2fhostname", "images/missing.png",
        "074-a-letter.md", "images", "link.png", "nul%00.png", "",
    ],
)  # fmt: skip
def test_nothing_but_pictures_beside_the_issue_is_served(desk, name):
    (desk.folder / "link.png").symlink_to(desk.folder.parent / "outside.png")
    answer = desk.client().get(f"/issues/74/assets/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


# --- faults ------------------------------------------------------------------------------------


def test_a_fault_lies_over_the_last_good_version_and_goes_when_mended(desk):
    good, client = desk.made[74], desk.client()
    assert "fault" not in _classes(client.get("/issues/74").text)
    desk.made[74] = InputError(
        f"{MARKUP} is not closed", place=Place("templates/email/issue.mjml", 7, 3),
        cause="the parser's words", hint="close it",
    )  # fmt: skip
    page = client.get("/issues/74").text
    [overlay] = with_class(parse_page(page), "fault")
    told = text_of(overlay)
    for part in ("templates/email/issue.mjml:7:3", f"{MARKUP} is not closed", "the parser's words", "close it", "last version"):  # fmt: skip
        assert part in told
    assert text_of(_by_id(page, "text")) == "Hello\n"
    assert "<p>Hello</p>" in client.get("/issues/74/mail").text
    desk.made[74] = good
    assert "fault" not in _classes(client.get("/issues/74").text)


def test_a_fault_from_the_start_is_shown_without_a_mail(desk):
    desk.made[74] = InputError("this is no YAML")
    page = desk.page()
    assert "this is no YAML" in page
    assert list(parse_page(page).iter("iframe")) == []
    assert desk.client().get("/issues/74/mail").status_code == 404


def test_a_bug_shows_as_a_fault_too(desk):
    desk.made[74] = KeyError("missing")
    page = desk.page()
    assert "something unexpected happened (KeyError)" in page
    assert "newsletter --debug build --issue 74" in page


# --- whom it answers ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:7474"])
def test_this_machine_is_answered(desk, host):
    assert desk.client(host).get("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2", "localhost:x", "evil.example:7474", "[::1]:7474", "localhost@evil.example", ""])  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/issues/74", "/issues/74/mail", "/static/preview.js", "/issues/74/events", "/nothing"])  # fmt: skip
def test_another_host_is_refused_everywhere(desk, host, path):
    answer = desk.client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "A letter" not in answer.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1", "https://127.0.0.1:7474", ""])  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_page_may_change_nothing(desk, method, origin):
    answer = desk.client().request(method, "/issues/74", headers={"Origin": origin})
    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://127.0.0.1:7474"}])
def test_nothing_changes_anything_yet(desk, headers):
    assert desk.client().post("/issues/74", headers=headers).status_code == 405


def test_every_answer_names_no_referrer_and_guesses_no_type(desk):
    for path in (
        "/",
        "/issues/74",
        "/issues/74/mail",
        "/issues/74/assets/images/x.png",
        "/static/preview.js",
        "/no",
    ):
        headers = desk.client().get(path).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_the_pages_name_nothing_outside(desk):
    static = web_app.__file__.replace("app.py", "static")
    for page in (
        desk.page("/"),
        desk.page(),
        *(p.read_text("utf-8") for p in Path(static).iterdir()),
    ):
        assert "://" not in page.replace("http://www.w3.org/2000/svg", "")


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
            desk.made[74] = a_proof("<p>Changed</p>")
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
def example(tmp_path: Path) -> Iterator[tuple[Path, Proofs]]:
    root = tmp_path / "letters"
    copy_example(root)

    def settings() -> Any:
        text = (root / "newsletter.toml").read_text("utf-8")
        return load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv="")

    yield root, Proofs(root, settings)


def test_a_proof_is_made_again_only_when_something_changed(tmp_path):
    with example(tmp_path) as (root, proofs):
        first = proofs.proof(74)
        assert first is not None
        assert proofs.proof(74) is first
        changes: list[Callable[[], object]] = [
            lambda: _append(root / "issues/074-the-long-minute.md", "\nMore.\n"),
            lambda: _append(root / "templates/email/style.css", "\n.x { color: red; }\n"),
            lambda: _append(root / "newsletter.toml", '[theme]\naccent = "#112233"\n'),
            (root / "issues/images/harbour.png").unlink,
        ]
        for change in changes:
            change()
            again = proofs.proof(74)
            assert again is not first
            assert proofs.proof(74) is again
            first = again


def test_proofs_are_what_the_invented_reader_gets(tmp_path):
    with example(tmp_path) as (_, proofs):
        proof = proofs.proof(74)
        assert proof is not None
        assert "Hello Sam Reader" in proof.html
        assert "Hello Sam Reader" in proof.text
        assert proof.assets_url == "https://assets.slackwater.example.org"
        assert proofs.proof(9999) is None


def test_the_shelf_holds_drafts_and_broken_issues_newest_first(tmp_path):
    with example(tmp_path) as (root, proofs):
        (root / "issues/080-broken.md").write_text("---\ntitle: [\n---\n")
        shelf = proofs.shelf()
        assert [(e.number, e.status, bool(e.fault)) for e in shelf] == [
            (80, "ready", True), (75, "draft", False), (74, "ready", False), (73, "ready", False),
        ]  # fmt: skip
        assert shelf[0].fault.startswith("issues/080-broken.md:")


def test_folders_are_watched_without_what_lies_beside_them(tmp_path):
    with example(tmp_path) as (root, proofs):
        (root / ".venv/lib").mkdir(parents=True)
        named = {path.relative_to(root).as_posix() for path in proofs.folders()}
        assert named == {".", "templates", "templates/email", "issues", "issues/images"}


async def _is_heard(changes: Changes, file: Path) -> None:
    """One change, made when all has been quiet for longer than the watcher's look around."""
    with changes.listening() as bell:
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(bell.wait(), 0.6)
                bell.clear()
        _append(file, "\n")
        await asyncio.wait_for(bell.wait(), 10)


def test_changes_on_disk_ring_even_after_folders_were_taken_away_and_made_anew(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(reload, "_LOOK_AGAIN", 200)
    with example(tmp_path) as (root, proofs):
        changes = Changes()
        theme, kept = root / "templates/email", tmp_path / "kept"
        shutil.copytree(theme, kept)

        async def scene() -> None:
            task = asyncio.ensure_future(reload.watch(proofs.folders, changes))
            async with asyncio.timeout(60):
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

    app = application(
        builder=desk.build, shelf=lambda: (), folder=desk.folder, changes=desk.changes,
        watching=watching,
    )  # fmt: skip
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/").status_code == 200
    assert seen == ["began", "ended"]
    with desk.client() as client:
        assert client.get("/").status_code == 200


# --- sockets -----------------------------------------------------------------------------------


def test_the_next_free_port_is_taken():
    with web_app.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with web_app.listen("127.0.0.1", port, tries=20) as second:
            assert port < second.getsockname()[1] <= port + 19
            assert web_app.url_of(second) == f"http://127.0.0.1:{second.getsockname()[1]}"
        with pytest.raises(InputError, match=f"port {port} is taken"):
            web_app.listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_an_input_error(host):
    with pytest.raises(InputError, match=f"nothing can listen on {host}") as caught:
        web_app.listen(host, 0)
    assert caught.value.hint


def test_an_ipv6_address_is_written_in_brackets():
    try:
        door = web_app.listen("::1", 0)
    except NewsletterError:
        pytest.skip("this machine has no IPv6")
    with door:
        assert web_app.url_of(door) == f"http://[::1]:{door.getsockname()[1]}"


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
        preview.serve(root, lambda: settings, door, looking.start)
        looking.join(20)
        assert seen == [(200, True), b"retry: 500\n"]
        assert signal.getsignal(signal.SIGINT) is before
        assert capfd.readouterr() == ("", "")


# -----------------------------------------------------------------------------------------------


def _by_id(page: str, name: str) -> Any:
    return next(e for e in parse_page(page).iter() if e.get("id") == name)


def _classes(page: str) -> set[str]:
    return {name for e in parse_page(page).iter() for name in e.get("class", "").split()}


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)
