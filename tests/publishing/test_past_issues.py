"""`newsletter issues import`: the same words, links and pictures; nothing sent, nothing replaced."""

from __future__ import annotations

import contextlib
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import lxml.html
import pytest

from newsletter.issue import Issue, parse
from newsletter.project import files as project_files
from newsletter.render.web import web_letter
from tests.conftest import CORPUS, corpus_names, own_issues, require
from tests.support.cli_fixtures import ROOT, Folder, folder, plain_environment, snapshot
from tests.support.past_exports import OLD, SERVICES, Letter, ghost, substack, table, zipped

__all__ = ["folder", "plain_environment"]


@pytest.fixture
def empty(folder: Folder) -> Folder:
    """The example newsletter without an issue."""
    for path in (folder.root / "issues").glob("*.md"):
        path.unlink()
    return folder


def page(issue: Issue) -> str:
    return web_letter(
        issue, fields={"name": "you"}, language="en", tag=lambda url: url,
        shown=lambda src: src if "://" in src else f"{OLD}/{src}", sizes={},
    ).html  # fmt: skip


def seen(html: str) -> tuple[list[str], list[str], list[str]]:
    """Words, links and pictures as a reader sees them; numbers of footnotes left out."""
    root: Any = lxml.html.fromstring(f"<div>{html}</div>")
    for note in root.xpath("//sup[@class='footnote-ref'] | //a[starts-with(@href, '#to-note')]"):
        note.drop_tree()
    for element in root.iter():
        element.tail = f"{element.tail or ''}{' ' if element.tag in BLOCKS else ''}"
    hrefs = [a.get("href", "") for a in root.iter("a")]
    links = [urljoin(f"{OLD}/", href) for href in hrefs if not href.startswith("#")]
    return root.text_content().split(), links, [img.get("src") for img in root.iter("img")]


BLOCKS = {"p", "li", "div", "h1", "h2", "h3", "h4", "td", "th", "br", "hr", "figure", "figcaption",
          "blockquote", "pre", "table", "tr"}  # fmt: skip


def letters_of(paths: list[Path], *, markdown: bool) -> list[Letter]:
    found = []
    for n, path in enumerate(paths):
        issue = parse(path.read_bytes(), file=f"issues/{path.name}")
        found.append(
            Letter(
                number=issue.number, title=issue.title.strip(), day=f"2021-{n // 28 + 1:02d}-{n % 28 + 1:02d}",
                html=page(issue), markdown=issue.body if markdown else "",
            )
        )  # fmt: skip
    return found


def imported(folder: Folder) -> list[Issue]:
    names = project_files.issue_files(folder.root)
    return [parse((folder.root / name).read_bytes(), file=name) for name in names]


def brought(folder: Folder, service: str, letters: list[Letter], *words: str) -> list[Issue]:
    name, export = SERVICES[service]
    folder.write(name, export(letters))
    ran = folder.run("issues", "import", name, "--site", OLD, *words)
    assert ran.code == 0, ran.err
    assert "not quite the same" not in ran.err
    return imported(folder)


def compare(letters: list[Letter], issues: list[Issue]) -> None:
    assert len(letters) == len(issues)
    for letter, issue in zip(letters, issues, strict=True):
        assert issue.title == letter.title
        assert str(issue.date) == letter.day
        assert issue.sent_elsewhere
        assert seen(page(issue)) == seen(letter.html), issue.file


@pytest.mark.sweep
@pytest.mark.parametrize("service", SERVICES)
def test_what_was_sent_elsewhere_says_the_same_here(empty, service):
    markdown = service in {"Hugo", "Jekyll"}
    letters = letters_of([ROOT / name for name in own_issues()], markdown=markdown)
    compare(letters, brought(empty, service, letters))


