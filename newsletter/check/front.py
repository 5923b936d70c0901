"""Rules about front matter: number, title, subject, preheader, dates."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from newsletter.check.rule import RULES, Fault, RuleContext, rule
from newsletter.humanize import is_slip, nearest
from newsletter.issue.approval import is_approval
from newsletter.issue.drafts import UNFINISHED, draft_mark, unclear_key
from newsletter.issue.near_keys import near_keys

_SUBJECT: int = 60
_PREHEADER: int = 140
_SHOUT: int = 8
_SHOWN: int = 60
#: Keys whose value is free text; behind a date or a number a comment takes nothing away.
_TEXTS = frozenset({"title", "subject", "preheader", "segment", "utm", "checks"})


@rule("draft", "error", "The issue says that it is a draft: `status: draft`, `draft: true` ...")
def _draft(context: RuleContext) -> Iterator[Fault]:
    if mark := draft_mark(context.issue.raw):
        yield context.issue.place(mark.key), f"this issue {mark.said}", mark.way


@rule(
    "key-decides",
    "error",
    "A slip in `status`, `segment`, `send_at` or another key by which fewer get it, or later.",
)
def _deciding_key(context: RuleContext) -> Iterator[Fault]:
    for one in near_keys(context.issue.raw):
        if one.decides:
            so = "the issue would be sent as if that line were not there"
            message = f'nothing reads "{one.key}": {so}'
            yield context.issue.place(one.key), message, f'did you mean "{one.meant}"?'


@rule("value-decides", "error", "A slip in what says whether it is sent: `published: flase`.")
def _deciding_value(context: RuleContext) -> Iterator[Fault]:
    raw = context.issue.raw
    if key := unclear_key(raw):
        message = f'"{key}: {raw[key]}" may mean that this is a draft; the issue would be sent'
        yield context.issue.place(key), message, f'write "{key}: {_right(str(raw[key]))}", if it is'
    said = str(raw.get("sent_elsewhere", "")).strip()
    if any(is_slip(said.casefold(), word) for word in ("false", "true")):
        message = f'"sent_elsewhere: {said}" says that readers got it; it would never be sent'
        yield context.issue.place("sent_elsewhere"), message, f'did you mean "{_right(said)}"?'


def _right(word: str) -> str:
    """The word that was probably meant."""
    near = (one for one in ("true", *sorted(UNFINISHED)) if is_slip(word.strip().casefold(), one))
    return next(near, "false")


@rule("approved-unread", "warning", "An `approved` that `newsletter approve` did not write.")
def _no_approval(context: RuleContext) -> Iterator[Fault]:
    issue = context.issue
    if issue.approved and not is_approval(issue.approved):
        message = f'"approved: {issue.approved[:_SHOWN]}" approves nothing'
        hint = f"newsletter approve --issue {issue.number} writes that line"
        yield issue.place("approved"), message, hint


@rule("key-near", "warning", "A key that nothing reads, and that is nearly one that is read.")
def _near_key(context: RuleContext) -> Iterator[Fault]:
    for one in near_keys(context.issue.raw):
        if not one.decides:
            message = f'nothing reads "{one.key}"'
            yield context.issue.place(one.key), message, f'did you mean "{one.meant}"?'


@rule("text-cut", "error", "Text of the front matter behind an unquoted ` #`, a comment to YAML.")
def _cut(context: RuleContext) -> Iterator[Fault]:
    for key, cut in context.issue.cut.items():
        if key.partition(".")[0] in _TEXTS:
            message = f'the {key} is cut off before "{cut.text[:_SHOWN]}", a comment to YAML'
            hint = "put quotes around the whole value, or the comment on a line of its own"
            yield cut.place, message, hint


@rule("number-mismatch", "error", "The front matter's number is not the file name's.")
def _mismatch(context: RuleContext) -> Iterator[Fault]:
    stated = str(context.issue.raw.get("number", context.issue.number)).strip()
    if stated.lstrip("0") != str(context.issue.number).lstrip("0"):
        yield (
            context.issue.place("number"),
            f"the number is {stated} here and {context.issue.number} in the file name",
            "use the same number twice",
        )


@rule("number-twice", "error", "Two files have the same number.")
def _twins(context: RuleContext) -> Iterator[Fault]:
    for twin in context.twins:
        place = context.issue.place("number")
        yield place, f"{twin} has the number {context.issue.number} too", "give one another number"


@rule("title-entities", "warning", "HTML entities in a title; they are decoded for the mail.")
def _entities(context: RuleContext) -> Iterator[Fault]:
    for key in ("title", "subject", "preheader"):
        raw = context.issue.raw.get(key)
        if isinstance(raw, str) and (found := re.findall(r"&#?\w+;", raw)):
            if html.unescape(raw) == raw:
                continue
            names = ", ".join(dict.fromkeys(found))
            yield (
                context.issue.place(key),
                f"the {key} holds HTML entities ({names}), decoded for the mail",
                "write the characters themselves",
            )


@rule("subject-long", "warning", "The subject is longer than most inboxes show (60 characters).")
def _long(context: RuleContext) -> Iterator[Fault]:
    if len(context.issue.subject) > _SUBJECT:
        place = context.issue.place("subject" if "subject" in context.issue.raw else "title")
        size = len(context.issue.subject)
        yield (
            place,
            f"the subject has {size} characters; inboxes show about 60",
            ('put the point first, or add a shorter "subject: ..."'),
        )


@rule("subject-loud", "warning", "The subject shouts, or pretends to be an answer.")
def _loud(context: RuleContext) -> Iterator[Fault]:
    subject = context.issue.subject
    place = context.issue.place("subject" if "subject" in context.issue.raw else "title")
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
def _no_preheader(context: RuleContext) -> Iterator[Fault]:
    if not context.issue.preheader:
        place = context.issue.place("title")
        yield place, "there is no preheader", 'add "preheader: ..." of 40 to 110 characters'


@rule("preheader-long", "warning", "The preheader is longer than any inbox shows.")
def _long_preheader(context: RuleContext) -> Iterator[Fault]:
    if len(context.issue.preheader) > _PREHEADER:
        size = len(context.issue.preheader)
        place = context.issue.place("preheader")
        yield place, f"the preheader has {size} characters; no inbox shows that", "cut it to 110"


@rule("date-past", "warning", "The date of an issue that was not sent has passed.")
def _past(context: RuleContext) -> Iterator[Fault]:
    day = context.issue.date
    if context.today and day and day < context.today:
        yield context.issue.place("date"), f"the date {day} has passed", "check that it is this one"


@rule("date-twice", "warning", "Two ready issues have the same date; the schedule sends neither.")
def _rivals(context: RuleContext) -> Iterator[Fault]:
    key = "send_at" if context.issue.send_at else "date"
    then = "the schedule would send neither"
    message, hint = f"so {then}", "give one of them another date, or make it a draft"
    if why := context.rivals_unknown:
        message = f"and no records tell whether one of them was sent ({why})"
        hint = f"if none was, {then}: {hint}"
    for rival in context.rivals:
        yield context.issue.place(key), f"{rival} is ready for the same date, {message}", hint


@rule("ignore-unknown", "warning", "An ignored finding id does not exist.")
def _unknown(context: RuleContext) -> Iterator[Fault]:
    for name in context.issue.ignored_checks:
        if name not in RULES:
            hint = nearest(name, RULES, "docs/checks.md lists them")
            yield context.issue.place(f"checks.ignore.{name}"), f'no check is called "{name}"', hint
