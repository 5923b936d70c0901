"""A link with a slash behind it: programs that copy links out of mails put one there."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest

from newsletter.audience import Status
from newsletter.audience.tokens import make_token
from newsletter.store import signing_keys, subscribers
from tests.support import readers
from tests.support.arriving import PUBLIC, harbour, link
from tests.support.pages import parse_page

__all__ = ["harbour"]

ENDS = ["", "/", "//", "%2F"]


def links(answer, address: str) -> list[str]:
    """Where the links of a page lead, as a browser resolves them."""
    found = parse_page(answer.text).iter("a")
    return [urljoin(PUBLIC + address, one.get("href") or "") for one in found]


@pytest.fixture
def reader(harbour):
    """The handle of somebody who has confirmed."""
    harbour.subscribe("ada@example.org")
    [mail] = harbour.post()
    assert harbour.client().post(link(mail) + "/", data={"answer": "yes"}).status_code == 200
    person = readers.person(harbour.store, "ada@example.org")
    assert person.status is Status.ACTIVE
    return person.handle


def tokens(harbour, handle: str) -> tuple[str, str]:
    key = signing_keys.newest(harbour.store)
    return make_token(handle, key), make_token(handle, key, "preferences")


@pytest.mark.sweep
@pytest.mark.parametrize("end", ENDS)
def test_leaving_takes_one_post_and_no_redirect(harbour, reader, end):
    leave, choose = tokens(harbour, reader)
    client = harbour.client()
    asked = client.get(f"/u/{leave}{end}", follow_redirects=False)
    assert asked.status_code == 200
    assert links(asked, f"/u/{leave}{end}") == [f"{PUBLIC}/p/{choose}"]
    left = client.post(
        f"/u/{leave}{end}", data={"List-Unsubscribe": "One-Click"}, follow_redirects=False
    )
    assert left.status_code == 200
    assert links(left, f"/u/{leave}{end}") == [f"{PUBLIC}/p/{choose}"]
    person = subscribers.by_handle(harbour.store, reader)
    assert person is not None
    assert person.status == "unsubscribed"


@pytest.mark.sweep
@pytest.mark.parametrize("end", ENDS)
def test_preferences_are_kept_and_lead_to_leaving(harbour, reader, end):
    leave, choose = tokens(harbour, reader)
    address = f"/p/{choose}{end}"
    page = harbour.client().get(address, follow_redirects=False)
    assert page.status_code == 200
    assert links(page, address) == [f"{PUBLIC}/u/{leave}"]
    saved = harbour.client().post(address, data={"name": "Ada"}, follow_redirects=False)
    assert saved.status_code == 200
    person = subscribers.by_handle(harbour.store, reader)
    assert person is not None
    assert person.name == "Ada"


@pytest.mark.sweep
@pytest.mark.parametrize("end", ENDS)
def test_a_link_to_confirm_works_and_when_it_is_old_leads_to_the_form(harbour, end):
    harbour.subscribe("ben@example.org")
    [mail] = harbour.post()
    address = link(mail) + end
    assert harbour.client().get(address, follow_redirects=False).status_code == 200
    harbour.later(days=8)
    expired = harbour.client().get(address, follow_redirects=False)
    assert expired.status_code == 410
    assert links(expired, address) == [f"{PUBLIC}/subscribe"]


def test_the_form_is_there_too(harbour):
    client = harbour.client()
    fields = harbour.fields(client, "/subscribe/")
    harbour.later(seconds=3)
    answer = client.post("/subscribe/", data={**fields, "email": "cy@example.org"})
    assert answer.status_code == 202
    assert [mail["to"] for mail in harbour.post()] == ["cy@example.org"]
