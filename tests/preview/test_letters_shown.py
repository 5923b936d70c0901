"""The letters about the list in the preview: which there are, and each as its reader gets it."""

from __future__ import annotations

import email
import email.policy

import pytest

from newsletter import clocks
from newsletter.audience.letters import LetterKind
from newsletter.cli.context import open_project
from newsletter.preview.actions import TOKEN as PRESS_TOKEN
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.letter_previews import LetterPreviews
from newsletter.preview.views import Views
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.pages import parse_page
from tests.support.preview_fixtures import TOKEN, Desk

__all__ = ["folder", "plain_environment"]

WELCOME = """---
title: Good to have you
subject: "Welcome to {{ newsletter }}"
---
![The harbour](images/harbour.png) ![Me](me.png)

[Change what you get]({{preferences_url}})
"""


def previews(folder: Folder) -> LetterPreviews:
    def settings():
        folder.run("settings")
        return open_project().settings

    return LetterPreviews(folder.root, settings, clocks.now)


def client(folder: Folder, letters: LetterPreviews):
    desk = Desk(folder.root / "issues")
    desk.front = type(desk.front)(name="Slack Water", letters=letters.listed())
    return desk.client(letters=letters.preview)


def states(folder: Folder) -> dict[str, tuple[bool, bool, str]]:
    return {one.kind.value: (one.own, one.sent, one.fault) for one in previews(folder).listed()}


def test_each_letter_is_listed_with_whose_it_is_and_why_it_cannot_be_sent(folder):
    assert states(folder)["confirm"] == (False, True, "")
    assert states(folder)["welcome"] == (False, False, "")
    folder.write("letters/welcome.md", WELCOME)
    folder.write("letters/already.md", WELCOME.replace("{{preferences_url}}", "{{ name }}"))
    found = states(folder)
    assert found["welcome"] == (True, True, "")
    assert found["already"][:2] == (True, True)
    assert found["already"][2].startswith("letters/already.md:7:")
    page = client(folder, previews(folder)).get("/").text
    assert "/letters/welcome" in page
    assert "letters/already.md:7:" in page


def test_where_nobody_can_subscribe_there_are_none_to_list(folder):
    folder.edit("newsletter.toml", 'public_url = "https://letters.slackwater.example.org"\n', "")
    assert previews(folder).listed() == ()
    page = client(folder, previews(folder)).get("/letters/confirm").text
    assert "set site.public_url" in page


@pytest.mark.sweep
@pytest.mark.parametrize("kind", [kind for kind in LetterKind if kind is not LetterKind.WELCOME])
def test_a_shipped_letter_is_shown_as_it_is_sent(folder, kind):
    asked = client(folder, previews(folder))
    data = asked.get(f"/letters/{kind}/files/eml").content
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in mail
    page = parse_page(asked.get(f"/letters/{kind}/mail").text)
    leads = [str(link.get("href")) for link in page.iter("a")]
    own = "/c/" if kind in {LetterKind.CONFIRM, LetterKind.MOVE} else "/p/"
    assert any(own in one for one in leads)
    # Who never asked refuses on the page of the button, not by leaving a list they are not on.
    assert any("/u/" in one for one in leads) is (own == "/p/")


def test_a_letter_has_no_part_that_is_about_sending_an_issue(folder):
    asked = client(folder, previews(folder))
    page = asked.get("/letters/confirm?tab=send").text
    assert 'data-tab="mail"' in page
    for gone in ("tab=send", "tab=checks", "tab=archive", 'id="reader"', "data-file"):
        assert gone not in page
    for press in ("test", "links"):
        answer = asked.post(f"/letters/confirm/{press}", json={}, headers={PRESS_TOKEN: TOKEN})
        assert answer.status_code == 404
    assert asked.get("/letters/welcome").status_code == 404  # nobody gets one
    assert asked.get("/letters/other").status_code == 404


def test_a_line_of_the_authors_own_letter_opens_and_of_the_shipped_one_there_is_none(folder):
    folder.write("letters/welcome.md", WELCOME)
    asked = client(folder, previews(folder))

    def opened(kind: str) -> int:
        press = {"file": f"letters/{kind}.md", "line": 1, "column": 0}
        answer = asked.post(f"/letters/{kind}/editor", json=press, headers={PRESS_TOKEN: TOKEN})
        return int(answer.status_code)

    # There is no editor here, and only for a file that there is anything looks for one.
    assert (opened("welcome"), opened("confirm")) == (409, 404)


def test_pictures_beside_the_letter_and_beside_the_issues_are_served_and_nothing_else(folder):
    folder.write("letters/welcome.md", WELCOME)
    (folder.root / "letters/me.png").write_bytes(b"a picture of me")
    (folder.root / "outside.png").write_bytes(b"not beside it")
    asked = client(folder, previews(folder))
    shown = asked.get("/letters/welcome/mail").text
    assert "/letters/welcome/assets/me.png?v=" in shown
    assert asked.get("/letters/welcome/assets/me.png").content == b"a picture of me"
    assert asked.get("/letters/welcome/assets/images/harbour.png").status_code == 200
    for name in ("../outside.png", "%2e%2e/outside.png", "welcome.md", "images"):
        assert asked.get(f"/letters/welcome/assets/{name}").status_code == 404


def test_a_page_is_out_of_date_once_its_letter_is_saved_and_keeps_the_last_good_one(folder):
    letters = previews(folder)
    views = Views(lambda _, __: None, folder.root / "issues", "run", letters.preview)

    def look():
        view = views.view(LetterKind.WELCOME)
        assert view is not None
        return view

    folder.write("letters/welcome.md", WELCOME)
    first = look()
    assert look().version == first.version
    folder.edit("letters/welcome.md", "Good to have you", "Hello")
    second = look()
    assert second.version != first.version
    folder.edit("letters/welcome.md", "{{preferences_url}}", "https://example.org")
    third = look()
    assert third.fault is not None
    assert third.preview == second.preview
    watched = IssuePreviews(folder.root, lambda: open_project().settings, clocks.now).folders()
    assert folder.root / "letters" in watched
