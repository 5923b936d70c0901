"""`newsletter test --letter`: what readers are sent about the list, looked at before they are."""

from __future__ import annotations

import email.policy
import re
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from newsletter.audience.letters import LetterKind
from newsletter.audience.tokens import Key, read_token
from tests.support.arriving import text_of_mail
from tests.support.cli_fixtures import Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]

TO = ("--to", "me@elsewhere.example.net")
WELCOME = "---\ntitle: Hello\nsubject: Welcome\n---\n[Choose]({{preferences_url}})\n"


def mail(folder: Folder) -> EmailMessage:
    data = (folder.root / "mail/000/0000.eml").read_bytes()
    found = message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def sent(folder: Folder) -> list[str]:
    return sorted(path.name for path in (folder.root / "mail").rglob("*.eml"))


@pytest.mark.parametrize("kind", LetterKind)
def test_every_letter_is_sent_as_readers_get_it_and_opens_nothing(folder, kind):
    folder.write("letters/welcome.md", WELCOME)
    ran = folder.run("test", "--letter", kind.value, *TO)
    assert (ran.code, ran.out) == (0, f"{TO[1]} accepted: mail/000/0000.eml\n")
    assert not (folder.root / ".newsletter").exists()
    letter = mail(folder)
    assert letter["Subject"].startswith("[TEST] ")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert (letter["List-Unsubscribe"] is not None) == (kind is LetterKind.WELCOME)
    page = "c" if kind in {LetterKind.CONFIRM, LetterKind.MOVE} else "p"
    text = text_of_mail(letter)
    assert re.search(rf"https://letters\.slackwater\.example\.org/{page}/[\w-]+", text)
    keys = {255: Key(255, bytes(32))}
    for token in re.findall(r"/[cpu]/([\w-]{20,})", text):
        assert all(read_token(token, keys, one) is None for one in ("unsubscribe", "preferences"))


def test_every_address_gets_a_letter_of_its_own(folder):
    ran = folder.run("test", "--letter", "confirm", *TO, "--to", "other@example.net")
    assert ran.code == 0
    assert sent(folder) == ["0000-2.eml", "0000.eml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a test is of one mail: an issue, or a letter about the list"),
        (("--issue", "74", "--letter", "confirm"), "a test is of one mail"),
        (("--letter", "hello"), '"hello" is no letter'),
        (("--letter", "welcome"), "there is no letters/welcome.md"),
    ],
)
def test_what_cannot_be_sent_is_said_and_nothing_is(folder, words, said):
    ran = folder.run("test", *words, *TO)
    assert ran.code == 2
    assert said in ran.err
    assert sent(folder) == []


def test_without_pages_no_letter_could_lead_anywhere(folder):
    folder.edit("newsletter.toml", 'public_url = "https://letters.slackwater.example.org"', "")
    ran = folder.run("test", "--letter", "confirm", *TO)
    assert ran.code == 2
    assert "there is no page that this letter could lead to" in ran.err


def test_a_letter_of_ones_own_is_told_with_its_line(folder):
    folder.write("letters/confirm.md", "---\ntitle: Hello\nsubject: Hi\n---\nNo link here.\n")
    ran = folder.run("test", "--letter", "confirm", *TO)
    assert ran.code == 2
    assert "letters/confirm.md:5" in ran.err
    assert sent(folder) == []
