"""Where the pages of a Hugo or Jekyll folder were read, by the rules in its settings.

https://gohugo.io/configuration/permalinks/ and https://jekyllrb.com/docs/permalinks/.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from unicodedata import category

from newsletter.errors import InputError
from newsletter.exports.posts import ExportFiles, text_of
from newsletter.issue import front_matter

_SETTINGS: Final = ("hugo.toml", "config.toml", "hugo.yaml", "config.yaml", "_config.yml")
_JEKYLLS: Final = {
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title.html",
    "none": "/:categories/:title.html",
}
#: A file at the top, or in the one folder that an archive has there.
_TOP: Final = 2
_TOKEN: Final = re.compile(r":([a-z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """What a folder's settings say about addresses.

    Attributes:
        address: of the site, without a slash at the end; "" where they do not say.
        permalinks: Hugo's rules by section.
        permalink: Jekyll's rule for posts.
    """

    address: str = ""
    permalinks: Mapping[str, str] = field(default_factory=dict)
    permalink: str = _JEKYLLS["date"]


def site_rules(files: ExportFiles) -> SiteRules:
    """Read the settings of a folder; what cannot be read says nothing."""
    found = []
    for name in files.names:
        parts = name.split("/")
        if parts[-1] in _SETTINGS and (len(parts) <= _TOP or parts[-2] == "_default"):
            text = text_of(files, name)
            found.append(_rules(_table(text, name), _address(text)))
    return next((one for one in found if one.address), found[0] if found else SiteRules())


def by_rule(rule: str, day: dt.date | None, words: Mapping[str, str]) -> str:
    """The path of a page by a rule, "" where it needs what nobody here knows.

    Args:
        rule: with words such as `:year` and `:title` in it.
        day: of the page.
        words: what others stand for.
    """
    known = {**words, "output_ext": ".html"}
    if day:
        known |= {
            "year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}",
            "i_month": f"{day.month}", "i_day": f"{day.day}", "short_year": f"{day:%y}",
            "y_day": f"{day:%j}",
        }  # fmt: skip
    if any(name not in known for name in _TOKEN.findall(rule)):
        return ""
    return re.sub("/{2,}", "/", "/" + _TOKEN.sub(lambda found: known[found[1]], rule))


def as_hugo(path: str) -> str:
    """A path as Hugo writes it: in small letters, hyphens for blanks, without most other signs."""
    kept = (one for one in path.lower() if one in " ./_#+~-@%" or category(one)[0] in "LNM")
    return re.sub(r"-*\s[\s-]*", "-", "".join(kept))


def _table(text: str, name: str) -> Mapping[str, Any]:
    try:
        if name.endswith(".toml"):
            return tomllib.loads(text)
        return front_matter.read(f"---\n{text}\n---\n", name).table
    except (tomllib.TOMLDecodeError, InputError):
        return {}


def _rules(table: Mapping[str, Any], address: str) -> SiteRules:
    rules = table.get("permalinks")
    rules = rules if isinstance(rules, Mapping) else {}
    pages = rules.get("page")
    rules = {**rules, **(pages if isinstance(pages, Mapping) else {})}
    own = table.get("permalink")
    own = own if isinstance(own, str) and own else "date"
    return SiteRules(
        address=address,
        permalinks={key: rule for key, rule in rules.items() if isinstance(rule, str)},
        permalink=_JEKYLLS.get(own, own),
    )


def _address(text: str) -> str:
    url = re.search(r"(?mi)^\s*(?:baseurl|url)\s*[:=]\s*[\"']?(https?://[^\s\"'#]+)", text)
    path = re.search(r"(?m)^baseurl\s*:\s*[\"']?(/[^\s\"'#]*)", text)
    return url[1].rstrip("/") + (path[1].rstrip("/") if path else "") if url else ""
