"""What a single value has to look like, said so that its author can mend it.

Every function here takes a value and returns it, tidied, or raises. A problem is the second half
of a sentence that begins with the setting's name. The value itself is never quoted back: it may
be an address or a secret.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from newsletter import moments, text_rules
from newsletter.audience import read_address
from newsletter.errors import InputError
from newsletter.humanize import nearest
from newsletter.render.utm import is_malformed
from newsletter.schedule import rule as rules

#: What may follow the question mark of a server's address, as its client library names it.
_SERVER_OPTIONS: Final = (
    "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding",
    "target_session_attrs", "gssencmode", "passfile",
)  # fmt: skip
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Masked:
    """Marks a setting whose value is never shown whole; `show` makes what may be shown of it."""

    show: Callable[[str], str]


def wrong(problem: str, hint: str = "", *, key: str = "") -> PydanticCustomError:
    """A fault in pydantic's currency.

    Args:
        problem: what follows the name of the setting ("is not a time zone").
        hint: the way out; without one, an example of the setting is shown.
        key: the setting of a group that is meant, when the whole group was looked at.
    """
    return PydanticCustomError(
        "newsletter", "{problem}", {"problem": problem, "hint": hint, "key": key}
    )


def matching(
    pattern: str, problem: str, hint: str = "", *, tidy: Callable[[str], str] | None = None
) -> AfterValidator:
    """A rule for a text that a pattern tells, after `tidy` (by default `one_line`)."""

    def matched(value: str) -> str:
        text = (tidy or one_line)(value)
        if not re.fullmatch(pattern, text):
            raise wrong(problem, hint)
        return text

    return AfterValidator(matched)


def one_line(value: str) -> str:
    """Text without control characters, trimmed."""
    return printable(value.strip())


def lower_case(value: str) -> str:
    """A line in lower case."""
    return one_line(value).lower()


def required(value: str) -> str:
    """A line that is not empty."""
    if not one_line(value):
        raise wrong("is empty")
    return one_line(value)


def header(value: str) -> str:
    """A line that may stand in a mail header."""
    line = one_line(value)
    if not text_rules.is_safe_in_header(line):
        raise wrong(
            "holds a piece that mail programs would decode (=?...?=)",
            "write the characters themselves",
        )
    return line


def lines(value: str) -> str:
    """Text of several lines."""
    return "\n".join(one_line(line) for line in value.strip().splitlines())


def address(value: str) -> str:
    """An e-mail address that SES takes and a header carries, or "" for none."""
    if not value.strip():
        return ""
    try:
        return read_address(value).mailbox
    except InputError:
        raise wrong("is not an e-mail address") from None


def https(value: str) -> str:
    """An https address, or "" for none."""
    url = one_line(value)
    if not url:
        return ""
    if not url.lower().startswith("https://"):
        raise wrong("is not an https address")
    if is_malformed(url) or re.search(r'[\s"<>\\{}]|//[^/?#]*@', url):
        raise wrong("is not an address that a browser could open")
    return url


def site_url(value: str) -> str:
    """An https address to which paths are added: no query, no slash at the end."""
    url = https(value)
    if "?" in url or "#" in url:
        raise wrong("has a ? or a # in it, and paths have to be added to it")
    return url.rstrip("/")


def picture(value: str) -> str:
    """An https address or a path below the newsletter's folder, or "" for none."""
    if "://" in value:
        return https(value)
    return inside(value)


def inside(value: str) -> str:
    """A path below the newsletter's folder, or "" for none."""
    path = one_line(value)
    if path.startswith("/") or ".." in path.split("/"):
        raise wrong("leads out of the newsletter's folder")
    return path


def bucket_or_folder(value: str) -> str:
    """A bucket, perhaps with a path in it, or a folder below the newsletter's; "" for none."""
    text = one_line(value).rstrip("/")
    if not re.match(r"\w+:", text):
        return inside(text)
    if ".." in text.split("/") or not re.fullmatch(
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w.+-]+)*", text, re.ASCII
    ):
        raise wrong("is neither a folder nor a bucket", "write s3://BUCKET/PREFIX")
    return text


def font(value: str) -> str:
    """A list of font names, as in a style sheet."""
    line = one_line(value)
    if re.search(r'[;{}<>"\\]', line):
        raise wrong("is not a list of font names", "separate names by commas; quote with ' only")
    return line


# RFC 5646, 2.1: language, script, region, variants, extensions, private use.
_LANGUAGE: Final = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?",
    re.IGNORECASE,
)


def language(value: str) -> str:
    """A language tag as BCP 47 shapes it, such as "en", "pt-BR" or "zh-Hant"."""
    tag_ = one_line(value)
    if not _LANGUAGE.fullmatch(tag_):
        dashed = tag_.partition(".")[0].replace("_", "-")
        hint = f'write "{dashed}"' if dashed != tag_ and _LANGUAGE.fullmatch(dashed) else ""
        raise wrong('is not a language tag such as "en" or "pt-BR"', hint)
    return tag_


