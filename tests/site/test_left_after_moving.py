"""The link of an old mail, after its reader has moved to another address."""

from __future__ import annotations

from newsletter.audience.tokens import make_token
from newsletter.store import signing_keys
from tests.support import readers
from tests.support.arriving import harbour, link
from tests.support.pages import parse_page, text_of

__all__ = ["harbour"]


def title(answer) -> str:
    return text_of(next(parse_page(answer.text).iter("h1")))


def moved(harbour) -> tuple[str, str]:
    """The pages of somebody's old address to leave and to choose; mails go to the new one."""
    harbour.join("ada@example.org")
    handle = readers.people(harbour.store)[0].handle
    key = signing_keys.newest(harbour.store)
    choose = f"/p/{make_token(handle, key, 'preferences')}"
    harbour.client().post(choose, data={"move": "yes", "email": "ada@new.example"})
    [mail] = harbour.post()
    harbour.client().post(link(mail), data={"answer": "yes"})
    return f"/u/{make_token(handle, key)}", choose


def test_whoever_still_gets_mails_is_not_told_that_they_have_left(harbour):
    leave, _ = moved(harbour)
    assert title(harbour.client().get(leave)) == "Unsubscribe from Slack Water?"
    assert title(harbour.client().post(leave)) == "You have unsubscribed"
    assert set(readers.statuses(harbour.store).values()) == {"unsubscribed"}
    assert title(harbour.client().get(leave)) == "You have unsubscribed"


def test_the_old_address_is_told_of_itself_alone(harbour):
    _, choose = moved(harbour)
    assert "no mails from Slack Water come to this address" in harbour.client().get(choose).text
