r"""One issue for many readers in one request: a template, and what stands in it for each of them.

The template is for services that replace `{{name}}` by a value as it is, as SES does. Whatever
else such a service reads in braces is the author's text and must arrive as it stands, so every
brace is a variable too, and so is every backslash that would change the meaning of one. Each reader
is given a value for every variable, escaped here for the place it lands in.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from newsletter import text_rules
from newsletter.audience import Subscriber
from newsletter.errors import RefusedError
from newsletter.message import headers
from newsletter.message.folding import folded
from newsletter.message.frozen import FrozenIssue
from newsletter.message.mime import (
    NO_STORE,
    delivery_tag,
    list_headers,
    unsubscribe_by_mail,
    unsubscribe_headers,
)
from newsletter.message.personal import subject_line, token_pattern, values_for

#: Of what is written for a brace, and of how values are put in; a change takes the next number.
RULES: Final = 1
#: Bytes of a line (RFC 5322, 2.1.1): the service chooses the encoding, and may break a longer one.
_LONGEST: Final = 998
#: What stands for braces and backslashes.
_LITERALS: Final[Mapping[str, str]] = {"ob": "{", "cb": "}", "bs": "\\"}
_NAME_OF: Final = {value: name for name, value in _LITERALS.items()}
_SUBJECT: Final = "subject"
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A value that differs from reader to reader.

    Attributes:
        token: the issue's, see `FrozenIssue`.
        markup: whether it stands in HTML.
    """

    token: str
    markup: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeLine:
    """A line of the template.

    Attributes:
        size: bytes of what is the same for everybody.
        names: the variables in it, as often as they stand there.
    """

    size: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeTemplate:
    """One issue as a template with `{{name}}` for all that differs.

    Attributes:
        subject: one variable: what stands in a subject is looked at as a whole.
        text: LF line ends.
        html: the page, no line longer than a mail can carry where it can be folded.
        variables: by name, but for the subject and the literals.
        lines: those of text and page that differ from reader to reader, and the longest of the
            others.
        issue: what it was made of.
        sender: From, with the name, in ASCII.
        reply_to: "" for none.
        headers: those that are the same for everybody.
    """

    subject: str
    text: str
    html: str
    variables: Mapping[str, Variable]
    lines: tuple[MergeLine, ...]
    issue: FrozenIssue
    sender: str
    reply_to: str
    headers: tuple[tuple[str, str], ...]

    @property
    def names(self) -> frozenset[str]:
        """Every variable there is; each reader is given a value for each of them."""
        return frozenset({_SUBJECT, *_LITERALS, *self.variables})

    @property
    def size(self) -> int:
        """Bytes of the three texts in a request."""
        return len(json.dumps([self.subject, self.text, self.html], ensure_ascii=False).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeMail:
    """What one reader's mail is made of, beside the template.

    Attributes:
        issue: number of the issue.
        position: the delivery's place among the issue's recipients, 1-based.
        attempt: 1 for the first try.
        to: the one recipient, with the name, in ASCII.
        values: for every variable of the template.
        headers: the reader's own.
        fits: whether no line of it is too long for a mail whose encoding somebody else chooses;
            one that does not fit has to leave as a whole mail.
        store: the id of the records it is a delivery of.
    """

    issue: int
    position: int
    attempt: int
    to: str
    values: Mapping[str, str]
    headers: tuple[tuple[str, str], ...]
    fits: bool
    store: str = NO_STORE

    @property
    def tag(self) -> str:
        """Names this attempt in what the provider reports of it; see `Message.tag`."""
        return delivery_tag(self.store, self.issue, self.position, self.attempt)


def load_issue(frozen: bytes) -> FrozenIssue:
    """What a run froze.

    Raises:
        RefusedError: it is in a form of which no template can be made.
    """
    try:
        return FrozenIssue.load(json.loads(frozen))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(
            "this issue was begun by another version of newsletter, and cannot be sent in bulk",
            hint='send the rest with transport.ses.mode = "single"',
        ) from error


def merge_template(issue: FrozenIssue) -> MergeTemplate:
    """Make the template of an issue.

    Raises:
        InputError: a name or an address cannot be written in a header.
    """
    names: dict[Variable, str] = {}
    sender = issue.sender
    text = _with_variables(issue.text, issue, names, markup=False)
    page = _with_variables(folded(issue.html), issue, names, markup=True)
    return MergeTemplate(
        subject="{{" + _SUBJECT + "}}",
        text=text,
        html=page,
        variables={name: variable for variable, name in names.items()},
        lines=_lines([*text.split("\n"), *page.split("\n")]),
        issue=issue,
        sender=_mailbox("From", sender.name, sender.address),
        reply_to=_mailbox("Reply-To", "", sender.reply_to) if sender.reply_to else "",
        headers=_pairs(list_headers(sender)),
    )


def merge(
    template: MergeTemplate,
    subscriber: Subscriber,
    *,
    issue: int,
    position: int,
    attempt: int,
    unsubscribe_url: str = "",
    rating_url: str = "",
    store: str = NO_STORE,
    mark: str = "",
) -> MergeMail:
    """What one reader's mail is made of.

    Args:
        template: from `merge_template`.
        subscriber: the recipient.
        issue: number of the issue.
        position: as in MergeMail.
        attempt: as in MergeMail.
        unsubscribe_url: the person's own https page, or "" where there is no public server.
        rating_url: the page on which the person rates the issue, likewise.
        store: as in MergeMail.
        mark: what the subject begins with.

    Raises:
        InputError: the address cannot be written in a header.
    """
    frozen = template.issue
    mailto = frozen.sender.unsubscribe_mailto
    way_out = unsubscribe_url or unsubscribe_by_mail(mailto)
    found = values_for(frozen.slots, subscriber, way_out, rating_url)
    subject = subject_line(mark + frozen.subject, frozen.slots, found)
    headers.text("Subject", subject)
    values = {**_LITERALS, _SUBJECT: subject}
    for name, variable in template.variables.items():
        value = found[variable.token]
        values[name] = html.escape(value) if variable.markup else value
    # SES takes a mail that lacks one, names it, and never sends it.
    if values.keys() != template.names:
        raise AssertionError("a variable of the template has no value")
    name = subscriber.name if text_rules.stands_in_header(subscriber.name) else ""
    return MergeMail(
        issue=issue,
        position=position,
        attempt=attempt,
        to=_mailbox("To", name, subscriber.address),
        values=values,
        headers=_pairs(unsubscribe_headers(unsubscribe_url, mailto)),
        fits=_fits(template, values),
        store=store,
    )


def _with_variables(
    text: str, issue: FrozenIssue, names: dict[Variable, str], *, markup: bool
) -> str:
    """A text with a variable for every token, brace, and backslash before either."""
    tokens = token_pattern(issue.slots).pattern if issue.slots else "(?!)"

    def variable(found: re.Match[str]) -> str:
        what = found[0]
        if what in _NAME_OF:
            return "{{" + _NAME_OF[what] + "}}"
        if what[0] == "\\":
            return "{{bs}}" * len(what)
        name = names.setdefault(Variable(token=what, markup=markup), f"v{len(names)}")
        return "{{" + name + "}}"

    return re.sub(rf"\\+(?=[{{}}]|{tokens})|[{{}}]|{tokens}", variable, text)


def _lines(lines: Iterable[str]) -> tuple[MergeLine, ...]:
    """The lines with variables of a template's text, and the longest without."""
    found: list[MergeLine] = []
    longest = 0
    for line in lines:
        names = _PLACE.findall(line)
        theirs = tuple(name for name in names if name not in _LITERALS)
        size = len(_PLACE.sub("", line).encode()) + len(names) - len(theirs)
        if theirs:
            found.append(MergeLine(size=size, names=theirs))
        else:
            longest = max(longest, size)
    return (*found, MergeLine(size=longest, names=()))


def _fits(template: MergeTemplate, values: Mapping[str, str]) -> bool:
    sizes = {name: len(value.encode()) for name, value in values.items()}
    longest = max(line.size + sum(sizes[name] for name in line.names) for line in template.lines)
    return max(longest, sizes[_SUBJECT]) <= _LONGEST


def _mailbox(name: str, display: str, address: str) -> str:
    """An address as a header says it, in one line."""
    [(_, value)] = _pairs(headers.address(name, display, address).replace("\r\n ", " "))
    return value


def _pairs(lines: str) -> tuple[tuple[str, str], ...]:
    """Headers as names and values."""
    split = (line.partition(": ") for line in lines.splitlines())
    return tuple((name, value) for name, _, value in split)
