"""Rules about front matter: number, title, subject, preheader, dates."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from newsletter.check.rule import RULES, Fault, Letter, rule
from newsletter.humanize import nearest

_SUBJECT: int = 60
_PREHEADER: int = 140
_SHOUT: int = 8


@rule("draft", "error", "The issue says `status: draft`.")
def _draft(letter: Letter) -> Iterator[Fault]:
    if letter.issue.status == "draft":
        yield letter.issue.place("status"), "this issue is a draft", 'set "status: ready"'


@rule("number-mismatch", "error", "The front matter's number is not the file name's.")
def _mismatch(letter: Letter) -> Iterator[Fault]:
    stated = str(letter.issue.raw.get("number", letter.issue.number)).strip()
    if stated.lstrip("0") != str(letter.issue.number).lstrip("0"):
        yield (
            letter.issue.place("number"),
            f"the number is {stated} here and {letter.issue.number} in the file name",
            "make them agree",
        )


@rule("number-twice", "error", "Two files have the same number.")
def _twins(letter: Letter) -> Iterator[Fault]:
    for twin in letter.twins:
        place = letter.issue.place("number")
        yield place, f"{twin} has the number {letter.issue.number} too", "give one another number"


@rule("title-entities", "warning", "HTML entities in a title; they are decoded for the mail.")
def _entities(letter: Letter) -> Iterator[Fault]:
    for key in ("title", "subject", "preheader"):
        raw = letter.issue.raw.get(key)
        if isinstance(raw, str) and (found := re.findall(r"&#?\w+;", raw)):
            if html.unescape(raw) == raw:
                continue
            names = ", ".join(dict.fromkeys(found))
            yield (
                letter.issue.place(key),
                f"the {key} holds HTML entities ({names}), decoded for the mail",
                "write the characters themselves",
            )


@rule("subject-long", "warning", "The subject is longer than most inboxes show (60 characters).")
def _long(letter: Letter) -> Iterator[Fault]:
    if len(letter.issue.subject) > _SUBJECT:
        place = letter.issue.place("subject" if "subject" in letter.issue.raw else "title")
        size = len(letter.issue.subject)
        yield (
            place,
            f"the subject has {size} characters; inboxes show about 60",
            ('put the point first, or add a shorter "subject: ..."'),
        )


@rule("subject-loud", "warning", "The subject shouts, or pretends to be an answer.")
def _loud(letter: Letter) -> Iterator[Fault]:
    subject = letter.issue.subject
    place = letter.issue.place("subject" if "subject" in letter.issue.raw else "title")
    letters = [c for c in subject if c.isalpha()]
    if len(letters) >= _SHOUT and all(c.isupper() for c in letters if c.upper() != c.lower()):
        if any(c.upper() != c.lower() for c in letters):
            yield (
                place,
                "the subject is all capitals",
                "filters take that for spam; write it quietly",
            )
    elif "!!" in subject:
        yield place, "the subject has several exclamation marks", "one is plenty"
    if re.match(r"(re|fwd?|aw|sv)\s*:", subject, re.IGNORECASE):
        yield place, "the subject pretends to be an answer", "begin without RE: or FWD:"


@rule("preheader-missing", "warning", "No preheader: inboxes show the first words they find.")
def _no_preheader(letter: Letter) -> Iterator[Fault]:
    if not letter.issue.preheader:
        place = letter.issue.place("title")
        yield place, "there is no preheader", 'add "preheader: ..." of 40 to 110 characters'


@rule("preheader-long", "warning", "The preheader is longer than any inbox shows.")
def _long_preheader(letter: Letter) -> Iterator[Fault]:
    if len(letter.issue.preheader) > _PREHEADER:
        size = len(letter.issue.preheader)
        place = letter.issue.place("preheader")
        yield place, f"the preheader has {size} characters; no inbox shows that", "cut it to 110"


@rule("date-past", "warning", "The issue's date has passed.")
def _past(letter: Letter) -> Iterator[Fault]:
    day = letter.issue.date
    if letter.today and day and day < letter.today:
        yield letter.issue.place("date"), f"the date {day} has passed", "check that it is this one"


@rule("ignore-unknown", "warning", "An ignored finding id does not exist.")
def _unknown(letter: Letter) -> Iterator[Fault]:
    for name in letter.issue.ignored_checks:
        if name not in RULES:
            hint = nearest(name, RULES, "docs/checks.md lists them")
            yield letter.issue.place(f"checks.ignore.{name}"), f'no check is called "{name}"', hint
