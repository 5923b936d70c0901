"""The page on which a reader says how an issue was: a link chooses, a press counts, a forgery is nothing."""

from __future__ import annotations

import dataclasses
import random
import string

import pytest
from starlette.testclient import TestClient

from newsletter import site as public
from newsletter.audience import eligible
from newsletter.audience.tokens import (
    TRIAL_KEY,
    Key,
    make_rating_token,
    make_token,
    rating_url,
)
from newsletter.site.words import NAMES, fault, missing, words
from newsletter.store import freezing, signing_keys
from tests.support import claiming
from tests.support.beside_the_program import untold
from tests.support.effort import either
from tests.support.pages import elements, parse_page, text_of
from tests.support.scanners import SCANNERS
from tests.support.site_fixtures import site
from tests.support.store_samples import LATER, NOW, a_content
from tests.support.web_fixtures import settings_of

__all__ = ["site"]

LABELS = (("good", "Loved <it>"), ("fine", "It was fine"), ("bad", "Not for me"))
READERS = 30


class Door:
    """The pages of a newsletter whose issue 74 has left, and whose issue 75 asks nothing."""

    def __init__(self, site):
        self.site = site
        for issue, labels in ((74, LABELS), (75, ())):
            content = dataclasses.replace(a_content(issue), title="A <long> minute", ratings=labels)
            run = freezing.start(
                site.store, content, rehearsal=False, transport="x", eligible=eligible(), now=NOW
            )
            while claiming.claim(site.store, run, now=NOW):
                pass

    def client(self, text="", **phrases):
        pages = public.application(
            store=self.site.store, settings=settings_of(text), clock=lambda: LATER, phrases=phrases
        )
        return TestClient(pages, base_url="https://letters.example.org")

    def handle(self, person=1):
        return self.site.person(person).handle

    def path(self, person=1, *, issue=74, key=None):
        key = key or signing_keys.newest(self.site.store)
        return rating_url("https://x.example", self.handle(person), issue, key).partition(
            ".example"
        )[2]

    def rated(self):
        return untold(self.site.root, "ratings", "answer", "words")


@pytest.fixture
def door(site):
    return Door(site)


def title(answer):
    return text_of(next(parse_page(answer.text).iter("h1")))


def chosen(answer):
    boxes = [one for one in parse_page(answer.text).iter("input") if one.get("type") == "radio"]
    assert boxes
    return [one.get("value") for one in boxes if one.get("checked") is not None]


def written(answer):
    [box] = parse_page(answer.text).iter("textarea")
    return box.text or ""


def test_a_link_chooses_and_a_press_counts(door):
    client = door.client()
    page = client.get(door.path() + "/fine")
    assert (page.status_code, title(page), chosen(page)) == (200, "How was it?", ["fine"])
    assert "A <long> minute" in text_of(parse_page(page.text))
    assert "Loved <it>" in text_of(parse_page(page.text))
    assert door.rated() == []
    answer = client.post(door.path() + "/fine", data={"answer": "fine", "words": "All\r\nright "})
    assert (answer.status_code, title(answer)) == (200, "Thank you")
    assert door.rated() == [("fine", "All\nright")]


def test_it_can_be_changed_and_what_shows_is_what_is_on_record(door):
    client = door.client()
    client.post(door.path() + "/good", data={"answer": "bad", "words": "<b>Long</b>"})
    thanks = client.post(door.path() + "/good", data={"answer": "bad", "words": "<b>Long</b>"})
    assert door.rated() == [("bad", "<b>Long</b>")]
    [change] = [one.get("href") for one in parse_page(thanks.text).iter("a")]
    page = client.get(f"/v/{'x' * 9}/{change}")  # as a browser does from the page it is on
    assert (chosen(page), written(page).strip()) == (["bad"], "<b>Long</b>")
    assert chosen(client.get(door.path() + "/good")) == ["good"]
    assert chosen(client.get(door.path() + "/superb")) == ["bad"]
    client.post(door.path(), data={"answer": "good", "words": ""})
    assert door.rated() == [("good", "")]


def test_one_reader_changes_only_what_they_said(door):
    client = door.client()
    for person, answer in ((1, "good"), (2, "bad"), (1, "fine")):
        assert client.post(door.path(person), data={"answer": answer}).status_code == 200
    assert sorted(door.rated()) == [("bad", ""), ("fine", "")]


@pytest.mark.trials
def test_forty_kinds_of_scanner_rate_nothing(door):
    assert len(SCANNERS) == 40
    client, before = door.client(), door.site.everything()
    for number in range(either(2, 30)):
        for kind, (method, headers, body) in enumerate(SCANNERS):
            way = ("", "/good", "/fine", "/bad", "/")[(number + kind) % 5]
            path = door.path(number % READERS + 1) + way
            answer = client.request(method, path, headers=headers, content=body)
            assert answer.status_code == (405 if method == "OPTIONS" else 200)
    assert door.site.everything() == before


