"""Whoever was forwarded a letter finds the way onto the list: in both parts, with nobody's name."""

from __future__ import annotations

import dataclasses

import pytest

from newsletter.render import Frame, Theme
from newsletter.render.pipeline import render, source_hash
from newsletter.render.words import words
from newsletter.settings import ConfigText, load
from newsletter.settings.mail import options
from tests.conftest import issue_with
from tests.support.pages import parse_page, text_of
from tests.support.rendering import OPTIONS, PLAIN, THEME, rendered

URL = "https://letters.slackwater.example.org/subscribe"


def test_both_parts_lead_to_the_form_by_one_address_for_everybody():
    [link] = [link for link in PLAIN.links if link.text == "Subscribe"]
    assert (link.url, link.line) == (URL, 0)
    assert "Forwarded this? Subscribe" in " ".join(text_of(parse_page(PLAIN.html)).split())
    assert f"\nForwarded this? Subscribe:\n{URL}\n" in PLAIN.text


@pytest.mark.parametrize(
    ("toml", "url"),
    [
        ('[site]\npublic_url = "https://a.example"', "https://a.example/subscribe"),
        ('[site]\npublic_url = "https://a.example/n/"', "https://a.example/n/subscribe"),
        ('[site]\npublic_url = "https://a.example"\n[web]\nsignup = false', ""),
        ("[web]\nsignup = true", ""),
    ],
)
def test_it_stands_where_sign_up_is_open(toml, url):
    settings = load(ConfigText(file="newsletter.toml", text=toml), environ={})
    given = options(settings, issue_with())
    assert given.subscribe_url == url
    done = rendered(subscribe_url=given.subscribe_url)
    for part in (done.html, done.text):
        assert ("Forwarded this?" in part) == ("/subscribe" in part) == bool(url)


@pytest.mark.parametrize("language", ["ar", "de", "es", "fr", "he", "it", "nl", "pt"])
def test_it_is_said_in_the_language_of_the_letter(language):
    said = words(language)
    assert said["forwarded"] != words("en")["forwarded"]
    done = rendered(language=language)
    for word in (said["forwarded"], said["subscribe"]):
        assert word in done.text
        assert word in text_of(parse_page(done.html))


def test_a_mail_that_is_no_issue_is_not_for_forwarding():
    frame = Frame(links=("confirm_url",), texts={})
    done = render(issue_with("[Yes]({{ confirm_url }})"), THEME, OPTIONS, frame=frame)
    assert "/subscribe" not in done.html + done.text


def test_approvals_with_a_theme_that_does_not_show_it_stay():
    closed, issue = dataclasses.replace(OPTIONS, subscribe_url=""), issue_with()
    old = Theme(folder="t", files=(("issue.mjml", "{{ view_url }}"),))
    assert source_hash(issue, old, closed) == source_hash(issue, old, OPTIONS)
    assert source_hash(issue, THEME, closed) != source_hash(issue, THEME, OPTIONS)
