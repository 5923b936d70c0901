"""The posts of a folder of Markdown, as Hugo and Jekyll keep them."""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from newsletter.errors import InputError, Place
from newsletter.exports.permalinks import SiteRules, as_hugo, by_rule, site_rules
from newsletter.exports.posts import (
    Export,
    ExportFiles,
    PastPost,
    line_of,
    moment_of,
    number_in,
    text_of,
)
from newsletter.issue import front_matter, number_of
from newsletter.issue.drafts import draft_key

#: What says that a page is in no list, or none at all.
_HIDING: Final = frozenset({"headless", "private", "hidden", "unlisted"})
_MARKDOWN: Final = frozenset({"md", "markdown", "mdown"})
_UNKNOWN: Final = "its address is made by a rule that is not known here: write it as an alias"
_DATED: Final = re.compile(r"(\d{4}-\d\d-\d\d)-(.+)")
_NO_LETTERS: Final = frozenset({"readme", "changelog", "license", "contributing", "_index"})
_FIGURE: Final = re.compile(r"\{\{[<%]\s*figure\s+(.*?)/?\s*[>%]\}\}", re.DOTALL)
_VIDEO: Final = re.compile(r"\{\{[<%]\s*(youtube|vimeo)\s+(?:id=)?\"?([\w-]+)\"?[^>%]*[>%]\}\}")
_REF: Final = re.compile(r"\{\{[<%]\s*(?:rel)?ref\s+\"?([^\s\">%]+)\"?\s*[>%]\}\}")
_BASE: Final = re.compile(r"\{\{-?\s*site\.(?:baseurl|url)\s*-?\}\}")
_ARGUMENT: Final = re.compile(r"(\w+)=(?:\"((?:[^\"\\]|\\.)*)\"|`([^`]*)`|(\S+))")
#: What other programs fill in, and this one leaves as it stands.
_UNREAD: Final = re.compile(r"\{\{[<%].*?[>%]\}\}|\{%.*?%\}|\{\{(?!\{).*?\}\}")


def read_folder(files: ExportFiles, site: str) -> Export | None:
    """Read the posts of a folder, None where it has none."""
    names = [name for name in files.names if _is_letter(name)]
    jekyll = any("_posts" in name.split("/") for name in names)
    inner = {"_posts", "_drafts"} if jekyll else {"content"}
    if within := [name for name in names if inner & set(name.split("/")[:-1])]:
        names = within
    posts, skipped = list[PastPost](), list[tuple[Place, str]]()
    rules = site_rules(files)
    address = site or rules.address
    for name in names:
        found = _post(files, name, jekyll=jekyll, site=address, rules=rules)
        if isinstance(found, PastPost):
            posts.append(found)
        else:
            skipped.append(found)
    if not posts:
        return None
    service = "Jekyll" if jekyll else "Hugo"
    return Export(service=service, posts=tuple(posts), skipped=tuple(skipped), site=address)


def unread(body: str) -> Iterator[str]:
    """What another program would fill in, each piece once, with its line of the text."""
    seen: set[str] = set()
    for found in _UNREAD.finditer(body):
        if found[0] not in seen:
            seen.add(found[0])
            line = body.count("\n", 0, found.start()) + 1
            yield f"line {line} of its text has {found[0][:60]}, which stays as it stands"


def _is_letter(name: str) -> bool:
    stem, dot, kind = name.rpartition("/")[2].rpartition(".")
    return bool(dot) and kind.lower() in _MARKDOWN and stem.lower() not in _NO_LETTERS


def _post(
    files: ExportFiles, name: str, *, jekyll: bool, site: str, rules: SiteRules
) -> PastPost | tuple[Place, str]:
    place, folders = Place(name), name.split("/")[:-1]
    try:
        table, body = _split(text_of(files, name), name)
    except InputError as error:
        return error.place or place, error.message
    title = line_of(table.get("title"))
    if not title:
        return place, "has no title in its front matter"
    stem = name.rpartition("/")[2].rpartition(".")[0]
    own = [*folders[:-1]] if stem == "index" else folders
    stem = folders[-1] if stem == "index" and folders else stem
    dated = _DATED.fullmatch(stem)
    slug = line_of(table.get("slug")) or (dated[2] if dated else stem)
    day = _day(table, dated[1] if dated else "")
    draft = "_drafts" in folders or bool(draft_key(_texts(table)))
    stated = str(table.get("number") or "").strip()
    number = int(stated) if re.fullmatch(r"\d{1,6}", stated) else number_of(f"{stem}.md")
    listed, base = _listed(table), urlsplit(site).path.rstrip("/")
    path = (
        _of_jekyll(table, slug, day, rules) if jekyll
        else _of_hugo(table, own, stem, day, rules)
    )  # fmt: skip
    if path:
        listed.append(base + path)
    unknown = "" if path or not (jekyll or "content" in own) else _UNKNOWN
    body = _plain(body)
    return PastPost(
        key=f"{'jekyll' if jekyll else 'hugo'}/{name}", place=place, title=title, slug=slug,
        day=day, sent=not draft, kept_out=_kept_out(table),
        number=(None if dated else number) or number_in(title),
        preheader=line_of(table.get("description") or table.get("summary") or table.get("excerpt")
                          or table.get("subtitle") or table.get("preheader")),
        subject=line_of(table.get("subject")), canonical=_canonical(table),
        image=_image(table), aliases=tuple(dict.fromkeys(listed)),
        markdown=body, folder="/".join(folders),
        left_out=(*filter(None, [unknown]), *unread(body)),
    )  # fmt: skip


