"""The links of test mails and of the preview: a page that says so, and nothing changes."""

from __future__ import annotations

import pytest

from newsletter.audience.tokens import TRIAL_KEY, make_token
from newsletter.message import SAMPLE
from tests.support.site_fixtures import site

__all__ = ["site"]

SAYS = "This is the link of a test mail"


@pytest.mark.sweep
@pytest.mark.parametrize("page", ["u", "p", "c"])
@pytest.mark.parametrize("purpose", ["test", "unsubscribe"])
def test_the_link_of_a_test_mail_says_that_it_is_one(site, page, purpose):
    before = site.everything()
    path = f"/{page}/{make_token(SAMPLE.handle, TRIAL_KEY, purpose)}"
    with site.client() as client:
        shown, pressed = client.get(path), client.post(path, content=b"List-Unsubscribe=One-Click")
    assert (shown.status_code, pressed.status_code) == (200, 200)
    assert SAYS in shown.text
    assert SAYS in pressed.text
    assert "<form" not in shown.text
    assert site.everything() == before


def test_whoever_signs_for_a_reader_with_that_key_reaches_nobody(site):
    """The key is public: it is in the program."""
    handle = site.person().handle
    with site.client() as client:
        client.post(f"/u/{make_token(handle, TRIAL_KEY)}", content=b"List-Unsubscribe=One-Click")
    assert site.status() == "active"


@pytest.mark.parametrize("page", ["u", "p", "c"])
def test_a_link_that_was_cut_short_still_says_so(site, page):
    with site.client() as client:
        shown = client.get(f"/{page}/{make_token(SAMPLE.handle, TRIAL_KEY, 'test')[:-1]}")
    assert (shown.status_code, SAYS in shown.text) == (404, False)
    assert "This link does not work" in shown.text