@pytest.mark.trials
@pytest.mark.corpus
@pytest.mark.parametrize("service", SERVICES)
def test_the_letters_of_a_real_newsletter_say_the_same_here(empty, service):
    require(CORPUS.is_dir(), "the shared corpus is not on this machine")
    paths = [CORPUS / name for name in corpus_names() if "seed" not in name]
    markdown = service in {"Hugo", "Jekyll", "Buttondown"}
    letters = letters_of(paths, markdown=markdown)
    issues = brought(empty, service, letters)
    compare(letters, issues)
    assert [issue.number for issue in issues] == [letter.number for letter in letters]
    if service == "Revue":  # as the real ones do
        assert [old_path(one) for one in issues] == [old_path(read(path)) for path in paths]


def old_path(issue: Issue) -> str:
    """Where it was read, without the number that the service gave it."""
    aliases = issue.extra["aliases"]
    assert isinstance(aliases, tuple)
    return re.sub(r"\d+$", "", str(aliases[0]))


def read(path: Path) -> Issue:
    return parse(path.read_bytes(), file=f"issues/{path.name}")


def test_a_second_import_changes_nothing_and_a_later_export_adds_what_is_new(empty):
    letters = [
        Letter(n, f"Letter {n}", f"2021-03-{n:02d}", f"<p>Number {n}.</p>") for n in (1, 2, 3)
    ]
    assert [issue.number for issue in brought(empty, "Substack", letters[:2])] == [1, 2]
    empty.edit("issues/001-letter-1.md", "Number 1.", "Number one, mended.")
    before = snapshot(empty.root / "issues")
    ran = empty.run("issues", "import", "export.zip")
    assert (ran.code, ran.out) == (0, "")
    assert "0 issues of Substack written, 2 there already" in ran.err
    assert snapshot(empty.root / "issues") == before
    assert [issue.number for issue in brought(empty, "Substack", letters)] == [1, 2, 3]
    assert "mended" in (empty.root / "issues/001-letter-1.md").read_text("utf-8")


@pytest.mark.parametrize("moment", [0, 1, 2])
def test_an_import_that_dies_is_finished_by_the_next_one(empty, monkeypatch, moment):
    letters = [Letter(n, f"Letter {n}", f"2021-03-{n:02d}", f"<p>{n}</p>") for n in (1, 2, 3)]
    write, calls = project_files.write_new, iter(range(100))

    def dying(path: Path, data: bytes) -> bool:
        if next(calls) == moment:
            raise KeyboardInterrupt
        return write(path, data)

    empty.write("export.zip", substack(letters))
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(project_files, "write_new", dying)
        empty.run("issues", "import", "export.zip", "--first", "5")
    issues = brought(empty, "Substack", letters, "--first", "5")
    assert [(issue.number, issue.title) for issue in issues] == [
        (5, "Letter 1"), (6, "Letter 2"), (7, "Letter 3"),
    ]  # fmt: skip


def test_no_file_is_replaced_and_numbers_that_are_taken_are_told(folder):
    letters = [Letter(n, f"#{n}: Old", f"2021-03-{n - 70:02d}", f"<p>{n}</p>") for n in (73, 74)]
    folder.write("export.zip", substack(letters))
    before = snapshot(folder.root / "issues")
    ran = folder.run("issues", "import", "export.zip")
    assert (ran.code, ran.out) == (2, "")
    assert "issues/073-the-rule-of-twelfths.md: issue 73 is there already" in ran.error
    assert "--first N" in ran.hint
    assert snapshot(folder.root / "issues") == before
    assert folder.run("issues", "import", "export.zip", "--first", "1").code == 0
    assert {path: told for path, told in snapshot(folder.root / "issues").items() if path in before
            and path != "."} == before  # fmt: skip


def test_a_dry_run_writes_nothing_and_says_the_same(empty):
    empty.write("export.zip", substack([Letter(1, "One", "2021-03-01", "<p>x</p><form>y</form>")]))
    before = snapshot(empty.root)
    dry = empty.run("issues", "import", "export.zip", "--dry-run")
    assert snapshot(empty.root) == before
    assert "1 issue of Substack would be written" in dry.err
    assert "posts/100001.letter-1.html: a form is left out" in dry.err
    assert empty.run("issues", "import", "export.zip").out == dry.out


