"""Whether somebody left by the button of the page or by that of their mail program is told apart."""

from __future__ import annotations

import pytest

from tests.support import readers
from tests.support.pages import parse_page
from tests.support.site_fixtures import site

__all__ = ["site"]


def ways(site):
    log = readers.consents(site.store, "reader1@example.org")
    return [source for event, source in log if event == "unsubscribed"]


def test_the_button_of_the_page_says_that_it_is_the_page_s(site):
    client = site.client()
    page = client.get(site.path())
    [form] = parse_page(page.text).iter("form")
    [button] = form.iter("button")
    answer = client.post(
        str(page.url) + form.get("action", ""), data={button.get("name"): button.get("value")}
    )
    assert answer.status_code == 200
    assert (site.status(), ways(site)) == ("unsubscribed", ["unsubscribe page"])


@pytest.mark.parametrize("body", [b"List-Unsubscribe=One-Click", b"", b"by=page"])
def test_what_a_mail_program_posts_is_its_own(site, body):
    assert site.client().post(site.path(), content=body).status_code == 200
    assert (site.status(), ways(site)) == ("unsubscribed", ["mail program (one click)"])