def _day(table: Mapping[str, Any], in_name: str) -> dt.datetime | dt.date | None:
    """When readers got it: not before the day on which it was to be public."""
    day = moment_of(table.get("date")) or moment_of(in_name)
    public = moment_of(table.get("publishDate") or table.get("publishdate"))
    return public if public and str(public) > str(day or "") else day


def _kept_out(table: Mapping[str, Any]) -> str:
    """Why its own site does not show it to everybody, for ever, in its lists."""
    if table.get("expiryDate") or table.get("expirydate"):
        return "it was to be seen for a time only"
    built = table.get("build") or table.get("_build")
    said = [built.get("render"), built.get("list")] if isinstance(built, Mapping) else []
    if any(str(value).lower() in {"never", "link", "false"} for value in said):
        return "its site did not show it"
    if any(str(table.get(key, "")).lower() in {"true", "yes"} for key in _HIDING):
        return "its site did not list it"
    return ""


def _split(text: str, name: str) -> tuple[Mapping[str, Any], str]:
    """Front matter as a table, and what stands below it.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    if text.startswith("+++"):
        head, found, body = text[3:].partition("\n+++")
        try:
            return tomllib.loads(head if found else ""), body.partition("\n")[2]
        except tomllib.TOMLDecodeError as error:
            raise _unreadable(name, str(error)) from error
    if text.startswith("{"):
        try:
            table, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError) as error:
            raise _unreadable(name, str(error)) from error
        return table, text[end:].lstrip("\n")
    read = front_matter.read(text, name)
    return read.table, read.body


def _unreadable(name: str, cause: str) -> InputError:
    return InputError("its front matter cannot be read", place=Place(name), cause=cause)


def _texts(table: Mapping[str, Any]) -> dict[str, str]:
    """The plain values as front matter here has them."""
    return {
        str(key): ("true" if value else "false") if isinstance(value, bool) else value
        for key, value in table.items()
        if isinstance(value, str | bool)
    }


def _canonical(table: Mapping[str, Any]) -> str:
    return line_of(
        table.get("canonical") or table.get("canonicalURL") or table.get("canonical_url")
    )


def _image(table: Mapping[str, Any]) -> str:
    listed = table.get("images")
    first = listed[0] if isinstance(listed, list | tuple) and listed else ""
    found = table.get("image") or first
    return found.strip() if isinstance(found, str) else ""


def _listed(table: Mapping[str, Any]) -> list[str]:
    """Its earlier addresses, as its author wrote them."""
    listed = table.get("aliases") or table.get("redirect_from") or ()
    listed = [listed] if isinstance(listed, str) else listed
    return [one.strip() for one in listed if isinstance(one, str)]


def _of_jekyll(table: Mapping[str, Any], slug: str, day: dt.date | None, rules: SiteRules) -> str:
    """Where Jekyll put a post, "" where its rule is not known here."""
    own = line_of(table.get("permalink"))
    listed = table.get("categories") or table.get("category") or ()
    listed = listed.split() if isinstance(listed, str) else listed
    words = {"title": slug, "slug": slug, "categories": "/".join(map(str, listed)).lower()}
    return by_rule(own or rules.permalink, day, words)


def _of_hugo(
    table: Mapping[str, Any], folders: list[str], stem: str, day: dt.date | None, rules: SiteRules
) -> str:
    """Where Hugo put a page, "" where its rule is not known here."""
    if (own := line_of(table.get("url"))).startswith("/"):
        return own
    if "content" not in folders:
        return ""
    sections = folders[folders.index("content") + 1 :]
    title, slug = line_of(table.get("title")).replace("/", ""), line_of(table.get("slug"))
    words = {
        "section": sections[0] if sections else "", "sections": "/".join(sections),
        "title": title, "slug": slug or title, "filename": stem, "contentbasename": stem,
        "slugorfilename": slug or stem, "slugorcontentbasename": slug or stem,
    }  # fmt: skip
    rule = rules.permalinks.get(sections[0], "") if sections else ""
    return as_hugo(by_rule(rule or "/:sections/:slugorfilename/", day, words))


def _plain(body: str) -> str:
    """Hugo's and Jekyll's own signs in Markdown, where it has a word for the same."""
    body = _FIGURE.sub(_as_figure, body)
    body = _VIDEO.sub(_as_video, body)
    body = _REF.sub(lambda found: found[1], body)
    body = _BASE.sub("", body)
    return body.replace("<!--more-->", "").lstrip("\n")


def _as_figure(found: re.Match[str]) -> str:
    said = {one[1]: one[2] or one[3] or one[4] or "" for one in _ARGUMENT.finditer(found[1])}
    if not said.get("src"):
        return found[0]
    words = said.get("caption") or said.get("title") or ""
    alt = re.sub(r"([\[\]])", r"\\\1", said.get("alt") or words)
    picture = f"![{alt}]({said['src']})"
    picture = f"[{picture}]({said['link']})" if said.get("link") else picture
    return f"{picture}\n\n*{words}*" if words else picture


def _as_video(found: re.Match[str]) -> str:
    base = "https://www.youtube.com/watch?v=" if found[1] == "youtube" else "https://vimeo.com/"
    return f"<{base}{found[2]}>"