def test_drafts_stay_drafts_and_what_was_paid_for_stays_out_of_the_archive(empty):
    row = {"post_id": "", "post_date": "2021-03-01T09:00:00.000Z", "is_published": "true",
           "type": "newsletter", "audience": "everyone", "title": "", "subtitle": "About it"}  # fmt: skip
    rows = [
        {**row, "post_id": "1.open", "title": "Open"},
        {**row, "post_id": "2.paid", "title": "Paid", "audience": "only_paid"},
        {**row, "post_id": "3.draft", "title": "Draft", "is_published": "false", "post_date": ""},
        {**row, "post_id": "4.later", "title": "Later", "post_date": "2199-01-01T00:00:00Z"},
        {**row, "post_id": "5.about", "title": "About", "type": "page"},
        {**row, "post_id": "6.gone", "title": "Gone"},
        {**row, "post_id": "7.undated", "title": "Undated", "post_date": "soon"},
    ]
    pages = {
        f"posts/{one['post_id']}.html": "<p>x</p>" for one in rows if "gone" not in one["post_id"]
    }
    empty.write("export.zip", zipped({"posts.csv": table(rows), **pages}))
    ran = empty.run("issues", "import", "export.zip", "--json")
    body = json.loads(ran.out)
    issues = imported(empty)
    assert [(one.title, one.status, bool(one.sent_elsewhere)) for one in issues] == [
        ("Open", "ready", True), ("Paid", "ready", True),
        ("Later", "draft", False), ("Draft", "draft", False),
    ]  # fmt: skip
    assert issues[0].preheader == "About it"
    assert body["skipped"] == [
        {"from": "posts.csv:6", "reason": '"About" is a page, no letter'},
        {"from": "posts.csv:7", "reason": '"Gone": posts/6.gone.html is not in the export'},
        {"from": "posts/7.undated.html", "reason": '"Undated" has no date'},
    ]
    built = empty.run("archive", "build", "--out", "site", "--json")
    assert json.loads(built.out)["issues"] == [1]
    assert (empty.root / "site/p/open/index.html").is_file()


def test_ghost_needs_the_address_it_had_and_brings_its_pictures(empty):
    picture = (ROOT / "issues/images/jetty.gif").read_bytes()
    other = (ROOT / "issues/images/harbour.png").read_bytes()
    html = "".join(
        f'<p><img src="{OLD}/content/images/{year}/01/a.{kind}" alt="A"></p>'
        for year, kind in ((2020, "png"), (2021, "png"), (2020, "gif"), (2022, "png"))
    )
    letter = Letter(1, "One", "2021-03-01", f'{html}<p><a href="{OLD}/two/">two</a></p>')
    empty.write("ghost.json", ghost([letter]))
    ran = empty.run("issues", "import", "ghost.json")
    assert (ran.code, "--site" in ran.hint) == (2, True)
    assert empty.run("issues", "import", "ghost.json", "--site", "old.example.org").code == 2
    whole = {
        "data/ghost.json": ghost([letter]), "content/images/2020/01/a.png": other,
        "content/images/2021/01/a.png": other + b"2", "content/images/2020/01/a.gif": picture,
        "content/images/2020/01/b.png": other,
    }  # fmt: skip
    empty.write("ghost.zip", zipped(whole))
    ran = empty.run("issues", "import", "ghost.zip", "--site", OLD)
    assert ran.code == 0
    body = imported(empty)[0].body
    shown = re.findall(r"!\[A\]\((.*?)\)", body)
    assert shown[0] == "images/a.png"
    assert re.fullmatch(r"images/a-[0-9a-f]{8}\.png", shown[1])
    assert shown[2:] == ["images/a.gif", f"{OLD}/content/images/2022/01/a.png"]
    assert (empty.root / "issues/images/a.gif").read_bytes() == picture
    assert (empty.root / "issues" / shown[1]).read_bytes() == other + b"2"
    assert not (empty.root / "issues/images/b.png").exists()  # no letter shows it
    assert f"[two]({OLD}/two/)" in body
    assert "1 picture stays at the old address" in ran.err


