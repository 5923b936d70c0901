"""Earlier addresses of pages: which page answers for them now, and how a host is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from newsletter.check import Finding
from newsletter.errors import NotFitError
from newsletter.humanize import plural
from newsletter.publishing.hosts import Host
from newsletter.publishing.select import PublishedIssue

#: What may stand on a page of ours already.
_OURS: Final = re.compile(
    r"(?:page(?:/.*)?|images(?:/.*)?|latest|[0-9]+|(?:index|404)(?:\.html)?|style\.css|feed\.xml"
    r"|rss\.xml|sitemap\.xml|robots\.txt|_redirects|\.newsletter-archive\.json|)"
)


class UnfitArchiveError(NotFitError):
    """Findings of severity error are in the way of an archive.

    Args:
        findings: all of them.
    """

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(
            f"the archive is not fit to publish: {plural(len(findings), 'error')}",
            hint="fix them, then run the same command again",
        )
        self.findings = findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """One earlier address.

    Attributes:
        old: a path from the root of the site, as the author wrote it.
        file: where its page lies in the archive's folder, without "/index.html".
        number: the issue it leads to.
    """

    old: str
    file: str
    number: int

    @property
    def bare(self) -> str:
        """The earlier address as `bare_path` has it."""
        return bare_path(unquote(self.old))

    @property
    def has_page(self) -> bool:
        """Whether a page of the archive leads on; where one of ours is called so, the host must."""
        return not _OURS.fullmatch(self.file)


def base_path(archive_url: str) -> str:
    """The path of the archive on its host, with a slash at both ends: "/archive/" or "/"."""
    path = urlsplit(archive_url).path.strip("/")
    return f"/{path}/" if path else "/"


def bare_path(path: str) -> str:
    """What `/x`, `/x/`, `/x.html` and `/x/index.html` have in common: "x".

    Args:
        path: from the root of the site, decoded.
    """
    return path.strip("/").removesuffix(".html").removesuffix("/index").strip("/")


def is_page(path: str, base: str) -> bool:
    """Whether a path of the site is, or may become, a page of the archive itself.

    Args:
        path: from the root of the site, as an author writes it.
        base: the archive's own path, see `base_path`.
    """
    inside = f"/{bare_path(unquote(path))}/".startswith(base)
    return inside and _OURS.fullmatch(_file(path, base)) is not None


def redirects(issues: Iterable[PublishedIssue], archive_url: str) -> tuple[Redirect, ...]:
    """The earlier addresses of some issues, by number.

    Raises:
        UnfitArchiveError: two issues have the same one, or it is that of a page of the archive.
    """
    base, findings = base_path(archive_url), []
    found: dict[str, Redirect] = {}
    for one in sorted(issues, key=lambda one: one.issue.number):
        number, place = one.issue.number, one.issue.place("aliases")
        for old in one.matter.aliases:
            file = _file(old, base)
            there = found.get(file)
            if is_page(old, base):
                findings.append((place, f"the alias {old} is a page of the archive itself"))
            elif there and there.number != number:
                what = f"the alias {old} belongs to issue {there.number} as well"
                findings.append((place, what))
            elif not there:
                found[file] = Redirect(old=old, file=file, number=number)
    if findings:
        raise UnfitArchiveError(
            tuple(
                Finding(
                    id="archive-alias", severity="error", place=place, message=message,
                    hint="an address leads to one page only; take it out of one issue",
                )
                for place, message in findings
            )
        )  # fmt: skip
    return tuple(found.values())


def _file(old: str, base: str) -> str:
    """Where the page of an alias lies: below the archive's own path, else as from the root."""
    return f"/{bare_path(unquote(old))}/".removeprefix(base).strip("/")


def as_netlify(found: Iterable[Redirect], base: str) -> str:
    """The file `_redirects` of Netlify, Cloudflare and GitLab."""
    return "".join(f"{one.old} {base}{one.number}/ 301\n" for one in found)


def snippet(host: Host, found: tuple[Redirect, ...], base: str) -> str:
    """What a host is told about earlier addresses, as it reads it.

    Args:
        host: which.
        found: the addresses.
        base: the archive's path.
    """
    match host:
        case Host.NGINX:
            return _nginx(found, base)
        case Host.CADDY:
            return _caddy(found, base)
        case Host.GITHUB:
            return _github(found, base)
        case Host.NETLIFY:
            return as_netlify(found, base)


def _spellings(one: Redirect) -> Iterator[str]:
    bare = f"/{one.bare}"
    yield from (bare, f"{bare}/", f"{bare}.html", f"{bare}/index.html")


def _nginx(found: tuple[Redirect, ...], base: str) -> str:
    lines = [
        f"    {_quoted(path)} {base}{one.number}/;" for one in found for path in _spellings(one)
    ]
    return "\n".join(
        [
            "# outside of server { }",
            "map $uri $newsletter_moved {",
            '    default "";',
            *lines,
            "}",
            "# inside of server { }",
            "if ($newsletter_moved) { return 301 $newsletter_moved; }",
            "",
        ]
    )


def _caddy(found: tuple[Redirect, ...], base: str) -> str:
    return "".join(
        f"redir {_quoted(path)} {base}{one.number}/ permanent\n"
        for one in found
        for path in _spellings(one)
    )


def _github(found: tuple[Redirect, ...], base: str) -> str:
    """GitHub Pages knows no redirects: the pages themselves, where the root of the site is."""
    outside = sum(not (one.old + "/").startswith(base) for one in found)
    where = "_site" + base.rstrip("/")
    told = (
        f"# {plural(outside, 'old address', 'old addresses')} outside of {base}: their pages go to "
        "the root of the site\n"
        if outside and base != "/"
        else ""
    )
    copy = f"      - run: cp -R {where}/. _site/\n" if told else ""
    return (
        f"{told}# .github/workflows/archive.yml\n"
        "name: archive\n"
        "on: {push: {branches: [main]}, workflow_dispatch: {}}\n"
        "permissions: {contents: read, pages: write, id-token: write}\n"
        "jobs:\n"
        "  archive:\n"
        "    runs-on: ubuntu-latest\n"
        "    environment: github-pages\n"
        "    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "      - uses: actions/setup-python@v5\n"
        "        with: {python-version: '3.12'}\n"
        "      - run: pip install .\n"
        f"      - run: newsletter archive build --out {where}\n"
        f"{copy}"
        "      - uses: actions/upload-pages-artifact@v3\n"
        "      - uses: actions/deploy-pages@v4\n"
    )


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
