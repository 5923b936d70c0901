"""`newsletter archive build`: what is published, what is not, and what is left alone."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import html5lib
import pytest

from newsletter.project import files
from newsletter.publishing import letters
from tests.conftest import CORPUS, corpus_names, require
from tests.support.cli_fixtures import ADDRESSES, Folder, folder, plain_environment, whole_letter

__all__ = ["folder", "plain_environment", "whole_letter"]

pytestmark = pytest.mark.usefixtures("whole_letter")

DAY = "2026-11-28"
URL = "https://letters.slackwater.example.org/archive"


@pytest.fixture
def dated(folder: Folder) -> Folder:
    """The example newsletter, with the issues whose date has come in its archive."""
    settings = (folder.root / "newsletter.toml").read_text("utf-8")
    folder.write("newsletter.toml", settings + '\n[archive]\ninclude = "dated"\n')
    return folder


def build(folder: Folder, *words: str, out: str = "site"):
    return folder.run("archive", "build", "--out", out, "--today", DAY, *words)


def contents(site: Path) -> dict[str, bytes]:
    return {p.relative_to(site).as_posix(): p.read_bytes() for p in site.rglob("*") if p.is_file()}


def test_two_builds_are_the_same_to_the_byte(dated):
    assert build(dated).code == build(dated, out="other").code == 0
    one, other = contents(dated.root / "site"), contents(dated.root / "other")
    assert one == other
    assert {"index.html", "74/index.html", "latest/index.html", "feed.xml", "rss.xml",
            "404.html", "sitemap.xml", "robots.txt", "style.css", "images/jetty.gif"} <= set(one)  # fmt: skip


def test_a_second_build_renders_nothing_and_writes_nothing(dated, monkeypatch):
    assert build(dated).code == 0
    before = {p: p.stat().st_mtime_ns for p in (dated.root / "site").rglob("*")}

    def rendered(*_: object, **__: object):
        raise AssertionError("rendered again")

    monkeypatch.setattr(letters, "web_letter", rendered)
    ran = build(dated, "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["written"] == []
    assert {p: p.stat().st_mtime_ns for p in (dated.root / "site").rglob("*")} == before


def test_a_changed_letter_is_written_again_with_what_shows_it(dated):
    assert build(dated).code == 0
    dated.edit("issues/074-the-long-minute.md", "Put the kettle on", "Put the kettle off")
    written = json.loads(build(dated, "--json").out)["written"]
    assert written == ["74/index.html", "feed.xml", "rss.xml"]
    assert b"kettle off" in (dated.root / "site/74/index.html").read_bytes()


def test_a_changed_picture_is_written_again(dated):
    assert build(dated).code == 0
    other = (dated.root / "issues/images/orrin-sound.png").read_bytes()
    dated.write("issues/images/harbour.png", other)
    assert "images/harbour.png" in json.loads(build(dated, "--json").out)["written"]
    assert (dated.root / "site/images/harbour.png").read_bytes() == other


def test_nothing_personal_is_in_any_file(dated):
    assert build(dated).code == 0
    for name, data in contents(dated.root / "site").items():
        text = data.decode("utf-8", errors="replace").lower()
        for secret in ("__nl_", "/u/", "/p/", "mc_eid", "localhost", "utm_source=slack-water"):
            assert secret not in text, f"{name}: {secret}"
        assert not [address for address in ADDRESSES if address in text], name


def test_every_page_is_html_and_each_of_its_own_links_leads_to_a_file(dated):
    assert build(dated).code == 0
    site = dated.root / "site"
    for path in site.rglob("*.html"):
        page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
            path.read_text("utf-8")
        )
        where = f"{URL}/{path.relative_to(site).as_posix()}"
        for element in page.iter():
            target = element.get("href") or element.get("src") or ""
            absolute = urlsplit(urljoin(where, target))
            if absolute.hostname != urlsplit(URL).hostname or not absolute.path.startswith(
                "/archive"
            ):
                continue
            file = absolute.path.removeprefix("/archive").lstrip("/")
            found = site / (f"{file}index.html" if not file or file.endswith("/") else file)
            assert found.is_file(), f"{path}: {target}"
            if absolute.fragment:
                assert f'id="{absolute.fragment}"' in found.read_text("utf-8")


@pytest.mark.sweep
@pytest.mark.parametrize("key", ["archive: no", "segment: tag:essays", "status: draft"])
def test_excluding_an_issue_deletes_exactly_its_files(dated, key):
    dated.edit("issues/074-the-long-minute.md", "status: ready", "aliases: [/old/74]")
    assert build(dated).code == 0
    before = set(contents(dated.root / "site"))
    assert "old/74/index.html" in before
    dated.edit("issues/074-the-long-minute.md", "aliases: [/old/74]", key)
    ran = build(dated, "--json")
    assert "74" in json.loads(ran.out)["excluded"]
    gone = before - set(contents(dated.root / "site"))
    pictures = {"images/harbour.png", "images/jetty.gif", "images/orrin-sound.png"}
    assert gone == {"74/index.html", "old/74/index.html", *pictures}
    assert not (dated.root / "site/74").exists()
    for name, data in contents(dated.root / "site").items():
        assert b"long minute" not in data, name


@pytest.mark.parametrize(
    ("change", "reason"), [("archive: no", "archive: no"), ("", "its file is gone")]
)
def test_an_issue_that_is_taken_out_is_named_once_with_the_reason(dated, change, reason):
    assert json.loads(build(dated, "--json").out)["withdrawn"] == {}
    if change:
        dated.edit("issues/074-the-long-minute.md", "status: ready", change)
    else:
        (dated.root / "issues/074-the-long-minute.md").unlink()
    ran = build(dated)
    assert f"issue 74 was taken out and its page deleted: {reason}" in ran.err
    assert "without issue 74" not in ran.err
    assert json.loads(build(dated, "--json").out)["withdrawn"] == {}


def test_an_address_outside_of_the_archive_takes_no_page_of_it(dated):
    whole = "aliases: [/73/, /index.html, /style.css, /latest/, /page/1]"
    assert build(dated, out="before").code == 0
    dated.edit("issues/074-the-long-minute.md", "status: ready", whole)
    assert build(dated).code == 0
    before, after = contents(dated.root / "before"), contents(dated.root / "site")
    for name in ("73/index.html", "index.html", "style.css", "latest/index.html"):
        assert after[name] == before[name], name
    assert b"/73/ /archive/74/ 301" in after["_redirects"]


def test_an_issue_to_a_segment_is_public_when_its_author_says_so(dated):
    dated.edit(
        "issues/074-the-long-minute.md", "status: ready", "segment: tag:essays\narchive: yes"
    )
    assert build(dated).code == 0
    assert (dated.root / "site/74/index.html").is_file()


def test_an_issue_about_to_go_has_a_page_and_stands_in_no_list(folder):
    assert build(folder, "--with", "74").code == 0
    files = contents(folder.root / "site")
    page = files["74/index.html"].decode()
    assert '<meta name="robots" content="noindex">' in page
    for name in ("index.html", "feed.xml", "rss.xml", "sitemap.xml"):
        assert b"long minute" not in files[name], name
        assert b"/74/" not in files[name], name


def test_what_a_real_run_began_is_in_the_archive_of_a_clone(folder):
    folder.write(
        "issues/.ledger/74.json",
        json.dumps({"issue": 74, "run": "2026-11-22T23:30:00+00:00", "content_hash": "0" * 64,
                    "recipients": 25, "attempts": 25, "position": 25, "by_state": {}}),
    )  # fmt: skip
    ran = build(folder, "--json")
    assert json.loads(ran.out)["issues"] == [74]
    page = (folder.root / "site/74/index.html").read_text("utf-8")
    assert '<time datetime="2026-11-23">' in page  # in the newsletter's own time zone


def test_a_file_of_somebody_else_is_never_overwritten_and_never_deleted(dated):
    dated.write("site/CNAME", "letters.example.org\n")
    dated.write("site/index.html", "mine")
    ran = build(dated)
    assert ran.code == 2
    assert "site/index.html" in ran.error
    assert contents(dated.root / "site") == {
        "CNAME": b"letters.example.org\n",
        "index.html": b"mine",
    }
    (dated.root / "site/index.html").unlink()
    assert build(dated).code == 0
    dated.edit("newsletter.toml", 'include = "dated"', 'include = "sent"')
    assert build(dated).code == 0
    assert (dated.root / "site/CNAME").read_bytes() == b"letters.example.org\n"
    assert not (dated.root / "site/74").exists()


def test_a_link_in_the_folder_leads_no_file_out_of_it(dated):
    outside = dated.root / "outside"
    outside.mkdir()
    (dated.root / "site").mkdir()
    (dated.root / "site/74").symlink_to(outside)
    assert build(dated).code == 2
    assert list(outside.iterdir()) == []


@pytest.mark.sweep
@pytest.mark.parametrize("moment", [1, 2, 8, 15])
def test_a_first_build_that_dies_leaves_nothing_that_the_next_one_takes_for_a_stranger(
    dated, monkeypatch, moment
):
    assert build(dated, out="whole").code == 0
    write, calls = files.write_atomic, iter(range(100))

    def dying(path: Path, data: bytes) -> None:
        if next(calls) == moment:
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(files, "write_atomic", dying)
        build(dated)
    assert build(dated).code == 0
    assert contents(dated.root / "site") == contents(dated.root / "whole")


@pytest.mark.sweep
@pytest.mark.parametrize("moment", [1, 3, 6, 9, 12])
def test_a_build_that_dies_leaves_whole_files_and_the_next_one_mends_them(
    dated, monkeypatch, moment
):
    assert build(dated).code == 0
    old = contents(dated.root / "site")
    dated.edit("newsletter.toml", 'name = "Slack Water"', 'name = "Still Water"')
    dated.edit("issues/073-the-rule-of-twelfths.md", "---\ntitle", "---\narchive: no\ntitle")
    assert build(dated, out="new").code == 0
    new = contents(dated.root / "new")
    write, calls = files.write_atomic, iter(range(100))

    def dying(path: Path, data: bytes) -> None:
        if next(calls) == moment:
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomic", dying)
        with contextlib.suppress(KeyboardInterrupt):
            build(dated)
    for name, data in contents(dated.root / "site").items():
        if name != ".newsletter-archive.json":
            assert data in (old.get(name), new.get(name)), name
    assert build(dated).code == 0
    assert contents(dated.root / "site") == new


REFUSED = [
    "aliases: [old]", "aliases: [/a/../b]", "aliases: ['/a?b']", "updated: soon",
    "archive: perhaps", "canonical: elsewhere",
]  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_front_matter_that_cannot_be_meant_is_refused_with_its_line(dated, line):
    dated.edit("issues/074-the-long-minute.md", "status: ready", line)
    ran = build(dated)
    assert ran.code == 2
    assert "issues/074-the-long-minute.md:6:" in ran.error
    assert not (dated.root / "site").exists()


def test_two_issues_with_one_alias_are_a_finding(dated):
    for name in ("074-the-long-minute", "073-the-rule-of-twelfths"):
        text = (dated.root / f"issues/{name}.md").read_text("utf-8")
        dated.write(f"issues/{name}.md", text.replace("---\n", "---\naliases: /old\n", 1))
    ran = build(dated)
    assert ran.code == 5
    assert "archive-alias" in ran.err


@pytest.mark.parametrize("alias", ["/archive/74/", "/archive/index.html", "/archive/feed.xml"])
def test_an_alias_on_a_page_of_ours_is_a_finding(dated, alias):
    dated.edit("issues/074-the-long-minute.md", "status: ready", f"aliases: [{alias}]")
    ran = build(dated)
    assert (ran.code, "archive-alias" in ran.err) == (5, True)


@pytest.mark.parametrize(
    "picture", ["images/none.png", "../newsletter.toml", "../../secret.png", "images/notes.txt"]
)
def test_what_is_no_picture_of_the_issue_is_a_finding(dated, picture):
    dated.write("issues/images/notes.txt", "no picture")
    dated.edit("issues/074-the-long-minute.md", "images/harbour.png", picture)
    ran = build(dated)
    assert (ran.code, "archive-picture" in ran.err) == (5, True)
    assert not (dated.root / "site").exists()


def test_the_archive_needs_an_address(dated):
    dated.edit("newsletter.toml", f'archive_url = "{URL}"', "")
    ran = build(dated)
    assert (ran.code, "site.archive_url" in ran.hint) == (2, True)


@pytest.mark.trials
@pytest.mark.corpus
def test_every_alias_of_the_corpus_leads_to_its_issue(dated):
    require(CORPUS.is_dir(), "the shared corpus is not on this machine")
    for path in (dated.root / "issues").glob("*.md"):
        path.unlink()
    names = [name for name in corpus_names() if "seed" not in name]
    for name in names:
        text = re.sub(r"!\[", "[", (CORPUS / name).read_text("utf-8-sig"))
        dated.write(f"issues/{name}", text)
    ran = build(dated, "--json")
    assert ran.code == 0, ran.err
    site = dated.root / "site"
    moved = (site / "_redirects").read_text("utf-8").splitlines()
    assert len(moved) >= len(names) - 1
    for line in moved:
        old, new, status = line.split()
        assert status == "301"
        page = (site / old.strip("/") / "index.html").read_text("utf-8")
        assert f'content="0; url=https://letters.slackwater.example.org{new}"' in page
        assert (site / new.removeprefix("/archive/") / "index.html").is_file()


def test_pages_and_what_a_host_needs_are_not_asked_for_together(dated):
    ran = dated.run("archive", "build", "--print", "nginx", "--out", "site")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == "error: --print and --out do not go together"
    assert not (dated.root / "site").exists()
    neither = dated.run("archive", "build")
    assert (neither.code, neither.error) == (2, "error: say where the pages go")


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("nginx", '    "/old/74" /archive/74/;'),
        ("caddy", 'redir "/old/74/" /archive/74/ permanent'),
        ("netlify", "/old/74 /archive/74/ 301"),
        ("github", "      - run: newsletter archive build --out _site/archive"),
    ],
)
def test_a_host_is_told_about_earlier_addresses(dated, host, line):
    dated.edit("issues/074-the-long-minute.md", "status: ready", "aliases: [/old/74]")
    ran = dated.run("archive", "build", "--print", host, "--today", DAY)
    assert ran.code == 0
    assert line in ran.out.splitlines()
