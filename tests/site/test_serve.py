"""The page on which a reader leaves: looking changes nothing, one POST is enough."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from newsletter.audience import Status
from newsletter.audience.tokens import Key, make_token
from newsletter.errors import PausedError
from newsletter.site import answers
from newsletter.site.words import words
from newsletter.store import Store, signing_keys
from newsletter.store.sqlite import backend
from tests.support import readers
from tests.support.beside_the_program import another_writes
from tests.support.cli_fixtures import plain_environment
from tests.support.pages import parse_page, text_of
from tests.support.site_fixtures import SETTINGS, Site, site
from tests.support.store_samples import LATER, count_by_status, people, store_with
from tests.support.web_fixtures import policy

__all__ = ["plain_environment", "site"]


FORM = "application/x-www-form-urlencoded"
PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
)


BODIES = [
    pytest.param(b"List-Unsubscribe=One-Click", {"Content-Type": FORM}, id="one-click"),
    pytest.param(PARTS, {"Content-Type": "multipart/form-data; boundary=x"}, id="multipart"),
    pytest.param(b"--x broken", {"Content-Type": "multipart/form-data"}, id="broken multipart"),
    pytest.param(b"", {}, id="empty"),
    pytest.param(b"", {"Content-Type": FORM}, id="empty form"),
    pytest.param(b"{}", {"Content-Type": "application/json"}, id="json"),
    pytest.param(b"\xff\x00\xfe" * 9, {"Content-Type": "x"}, id="unknown"),
    pytest.param(b"List-Unsubscribe=No", {"Content-Type": FORM}, id="other words"),
    pytest.param(b"x" * 1_000_000, {"Content-Type": FORM}, id="large"),
    pytest.param(b"", {"Origin": "https://mail.example", "Referer": "https://mail.example/"}, id="foreign origin"),
    pytest.param(b"", {"Origin": "null", "Cookie": "a=b"}, id="no origin"),
]  # fmt: skip


WRONG = [
    "x", "a" * 40, "A" * 900, "%00", "..", "ü", "a.b", "token with blanks",
    make_token("0" * 24, Key(254, bytes(32))),
]  # fmt: skip


def plain(answer: Any) -> str:
    """A page without the link to the reader's own preferences."""
    return re.sub(r"[.][.]/p/[\w-]{40}", "", answer.text)


# --- looking -----------------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])  # fmt: skip
def test_looking_and_unknown_methods_change_nothing(site, method):
    before = site.everything()
    answer = site.client().request(method, site.path())
    assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)
    assert site.everything() == before
    if method == "HEAD":
        assert answer.content == b""


def test_the_page_shows_one_button_in_a_form_that_posts_to_itself(site):
    page = parse_page(site.client().get(site.path()).text)
    [form] = page.iter("form")
    assert (form.get("method"), form.get("action")) == ("post", "?by=page")
    [button] = page.iter("button")
    assert text_of(button) == "Unsubscribe"
    assert (button.get("name"), button.get("value")) == ("List-Unsubscribe", "One-Click")
    assert "Unsubscribe from Slack Water?" in text_of(page)
    assert list(page.iter("script")) == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("known", [True, False])
def test_every_answer_keeps_the_token_to_itself(site, method, known):
    answer = site.client().request(method, site.path() if known else "/u/wrong")
    headers = answer.headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in headers
    assert "location" not in headers
    rules = policy(headers)
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["form-action"] == "'self'"
    assert site.token() not in answer.text
    assert "://" not in answer.text


def test_markup_in_the_newsletter_s_name_is_text(site):
    site.settings = "[site]\nname = '<script>x</script> & \"friends\"'\n"
    page = parse_page(site.client().get(site.path()).text)
    assert list(page.iter("script")) == []
    assert 'Unsubscribe from <script>x</script> & "friends"?' in text_of(page)


def test_the_page_wears_the_newsletter_s_colours_and_readable_letters_on_them(site):
    site.settings = SETTINGS + '[theme]\naccent = "#112233"\naccent_dark = "#ffee88"\n'
    answer = site.client().get(site.path())
    [style] = parse_page(answer.text).iter("style")
    assert "--accent: #112233; --on-accent: #ffffff" in text_of(style)
    assert "--accent: #ffee88; --on-accent: #000000" in text_of(style)


def test_the_pages_speak_dutch_where_the_newsletter_does(site):
    site.settings = '[site]\nname = "Doodtij"\nlanguage = "nl-BE"\n'
    client = site.client()
    asked, left, wrong = client.get(site.path()), client.post(site.path()), client.get("/u/x")
    for answer, told in ((asked, "Uitschrijven voor Doodtij?"), (left, "Je bent uitgeschreven"), (wrong, "Deze link werkt niet")):  # fmt: skip
        page = parse_page(answer.text)
        assert page.get("lang") == "nl"
        assert told in text_of(page)


def test_another_language_gets_english_that_says_so(site):
    site.settings = '[site]\nlanguage = "ar"\n'
    page = parse_page(site.client().get(site.path()).text)
    assert page.get("lang") == "en"
    assert "Unsubscribe from this newsletter?" in text_of(page)


def test_every_language_has_every_word():
    assert words("nl", "x").keys() == words("en", "x").keys()


