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
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from email_validator import EmailNotValidError, validate_email
from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from newsletter import moments
from newsletter.humanize import nearest
from newsletter.render.utm import is_malformed
from newsletter.schedule import rule as rules

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ENCODED_WORD: Final = re.compile(r"=\?[^?\s]+\?[bBqQ]\?")
_PASSWORD: Final = re.compile(r"(://[^/?#@:]*:).+(?=@)|([?&](?:ssl)?password=)[^&]+", re.IGNORECASE)
_MIN_KEY: Final = 16


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


def one_line(value: str) -> str:
    """Text without control characters, trimmed."""
    return _printable(value.strip())


def required(value: str) -> str:
    """A line that is not empty."""
    if not one_line(value):
        raise wrong("is empty")
    return one_line(value)


def header(value: str) -> str:
    """A line that may stand in a mail header."""
    line = one_line(value)
    if _ENCODED_WORD.search(line):
        raise wrong(
            "holds a piece that mail programs would decode (=?...?=)",
            "write the characters themselves",
        )
    return line


def lines(value: str) -> str:
    """Text of several lines."""
    return "\n".join(one_line(line) for line in value.strip().splitlines())


def address(value: str) -> str:
    """An e-mail address that SES takes: ASCII before the @, or "" for none."""
    if not value.strip():
        return ""
    try:
        found = validate_email(
            value.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError:
        # Its words quote parts of the address.
        raise wrong("is not an e-mail address") from None
    return found.ascii_email or found.normalized


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
    path = one_line(value)
    if path.startswith("/") or ".." in path.split("/"):
        raise wrong("leads out of the newsletter's folder")
    return path


def colour(value: str) -> str:
    """Six hexadecimal digits behind a #, in lower case."""
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value.strip()):
        raise wrong("is not a colour of six hexadecimal digits")
    return value.strip().lower()


def font(value: str) -> str:
    """A list of font names, as in a style sheet."""
    line = one_line(value)
    if re.search(r'[;{}<>"\\]', line):
        raise wrong("is not a list of font names", "separate names by commas; quote with ' only")
    return line


def language(value: str) -> str:
    """A language tag such as "en" or "pt-BR"."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", value.strip()):
        raise wrong('is not a language tag such as "en" or "pt-BR"')
    return value.strip()


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
    name = one_line(value).lower().rstrip(".")
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


def region(value: str) -> str:
    """An AWS region, or "" for the one AWS's own configuration names."""
    if not re.fullmatch(r"(?:[a-z]{2}(?:-[a-z]+)+-\d{1,2})?", value.strip()):
        raise wrong("is not the name of an AWS region")
    return value.strip()


def configuration_set(value: str) -> str:
    """A name SES allows, or "" for none."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,64}", value.strip()):
        raise wrong("has other characters than letters, digits, - and _, or more than 64")
    return value.strip()


def queue_url(value: str) -> str:
    """The address of an SQS queue, or "" for none; http only on this machine, for tests."""
    url = one_line(value)
    if not url or re.fullmatch(r"(https://|http://(localhost|127\.0\.0\.1):)\S+/\S+", url):
        return url
    raise wrong(
        "is not the address of an SQS queue",
        "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, as the SQS console shows it",
    )


def tag(value: str) -> str:
    """A tag as segments name it: lower-case letters, digits and any of `._+-`."""
    if not re.fullmatch(r"[\w.+-]+", value) or value != value.lower():
        raise wrong("has a name that no tag can have", "write it as segments do: essays")
    return value


def store_url(value: str) -> str:
    """The address of a SQLite file or a PostgreSQL database, or "" for the default file."""
    url = one_line(value)
    if not url or re.fullmatch(r"sqlite:///.+", url) or re.match(r"postgresql://.", url):
        return url
    raise wrong(
        "is neither a SQLite file nor a PostgreSQL database",
        "write sqlite:///path/to/file.db or postgresql://user@host/database",
    )


def has_password(url: str) -> bool:
    """Whether a database address carries a password."""
    return _PASSWORD.search(url) is not None


def without_password(url: str) -> str:
    """A database address with its password starred out."""
    return _PASSWORD.sub(r"\1\2****", url)


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


def field_name(value: str) -> str:
    """The name of a merge field."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise wrong(
            "is not a possible name for a merge field",
            "use small letters, digits and _, and begin with a letter: first_name",
        )
    return value


def fallback(value: str) -> str:
    """What stands in for a merge field; kept as written, blanks and all."""
    return _printable(value)


def reason(value: str) -> str:
    """Why a finding is ignored."""
    if not one_line(value):
        raise wrong("needs a reason", "say in a few words why this finding does not matter")
    return one_line(value)


def signing_key(value: SecretStr) -> SecretStr:
    """A key long enough that nobody guesses it."""
    if len(value.get_secret_value()) < _MIN_KEY:
        raise wrong("is too short to be safe", f"use at least {_MIN_KEY} random characters")
    return value


def masked_address(value: str) -> str:
    """An address as it may be shown: a***@d***.org."""
    local, _, domain = value.rpartition("@")
    return f"{local[:1]}***@{domain[:1]}***.{domain.rpartition('.')[2]}" if local else value


def masked_path(url: str) -> str:
    """A web address without its path and query, where such services keep their token."""
    return re.sub(r"(?<=[^/:])[/?#].*", "/****", url, count=1)


def frozen(value: Mapping[str, str]) -> Mapping[str, str]:
    """A read-only view, because frozen models freeze their fields but not what those hold."""
    return MappingProxyType(dict(value))


def _printable(value: str) -> str:
    if re.search(r"[\ud800-\udfff]", value):
        # So Python hands over bytes of the environment that are not UTF-8.
        raise wrong("is not text in UTF-8", "set it again, in a terminal that uses UTF-8")
    if found := _CONTROL.search(value):
        raise wrong(
            f"holds the control character U+{ord(found[0]):04X}",
            "remove it; it is often pasted along from another program",
        )
    return value
