"""The preference page: a reader says what to get, and comes back; looking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsletter.audience.tokens import make_token
from newsletter.site.words import NAMES, fault, missing, words
from newsletter.store import consents as consent_records
from newsletter.store import imports, signing_keys, subscribers, suppressions
from newsletter.store.consents import Evidence
from newsletter.store.suppressions import BLOCKED
from tests.support import readers
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.pages import parse_page, text_of
from tests.support.site_fixtures import Site
from tests.support.store_samples import LATER, NOW, a_row, store_with, suppress

__all__ = ["folder", "plain_environment", "ready"]

SETTINGS = """
[site]
name = "Slack Water"
[web.topics]
essays = "The long essays"
tides = "Tide tables"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    rows = [a_row(tags=frozenset({"essays", "vip"})), a_row("bob@example.org", name="Bob")]
    with store_with(tmp_path, rows) as store:
        yield Site(tmp_path, store, SETTINGS)


def page_of(site: Site, person: int = 1, purpose: Any = "preferences") -> str:
    key = signing_keys.newest(site.store)
    return f"/p/{make_token(site.person(person).handle, key, purpose)}"


def consents(site: Site) -> list[tuple[Any, ...]]:
    """What Ada said after she came with the list."""
    rows = readers.rows_about(site.store, "ada@example.org", "consents")
    return [(row["event"], row["source"], row["ip"], row["agent"]) for row in rows[1:]]


def test_the_page_is_found_from_the_page_on_which_one_leaves(site):
    client = site.client()
    for answer in (client.get(site.path()), client.post(site.path())):
        [link] = parse_page(answer.text).iter("a")
        path = (link.get("href") or "").removeprefix("..")
        there = client.get(path)
        assert there.status_code == 200


@pytest.mark.sweep
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_looking_changes_nothing(site, method):
    before = site.everything()
    answer = site.client().request(method, page_of(site))
    assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)
    assert site.everything() == before


def test_it_shows_what_is_on_record(site):
    page = parse_page(site.client().get(page_of(site)).text)
    boxes = {box.get("name"): box.get("checked") is not None for box in page.iter("input")}
    assert boxes == {"name": False, "topic:essays": True, "topic:tides": False}
    [name] = [box for box in page.iter("input") if box.get("name") == "name"]
    assert name.get("value") == "Ada"
    assert "The long essays" in text_of(page)
    assert "ada@example.org" not in text_of(page)


def test_what_is_chosen_counts_and_other_tags_stay(site):
    answer = site.client().post(page_of(site), data={"name": " Ada  L. ", "topic:tides": "yes"})
    assert "Saved" in answer.text
    assert site.person().tags == {"tides", "vip"}
    assert site.person().name == "Ada L."
    assert consents(site) == [("preferences", "preference page", "", "")]
    again = site.client().post(page_of(site), data={"name": "Ada L.", "topic:tides": "yes"})
    assert again.status_code == 200
    assert len(consents(site)) == 1


@pytest.mark.parametrize("name", ["x" * 201, "=?utf-8?q?x?=", "=?x?q?1"])
def test_a_name_that_no_mail_can_carry_is_refused_and_nothing_changes(site, name):
    before = site.everything()
    answer = site.client().post(page_of(site), data={"name": name, "topic:tides": "yes"})
    assert answer.status_code == 400
    assert "That name cannot be used" in answer.text
    assert site.everything() == before


@pytest.mark.parametrize("name", ["Ada\x00L.", "\u202eAda L.", "Ada\r\nL.", "\ufeffAda L."])
def test_what_cannot_be_seen_in_a_name_is_left_out_of_it(site, name):
    site.client().post(page_of(site), data={"name": name})
    assert site.person().name == "Ada L."


@pytest.mark.parametrize("odd", ["=?x?q?1", "x" * 5000])
def test_an_odd_name_that_came_with_a_list_keeps_nobody_from_choosing(site, odd):
    imports.add(site.store, [a_row("cay@example.org", name=odd)], source="a list", now=NOW)
    answer = site.client().post(page_of(site, 3), data={"name": odd, "topic:tides": "yes"})
    assert answer.status_code == 200
    assert site.person(3).tags == {"tides"}


def test_nobody_can_give_themselves_a_tag_that_is_not_offered(site):
    site.client().post(
        page_of(site, 2), data={"name": "Bob", "topic:vip": "yes", "topic:essays": "yes"}
    )
    assert site.person(2).tags == {"essays"}


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"a&" * 5000, b"{}"])
def test_a_strange_body_is_an_empty_form(site, body):
    answer = site.client().post(page_of(site), content=body)
    assert answer.status_code == 200
    assert site.person().tags == {"vip"}
    assert site.person().name == "Ada"


def test_a_body_larger_than_any_form_changes_nothing(site):
    answer = site.client().post(page_of(site), content=b"name=" + b"x" * 100_000)
    assert answer.status_code == 413
    assert "Nothing was changed" in answer.text