@pytest.mark.sweep
@pytest.mark.parametrize(
    "body",
    [
        b"", b"List-Unsubscribe=One-Click", b"answer=", b"words=nice", b"{}", b"\xff\xfe=1",
        b"good=answer", b"rate=good",
    ],
)  # fmt: skip
def test_a_press_without_an_answer_shows_the_page_again(door, body):
    before = door.site.everything()
    answer = door.client().post(door.path() + "/good", content=body)
    assert (answer.status_code, title(answer)) == (200, "How was it?")
    assert written(answer).strip() == ("nice" if body.startswith(b"words") else "")
    assert door.site.everything() == before


def test_a_forged_or_foreign_link_is_not_there_and_nothing_is_written(door):
    """Each is answered by the same page: what is missing is not told."""
    key, handle = signing_keys.newest(door.site.store), door.handle()
    token, other = make_rating_token(handle, 74, key), make_rating_token(handle, 75, key)
    dice = random.Random(7)
    letters = string.ascii_letters + string.digits + "-_"
    changed = []
    for _ in range(either(40, 2000)):
        at = dice.randrange(len(token))
        changed.append(token[:at] + dice.choice(letters) + token[at + 1 :])
    forged = [
        "", "good", "x" * 46, token[:-1], token + "A", token + "=", token.swapcase(),
        # Signed with another newsletter's key, with that of tests, for another page, of an issue
        # that asks nothing, that nobody got, and for somebody who is not there.
        make_rating_token(handle, 74, Key(key.id, b"x" * 32)),
        make_rating_token(handle, 74, TRIAL_KEY), make_rating_token(handle, 76, key),
        make_rating_token("0" * 24, 74, key), other,
        make_token(handle, key), make_token(handle, key, "preferences"),
        # Two tokens that are ours, put together.
        token[:20] + other[20:], make_rating_token(door.handle(2), 74, key)[:20] + token[20:],
        *(one for one in changed if one != token),
    ]  # fmt: skip
    client, before, pages = door.client(), door.site.everything(), set()
    for one in forged:
        for method in ("GET", "POST"):
            data = {"answer": "good", "words": "x"} if method == "POST" else None
            answer = client.request(method, f"/v/{one}", data=data)
            assert answer.status_code == 404, one
            pages.add(answer.text)
    assert len(pages) == 1
    assert "There is nothing to rate here" in pages.pop()
    assert door.site.everything() == before


def test_a_token_for_rating_opens_no_other_page(door):
    client, before = door.client(), door.site.everything()
    token = door.path().removeprefix("/v/")
    for page in ("u", "p", "c"):
        assert client.get(f"/{page}/{token}").status_code == 404
        assert client.post(f"/{page}/{token}", data={"save": "yes"}).status_code == 404
    assert door.site.everything() == before


def test_an_answer_that_the_issue_does_not_offer_is_none(door):
    before = door.site.everything()
    assert door.client().post(door.path(), data={"answer": "superb"}).status_code == 404
    assert door.site.everything() == before


def test_what_is_written_is_bounded_and_holds_nothing_unseen(door):
    client = door.client()
    words = "a\x1b[31mb\u202ec\u200b\n\n  d  " + "e" * 3000
    client.post(door.path(), data={"answer": "good", "words": words})
    [(_, kept)] = door.rated()
    assert kept.startswith("a [31mbc\n\nd e")
    assert len(kept) == 2000
    assert client.post(door.path(), content=b"answer=bad&words=" + b"x" * 70_000).status_code == 413
    assert door.rated() == [("good", kept)]


def test_nothing_of_the_visitor_is_kept_and_nothing_asked_of_the_browser(door):
    client = door.client("[web]\nrecord_visitors = true")
    told = {"user-agent": "Ada's browser", "referer": "https://mail.example/ada", "cookie": "a=b"}
    answer = client.post(door.path(), data={"answer": "good"}, headers=told)
    rows = repr(door.site.everything())
    assert not any(one in rows for one in ("Ada's browser", "mail.example", "a=b"))
    assert "set-cookie" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "script" not in answer.text


def test_every_page_has_labels_and_works_below_any_path(door):
    root = parse_page(door.client().get(door.path() + "/good").text)
    [form] = root.iter("form")
    assert form.get("action") is None
    assert form.get("method") == "post"
    inside = {one for label in root.iter("label") for one in elements(label)}
    for box in [*root.iter("textarea"), *root.iter("input")]:
        assert box in inside
    assert text_of(next(root.iter("legend")))


def test_an_author_s_own_words_stand_there_and_english_for_those_that_are_missing(door):
    ours = {name for name in NAMES if name.startswith(("rate", "no_rating"))}
    assert len(ours) == 10
    assert ours <= set(missing("xx", {"rate": "Hogy tetszett?"})) | {"rate"}
    assert fault({"rate": "Hogy tetszett?"}) == ("", "")
    page = door.client("[site]\nlanguage = 'hu'\n", rate="Hogy tetszett?").get(door.path())
    assert title(page) == "Hogy tetszett?"
    assert "Send" in page.text
    assert {words("nl", "x")[name] for name in ours} & {
        words("en", "x")[name] for name in ours
    } == set()
