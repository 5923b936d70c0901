"""Commands for the author at work, and those about people and the machinery."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.cli import app as cli
from newsletter.cli import online
from newsletter.cli.draft import _text
from newsletter.issue import parse
from newsletter.store import Store
from newsletter.store.consents import Evidence
from tests.conftest import CORPUS, corpus_file, corpus_names, require
from tests.support.cli_fixtures import (
    ISSUE,
    ROOT,
    Folder,
    Ran,
    folder,
    list_rows,
    plain_environment,
    ready,
    script,
    snapshot,
)
from tests.support.web_servers import Told, web_server

__all__ = ["folder", "plain_environment", "ready"]

SOURCE = ("--consent-source", "an invented list")


def only_json(ran: Ran) -> dict[str, Any]:
    """The one object on stdout, and nothing else there."""
    found = json.loads(ran.out)
    assert found["schema"] == 1
    return dict(found)


@pytest.fixture
def empty(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plain_environment: None,
) -> Folder:
    root = tmp_path / "new"
    root.mkdir()
    return Folder(root, monkeypatch, capsys)


# --- init ------------------------------------------------------------------------------------


@pytest.mark.processes
def test_a_new_newsletter_passes_its_checks_and_sends(empty):
    ran = empty.run("init")
    assert (ran.code, ran.out) == (0, "newsletter.toml\n")
    assert {
        "newsletter.toml",
        ".gitignore",
        "issues/001-hello.md",
        "subscribers/example.csv",
    } <= set(snapshot(empty.root))
    checked = empty.run("check")
    assert (checked.code, checked.out) == (0, "")
    assert checked.err == "1 issue checked: 0 errors, 0 warnings\n"
    assert empty.run("subscribers", "import", "subscribers/example.csv", *SOURCE).code == 0
    assert empty.send(issue=1).code == 0
    assert len(empty.mails(1)) == 25


@pytest.mark.processes
def test_what_init_says_to_do_next_works_as_it_stands(empty):
    ran = empty.run("init", "my letter")
    assert ran.out == "my letter/newsletter.toml\n"
    commands = [line.strip() for line in ran.err.splitlines() if line.startswith("  newsletter ")]
    assert len(commands) == 2
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in (commands[0], f"{commands[1]} --confirm 1"):
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=empty.root, env={**os.environ, "PATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert len(list((empty.root / "my letter/mail/001").glob("*.eml"))) == 25


def test_init_keeps_what_is_there(empty):
    empty.write("README.md", "mine")
    empty.write(".gitignore", "/secret\n")
    ran = empty.run("init")
    assert ran.code == 0
    assert "kept .gitignore" in ran.err
    assert "made newsletter.toml" in ran.err
    assert (empty.root / "README.md").read_text() == "mine"
    assert (empty.root / ".gitignore").read_text() == "/secret\n"


def test_init_twice_is_refused(empty):
    empty.run("init")
    whole = snapshot(empty.root)
    ran = empty.run("init")
    assert ran.code == 2
    assert ran.error.endswith("this folder holds a newsletter already")
    assert ran.hint == 'hint: newsletter new "A title" starts an issue'
    assert snapshot(empty.root) == whole


def test_init_is_refused_beside_settings_in_pyproject(empty):
    empty.write("pyproject.toml", "[tool.newsletter.site]\nname = 'x'\n")
    assert empty.run("init").code == 2
    assert list(snapshot(empty.root)) == ["pyproject.toml"]


def test_init_goes_where_the_folder_option_points(empty):
    assert empty.run("-C", "..", "init", "other").out == "../other/newsletter.toml\n"
    assert (empty.root.parent / "other/issues/001-hello.md").is_file()


def test_init_into_a_file_is_told(empty):
    empty.write("letters", "a file")
    ran = empty.run("init", "letters")
    assert ran.code == 2
    assert ran.error.endswith(": this file cannot be written")


def test_an_init_that_failed_half_way_can_be_repeated(empty):
    empty.write("templates", "a file where the theme should be")
    assert empty.run("init").code == 2
    (empty.root / "templates").unlink()
    assert empty.run("init").code == 0
    assert empty.run("check").code == 0


@pytest.mark.processes
def test_a_newsletter_from_a_wheel_is_the_same(empty, tmp_path):
    require((ROOT / "LICENSE").is_file(), "the tests run without the project around them")
    build = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert build.returncode == 0, build.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target"]
    subprocess.run([*pip, str(tmp_path / "site"), str(wheel)], check=True, capture_output=True)

    def run(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", "from newsletter.cli.app import run_and_exit as r; r()", *words],
            cwd=empty.root, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    run("init")
    from_wheel = {name: value[0] for name, value in snapshot(empty.root).items()}
    run("check")
    run("subscribers", "import", "subscribers/example.csv", *SOURCE)
    run("send", "--issue", "1", "--confirm", "1")
    assert len(empty.mails(1)) == 25
    empty.run("init", "here")
    assert from_wheel == {name: value[0] for name, value in snapshot(empty.root / "here").items()}


# --- new -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The tide gets up slowly", "076-the-tide-gets-up-slowly"),
        ('It\'s a "new" one: très #1', "076-its-a-new-one-tres-1"),
        ("  two   blanks\n", "076-two-blanks"),
        ("山田", "076"),
        ("../../etc/passwd", "076-etc-passwd"),
        ("--", "076"),
        ("a" * 200, "076-" + "a" * 60),
    ],
)
def test_a_new_issue_gets_the_next_number_and_a_name(ready, title, name):
    ran = ready.run("new", "--", title)
    assert (ran.code, ran.out, ran.err) == (0, f"issues/{name}.md\n", "")
    data = (ready.root / ran.out.strip()).read_bytes()
    issue = parse(data, file=ran.out.strip())
    assert issue.number == 76
    assert issue.title == " ".join(title.split())
    assert issue.status == "draft"
    assert ready.run("check", "--issue", "76").code == 5  # a draft is not fit to send


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1))
@example("AT&amp;T &lt; R&D &copy=1")
@example('"quotes" \\ and: # {{ name }} - *x*')
@example("Anne\u00a0Marie")
@example("---")
@example("\u200f\U0001f3f4\u200d\u2620\ufe0f")
def test_any_title_reads_back_as_it_was_typed(title):
    title = title.strip(" ")
    if (
        not title
        or "=?" in title
        or any(0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in title)
    ):
        return
    issue = parse(_text(title, 7, dt.date(2026, 11, 22)).encode(), file="issues/007.md")
    assert issue.title == " ".join(title.split(" ")) or "  " in title


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("", "the title is empty"),
        (" \n", "the title is empty"),
        ("a\x07b", "this title cannot stand in a mail"),
        ("a\u2028b", "this title cannot stand in a mail"),
        ("=?utf-8?q?x?=", "this title cannot stand in a mail"),
        ("caf\udce9", "this title cannot stand in a mail"),
        ("a\ufffeb", "this title cannot stand in a mail"),
    ],
)
def test_a_title_that_cannot_be_is_refused(ready, title, words):
    whole = snapshot(ready.root)
    ran = ready.run("new", title)
    assert (ran.code, ran.error) == (2, f"error: {words}")
    assert snapshot(ready.root) == whole


def test_issues_take_the_scheduled_dates_one_after_the_other(ready):
    ready.edit("newsletter.toml", "anchor = 2026-11-08", "anchor = 2099-01-04")

    def day(name: str) -> dt.date | None:
        return parse((ready.root / name).read_bytes(), file=name).date

    made = [day(ready.run("new", f"Title {n}").out.strip()) for n in range(3)]
    assert made == [dt.date(2099, 1, 4), dt.date(2099, 1, 18), dt.date(2099, 2, 1)]


def test_without_a_schedule_an_issue_is_dated_today(empty):
    empty.run("init")
    before = dt.datetime.now(dt.UTC).date()
    name = empty.run("new", "Today").out.strip()
    assert name == "issues/002-today.md"
    written = parse((empty.root / name).read_bytes(), file=name).date
    assert before <= (written or before) <= dt.datetime.now(dt.UTC).date()
    assert written


def test_a_schedule_that_has_ended_dates_an_issue_today(ready):
    ready.edit("newsletter.toml", "BYDAY=SU;WKST=MO", "BYDAY=SU;COUNT=1")
    ready.edit("newsletter.toml", "anchor = 2026-11-08", "anchor = 2001-01-07")
    name = ready.run("new", "Late").out.strip()
    assert parse((ready.root / name).read_bytes(), file=name).date is not None


def test_the_first_issue_of_a_folder_without_any_is_number_one(folder):
    for path in (folder.root / "issues").glob("*.md"):
        path.unlink()
    ran = folder.run("check")
    assert (ran.code, ran.error) == (2, "error: there are no issues")
    assert folder.run("new", "First").out == "issues/001-first.md\n"


# --- check -----------------------------------------------------------------------------------


def test_check_looks_at_every_issue_but_drafts(folder):
    ran = folder.run("check")
    assert ran.code == 0
    # How many are ignored depends on today's date.
    said = r"2 issues checked: 0 errors, 2 warnings(, \d ignored)?; 1 draft left out \(check --issue N\)\n"
    assert re.fullmatch(said, ran.err)
    assert len(ran.out.splitlines()) == 2
    for line in ran.out.splitlines():
        assert line.startswith(("issues/073", "issues/074"))


def test_check_of_one_issue_looks_at_a_draft_too(folder):
    ran = folder.run("check", "--issue", "75")
    assert ran.code == 5
    assert ': error draft: this issue is a draft (set "status: ready")\n' in ran.out
    assert ran.err.startswith("1 issue checked: 1 error")


def test_check_tells_scripts_the_same(folder):
    ran = folder.run("check", "--issue", "75", "--json")
    assert ran.code == 5
    found = only_json(ran)
    assert ran.err == ""
    assert found["issues"] == 1
    findings = found["findings"]
    draft = next(f for f in findings if f["id"] == "draft")
    assert draft == {
        "id": "draft", "severity": "error", "file": "issues/075-words-for-the-pause.md",
        "line": 6, "column": 1, "message": "this issue is a draft",
        "hint": 'set "status: ready"', "ignored": "",
    }  # fmt: skip


def test_issue_zero_is_an_issue_like_any_other(folder):
    folder.write(
        "issues/000-nought.md", "---\ntitle: Nought\npreheader: x\nstatus: draft\n---\nHello.\n"
    )
    ran = folder.run("check", "--issue", "0")
    assert ran.code == 5
    assert ran.out.startswith("issues/000-nought.md:4:1: error draft")
    assert len(ran.out.splitlines()) == 1


def test_two_files_of_one_number_are_told_by_check(folder):
    folder.write("issues/074-twin.md", "---\ntitle: Twin\npreheader: x\n---\nHello.\n")
    ran = folder.run("check")
    assert ran.code == 5
    assert f"error number-twice: {ISSUE} has the number 74 too" in ran.out
    assert "error number-twice: issues/074-twin.md has the number 74 too" in ran.out
    assert folder.run("check", "--issue", "74").code == 2


def test_a_wrong_encoding_is_repaired_on_demand_and_nothing_else(folder):
    good = (folder.root / ISSUE).read_bytes().replace(b"\n", b"\r\n")
    good = b"\xef\xbb\xbf" + good + "“Ça va”, naïve café — “deux” €5…\r\n".encode()
    folder.write(ISSUE, good)
    assert folder.run("check", "--issue", "74").code == 0
    broken = good.decode("utf-8-sig").encode().decode("mac_roman").encode()
    folder.write(ISSUE, b"\xef\xbb\xbf" + broken)
    found = folder.run("check", "--issue", "74")
    assert found.code == 5
    assert "error mojibake" in found.out
    assert (folder.root / ISSUE).read_bytes() == b"\xef\xbb\xbf" + broken
    others = {name: value for name, value in snapshot(folder.root).items() if name != ISSUE}
    repaired = folder.run("check", "--fix-encoding")
    assert repaired.code == 0
    assert f"{ISSUE}: repaired\n" in repaired.err
    assert (folder.root / ISSUE).read_bytes() == good
    assert others.items() <= snapshot(folder.root).items()
    assert "repaired" not in folder.run("check", "--fix-encoding").err


@pytest.mark.corpus
def test_the_seed_once_repaired_builds_the_bytes_of_the_letter_it_was(folder):
    for name in ("074-seed.md", "074.md"):
        folder.write(f"{name[:-3]}/issues/074.md", corpus_file(name))
        shutil.copytree(folder.root / "templates", folder.root / name[:-3] / "templates")
        shutil.copy(folder.root / "newsletter.toml", folder.root / name[:-3])
        there = Folder(folder.root / name[:-3], folder.patch, folder.capture)
        assert there.run("check", "--issue", "74", "--fix-encoding").code == 5  # a broken link
        assert there.run("build", "--issue", "74").code == 0
    for kind in ("html", "txt", "mjml", "eml", "links.csv"):
        seed, sound = (
            (folder.root / name / f"build/074.{kind}").read_bytes() for name in ("074-seed", "074")
        )
        assert seed == sound, kind


# --- check --online --------------------------------------------------------------------------

ONLINE = """---
title: A letter
preheader: What it is about
---
[here]({there}/page) and [gone]({there}/gone), [out](https://letters.slackwater.example.org/u/abc)

![Big]({there}/big.png) ![Lost]({there}/lost.png)
"""


@pytest.mark.processes
def test_check_asks_the_web_for_links_and_pictures_when_told_to(folder, monkeypatch):
    told = Told({"/page": (200, {}, b"x"), "/big.png": (200, {}, b"x" * 1_200_000)})
    with web_server(told):
        there = f"http://127.0.0.1:{told.port}"
        folder.write("issues/080.md", ONLINE.replace("{there}", there))
        # Nothing but this machine is within reach here, and that is refused otherwise.
        monkeypatch.setattr(online, "is_public", lambda _: True)
        ran = folder.run("check", "--issue", "80", "--online", "--json")
    found = {(f["id"], f["line"], f["column"]) for f in json.loads(ran.out)["findings"]}
    assert {one for one in found if one[0] in {"link-dead", "image-dead", "image-heavy", "link-unsure"}} == {
        ("link-dead", 5, len(f"[here]({there}/page) and [gone](") + 1), ("image-dead", 7, 1), ("image-heavy", 7, 1),
    }  # fmt: skip
    assert ran.code == 5
    assert "asking for 2 links and 2 pictures" in ran.err
    assert sorted(one.partition("?")[0] for one in told.asked) == [
        "GET /big.png", "GET /gone", "GET /lost.png", "GET /page",
    ]  # fmt: skip


@pytest.mark.processes
def test_check_never_asks_this_machine(folder):
    told = Told({"/page": (200, {}, b"x")})
    with web_server(told):
        text = ONLINE.replace("{there}", f"http://127.0.0.1:{told.port}")
        folder.write("issues/080.md", text)
        ran = folder.run("check", "--issue", "80", "--online")
    assert told.asked == []
    assert "error link-dead:" in ran.out
    assert "its server stands in a private network" in ran.out


def test_a_machine_without_a_network_blames_no_link(folder, monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    ran = folder.run("check", "--issue", "74", "--online")
    assert "no address answered at all; is this machine connected?" in ran.err
    assert "error link-dead" not in ran.out
    assert "warning link-unsure: the link https://ferrin.example.com/visit could not" in ran.out


@pytest.mark.processes
def test_without_the_flag_nothing_is_asked(folder):
    told = Told({"/page": (200, {}, b"x")})
    with web_server(told):
        folder.write("issues/080.md", ONLINE.replace("{there}", f"http://127.0.0.1:{told.port}"))
        ran = folder.run("check", "--issue", "80")
    assert "asking" not in ran.err
    assert "link-dead" not in ran.out
    assert told.asked == []


# --- build -----------------------------------------------------------------------------------


@pytest.mark.processes
def test_build_writes_five_files_the_same_every_time(folder):
    ran = folder.run("build", "--issue", "74")
    assert (ran.code, ran.out) == (
        0,
        "".join(f"build/074.{kind}\n" for kind in ("html", "txt", "mjml", "eml", "links.csv")),
    )
    assert re.search(rf"^{ISSUE}: 0 errors, 1 warning\b", ran.err, re.MULTILINE)
    first = {path.name: path.read_bytes() for path in (folder.root / "build").iterdir()}
    assert set(first) == {f"074.{kind}" for kind in ("html", "txt", "mjml", "eml", "links.csv")}
    assert first["074.html"].startswith(b"<!DOCTYPE html>")
    assert first["074.mjml"].lstrip().startswith(b"<mjml")
    assert b'\r\nTo: "Sam Reader" <reader@example.org>\r\n' in first["074.eml"]
    assert all(b"__NL_" not in data for data in first.values())
    assert folder.run("build", "--issue", "74", "--out", "deep/er").code == 0
    assert {p.name: p.read_bytes() for p in (folder.root / "deep/er").iterdir()} == first
    other = script(
        folder.root,
        "build",
        "--issue",
        "74",
        "--out",
        "other",
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert other.returncode == 0
    assert {p.name: p.read_bytes() for p in (folder.root / "other").iterdir()} == first


@pytest.mark.parametrize(
    ("where", "path"),
    [
        (".", ISSUE),
        (".", f"./{ISSUE}"),
        ("issues", "074-the-long-minute.md"),
        ("templates", ISSUE),
        ("templates", f"../{ISSUE}"),
    ],
)
def test_an_issue_can_be_named_by_its_file_from_anywhere_inside(folder, where, path):
    ran = folder.run("-C", where, "build", "--issue", path, "--out", str(folder.root / "out"))
    assert ran.code == 0
    # It is no twin of itself, and its findings name it as the author would.
    assert re.search(rf"^{ISSUE}: 0 errors, 1 warning\b", ran.err, re.MULTILINE)
    assert len(list((folder.root / "out").iterdir())) == 5


def test_an_issue_can_leave_its_links_untagged(folder):
    folder.run("build", "--issue", "74")
    assert "utm_source=slack-water" in (folder.root / "build/074.txt").read_text("utf-8")
    folder.edit(ISSUE, "number: 74\n", "number: 74\nutm: off\n")
    folder.run("build", "--issue", "74")
    assert "utm_source=slack-water" not in (folder.root / "build/074.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("images/harbour.png", "https://assets.slackwater.example.org/images/harbour.png"),
        ("https://pictures.example.org/x.png", "https://pictures.example.org/x.png"),
    ],
)
def test_the_picture_of_the_theme_is_shown_from_where_pictures_are(folder, image, shown):
    folder.edit("newsletter.toml", "[fields]\n", f'[theme]\nheader_image = "{image}"\n[fields]\n')
    folder.write("templates/email/issue.mjml", (
        "<mjml><mj-body><mj-section><mj-column>"
        '<mj-image src="{{ theme.header_image }}" /><mj-text>{{ content }}</mj-text>'
        "</mj-column></mj-section></mj-body></mjml>"
    ))  # fmt: skip
    assert folder.run("build", "--issue", "74").code == 0
    assert f'src="{shown}"' in (folder.root / "build/074.html").read_text("utf-8")


TABLE = """---
title: Links
preheader: of all kinds
---
[a {{ name }}](https://a.example/é), [kept](https://a.example/?utm_source=x)
[off](https://a.example/){utm=off} [skipped](https://archive.ph/x) [mail](mailto:a@b.example)
"""


def test_the_table_of_links_says_where_each_leads_and_why_it_was_tagged_or_not(folder):
    folder.write("issues/080.md", TABLE)
    assert folder.run("build", "--issue", "80").code == 0
    text = (folder.root / "build/080.links.csv").read_text("utf-8")
    assert text.startswith("line,text,written,url,tags")
    assert "__NL" not in text
    rows = list(csv.DictReader(io.StringIO(text)))
    tag = "utm_source=slack-water&utm_medium=email&utm_campaign=issue-80"
    assert [tuple(row.values()) for row in rows if row["line"] != "0"] == [
        ("5", "a Sam Reader", "https://a.example/%C3%A9", f"https://a.example/%C3%A9?{tag}", "tagged"),
        ("5", "kept", "https://a.example/?utm_source=x", "https://a.example/?utm_source=x", "kept"),
        ("6", "off", "https://a.example/", "https://a.example/", "off"),
        ("6", "skipped", "https://archive.ph/x", "https://archive.ph/x", "skipped host"),
        ("6", "mail", "mailto:a@b.example", "mailto:a@b.example", "no web link"),
    ]  # fmt: skip
    page = (folder.root / "build/080.html").read_text("utf-8")
    assert all(html.escape(row["url"]) in page for row in rows)
    folder.edit("newsletter.toml", "[utm]", "[utm]\nenabled = false")
    folder.run("build", "--issue", "80")
    text = (folder.root / "build/080.links.csv").read_text("utf-8")
    assert {row["tags"] for row in csv.DictReader(io.StringIO(text))} == {"off"}


def test_build_shows_findings_and_goes_on(folder):
    ran = folder.run("build", "--issue", "75")
    assert ran.code == 0
    assert "error draft" in ran.err
    assert len(ran.out.splitlines()) == 5


@pytest.mark.parametrize("name", ["nope.md", "issues/nope.md", "issues"])
def test_build_of_a_file_that_is_not_there(folder, name):
    ran = folder.run("build", "--issue", name)
    assert ran.code == 2
    assert ran.error.endswith(": this file is missing")
    assert not (folder.root / "build").exists()


@pytest.mark.parametrize("name", ["99", "²", ""])
def test_build_of_a_number_that_is_not_there(folder, name):
    assert folder.run("build", "--issue", name).code == 2
    assert not (folder.root / "build").exists()


def test_build_without_a_public_server_shows_the_mailbox_for_leaving(empty):
    empty.run("init")
    assert empty.run("build", "--issue", "1").code == 0
    assert "mailto:me@example.org?subject=unsubscribe" in (empty.root / "build/001.txt").read_text(
        "utf-8"
    )


def test_build_into_a_file_is_told(folder):
    folder.write("out", "a file")
    ran = folder.run("build", "--issue", "74", "--out", "out")
    assert ran.code == 2
    assert ran.error == "error: out: this file cannot be written"


@pytest.mark.corpus
@pytest.mark.parametrize("name", corpus_names())
def test_every_issue_of_the_corpus_builds(folder, name):
    require(CORPUS.is_dir(), "the shared corpus is not on this machine")
    ran = folder.run("build", "--issue", str(CORPUS / name), "--out", "out")
    assert ran.code == 0
    assert len(list((folder.root / "out").iterdir())) == 5
    assert "number-twice" not in ran.err


# --- global options --------------------------------------------------------------------------


@pytest.mark.processes
def test_the_folder_option_works_as_if_started_there(folder):
    (folder.root / "elsewhere").mkdir()
    folder.patch.chdir(folder.root)
    inner = Folder(folder.root / "elsewhere", folder.patch, folder.capture)
    assert (
        inner.run("-C", "..", "subscribers", "import", "subscribers/example.csv", *SOURCE).code == 0
    )
    assert inner.run("-C", "..", "build", "--issue", "74").code == 0
    assert (folder.root / "build/074.html").is_file()
    assert (
        inner.run("send", "--issue", "74", "--confirm", "74").code == 0
    )  # a folder above is found
    assert len(folder.mails()) == 25
    assert list(inner.root.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere", "newsletter.toml"])
def test_a_folder_that_is_none_is_told(folder, name):
    ran = folder.run("-C", name, "status")
    assert (ran.code, ran.error) == (2, f"error: {name}: this is not a folder")


def test_outside_a_newsletter_the_way_to_begin_is_said(empty):
    ran = empty.run("check")
    assert ran.code == 2
    assert ran.hint == "hint: newsletter init"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other.toml", "[site]\nname = 'Other'\n"),
        ("pyproject.toml", "[project]\nname = 'x'\n[tool.newsletter.site]\nname = 'Other'\n"),
    ],
)
def test_settings_can_come_from_another_file(folder, name, text):
    (folder.root / "newsletter.toml").unlink()
    folder.write(name, text)
    rows = only_json(folder.run("--config", name, "settings", "--json"))["settings"]
    line = text.count("\n")
    assert {"key": "site.name", "value": "Other", "origin": f"{name}:{line}"} in rows


@pytest.mark.parametrize("data", [None, b"\xff\xfe"])
def test_another_file_that_cannot_be_read_is_told(folder, data):
    if data:
        folder.write("other.toml", data)
    ran = folder.run("--config", "other.toml", "settings")
    assert (ran.code, ran.error) == (2, "error: other.toml: these settings cannot be read")


def test_the_version_is_said(folder):
    assert folder.run("--version").out == "newsletter 0.1.0\n"


def test_no_command_at_all_shows_the_help(folder):
    ran = folder.run()
    assert ran.code == 2
    assert "Usage: newsletter" in ran.out
    assert "error:" not in ran.err


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("sned",), "No such command 'sned'", "newsletter --help"),
        (("send",), "Missing option '--issue'", "newsletter send --help"),
        (("check", "--jsno"), "No such option: --jsno", "newsletter check --help"),
        (
            ("subscribers", "import", "x.csv"),
            "Missing option '--consent-source'",
            "newsletter subscribers import --help",
        ),
        (("--color", "green", "check"), "Invalid value for '--color'", "newsletter --help"),
    ],
)
def test_a_wrong_flag_is_told_in_one_line(folder, words, error, hint):
    ran = folder.run(*words)
    assert ran.code == 2
    assert ran.error.startswith(f"error: {error}")
    assert ran.hint == f"hint: {hint}"
    assert ran.out == ""


def test_colour_can_be_forced(folder):
    assert "\x1b[" in folder.run("--color", "always", "check", "--issue", "75").out
    assert "\x1b[" in folder.run("--color", "always", "send", "--issue", "75").err
    assert "\x1b" not in folder.run("--color", "never", "send", "--issue", "75").err


def test_a_bug_leaves_its_traceback_in_a_file(ready, monkeypatch, tmp_path):
    def stumble(_: object) -> object:
        raise ZeroDivisionError("mara.ellison@example.org")

    monkeypatch.setattr("newsletter.settings.effective", stumble)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = ready.run("settings", "--json")
    assert ran.code == 1
    assert ran.error == "error: something unexpected happened (ZeroDivisionError)"
    assert only_json(ran)["error"]
    (log,) = tmp_path.glob("newsletter-*.log")
    assert str(log) in ran.hint
    assert "in stumble" in log.read_text("utf-8")
    assert log.stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError):
        ready.run("--debug", "settings")


@pytest.mark.processes
def test_debug_shows_where_an_expected_fault_came_from(folder):
    done = script(folder.root, "--debug", "send", "--issue", "999")
    assert "Traceback" in done.stderr
    assert "there is no issue 999" in done.stderr


def test_the_console_script_hands_its_code_on(folder):
    folder.patch.chdir(folder.root)
    folder.patch.setattr(sys, "argv", ["newsletter", "status"])
    with pytest.raises(SystemExit) as ended:
        cli.run_and_exit()
    assert ended.value.code == 2


# --- settings, status, db --------------------------------------------------------------------


def test_settings_show_where_each_value_came_from(folder, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SITE__NAME", "From outside")
    monkeypatch.setenv("NEWSLETTER_SIGNING_KEY", "correct-horse-battery-staple")
    folder.write(".env", "NEWSLETTER_TRANSPORT__SMTP__PASSWORD=hunter2-hunter2\n")
    folder.edit(
        "newsletter.toml",
        '"Slack Water, 4 Ferry Stairs, Port Example"',
        '"4 Ferry Stairs\\nPort Example"',
    )
    ran = folder.run("settings", "--json")
    rows = only_json(ran)["settings"]
    found = {row["key"]: (row["value"], row["origin"]) for row in rows}
    assert found["site.name"] == ("From outside", "NEWSLETTER_SITE__NAME")
    assert found["signing_key"] == ("****", "NEWSLETTER_SIGNING_KEY")
    assert found["transport.smtp.password"] == ("****", ".env")
    assert found["transport.kind"][1].startswith("newsletter.toml:")
    assert found["theme.accent"][1] == "default"
    assert found["site.postal_address"][0] == "4 Ferry Stairs\nPort Example"
    plain = folder.run("settings")
    for secret in ("correct-horse", "hunter2"):
        assert secret not in ran.out + plain.out
    # A row for each, whatever its value holds.
    assert len(plain.out.splitlines()) == len(rows)
    assert [line.split()[0] for line in plain.out.splitlines()] == [row["key"] for row in rows]


@pytest.mark.processes
def test_status_counts_the_outcomes_of_each_run(ready):
    ready.patch.setenv("NEWSLETTER_SCHEDULE__RRULE", "")
    assert ready.run("status").out == "nothing was sent yet\n"
    ready.send("--limit", "10")
    ready.send(issue=73)
    lines = [line.split() for line in ready.run("status").out.splitlines()]
    assert lines == [
        "issue run state recipients outcomes".split(),
        "74 rehearsal paused 25 accepted 10, queued 15".split(),
        "73 rehearsal finished 25 accepted 25".split(),
        "74: paused: the limit is reached".split(),
    ]
    assert "73: " in ready.run("status", "--issue", "73").out
    assert ready.run("status", "--issue", "7").out == "issue 7 was not sent yet\n"


@pytest.mark.processes
def test_status_tells_scripts_the_same_and_why(ready):
    ready.send("--limit", "10")
    (handle,) = ready.ask("select handle from subscribers where id = 12")[0]
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        store.departures.leave(handle, Evidence(source="test"), now=dt.datetime.now(dt.UTC))
    ready.send()
    (run,) = only_json(ready.run("status", "--json"))["runs"]
    assert (run["issue"], run["rehearsal"], run["transport"], run["state"]) == (
        74,
        True,
        "folder",
        "finished",
    )
    assert (run["recipients"], run["by_state"]["accepted"], run["by_state"]["skipped"]) == (
        25,
        24,
        1,
    )
    assert run["reasons"] == [{"state": "skipped", "reason": "unsubscribed", "deliveries": 1}]
    for moment in (run["started_at"], run["finished_at"]):
        assert dt.datetime.fromisoformat(moment).utcoffset() == dt.timedelta(0)
    assert "  74: skipped 1: unsubscribed\n" in ready.run("status").out


@pytest.mark.processes
def test_a_run_that_has_not_ended_has_no_end(ready):
    ready.send("--limit", "1")
    (run,) = only_json(ready.run("status", "--json"))["runs"]
    assert run["finished_at"] is None


def test_records_of_this_version_need_no_upgrade(ready):
    ran = ready.run("db", "upgrade")
    assert (ran.code, ran.out, ran.err) == (0, "", "the records are up to date\n")


def test_records_that_are_not_there_cannot_be_upgraded(folder):
    assert folder.run("db", "upgrade").code == 2
    assert not (folder.root / ".newsletter").exists()


def test_an_upgrade_names_the_new_version(ready, monkeypatch):
    # There is one version so far, so the step itself is made up.
    monkeypatch.setattr("newsletter.store.schema.upgrade", lambda _, **__: ("0001", "0002"))
    assert ready.run("db", "upgrade").err == (
        "the records are now at 0002; what they were is in backups/ beside them\n"
    )


# --- people ----------------------------------------------------------------------------------


def test_an_import_counts_what_became_of_each_row(folder):
    first = folder.run("subscribers", "import", "subscribers/example.csv", *SOURCE)
    assert first.out == "25 added, 0 updated, 0 unchanged, 0 kept out, 0 rejected\n"
    again = only_json(
        folder.run("subscribers", "import", "subscribers/example.csv", *SOURCE, "--json")
    )
    assert again == {
        "schema": 1, "dry_run": False, "added": 0, "updated": 0, "unchanged": 25,
        "kept_out": 0, "suppressed": 0, "rejected": 0,
    }  # fmt: skip
    assert folder.ask("select distinct consent_source from imports") == [("an invented list",)]
    assert sorted(email for (email,) in folder.ask("select email from subscribers")) == sorted(
        f"{local}@{domain.lower()}"
        for local, _, domain in (row["email"].partition("@") for row in list_rows())
    )


BAD_ROWS = "email,name\n" + "".join(f"nobody{n},x\n" for n in range(7)) + "ok@example.org,Ok\n"


def test_rejected_rows_are_told_and_kept_beside_the_list(folder):
    folder.write("subscribers/new.csv", BAD_ROWS)
    ran = folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE)
    assert ran.out == "1 added, 0 updated, 0 unchanged, 0 kept out, 7 rejected\n"
    lines = ran.err.splitlines()
    assert lines[0] == "subscribers/new.csv:2: left out: this is not a mail address"
    assert lines[5:] == ["... and 2 more"]
    kept = (folder.root / "subscribers/new-rejected.csv").read_text("utf-8")
    assert kept.splitlines()[:2] == ["line,reason", '2,"this is not a mail address"']
    assert len(kept.splitlines()) == 8
    assert "nobody" not in kept + ran.err


def test_an_import_that_cannot_keep_its_rejects_has_still_happened(folder):
    folder.write("subscribers/new.csv", BAD_ROWS)
    (folder.root / "subscribers/new-rejected.csv").mkdir()
    ran = folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE)
    assert ran.code == 0
    assert "warning: the list of rejected rows is missing: " in ran.err
    assert folder.ask("select count(*) from subscribers") == [(1,)]


def test_a_dry_import_writes_nothing(folder):
    folder.write("subscribers/new.csv", BAD_ROWS)
    whole = snapshot(folder.root)
    ran = folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE, "--dry-run")
    assert ran.out == "1 row can be imported, 7 cannot; nothing was written\n"
    found = only_json(
        folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE, "--dry-run", "--json")
    )
    assert found == {"schema": 1, "dry_run": True, "good": 1, "rejected": 7}
    assert snapshot(folder.root) == whole


@pytest.mark.parametrize("words", [(), ("--consent-source", " ")])
def test_nobody_is_imported_without_saying_how_they_agreed(folder, words):
    ran = folder.run("subscribers", "import", "subscribers/example.csv", *words)
    assert ran.code == 2
    assert "consent" in ran.error
    assert not (folder.root / ".newsletter").exists()