def test_a_folder_of_hugos_with_all_that_it_can_have(empty):
    jetty = (ROOT / "issues/images/jetty.gif").read_bytes()
    site = {
        "config.toml": 'baseURL = "https://old.example.org/blog/"\n',
        "content/issues/_index.md": "---\ntitle: All\n---\n",
        "content/issues/first/index.md": "---\ntitle: 'It&#x27;s first'\ndate: 2021-03-01\ntags: [a]\n"
        "aliases: [/old/first, /archive/2/]\n---\n![A](pic.gif)\n![B](/img/b.gif) ![C](/img/none.gif)\n",
        "content/issues/first/pic.gif": jetty,
        "static/img/b.gif": jetty + b"2",
        "content/issues/second.md": '{"title": "Second", "date": "2021-03-08T23:30:00Z", "draft": false}\n\n'
        'x {{< figure src="/img/b.gif" alt="Bee" caption="A bee" >}}\n\n{{< youtube abc_1 >}}\n\n{{< gist x 1 >}}\n',
        "content/issues/broken.md": "---\ntitle: [\n---\nx\n",
        "content/issues/draft.md": "+++\ntitle = 'Draft'\ndraft = true\n+++\nx\n",
        "public/issues/first/index.md": "---\ntitle: Built\ndate: 2020-01-01\n---\nx\n",
        "README.md": "# no letter\n",
    }
    for name, data in site.items():
        empty.write(f"hugo/{name}", data)
    ran = empty.run("issues", "import", "hugo")
    assert ran.code == 0, ran.err
    first, second, draft = imported(empty)
    assert (first.title, first.extra["aliases"]) == (
        "It's first",
        ("/old/first", "/blog/issues/first/"),
    )
    assert "its address /archive/2/ is a page of the archive itself" in ran.err
    assert first.body.strip() == (
        "![A](images/pic.gif)\n![B](images/b.gif) ![C](https://old.example.org/img/none.gif)"
    )
    assert str(second.date) == "2021-03-09"  # in the newsletter's own time zone
    assert (
        "x ![Bee](images/b.gif)\n\n*A bee*\n\n<https://www.youtube.com/watch?v=abc_1>"
        in second.body
    )
    assert "content/issues/second.md: line 7 of its text has {{< gist x 1 >}}" in ran.err
    assert "left out: content/issues/broken.md:" in ran.err
    assert (draft.title, draft.status, draft.sent_elsewhere) == ("Draft", "draft", "")


def test_revue_keeps_its_pieces_apart_and_they_come_together(empty):
    pieces: list[dict[str, Any]] = [
        {"item_type": "header", "title": "Links", "url": "", "description": "", "order": 0},
        {"item_type": "link", "title": "A & B", "url": "https://a.example/?x=1&y=2", "order": 2,
         "description": "<p>Read <b>it</b>.</p>", "image": "https://s.example/web/a.png"},
        {"item_type": "image", "title": "", "url": "", "description": "By hand", "order": 1,
         "image": "https://s.example/web/i.png", "original_image_url": "https://s.example/original/i.png"},
        {"item_type": "tweet", "title": "Wren", "url": "https://t.example/1", "order": 3,
         "description": "Hello"},
    ]  # fmt: skip
    items = json.dumps([{**one, "issue_id": 7} for one in pieces])
    rows = [{"id": 7, "subject": "News - Issue #8", "description": "<p>Hi</p>", "preheader": "Look",
             "sent_at": "2021-03-01 09:00:00 UTC"}]  # fmt: skip
    empty.write("revue.zip", zipped({"issues_9.csv": table(rows), "items_9.json": items}))
    assert empty.run("issues", "import", "revue.zip").code == 0
    [issue] = imported(empty)
    assert (issue.number, issue.preheader, issue.extra["aliases"]) == (
        8,
        "Look",
        ("/issues/news-issue-8-7",),
    )
    assert issue.body.strip() == (
        "Hi\n\n## Links\n\n![](https://s.example/original/i.png)\n\n*By hand*\n\n"
        "### [A \\& B](https://a.example/?x=1&y=2)\n\n".replace("\\&", "&")
        + "[![A & B](https://s.example/web/a.png)](https://a.example/?x=1&y=2)\n\nRead **it**.\n\n"
        "### [Wren](https://t.example/1)\n\nHello"
    )


