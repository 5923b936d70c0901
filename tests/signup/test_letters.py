"""Letters: the author's own or the shipped ones, refused with their line, sent once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from newsletter.audience.letters import LetterKind
from newsletter.delivery import Allowance, Effect, Outcome, Result
from newsletter.errors import AccountError, InputError
from newsletter.project.letters import prepare_letter
from newsletter.settings import ConfigText, load
from newsletter.signup.post import LetterPost, check_letters
from tests.support.arriving import Harbour, harbour, link, text_of_mail
from tests.support.beside_the_program import everything, untold

__all__ = ["harbour"]

DAY = dt.date(2026, 11, 28)
CONFIRM = "**[Yes]({{confirm_url}})**\n"


class Way:
    """A way out that answers as it is told."""

    name = "test"
    rehearsal = False
    stamps = False

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[Any] = []

    def deliver(self, message: Any) -> Outcome:
        self.sent.append(message)
        return (
            self.outcomes.pop(0)
            if self.outcomes
            else Outcome(result=Result.ACCEPTED, message_id="m")
        )

    def allowance(self) -> Allowance:
        return Allowance()

    def close(self) -> None:
        pass


def post(harbour: Harbour, way: Any) -> LetterPost:
    return LetterPost(
        harbour.project, harbour.store, open_transport=lambda: way, clock=lambda: harbour.now,
        reporter=harbour.heard,
    )  # fmt: skip


def write(harbour: Harbour, name: str, text: str) -> None:
    (harbour.root / "letters").mkdir(exist_ok=True)
    (harbour.root / f"letters/{name}.md").write_text(text)


def letter(harbour: Harbour) -> str:
    """The state of the last one."""
    return str(max(untold(harbour.root, "letters", "id", "state"))[1])


@pytest.mark.sweep
@pytest.mark.parametrize("language", ["en", "nl", "nl-BE", "eo", "ar"])
@pytest.mark.parametrize("kind", [k for k in LetterKind if k is not LetterKind.WELCOME])
def test_every_shipped_letter_renders_in_every_language(harbour, language, kind):
    harbour.config = harbour.config.replace("[site]", f'[site]\nlanguage = "{language}"')
    rendered = prepare_letter(harbour.project, kind, day=DAY)
    assert rendered.subject
    assert "Issue" not in rendered.text.split("\n")[0]
    for part in (rendered.html, rendered.text):
        assert "{{" not in part


@pytest.mark.parametrize("language", ["en", "nl"])
def test_the_text_part_of_a_confirmation_speaks_of_its_link(harbour, language):
    harbour.config = harbour.config.replace("[site]", f'[site]\nlanguage = "{language}"')
    text = prepare_letter(harbour.project, LetterKind.CONFIRM, day=DAY).text
    words = {"en": "This link opens a page", "nl": "Deze link opent een pagina"}
    assert words[language] in text


@pytest.mark.parametrize(
    ("text", "told", "line"),
    [
        ("---\ntitle: A\n---\n\nHi {{ name }}\n" + CONFIRM, "{{ name }} is no field", 5),
        ("---\ntitle: A\n---\nHello\n", "0 times, and needs it once", 4),
        ("---\ntitle: A\n---\n" + CONFIRM + CONFIRM, "2 times, and needs it once", 4),
        ("---\ntitle: A\n---\n{{ confirm_url }}\n", "leads nowhere", 4),
        ("Hello\n", "no front matter", 1),
    ],
)
def test_a_wrong_letter_is_refused_with_its_line(harbour, text, told, line):
    write(harbour, "confirm", text)
    with pytest.raises(InputError, match=told) as fault:
        check_letters(harbour.project, now=harbour.now)
    place = fault.value.place
    assert place is not None
    assert (place.file, place.line) == ("letters/confirm.md", line)


def test_a_letter_of_the_authors_own_in_a_frame_of_the_themes_own(harbour):
    write(
        harbour,
        "confirm",
        "---\ntitle: Ho\nleave: Not I\nreason: You asked\n---\nAye {{ newsletter }}\n\n" + CONFIRM,
    )
    (harbour.root / "templates/email/letter.txt").write_text(
        "LETTER\n{{ content }}\n{{ reason }}\n{{ words.unsubscribe }} {{ unsubscribe_url }}\n"
    )
    harbour.subscribe("ada@example.org")
    [mail] = harbour.post()
    text = text_of_mail(mail)
    assert mail["subject"] == "Ho"
    assert text.startswith("LETTER\nAye Slack Water")
    assert "You asked\nNot I https://" in text
    assert harbour.client().get(link(mail)).status_code == 200


def test_a_letter_broken_while_it_is_served_waits_and_is_told(harbour):
    harbour.subscribe("ada@example.org")
    write(harbour, "confirm", "---\ntitle: A\n---\nHello\n")
    way = Way()
    sender = post(harbour, way)
    assert sender.step() > 1
    assert way.sent == []
    assert letter(harbour) == "queued"
    assert "letters/confirm.md" in harbour.heard.lines[0]
    (harbour.root / "letters/confirm.md").unlink()
    harbour.later(minutes=2)
    sender.step()
    assert len(way.sent) == 1
    assert letter(harbour) == "accepted"


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("outcome", "state", "rests"),
    [
        (Outcome(result=Result.DEFERRED, effect=Effect.SLOW_DOWN), "queued", True),
        (Outcome(result=Result.NOT_SENT, effect=Effect.ABORT, reason="no"), "queued", True),
        (Outcome(result=Result.DEFERRED), "queued", False),
        (Outcome(result=Result.REFUSED), "refused", False),
        (Outcome(result=Result.UNKNOWN), "unknown", False),
    ],
)
def test_what_an_answer_means(harbour, outcome, state, rests):
    harbour.subscribe("ada@example.org")
    seconds = post(harbour, Way(outcome)).step()
    assert (letter(harbour), seconds > 1) == (state, rests)


def test_what_may_have_arrived_is_never_sent_again_and_is_said(harbour):
    harbour.subscribe("ada@example.org")
    way = Way(Outcome(result=Result.UNKNOWN, reason="the connection was lost"))
    sender = post(harbour, way)
    for _ in range(5):
        sender.step()
        harbour.later(hours=1)
    assert len(way.sent) == 1
    assert any("the connection was lost" in line for line in harbour.heard.lines)
    assert not any("ada@example.org" in line for line in harbour.heard.lines)


def test_a_way_out_that_cannot_be_opened_is_told_to_the_owner_once_a_day(harbour):
    harbour.config += '[schedule]\nowner = "wren@example.org"\n'
    harbour.subscribe("ada@example.org")

    def closed() -> Any:
        raise AccountError("no AWS credentials")

    sender = LetterPost(
        harbour.project, harbour.store, open_transport=closed, clock=lambda: harbour.now,
        reporter=harbour.heard,
    )  # fmt: skip
    for _ in range(5):
        sender.step()
        harbour.later(minutes=2)
    assert letter(harbour) == "queued"
    assert [
        line for line in harbour.heard.lines if "no AWS credentials" in line and "warning" in line
    ] == ["warning: no confirmation mails are sent: no AWS credentials; trying again"]
    assert untold(harbour.root, "notices", "topic") == [("rehearsal letters stopped 2026-11-22",)]


def test_what_a_dead_process_has_left_is_unknown(harbour):
    harbour.subscribe("ada@example.org")

    class Dying(Way):
        def deliver(self, message: Any) -> Outcome:
            raise SystemExit

    with pytest.raises(SystemExit):
        post(harbour, Dying()).step()
    way = Way()
    sender = post(harbour, way)
    sender.begin()
    sender.step()
    assert (letter(harbour), way.sent) == ("unknown", [])
    assert "not sent again" in harbour.heard.lines[0]


def test_letters_of_a_newsletter_without_a_sender_are_refused_before_anybody_asks(harbour):
    harbour.config = harbour.config.replace('from_address = "wren@example.org"', "")
    load(ConfigText(file="newsletter.toml", text=harbour.config), environ={}, dotenv="")
    with pytest.raises(InputError, match="no sender address"):
        check_letters(harbour.project, now=harbour.now)


def test_what_nobody_asks_for_any_more_is_forgotten(harbour):
    harbour.subscribe("ada@example.org")
    post(harbour, Way()).step()
    harbour.later(days=31)
    post(harbour, Way()).step()
    for table in ("signups", "confirmations", "letters", "limits", "network_keys"):
        assert everything(harbour.root)[table] == [], table
