"""Letters as earlier services give them: exports made here, after the shapes they document."""

from __future__ import annotations

import csv
import html
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

OLD: Final = "https://old.example.org"


@dataclass(frozen=True)
class Letter:
    """What readers got once: its HTML as a page showed it, or the Markdown it was made from."""

    number: int
    title: str
    day: str
    html: str
    markdown: str = ""
    slug: str = ""
    draft: bool = False

    @property
    def name(self) -> str:
        return self.slug or f"letter-{self.number}"

    @property
    def at(self) -> str:
        return f"{self.day}T09:00:00.000Z"


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    listed = list(rows)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(listed[0]))
    writer.writeheader()
    writer.writerows(listed)
    return stream.getvalue()


def substack(letters: Iterable[Letter]) -> bytes:
    rows, pages = [], {}
    for one in letters:
        key = f"{100_000 + one.number}.{one.name}"
        rows.append(
            {"post_id": key, "post_date": one.at, "is_published": str(not one.draft).lower(),
             "email_sent_at": one.at, "inbox_sent_at": "", "type": "newsletter",
             "audience": "everyone", "title": one.title, "subtitle": "", "podcast_url": ""}
        )  # fmt: skip
        pages[f"posts/{key}.html"] = one.html
        pages[f"posts/{key}.opens.csv"] = "email\nsomebody@reader.example\n"
    return zipped({"posts.csv": table(rows), "email_list.csv": "email\na@b.example\n", **pages})


def ghost(letters: Iterable[Letter]) -> bytes:
    posts = [
        {"id": f"5f{one.number:022x}", "uuid": f"uuid-{one.number}", "title": one.title,
         "slug": one.name, "html": one.html.replace(OLD, "__GHOST_URL__"), "type": "post",
         "status": "draft" if one.draft else "published", "visibility": "public",
         "published_at": one.at, "custom_excerpt": None, "canonical_url": None,
         "feature_image": None}
        for one in letters
    ]  # fmt: skip
    whole = {"db": [{"meta": {"version": "5.80.0"}, "data": {"posts": posts, "posts_meta": []}}]}
    return json.dumps(whole).encode()


def buttondown(letters: Iterable[Letter]) -> bytes:
    rows, pages = [], {}
    for one in letters:
        rows.append(
            {"id": f"em_{one.number}", "secondary_id": one.number, "subject": one.title,
             "publish_date": "" if one.draft else f"{one.day} 09:00:00+00:00", "source": "app",
             "slug": one.name}
        )  # fmt: skip
        mode = "plaintext" if one.markdown else "fancy"
        text = one.markdown or one.html
        pages[f"emails/{one.name}.md"] = f"<!-- buttondown-editor-mode: {mode} -->{text}"
    return zipped({"emails.csv": table(rows), **pages})


def revue(letters: Iterable[Letter]) -> bytes:
    rows, items = [], []
    for one in letters:
        rows.append(
            {"id": 900_000 + one.number, "description": "", "subject": one.title, "preheader": "",
             "sent_at": "" if one.draft else f"{one.day} 09:00:00 UTC"}
        )  # fmt: skip
        items.append(
            {"issue_id": 900_000 + one.number, "item_type": "text", "title": "", "url": "",
             "description": one.html, "order": 0}
        )  # fmt: skip
    return zipped({"issues_1.csv": table(rows), "items_1.json": json.dumps(items)})


def hugo(letters: Iterable[Letter]) -> bytes:
    pages = {
        f"site/content/issues/{one.name}.md": f"+++\ntitle = {json.dumps(one.title)}\n"
        f"date = {one.day}T09:00:00Z\ndraft = {str(one.draft).lower()}\n+++\n\n{one.markdown or one.html}"
        for one in letters
    }
    return zipped({"site/hugo.toml": f'baseURL = "{OLD}"\n', **pages})


def jekyll(letters: Iterable[Letter]) -> bytes:
    return zipped(
        {
            f"{'_drafts' if one.draft else '_posts'}/{one.day}-{one.name}.md": "---\nlayout: post\n"
            f"title: {json.dumps(html.escape(one.title, quote=False))}\n---\n\n{one.markdown or one.html}"
            for one in letters
        }
    )


SERVICES: Final[Mapping[str, tuple[str, Callable[[Iterable[Letter]], bytes]]]] = {
    "Substack": ("export.zip", substack),
    "Ghost": ("ghost.json", ghost),
    "Buttondown": ("emails.zip", buttondown),
    "Revue": ("revue.zip", revue),
    "Hugo": ("site.zip", hugo),
    "Jekyll": ("blog.zip", jekyll),
}
