"""One link in, one link out: the same link with its source, medium and campaign.

A textual splice, because every URL library at hand re-serialises what it parses, and sponsors,
signed links and archives notice. What is legal in a URL stays byte for byte; what is not is
percent-encoded as browsers do (WHATWG URL, sections 1.3 and 4.4).
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple
from urllib.parse import quote, unquote_plus

Existing = Literal["keep", "replace"]
#: tagged: ours were appended; kept: it has tags of its own; replaced: it had, ours stand there now.
Verdict = Literal[
    "tagged", "kept", "replaced", "skipped host", "signed", "malformed", "no web link"
]

#: What Mailchimp, HubSpot, Vero, Marketo and ConvertKit add to the links of one reader's mail.
READER_IDS: Final = frozenset(
    {"mc_eid", "_hsenc", "_hsmi", "vero_id", "mkt_tok", "ck_subscriber_id"}
)
_OURS: Final = ("utm_source", "utm_medium", "utm_campaign")
_SIGNATURES: Final = frozenset(
    {"x-amz-signature", "x-goog-signature", "signature", "key-pair-id", "sig"}
)
_PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|__NL_")
_WEB: Final = re.compile(r"(https?)://", re.IGNORECASE)
# WHATWG "forbidden domain code points", less those that end the authority.
_FORBIDDEN: Final = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")  # IDNA takes all four
#: What browsers take out at both ends of a link, and within it.
_EDGES: Final = "".join(map(chr, range(0x21)))
_WITHIN: Final = dict.fromkeys(map(ord, "\t\r\n"))
_PORT: Final = re.compile(r"0*[0-9]{0,5}")
_MAX_PORT: Final = 65535
# Illegal in that part of a URL; non-ASCII is always encoded.
_PATH: Final = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x5f\x61-\x7a\x7c\x7e]")
_QUERY: Final = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x7e]")
_FRAGMENT: Final = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x5f\x61-\x7e]")


class Tags(NamedTuple):
    """What is appended, and how links that carry tags already are treated.

    Attributes:
        source: value of `utm_source`; percent-encoded when written, like the other two.
        medium: value of `utm_medium`.
        campaign: value of `utm_campaign`.
        existing: "keep" leaves a link with a source, medium or campaign wholly alone,
            "replace" takes every `utm_*` of it out first.
        replace_sources: sources whose tags are replaced even under "keep" (an earlier service's).
        skip_hosts: hosts, with all their subdomains, that are never tagged.
    """

    source: str
    medium: str
    campaign: str
    existing: Existing
    replace_sources: tuple[str, ...]
    skip_hosts: tuple[str, ...]


def tag(url: str, tags: Tags) -> str:
    """Return `url` with the tags appended, or `url` itself where a tag would do harm.

    Only http and https links with a valid host are touched; not those that are signed, carry
    user information, hold a placeholder in scheme or host, or lead to a skipped host. The result
    is the same when tagged again. Never raises.
    """
    return decide(url, tags)[0]


def decide(url: str, tags: Tags) -> tuple[str, Verdict]:
    """What `tag` returns, and why."""
    link = _Link.split(url)
    if link is None:
        return url, "malformed" if is_malformed(url) else "no web link"
    if link.is_skipped(tags.skip_hosts):
        return url, "skipped host"
    if link.is_signed():
        return url, "signed"
    ours, pairs = _ours(tags), link.pairs()
    verdict: Verdict = "tagged"
    if pairs[-len(ours) :] == ours:
        return url, verdict
    if any(_key(pair) in _OURS for pair in pairs):
        replaced = {s.casefold() for s in tags.replace_sources}
        if tags.existing == "keep" and source_of(url).casefold() not in replaced:
            return url, "kept"
        pairs = [pair for pair in pairs if not _key(pair).startswith("utm_")]
        verdict = "replaced"
    if pairs and not pairs[-1]:  # `?b=1&` ends in a separator of its own
        pairs.pop()
    query = "&".join([*(_encode(pair, _QUERY) for pair in pairs), *ours])
    return f"{link.head}?{query}{link.fragment}", verdict


@functools.lru_cache(maxsize=64)
def _ours(tags: Tags) -> list[str]:
    values = zip(_OURS, (tags.source, tags.medium, tags.campaign), strict=True)
    return [f"{key}={quote(value, safe='', errors='replace')}" for key, value in values]


def untagged(url: str, sources: Iterable[str]) -> str:
    """`url` without its tags where they are those of an earlier service. Never raises.

    Args:
        url: a link as written.
        sources: values of `utm_source`, in any case.
    """
    given = source_of(url).casefold()
    if not given or given not in {source.casefold() for source in sources}:
        return url
    head, hash_, fragment = url.partition("#")
    path, _, query = head.partition("?")
    kept = "&".join(pair for pair in query.split("&") if not _key(pair).startswith("utm_"))
    return f"{path}{'?' + kept if kept else ''}{hash_}{fragment}"


def anonymous(url: str) -> str:
    """`url` without the ids that mail services gave to whoever it was copied from. Never raises."""
    head, hash_, fragment = url.partition("#")
    path, _, query = head.partition("?")
    pairs = query.split("&")
    kept = [pair for pair in pairs if _key(pair).lower() not in READER_IDS]
    if len(kept) == len(pairs):
        return url
    return f"{path}{'?' if kept else ''}{'&'.join(kept)}{hash_}{fragment}"


def legal(url: str) -> str:
    """`url` in ASCII, as a page may hold it: host as an A-label, the rest percent-encoded.

    What is ASCII already stays byte for byte. Never raises.
    """
    if url.isascii():
        return url
    link = _Link.split(url)
    if link is None:
        return quote(url, safe="".join(map(chr, range(0x80))), errors="replace")
    bare = not link.query and "?" not in url.partition("#")[0]
    return f"{link.head}{'' if bare else '?' + _encode(link.query, _QUERY)}{link.fragment}"


def source_of(url: str) -> str:
    """The decoded `utm_source` of a link, or "" when it has none."""
    _, _, query = url.partition("#")[0].partition("?")
    for pair in query.split("&"):
        if _key(pair) == "utm_source":
            return unquote_plus(pair.partition("=")[2])
    return ""


def is_malformed(url: str) -> bool:
    """Whether a link says http(s) but no browser could open it: an impossible host or port."""
    text = _read(url)
    match = _WEB.match(text)
    if match is None:
        return re.match(r"https?:", text, re.IGNORECASE) is not None
    authority = re.split(r"[/?#\\]", text[match.end() :], maxsplit=1)[0]
    if _PLACEHOLDER.search(authority):
        return False
    return _host(authority.rpartition("@")[2]) is None


class _Link(NamedTuple):
    """A web link taken apart: `head` is everything before the question mark, made legal."""

    host: str
    head: str
    query: str
    fragment: str

    @classmethod
    def split(cls, url: str) -> _Link | None:
        text = _read(url)
        match = _WEB.match(text)
        if match is None:
            return None
        rest, hash_, fragment = text[match.end() :].partition("#")
        rest, _, query = rest.partition("?")
        authority, slash, path = rest.partition("/")
        if "@" in authority or _PLACEHOLDER.search(authority):
            return None
        host = _host(authority)
        if host is None:
            return None
        head = f"{match[0]}{host}/{_encode(path, _PATH) if slash else ''}"
        return cls(host, head, query, hash_ + _encode(fragment, _FRAGMENT))

    def pairs(self) -> list[str]:
        return self.query.split("&") if self.query else []

    def is_signed(self) -> bool:
        return any(_key(pair) in _SIGNATURES for pair in self.pairs())

    def is_skipped(self, hosts: tuple[str, ...]) -> bool:
        name = "." + re.sub(r":\d*\Z", "", self.host).removesuffix(".").lower()
        return any(name.endswith("." + host.lower()) for host in hosts)


def _read(url: str) -> str:
    """`url` without what browsers take out before they look at it."""
    return url.strip(_EDGES).translate(_WITHIN)


def _host(authority: str) -> str | None:
    """`authority` with its host as an A-label, or None when no browser would resolve it."""
    host, colon, port = authority, "", ""
    if found := re.search(r":([^:\]]*)\Z", authority):
        host, colon, port = authority[: found.start()], ":", found[1]
        if not _PORT.fullmatch(port) or int(port[-5:] or 0) > _MAX_PORT:
            return None
    if host.startswith("[") and host.endswith("]"):
        return authority if _is_ipv6(host[1:-1]) else None
    # A single label is a typing error ("http://ttps//...") or an intranet; both are findings.
    if _FORBIDDEN.search(host):
        return None
    name = _ascii(host)
    labels = name.removesuffix(".").split(".")
    return name + colon + port if len(labels) > 1 and all(labels) else None


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.IPv6Address(text).scope_id is None
    except ValueError:
        return False


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    import idna  # noqa: PLC0415  # its tables are large; `pipeline` has read them before a render

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        # Browsers take what IDNA 2008 refuses (emoji, underscores beside other letters).
        labels = (label.casefold() for label in _DOTS.split(host))
        return ".".join(
            x if x.isascii() else "xn--" + x.encode("punycode").decode() for x in labels
        )


def _key(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0]).strip().lower()


def _encode(part: str, illegal: re.Pattern[str]) -> str:
    return illegal.sub(lambda match: quote(match[0], safe="", errors="replace"), part)
