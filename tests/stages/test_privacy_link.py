"""What is done with readers' data is told where a reader may ask: at the foot of each mail."""

from __future__ import annotations

import dataclasses

import pytest

from newsletter.render import Frame, Theme
from newsletter.render.pipeline import render, source_hash
from newsletter.render.words import words
from tests.conftest import issue_with
from tests.support.pages import parse_page, text_of
from tests.support.rendering import OPTIONS, THEME, rendered

URL = "https://slackwater.example.org/privacy"


def test_both_parts_lead_to_the_page_by_one_address_for_everybody():
    done = rendered(privacy_url=URL)
    [link] = [link for link in done.links if link.text == "What is done with your data"]
    assert (link.url, link.line) == (URL, 0)
    assert f"\nWhat is done with your data:\n{URL}\n" in done.text


def test_without_such_a_page_nothing_is_said():
    done = rendered()
    assert "your data" not in done.html + done.text


@pytest.mark.parametrize("language", ["ar", "de", "es", "fr", "he", "it", "nl", "pt"])
def test_it_is_said_in_the_language_of_the_letter(language):
    said = words(language)["privacy"]
    assert said != words("en")["privacy"]
    done = rendered(language=language, privacy_url=URL)
    assert said in done.text
    assert said in text_of(parse_page(done.html))


def test_whoever_is_asked_to_confirm_finds_it_too():
    frame = Frame(links=("confirm_url",), texts={})
    options = dataclasses.replace(OPTIONS, privacy_url=URL)
    done = render(issue_with("[Yes]({{ confirm_url }})"), THEME, options, frame=frame)
    assert URL in done.html
    assert URL in done.text


def test_approvals_with_a_theme_that_does_not_show_it_stay():
    told, issue = dataclasses.replace(OPTIONS, privacy_url=URL), issue_with()
    old = Theme(folder="t", files=(("issue.mjml", "{{ view_url }} {{ subscribe_url }}"),))
    assert source_hash(issue, old, told) == source_hash(issue, old, OPTIONS)
    assert source_hash(issue, THEME, told) != source_hash(issue, THEME, OPTIONS)