# --- leaving -----------------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize(("body", "headers"), BODIES)
def test_one_post_is_enough_whatever_it_carries(site, body, headers):
    answer = site.client().post(site.path(), content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.history == []
    assert "You have unsubscribed" in answer.text
    assert site.status() == "unsubscribed"
    assert count_by_status(site.store) == {Status.ACTIVE: 29, Status.PENDING: 0, Status.UNSUBSCRIBED: 1}  # fmt: skip


def test_leaving_twice_is_leaving_once(site):
    client = site.client()
    first = client.post(site.path())
    once = site.everything()
    again = client.post(site.path())
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert site.everything() == once
    assert client.get(site.path()).status_code == 200


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [], "scheme": "https", "http_version": "1.1",
        "server": ("localhost", 443), "client": None, "root_path": "",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip


def _post(site: Site, *received: dict[str, Any]) -> list[tuple[int, str]]:
    """POST past the client: each answer's status with what the records said at its first byte."""
    application: Any = site.client().app
    inbox, seen, path = list(received), [], site.path()

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop(0)
        await asyncio.Event().wait()  # the rest never comes
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            seen.append((message["status"], site.status()))

    asyncio.run(asyncio.wait_for(application(_scope(path), receive, send), 20))
    return seen


def test_it_is_in_the_records_before_the_answer_begins(site):
    whole = {"type": "http.request", "body": b"", "more_body": False}
    assert _post(site, whole) == [(200, "unsubscribed")]


def test_a_body_that_never_ends_holds_nothing_up(site, monkeypatch):
    monkeypatch.setattr(answers, "_BODY_SECONDS", 0.05)
    assert _post(site, {"type": "http.request", "body": b"x", "more_body": True}) == [(200, "unsubscribed")]  # fmt: skip


def test_a_reader_who_hung_up_has_left_all_the_same(site):
    assert _post(site, {"type": "http.disconnect"}) == [(200, "unsubscribed")]


def test_at_most_64_kilobytes_are_read(site, monkeypatch):
    monkeypatch.setattr(answers, "_BODY_SECONDS", 60)
    chunk = {"type": "http.request", "body": b"x" * 32 * 1024, "more_body": True}
    assert _post(site, chunk, chunk) == [(200, "unsubscribed")]


def test_twenty_at_once_all_leave(site):
    client, paths = site.client(), [site.path(person) for person in range(1, 21)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(client.post, paths * 2))
    assert {answer.status_code for answer in answers} == {200}
    assert count_by_status(site.store)[Status.UNSUBSCRIBED] == 20
    for person in range(1, 21):
        [_, (event, _)] = readers.consents(site.store, f"reader{person}@example.org")
        assert event == "unsubscribed"


def test_a_key_made_later_opens_old_and_new_links(site):
    old = site.path()
    signing_keys.rotate(site.store, now=LATER)
    new = site.path(2)
    assert old != new
    client = site.client()
    assert [client.post(path).status_code for path in (old, new)] == [200, 200]
    assert [site.status(1), site.status(2)] == ["unsubscribed"] * 2


# --- wrong links, busy records -----------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("token", WRONG)
def test_a_wrong_link_gets_the_same_page_for_everybody_and_changes_nothing(site, token):
    before, client = site.everything(), site.client()
    looked, acted = client.get(f"/u/{token}"), client.post(f"/u/{token}")
    assert looked.status_code == acted.status_code == 404
    assert looked.text == acted.text
    assert "This link does not work" in looked.text
    assert site.everything() == before


def test_a_link_for_another_purpose_is_wrong_too(site):
    token = make_token(site.person().handle, signing_keys.newest(site.store), "confirm")
    assert site.client().post(f"/u/{token}").status_code == 404
    assert site.status() == "active"


def test_a_link_of_somebody_who_is_not_on_record_is_answered_like_any_other(site):
    before, path = site.everything(), f"/u/{make_token('ab' * 12, signing_keys.newest(site.store))}"
    looked = site.client().get(path)
    assert plain(looked) == plain(site.client().get(site.path()))
    assert site.everything() == before
    assert "You have unsubscribed" in site.client().post(path).text
    assert site.client().post(path).status_code == 200
    after = site.everything()
    [(handle, _)] = after.pop("left_handles")
    assert handle == "ab" * 12
    assert after == {name: rows for name, rows in before.items() if name != "left_handles"}


@pytest.mark.parametrize("path", ["/", "/u/", "/u", "/u/a/b", "/robots.txt"])
def test_there_is_nothing_else(site, path):
    assert site.client().get(path).status_code == 404


def test_a_link_with_a_slash_too_many_works_and_is_not_led_elsewhere(site):
    answer = site.client().post(f"{site.path()}/")
    assert (answer.status_code, answer.history) == (200, [])
    assert site.status() == "unsubscribed"


def test_choices_that_cannot_be_written_never_look_like_success(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(backend, "_BUSY_SECONDS", 0.05)
    with store_with(tmp_path, people(1)) as store:
        site = Site(tmp_path, store)
        token = make_token(site.person().handle, signing_keys.newest(store), "preferences")
        with another_writes(tmp_path / "newsletter.db"):
            assert site.client().get(f"/p/{token}").status_code == 200
            answer = site.client().post(f"/p/{token}", content=b"name=Ada")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "did not work" in answer.text
        assert "kept the store locked" in caplog.text
        assert token not in caplog.text
        assert site.person().name == "Reader 1"
        assert site.client().post(f"/p/{token}", content=b"name=Ada").status_code == 200
        assert site.person().name == "Ada"


def test_health_is_the_records_health(site, monkeypatch):
    client = site.client()
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    assert client.post("/healthz").status_code == 405

    def keys(_: Store) -> dict[int, Key]:
        raise PausedError("the disk is full")

    monkeypatch.setattr(signing_keys, "link_keys", keys)
    answer = site.client().get("/healthz")
    assert answer.status_code == 503
    assert "disk" not in answer.text


def test_a_bug_is_not_success_either(site, monkeypatch):
    def leave(*_: object, **__: object) -> None:
        raise KeyError

    monkeypatch.setattr(site.store.departures, "leave", leave)
    assert site.client(raise_server_exceptions=False).post(site.path()).status_code == 500
