"""`newsletter build`: what an issue becomes, as files."""

from __future__ import annotations

import csv
import html
import io
import os
import re

import pytest

from tests.conftest import CORPUS, corpus_names, require
from tests.support.cli_commands import empty
from tests.support.cli_fixtures import ISSUE, folder, plain_environment
from tests.support.commands import installed

__all__ = ["empty", "folder", "plain_environment"]


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
    other = installed(
        folder.root, "build", "--issue", "74", "--out", "other",
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert other.returncode == 0
    assert {p.name: p.read_bytes() for p in (folder.root / "other").iterdir()} == first


@pytest.mark.sweep
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
    folder.edit("newsletter.toml", "[theme]\n", f'[theme]\nheader_image = "{image}"\n')
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


@pytest.mark.processes
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


@pytest.mark.trials
@pytest.mark.corpus
@pytest.mark.parametrize("name", corpus_names())
def test_every_issue_of_the_corpus_builds(folder, name):
    require(CORPUS.is_dir(), "the shared corpus is not on this machine")
    ran = folder.run("build", "--issue", str(CORPUS / name), "--out", "out")
    assert ran.code == 0
    assert len(list((folder.root / "out").iterdir())) == 5
    assert "number-twice" not in ran.err
