"""Which service an export is of, and the posts in it: Substack, Ghost, Buttondown, Revue."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from newsletter.errors import InputError, Place
from newsletter.exports import folders
from newsletter.exports.posts import (
    Export,
    ExportFiles,
    PastPost,
    is_said,
    json_of,
    line_of,
    moment_of,
    number_in,
    rows_of,
    text_of,
)

Skipped = list[tuple[Place, str]]

_MODE: Final = re.compile(r"^\s*<!--\s*buttondown-editor-mode:\s*(\w+)\s*-->\s*")
_OWN_ADDRESS: Final = "__GHOST_URL__"
#: What Substack calls those that pay nothing; whatever else it says is for some.
_FREE: Final = frozenset({"", "everyone", "only_free"})
#: A part that Ghost shows to members alone.
_GATED: Final = re.compile(r"<!--\s*kg-gated-block:begin\b(?![^>]*\bnonMember:true\b)")
#: A part that Buttondown sends to some alone.
_FOR_SOME: Final = re.compile(r"\{%-?\s*if\b")
_UNSENT: Final = frozenset({"draft", "scheduled", "about_to_send", "deleted", "errored"})


def read_export(files: ExportFiles, site: str) -> Export:
    """Read the posts of an export.

    Args:
        files: of the export.
        site: the address at which it was read, "" where nobody says.

    Raises:
        InputError: it is of no service that is known here, or damaged.
    """
    for known, read in _KNOWN:
        if names := [name for name in files.names if known(name)]:
            found = read(files, names, site)
            if found is not None:
                return found
    if found := folders.read_folder(files, site):
        return found
    raise InputError(
        "this is no export that can be read here",
        hint="Substack, Ghost, Buttondown, Revue, or a folder of Hugo's or Jekyll's; see "
        "docs/past-issues.md",
    )


# --- Substack --------------------------------------------------------------------------------


def _substack(files: ExportFiles, names: list[str], _site: str) -> Export | None:
    posts, skipped = list[PastPost](), Skipped()
    pages = frozenset(files.names)
    for line, row in rows_of(files, names[0]):
        key, place = row.get("post_id", "").strip(), Place(names[0], line)
        if not key:
            return None
        kind, title = row.get("type", "").strip(), line_of(row.get("title"))
        page = f"{_beside(names[0])}posts/{key}.html"
        if kind not in {"newsletter", "podcast", ""}:
            skipped.append((place, f'"{title or key}" is a {kind}, no letter'))
        elif page not in pages:
            skipped.append((place, f'"{title or key}": {page} is not in the export'))
        elif not title:
            skipped.append((place, f"{key} has no title"))
        else:
            posts.append(_of_substack(row, key, title, Place(page), text_of(files, page)))
    return Export(service="Substack", posts=tuple(posts), skipped=tuple(skipped))


def _of_substack(row: Mapping[str, str], key: str, title: str, place: Place, text: str) -> PastPost:
    slug = key.partition(".")[2]
    sound = row.get("podcast_url", "").strip()
    return PastPost(
        key=f"substack/{key}", place=place, title=title, slug=slug,
        day=moment_of(row.get("post_date")), sent=is_said(row, "is_published"),
        kept_out="" if row.get("audience", "").strip() in _FREE
        else "only those who paid could read it",
        preheader=line_of(row.get("subtitle")), number=number_in(title),
        aliases=(f"/p/{slug}",) if slug else (),
        html=text + (f'<p><a href="{html.escape(sound)}">{html.escape(sound)}</a></p>'
                     if sound else ""),
        left_out=("its sound is a link now",) if sound else (),
    )  # fmt: skip


# --- Ghost -----------------------------------------------------------------------------------


def _ghost(files: ExportFiles, names: list[str], site: str) -> Export | None:
    for name in names:
        data = _data_of(json_of(files, name))
        if data is not None:
            return _of_ghost(data, name, site)
    return None


def _data_of(whole: Any) -> Mapping[str, Any] | None:  # noqa: ANN401  # JSON
    if isinstance(whole, dict) and isinstance(whole.get("db"), list) and whole["db"]:
        whole = whole["db"][0]
    data = whole.get("data") if isinstance(whole, dict) else None
    return data if isinstance(data, dict) and isinstance(data.get("posts"), list) else None


def _of_ghost(data: Mapping[str, Any], name: str, site: str) -> Export:
    posts, skipped, place = list[PastPost](), Skipped(), Place(name)
    more = {str(one.get("post_id")): one for one in data.get("posts_meta") or () if _is_row(one)}
    for row in data["posts"]:
        if not _is_row(row):
            continue
        title = line_of(row.get("title"))
        kind = row.get("type") or ("page" if row.get("page") else "post")
        if kind != "post":
            skipped.append((place, f'"{title}" is a {kind}, no letter'))
        elif not title or not str(row.get("html") or "").strip():
            skipped.append((place, f'"{title or row.get("slug")}" has no title or no text'))
        else:
            where = Place(f"{name}: {row.get('slug') or title}")
            posts.append(_ghost_post(row, more.get(str(row.get("id")), {}), title, where))
    if not site and any(_OWN_ADDRESS in post.html + post.image for post in posts):
        raise InputError(
            "this export does not say at which address it was read",
            place=place, hint="add --site https://... with the address it had",
        )  # fmt: skip
    return Export(service="Ghost", posts=tuple(posts), skipped=tuple(skipped))


def _ghost_post(
    row: Mapping[str, Any], more: Mapping[str, Any], title: str, place: Place
) -> PastPost:
    slug, image = str(row.get("slug") or ""), str(row.get("feature_image") or "")
    alt = more.get("feature_image_alt") or row.get("feature_image_alt") or ""
    caption = more.get("feature_image_caption") or row.get("feature_image_caption") or ""
    picture = (
        f'<figure><img src="{html.escape(image)}" alt="{html.escape(str(alt))}">'
        + (f"<figcaption>{caption}</figcaption>" if caption else "")
        + "</figure>"
        if image
        else ""
    )
    return PastPost(
        key=f"ghost/{row.get('uuid') or row.get('id') or slug}", place=place, title=title,
        slug=slug, day=moment_of(row.get("published_at")),
        sent=row.get("status") in {"published", "sent"},
        kept_out=_ghost_kept_out(row, more),
        subject=line_of(more.get("email_subject")), number=number_in(title),
        preheader=line_of(row.get("custom_excerpt")), image=image,
        canonical=str(row.get("canonical_url") or ""), aliases=(f"/{slug}/",) if slug else (),
        html=picture + str(row["html"]),
    )  # fmt: skip


def _ghost_kept_out(row: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    if row.get("visibility") not in {"public", None}:
        return "only members could read it"
    if row.get("status") == "sent" or more.get("email_only"):
        return "it was mailed, and had no page"
    return "a part of it was for members alone" if _GATED.search(row["html"]) else ""


def _is_row(one: object) -> bool:
    return isinstance(one, dict)


# --- Buttondown ------------------------------------------------------------------------------


def _buttondown(files: ExportFiles, names: list[str], _site: str) -> Export | None:
    table = min(names, key=lambda name: not name.endswith(".json"))
    posts, skipped, pages = list[PastPost](), Skipped(), frozenset(files.names)
    for place, row in _buttondown_rows(files, table):
        slug, title = line_of(row.get("slug")), line_of(row.get("subject"))
        page = f"{_beside(table)}emails/{slug}.md"
        if not title:
            skipped.append((place, f"{slug or row.get('id')} has no subject"))
        elif page in pages:
            posts.append(_of_buttondown(row, slug, title, Place(page), text_of(files, page)))
        elif text := str(row.get("body") or ""):
            posts.append(_of_buttondown(row, slug, title, place, text))
        else:
            skipped.append((place, f'"{title}": {page} is not in the export'))
    return Export(service="Buttondown", posts=tuple(posts), skipped=tuple(skipped))


def _buttondown_rows(files: ExportFiles, table: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    if table.endswith(".csv"):
        for line, row in rows_of(files, table):
            yield Place(table, line), row
        return
    found = json_of(files, table)
    for row in found if isinstance(found, list) else ():
        if isinstance(row, dict):
            yield Place(table), row


def _of_buttondown(
    row: Mapping[str, Any], slug: str, title: str, place: Place, text: str
) -> PastPost:
    mode = _MODE.match(text)
    body = text[mode.end() :] if mode else text
    rich = bool(mode and mode[1] != "plaintext") or _is_html(body)
    day = moment_of(row.get("publish_date"))
    kept_out = "a part of it was for some readers alone" if _FOR_SOME.search(body) else ""
    if str(row.get("email_type") or "public") != "public":
        kept_out = "only some could read it"
    return PastPost(
        key=f"buttondown/{row.get('id') or slug}", place=place, title=title, slug=slug, day=day,
        sent=day is not None and str(row.get("status") or "sent") not in _UNSENT,
        kept_out=kept_out,
        preheader=line_of(row.get("description")), image=line_of(row.get("image")),
        canonical=line_of(row.get("canonical_url")), number=number_in(title),
        aliases=(f"/archive/{slug}/",) if slug else (),
        html=body if rich else "", markdown="" if rich else body,
        left_out=tuple(folders.unread(body)) if not rich else (),
    )  # fmt: skip


def _is_html(text: str) -> bool:
    return bool(re.match(r"\s*<(?:p|div|h[1-6]|ul|table)\b", text)) and "\n\n" not in text.strip()


# --- Revue -----------------------------------------------------------------------------------


def _revue(files: ExportFiles, names: list[str], _site: str) -> Export | None:
    posts, skipped = list[PastPost](), Skipped()
    items = _items(files)
    for line, row in rows_of(files, names[0]):
        if "subject" not in row:
            return None
        key, title, place = (
            row.get("id", "").strip(),
            line_of(row["subject"]),
            Place(names[0], line),
        )
        if not title:
            skipped.append((place, f"{key} has no subject"))
            continue
        text = row.get("description", "") + "".join(_of_item(one) for one in items.get(key, ()))
        day = moment_of(row.get("sent_at"))
        posts.append(
            PastPost(
                key=f"revue/{key}",
                place=place,
                title=title,
                slug=_revue_slug(title),
                day=day,
                sent=day is not None,
                preheader=line_of(row.get("preheader")),
                html=text,
                aliases=(f"/issues/{_revue_slug(title)}-{key}",),
                number=number_in(title),
            )
        )  # fmt: skip
    return Export(service="Revue", posts=tuple(posts), skipped=tuple(skipped))


def _revue_slug(title: str) -> str:
    """A title as Revue wrote it into its addresses: each other sign a hyphen."""
    latin = unicodedata.normalize("NFKD", html.unescape(title)).encode("ascii", "replace").decode()
    return re.sub(r"[^a-z0-9_]+", "-", latin.lower()).strip("-")


def _items(files: ExportFiles) -> Mapping[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for name in files.names:
        if re.fullmatch(r"(?:.*/)?items[^/]*\.(?:json|csv)", name):
            rows: Any = (
                json_of(files, name)
                if name.endswith(".json")
                else [row for _, row in rows_of(files, name)]
            )
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict):
                    found.setdefault(str(row.get("issue_id", "")), []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: _number(row.get("order")))
    return found


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return 0.0


def _of_item(item: Mapping[str, Any]) -> str:
    """One piece of an issue, which Revue kept apart, as HTML."""
    kind, words = str(item.get("item_type") or ""), str(item.get("description") or "")
    title, url = html.escape(str(item.get("title") or "")), html.escape(str(item.get("url") or ""))
    src = html.escape(str(item.get("original_image_url") or item.get("image") or ""))
    if kind == "header":
        return f"<h2>{title}</h2>"
    if kind == "text":
        return words if words.lstrip().startswith("<") else f"<p>{words}</p>"
    picture = f'<img src="{src}" alt="{title}">' if src else ""
    if picture and url:
        picture = f'<a href="{url}">{picture}</a>'
    if kind == "image":
        return f"<figure>{picture}<figcaption>{words}</figcaption></figure>"
    heading = f'<h3><a href="{url}">{title or url}</a></h3>' if url else f"<h3>{title}</h3>"
    box = words if words.lstrip().startswith("<") else f"<p>{words}</p>"
    return f"{heading}{f'<p>{picture}</p>' if picture else ''}{box}"


def _beside(name: str) -> str:
    """The folder of a file, with a slash behind it."""
    return name[: name.rfind("/") + 1]


def _named(pattern: str) -> Callable[[str], bool]:
    return lambda name: re.fullmatch(rf"(?:.*/)?{pattern}", name) is not None


_Read = Callable[[ExportFiles, list[str], str], Export | None]
#: By the names of files that only one service gives.
_KNOWN: Final[tuple[tuple[Callable[[str], bool], _Read], ...]] = (
    (_named(r"posts\.csv"), _substack),
    (_named(r"emails\.(?:csv|json)"), _buttondown),
    (_named(r"issues[^/]*\.csv"), _revue),
    (_named(r"[^/]*\.json"), _ghost),
)