def timezone(value: str) -> str:
    """The name of a time zone in the IANA database."""
    name = value.strip()
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, zoneinfo.available_timezones(), "")
        raise wrong("is not the name of a time zone", hint) from None
    return name


def campaign(value: str) -> str:
    """A campaign name with {number} and {slug} as its only placeholders."""
    line = required(value)
    if re.search(r"[{}]", re.sub(r"\{(?:number|slug)\}", "", line)):
        raise wrong("has a placeholder other than {number} and {slug}")
    return line


def host(value: str) -> str:
    """A host name without scheme, port or path, in lower case."""
    name = lower_case(value).rstrip(".")
    if re.search(r"[\s/:@?#*]", name):
        raise wrong("is not a bare host name", 'leave out "https://", the port and the path')
    return name


def some_host(value: str) -> str:
    """A host name that is not empty."""
    return host(required(value))


def network(value: str) -> str:
    """An IP address or network, as machines write it."""
    try:
        found = ipaddress.ip_network(required(value))
    except ValueError:
        raise wrong(
            "is not an IP address or network", 'write 10.0.0.5 or 10.0.0.0/8, "::1" or "fd00::/8"'
        ) from None
    alone = found.prefixlen == found.max_prefixlen
    return str(found.network_address if alone else found)


def tag(value: str) -> str:
    """A tag as segments name it: lower-case letters, digits and any of `._+-`."""
    if not re.fullmatch(r"[\w.+-]+", value) or value != value.lower():
        raise wrong("has a name that no tag can have", "write it as segments do: essays")
    return value


def store_url(value: str) -> str:
    """The address of a SQLite file or of a PostgreSQL database, or "" for the default file."""
    url = one_line(value)
    if url.startswith("postgres"):
        return _server_url(url)
    hint = "write sqlite:///path/to/file.db, or leave it out"
    if url and not url.startswith("sqlite:///"):
        raise wrong(
            "is not the address of a SQLite file or a PostgreSQL database",
            f"{hint}; or postgresql://user@host/database",
        )
    if re.fullmatch(r"sqlite:///(?::memory:|.*\?\w+=.*)?", url):
        raise wrong("must name a file and nothing else", hint)
    return url


def _server_url(url: str) -> str:
    hint = "write postgresql://user@host/database"
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
        port = parts.port
    except ValueError:
        raise wrong("is not the address of a PostgreSQL database", hint) from None
    if parts.scheme != "postgresql" or port == 0 or parts.fragment or not url.isprintable():
        raise wrong("is not the address of a PostgreSQL database", hint)
    if parts.password is not None or any("password" in key for key, _ in query):
        raise wrong(
            "holds a password",
            "leave it out, and set NEWSLETTER_STORE__PASSWORD in the environment or in .env; "
            "change it if anybody may have seen it",
        )
    if not re.fullmatch(r"/[^/]+", parts.path):
        raise wrong("names no database", hint)
    for key, word in query:
        if key == "schema":
            if not _SCHEMA.fullmatch(word):
                raise wrong(
                    "names a schema of an unusual form",
                    "use small letters, digits and underscores, 40 at most",
                )
        elif key not in _SERVER_OPTIONS:
            raise wrong(
                "has an option that is not known",
                f"after the question mark may stand schema, {', '.join(_SERVER_OPTIONS)}",
            )
    return url


def rrule(value: str) -> str:
    """A recurrence rule of RFC 5545, of the parts in `newsletter.schedule.rule`, or "" for none."""
    rule = one_line(value).upper().removeprefix("RRULE:")
    if rule and (found := rules.fault(rule)):
        raise wrong(*found)
    return rule


def date(value: object) -> dt.date:
    """A day, as a TOML date or as text."""
    try:
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            moments.expect_in_range(value)
            return value
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip()):
            return moments.day(value.strip())
    except moments.OutOfRangeError as error:
        raise wrong(str(error), "see its year") from None
    except ValueError:
        raise wrong("is a day that does not exist") from None
    raise wrong("is not a date")


def clock(value: object) -> dt.time:
    """A time of day to the minute, as a TOML time or as text."""
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value.strip()):
        return dt.time.fromisoformat(value.strip())
    if isinstance(value, dt.time) and not (value.second or value.microsecond or value.tzinfo):
        return value
    raise wrong("is not a time of day, from 00:00 to 23:59")


def reason(value: str) -> str:
    """Why a finding is ignored."""
    if not one_line(value):
        raise wrong("needs a reason", "say in a few words why this finding does not matter")
    return one_line(value)


def masked_path(url: str) -> str:
    """A web address without its path and query, where such services keep their token."""
    return re.sub(r"(?<=[^/:])[/?#].*", "/****", url, count=1)


def printable(value: str) -> str:
    """Text without control characters, kept as written, blanks and all."""
    if re.search(r"[\ud800-\udfff]", value):
        # So Python hands over bytes of the environment that are not UTF-8.
        raise wrong("is not text in UTF-8", "set it again, in a terminal that uses UTF-8")
    if found := text_rules.control_character(value):
        raise wrong(
            f"holds the control character {found}",
            "remove it; it is often pasted along from another program",
        )
    return value