def test_markup_in_a_name_is_text(site):
    site.client().post(page_of(site), data={"name": '"><script>x</script>'})
    page = parse_page(site.client().get(page_of(site)).text)
    assert list(page.iter("script")) == []
    [name] = [box for box in page.iter("input") if box.get("name") == "name"]
    assert name.get("value") == '"><script>x</script>'


def test_whoever_has_left_comes_back_with_one_button(site):
    client = site.client()
    client.post(site.path())
    page = parse_page(client.get(page_of(site)).text)
    assert [text_of(button) for button in page.iter("button")] == [
        "Subscribe again",
        "Show what is on record about me",
        "Erase everything about me",
    ]
    assert "Welcome back" in client.post(page_of(site), data={"back": "yes"}).text
    assert site.status() == "active"
    last = readers.rows_about(site.store, "ada@example.org", "consents")[-1]
    assert last["event"] == "came back"
    assert "Subscribe again" in last["wording"]
    assert len(last["wording_hash"]) == 64


@pytest.mark.parametrize("reason", ["bounced", "complained", "soft bounces"])
def test_a_suppressed_reader_may_come_back_too(site, reason):
    suppress(site.store, "ada@example.org", reason=reason, now=NOW)
    site.client().post(page_of(site), data={"back": "yes"})
    assert suppressions.reason(site.store, "ada@example.org") == ""


def test_whom_the_author_has_blocked_does_not_come_back(site):
    suppress(site.store, "ada@example.org", reason=BLOCKED, now=NOW)
    answer = site.client().post(page_of(site), data={"back": "yes"})
    assert "Welcome back" not in answer.text
    assert suppressions.reason(site.store, "ada@example.org") == BLOCKED


def test_a_link_for_leaving_opens_no_preferences_and_the_other_way_round(site):
    before = site.everything()
    client = site.client()
    leaving = site.path().replace("/u/", "/p/")
    assert client.post(leaving, data={"name": "Eve"}).status_code == 404
    assert client.post(page_of(site).replace("/p/", "/u/")).status_code == 404
    assert client.get("/p/x").status_code == 404
    assert site.everything() == before


def test_an_erased_reader_has_no_page(site):
    path = page_of(site)
    subscribers.erase(site.store, "ada@example.org", now=LATER)
    assert site.client().get(path).status_code == 404
    assert site.client().post(path, data={"back": "yes"}).status_code == 404
    assert suppressions.reason(site.store, "ada@example.org") == "erased"


def test_a_visitor_is_kept_only_where_the_settings_say_so(site):
    site.settings = SETTINGS.replace("[web.topics]", "[web]\nrecord_visitors = true\n[web.topics]")
    headers = {"User-Agent": "Example/1.0 " + "x" * 500}
    site.client().post(page_of(site), data={"name": "A"}, headers=headers)
    [(_, _, ip, agent)] = consents(site)
    assert ip == "testclient"
    assert agent.startswith("Example/1.0")
    assert len(agent) == 300
    assert consent_records.forget_visitors(site.store, before=LATER) == 0
    assert consent_records.forget_visitors(site.store, before=LATER.replace(year=2027)) == 1
    assert consents(site) == [("preferences", "preference page", "", "")]


def test_erasing_forgets_a_visitor(site):
    evidence = Evidence(source="page", ip="192.0.2.77", agent="Example")
    site.store.departures.leave(site.person().handle, evidence, now=LATER)
    subscribers.erase(site.store, "ada@example.org", now=LATER)
    assert {row[2:] for row in consents(site)} == {("", "")}


# --- the words -----------------------------------------------------------------------------------


def test_another_language_comes_from_a_file(site):
    own = {name: f"<{name}> {{name}}" for name in NAMES}
    assert fault(own) == ("", "")
    assert missing("de", own) == []
    found = words("de-CH", "Stauwasser", own)
    assert found["ask"] == "<ask> Stauwasser"
    assert found["language"] == "de"


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"aks": "Leave?"}, "is no phrase"),
        ({"ask": "Leave {nmae}?"}, "another placeholder"),
        ({"ask": "Leave {?"}, "another placeholder"),
        ({"ask": "Leave {0}?"}, "another placeholder"),
    ],
)
def test_wrong_phrases_are_told(own, problem):
    assert problem in fault(own)[1]


def test_english_stands_in_for_what_a_language_lacks():
    own = {"ask": "Abmelden?"}
    assert fault(own) == ("", "")
    assert missing("de", own) == sorted(NAMES - {"ask"})
    assert words("de", "Stauwasser", own)["button"] == "Unsubscribe"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ask = 7\n", '"ask" is not a text'),
        ("ask = \n", "this is not TOML"),
        ("ask = 'Leave?'\naks = 'x'\n", '"aks" is no phrase of the pages'),
        (b"\xff\xfe", "these phrases cannot be read"),
    ],
)
def test_the_command_stops_at_wrong_phrases_before_it_listens(ready: Folder, text, told):
    ready.write("templates/pages/en.toml", text)
    ran = ready.run("serve")
    assert ran.code == 2
    assert told in ran.error
    assert "templates/pages/en.toml" in ran.error