def test_what_buttondown_would_fill_in_is_told_with_its_line(empty):
    letter = Letter(1, "One", "2021-03-01", "", "Hi\n\n{{ subscriber.metadata.town }}, hello.\n")
    name, export = SERVICES["Buttondown"]
    empty.write(name, export([letter]))
    ran = empty.run("issues", "import", name)
    assert "emails/letter-1.md: line 3 of its text has {{ subscriber.metadata.town }}" in ran.err


def archive_with(change: Callable[[zipfile.ZipFile], None]) -> bytes:
    stream = io.BytesIO(substack([Letter(1, "One", "2021-03-01", "<p>x</p>")]))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(archive)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda archive: archive.writestr("posts/bomb.html", b"0" * 20_000_000), "far larger than what is packed"),
        (lambda archive: archive.writestr("posts.csv", "post_id\n"), "two files of this archive have one name"),
    ],
)  # fmt: skip
def test_an_archive_that_is_too_much_is_refused(empty, change, said):
    empty.write("export.zip", archive_with(change))
    ran = empty.run("issues", "import", "export.zip")
    assert (ran.code, said in ran.error) == (2, True)
    assert imported(empty) == []


def test_names_that_lead_out_and_links_are_no_files_of_an_archive(empty):
    link = zipfile.ZipInfo("content/images/2020/passwords.png")
    link.external_attr = 0o120777 << 16

    def change(archive: zipfile.ZipFile) -> None:
        archive.writestr("../../outside.html", "x")
        archive.writestr("/etc/outside.html", "x")
        archive.writestr("posts\\100001.letter-1.html", "x")
        archive.writestr(link, "/etc/passwd")

    empty.write("export.zip", archive_with(change))
    outside = set(empty.root.parent.iterdir())
    assert empty.run("issues", "import", "export.zip").code == 0
    assert set(empty.root.parent.iterdir()) == outside
    assert len(imported(empty)) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"PK\x03\x04 broken", 2), (b"{", 2), (b"", 2), (b'{"a": 1}', 2), (b"\xff\xfe", 2)],
)
def test_what_is_no_export_is_refused(empty, data, code):
    empty.write("it.json", data)
    ran = empty.run("issues", "import", "it.json")
    assert (ran.code, ran.out) == (code, "")
    assert empty.run("issues", "import", "nowhere.zip").code == 2


def test_a_link_in_a_folder_leads_no_file_in(empty):
    secret = empty.write("outside/secret.md", "---\ntitle: Secret\ndate: 2021-01-01\n---\nx\n")
    empty.write("hugo/content/one.md", "---\ntitle: One\ndate: 2021-01-01\n---\nx\n")
    (empty.root / "hugo/content/two.md").symlink_to(secret)
    assert empty.run("issues", "import", "hugo").code == 0
    assert [issue.title for issue in imported(empty)] == ["One"]


@pytest.mark.processes  # a new newsletter begins with git
def test_a_newsletter_can_begin_with_its_past(empty):
    letters = [Letter(n, f"#{n}: Old", f"2021-03-0{n}", f"<p>{n}</p>") for n in (1, 2)]
    empty.write("export.zip", substack(letters))
    empty.write("ghost.json", ghost([Letter(1, "One", "2021-03-01", f'<a href="{OLD}/x">x</a>')]))
    (empty.root / "newsletter.toml").rename(empty.root / "away.toml")
    assert empty.run("init", "new", "--yes", "--from", "ghost.json").code == 2
    assert not (empty.root / "new").exists()  # nothing half made
    ran = empty.run("init", "new", "--yes", "--from", "export.zip")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in (empty.root / "new/issues").glob("*.md")) == [
        "001-old.md", "002-old.md",
    ]  # fmt: skip
    assert "newsletter -C new preview" in ran.err
    assert ran.out.splitlines()[-1] == "new/newsletter.toml"
    assert "2 sent by an earlier service left out" in empty.run("-C", "new", "check").err
