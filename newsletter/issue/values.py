"""Front-matter values, asked for by kind; what is of the wrong kind is an InputError."""

from __future__ import annotations

import datetime as dt
import functools
import html
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from newsletter import moments, text_rules
from newsletter.errors import InputError, Place
from newsletter.humanize import is_slip, nearest
from newsletter.issue.drafts import draft_key
from newsletter.issue.front_matter import Value

Status = Literal["draft", "ready"]

_OFF = frozenset({"off", "false", "no"})
_ON = frozenset({"on", "true", "yes"})


def is_near_key(written: str, known: str) -> bool:
    """Whether a key that is not `known` was probably meant to be it: "staus", "Send-At"."""
    one, other = _letters_of(written), _letters_of(known)
    return written != known and (one == other or is_slip(one, other))


@functools.lru_cache(maxsize=64)
def _letters_of(key: str) -> str:
    return re.sub("[-_ ]", "", key.casefold())


class UtmOverride(NamedTuple):
    """What an issue's own `utm` table changes; None keeps the setting."""

    enabled: bool = True
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None


class Values(NamedTuple):
    """Front-matter values, asked for by kind."""

    table: Mapping[str, Value]
    places: Mapping[str, Place]
    file: str

    def error(self, key: str, message: str, hint: str) -> InputError:
        """An InputError placed at `key`."""
        return InputError(message, place=self.places.get(key, Place(self.file, 1)), hint=hint)

    def text(self, key: str) -> str:
        """The trimmed text of `key`, or "" when it is absent."""
        value = self.table.get(key, "")
        if not isinstance(value, str):
            raise self.error(
                key, f'"{key}" is a list or a table', f'write "{key}: some text" on one line'
            )
        return value.strip(" \t\n")

    def line(self, key: str, *, required: bool = False) -> str:
        """A single line fit for a mail header: white space folded, entities decoded."""
        # Only these: a no-break space in a title is meant.
        text = re.sub(r"[ \t\n]+", " ", html.unescape(self.text(key))).strip(" ")
        if required and key not in self.table:
            raise self._missing(key)
        if required and not text:
            hint = f'write "{key}: ..."; a value with a # in it needs quotes'
            raise self.error(key, f'"{key}" is empty', hint)
        if found := text_rules.control_character(text):
            raise self.error(
                key,
                f'"{key}" holds the control character {found}',
                "remove it; it is often pasted along from a web page",
            )
        if not text_rules.is_safe_in_header(text):
            raise self.error(
                key,
                f'"{key}" holds a piece that mail programs would decode (=?...?=)',
                "write the characters themselves",
            )
        return text

    def _missing(self, key: str) -> InputError:
        near = next((one for one in self.table if is_near_key(one, key)), "")
        add = f'add "{key}: ..." to the front matter'
        hint = f'"{near}" stands there; did you mean "{key}"?' if near else add
        return self.error(near or key, f'"{key}" is missing', hint)

    def date(self, key: str) -> dt.date | None:
        """The date of `key`, also when it is written with a time."""
        moment = self.moment(key)
        return moment.date() if moment else None

    def moment(self, key: str) -> dt.datetime | None:
        """The ISO 8601 moment of `key`, naive as it stands, or None."""
        text = self.text(key)
        if key not in self.table:
            return None
        try:
            return moments.moment(text)
        except moments.OutOfRangeError as error:
            raise self.error(key, f'"{key}" {error}', "see its year") from error
        except ValueError as error:
            if moments.is_no_day(text):
                said = f'"{key}" is a day that does not exist'
                raise self.error(key, said, "see its month and day") from error
            raise self.error(
                key, f'"{key}" is not a date', "write it as 2026-11-22 or 2026-11-22T09:00"
            ) from error

    def number(self) -> int | None:
        """The front matter's own number, "074" read as 74."""
        text = self.text("number")
        if "number" not in self.table:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 6):  # noqa: PLR2004  # as in file names
            raise self.error("number", '"number" is not a whole number', 'write "number: 74"')
        return int(text)

    def status(self) -> Status:
        """Ready, unless the front matter says draft, in our way or in another generator's."""
        status = self.text("status") if "status" in self.table else "ready"
        if draft_key(self.table):
            return "draft"
        if status == "ready":
            return "ready"
        way = 'write "status: ready", or "status: draft" until it is'
        raise self.error(
            "status", '"status" is neither draft nor ready',
            nearest(status.casefold(), ("draft", "ready"), way),
        )  # fmt: skip

    def sent_elsewhere(self) -> str:
        """Who sent the issue before, "" where nobody did; whatever is not no means that it went."""
        value = self.table.get("sent_elsewhere", "")
        word = value.strip() if isinstance(value, str) else "yes"
        if word.lower() in _OFF:
            return ""
        return "an earlier service" if word.lower() in _ON else word

    def utm(self) -> UtmOverride:
        """The issue's own link tags."""
        value = self.table.get("utm")
        if value is None:
            return UtmOverride()
        if isinstance(value, str) and value.strip().lower() in _OFF:
            return UtmOverride(enabled=False)
        if not isinstance(value, Mapping):
            raise self.error(
                "utm", '"utm" is neither off nor a table', 'write "utm: off" or "utm: {source: x}"'
            )
        for key, item in value.items():
            if key not in {"source", "medium", "campaign"} or not isinstance(item, str):
                raise self.error(
                    f"utm.{key}",
                    f'"utm.{key}" is not known',
                    "utm takes source, medium and campaign, each a text",
                )
        return UtmOverride(
            source=self._override(value, "source"),
            medium=self._override(value, "medium"),
            campaign=self._override(value, "campaign"),
        )

    @staticmethod
    def _override(table: Mapping[str, Value], key: str) -> str | None:
        value = table.get(key)
        return value.strip() if isinstance(value, str) else None

    def ignored_checks(self) -> Mapping[str, str]:
        """Finding ids the author answers for, each with a reason."""
        checks = self.table.get("checks", {})
        ignore = checks.get("ignore", {}) if isinstance(checks, Mapping) else None
        example = 'write "checks: {ignore: {finding-id: \\"the reason\\"}}"'.replace("\\", "")
        if not isinstance(ignore, Mapping) or set(checks) - {"ignore"}:
            raise self.error("checks", '"checks" takes one table, "ignore"', example)
        for key, reason in ignore.items():
            if not isinstance(reason, str) or not reason.strip():
                raise self.error(
                    f"checks.ignore.{key}", f'ignoring "{key}" needs a reason', example
                )
        return {key: str(reason).strip() for key, reason in ignore.items()}
