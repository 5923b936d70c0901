"""The way on from a counted link: to where it led when it was sent, and nowhere else; about nobody."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import random
import string
from urllib.parse import unquote

import pytest
from starlette.testclient import TestClient

from newsletter import site as public
from newsletter.audience import eligible
from newsletter.errors import PausedError
from newsletter.render import CountedLink
from newsletter.site import following
from newsletter.site.following import RecentClicks
from newsletter.store import clicks, freezing
from newsletter.store.clicks import Click
from tests.support.beside_the_program import untold
from tests.support.effort import either
from tests.support.site_fixtures import site
from tests.support.store_samples import LATER, a_content
from tests.support.web_fixtures import settings_of

__all__ = ["site"]

URLS = [f"https://site{n}.example/a?b={n}&c=%20#d" for n in range(1, 9)]
BROWSER = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
}
HOUR = dt.timedelta(hours=1)


class Door:
    """The pages of a newsletter whose issue 74 left an hour ago."""

    def __init__(self, site, *, counting=True, since=HOUR):
        self.site = site
        self.counting = counting
        found = tuple(
            CountedLink(number=n, url=url, text=f"link {n}") for n, url in enumerate(URLS, 1)
        )
        freezing.start(
            site.store, dataclasses.replace(a_content(), links=found), rehearsal=False,
            transport="x", eligible=eligible(), now=LATER - since,
        )  # fmt: skip

    def pages(self):
        text = f"[clicks]\ncount = {str(self.counting).lower()}\n"
        return public.application(
            store=self.site.store, settings=settings_of(text), clock=lambda: LATER
        )

    def client(self, address="8.8.8.8"):
        return TestClient(self.pages(), base_url="https://letters.example.org", follow_redirects=False, client=(address, 1))  # fmt: skip

    def counted(self):
        """What is on record once the server has ended: by link, of readers and of programs."""
        return sorted(untold(self.site.root, "clicks", "number", "sort", "times"))


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """A server that ends waits for nothing."""
    monkeypatch.setattr(following, "_WRITE_SECONDS", 0.001)


@pytest.fixture
def door(site):
    return Door(site)


def test_a_reader_gets_where_the_link_led_and_is_counted_once(door):
    with door.client() as client:
        answer = client.get("/r/74-3", headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (302, URLS[2])
        assert answer.content == b""
    assert door.counted() == [(3, "person", 1)]


def test_nothing_else_is_on_record_of_them(door):
    before = door.site.everything()
    told = {
        **BROWSER,
        "referer": "https://mail.example/ada",
        "cookie": "who=ada",
        "x-secret": "ada",
    }
    with door.client("8.8.4.4") as client:
        answer = client.get("/r/74-1?who=ada&u=https://evil.example", headers=told)
    assert "ada" not in str(answer.headers)
    assert "set-cookie" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"
    after = door.site.everything()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"clicks"}
    assert "ada" not in str(after["clicks"])
    assert "8.8." not in str(after["clicks"])


@pytest.mark.sweep
@pytest.mark.parametrize(
    "path",
    [
        "/r/74-1?url=https://evil.example", "/r/74-1/", "/r/74-1//", "/r/74-1?https://evil.example",
        "/r/74-1#x", "/r/074-01",
    ],
)  # fmt: skip
def test_nothing_of_the_request_says_where(door, path):
    told = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "forwarded": "host=evil.example",
    }
    with door.client() as client:
        assert client.get(path, headers=BROWSER | told).headers["location"] == URLS[0]


def test_any_other_path_is_not_there(door):
    dice = random.Random(74)
    signs = string.ascii_letters + string.digits + "-./%:@\\?&=#~\u0664 "
    odd = [
        "", "74", "74-", "-1", "74-0", "74-9", "75-1", "74-1-1", "74--1", "74-1.html", "74-1%00", "+74-1",
        "74-1%0d%0aLocation:%20https://evil.example", "https://evil.example", "//evil.example", "74-\u0661",
        "\u0667\u0664-1", "74-1e0", "9" * 400 + "-1", "74-" + "1" * 400, "../r/74-9", "74_1", "74-1;x",
    ]  # fmt: skip
    numbers = [
        f"{dice.randrange(10**6)}-{dice.randrange(10**4)}" for _ in range(either(500, 5_000))
    ]
    words = [
        "".join(dice.choices(signs, k=dice.randrange(1, 30))) for _ in range(either(490, 4_990))
    ]
    there = {f"74-{n}" for n in range(1, 9)}
    paths = [*odd, *(one for one in numbers if one not in there), *words]
    answers = asyncio.run(asked(door.pages(), [f"/r/{path}" for path in paths]))
    assert len(answers) > either(900, 9_900)
    for path, (status, headers) in zip(paths, answers, strict=True):
        assert status == 404, path
        assert b"location" not in headers
    assert door.counted() == []


async def asked(pages, paths):
    """Status and headers of each path, asked for as a server would; without a client, for speed."""
    found = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        if message["type"] == "http.response.start":
            found.append((message["status"], dict(message["headers"])))

    headers = [(name.encode(), value.encode()) for name, value in BROWSER.items()]
    for path in paths:
        raw = path.encode("utf-8", "replace")
        await pages(
            {
                "type": "http", "method": "GET", "path": unquote(path), "raw_path": raw, "root_path": "",
                "query_string": b"", "headers": headers, "client": ("8.8.8.8", 1), "scheme": "https",
                "server": ("letters.example.org", 443), "http_version": "1.1", "asgi": {"version": "3.0"},
            },
            receive, send,
        )  # fmt: skip
    return found


def test_looking_without_following_is_not_counted(door):
    with door.client() as client:
        assert client.head("/r/74-1", headers=BROWSER).headers["location"] == URLS[0]
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = client.request(method, "/r/74-1", headers=BROWSER)
            assert "location" not in answer.headers
    assert door.counted() == []


@pytest.mark.sweep
@pytest.mark.parametrize(
    "changed",
    [
        {"user-agent": ""},
        {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"user-agent": "python-requests/2.32"},
        {"user-agent": "Barracuda Sentinel (EE)"},
        {"user-agent": "WhatsApp/2.23.20.0"},
        {"accept": "*/*"},
        {"accept": "image/avif"},
        {"sec-purpose": "prefetch;prerender"},
        {"purpose": "preview"},
    ],
)
def test_programs_are_counted_apart(door, changed):
    with door.client() as client:
        client.get("/r/74-1", headers=BROWSER | changed)
    assert door.counted() == [(1, "machine", 1)]


def test_a_telephone_with_bot_in_its_name_is_a_readers(door):
    agent = "Mozilla/5.0 (Linux; Android 9; CUBOT_X18) AppleWebKit/537.36 Chrome/120.0 Mobile"
    with door.client() as client:
        client.get("/r/74-1", headers=BROWSER | {"user-agent": agent})
    assert door.counted() == [(1, "person", 1)]


def test_what_follows_a_link_within_ten_minutes_is_taken_for_a_program(site):
    early = Door(site, since=dt.timedelta(minutes=9))
    with early.client() as client:
        client.get("/r/74-1", headers=BROWSER)
    assert early.counted() == [(1, "machine", 1)]


def test_many_links_at_once_from_one_network_are_a_program(door):
    with door.client() as client:
        for n in range(1, 6):
            client.get(f"/r/74-{n}", headers=BROWSER)
    assert [sort for _, sort, _ in door.counted()] == ["machine"] * 5


def test_a_proxy_beside_us_is_nobodys_network(door):
    with door.client("127.0.0.1") as client:
        for n in range(1, 6):
            client.get(f"/r/74-{n}", headers=BROWSER)
    assert [sort for _, sort, _ in door.counted()] == ["person"] * 5


def test_links_lead_on_when_they_are_counted_no_more(site):
    door = Door(site, counting=False)
    with door.client() as client:
        assert client.get("/r/74-1", headers=BROWSER).headers["location"] == URLS[0]
    assert door.counted() == []


def test_a_click_is_not_lost_while_the_records_are_busy(door, monkeypatch):
    real, tries = clicks.add, []

    def busy(store, found):
        tries.append(found)
        if len(tries) == 1:
            raise PausedError("the records are in use")
        real(store, found)

    monkeypatch.setattr(clicks, "add", busy)
    monkeypatch.setattr(following, "_BURST_SECONDS", 0.0)
    with door.client() as client:
        assert client.get("/r/74-1", headers=BROWSER).status_code == 302
        client.get("/healthz")
    assert tries
    assert door.counted() in ([(1, "person", 1)], [])
    assert len(tries) > 1 or door.counted() == []


class Seconds:
    now = 100.0

    def __call__(self):
        return self.now


def click(number=1, *, machine=False):
    return Click(issue=74, number=number, hour=LATER, machine=machine)


def test_links_two_seconds_apart_are_a_readers_and_each_counts_once():
    seconds = Seconds()
    recent = RecentClicks(seconds)
    found: list[Click] = []
    for n in range(1, 9):
        recent.note(click(n), "8.8.8.0/24")
        seconds.now += 1
        found += recent.take().elements()
    seconds.now += 5
    found += recent.take().elements()
    assert sorted(one.number for one in found) == list(range(1, 9))
    assert not any(one.machine for one in found)
    assert recent.is_empty


def test_the_fourth_link_tells_of_the_three_before_it_but_of_no_other_network():
    recent = RecentClicks(Seconds())
    for n in range(1, 5):
        recent.note(click(n), "8.8.8.0/24")
    recent.note(click(1), "9.9.9.0/24")
    found = recent.take(everything=True)
    assert found == {**{click(n, machine=True): 1 for n in range(1, 5)}, click(1): 1}


def test_the_same_link_again_and_again_from_one_office_is_readers():
    recent = RecentClicks(Seconds())
    for _ in range(20):
        recent.note(click(1), "8.8.8.0/24")
    assert recent.take(everything=True) == {click(1): 20}


def test_a_flood_takes_no_memory_and_all_of_it_is_counted():
    recent = RecentClicks(Seconds())
    for n in range(30_000):
        recent.note(click(n % 3), f"net {n % 25_000}")
    for _ in range(30_000):
        recent.note(click(1), "one net")
    assert recent._number <= 20_000
    assert max(map(len, recent._recent.values())) <= 50
    assert recent.take(everything=True).total() == 60_000
    assert recent._recent == {}


def test_what_could_not_be_written_is_taken_again():
    recent = RecentClicks(Seconds())
    recent.note(click(), "")
    found = recent.take()
    recent.give_back(found)
    assert not recent.is_empty
    assert recent.take() == found == {click(): 1}
