"""Whoever has left already and opens the link again is told so, and nothing changes."""

from __future__ import annotations

from tests.support.site_fixtures import site

__all__ = ["site"]


def test_the_page_asks_until_they_have_left_and_then_says_it(site):
    with site.client() as client:
        before = client.get(site.path())
        assert "<button" in before.text
        client.post(site.path())
        records = site.everything()
        after = client.get(site.path())
        assert after.status_code == 200
        assert "You have unsubscribed" in after.text
        assert "<button" not in after.text
        assert "Come back" in after.text
        assert site.everything() == records


def test_the_next_reader_is_still_asked(site):
    with site.client() as client:
        client.post(site.path(1))
        assert "<button" in client.get(site.path(2)).text


def test_whoever_came_back_is_asked_again(site):
    with site.client() as client:
        client.post(site.path())
        link = client.get(site.path()).text.partition('href="')[2].partition('"')[0]
        client.post(link.removeprefix(".."), data={"back": "1"})
        assert site.status() == "active"
        assert "<button" in client.get(site.path()).text
