"""`newsletter check`, with and without the web."""

from __future__ import annotations

import json
import re
import shutil
import socket

import pytest

from newsletter.cli import online
from tests.conftest import corpus_file
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import (
    ISSUE,
    Folder,
    folder,
    plain_environment,
    snapshot,
)
from tests.support.web_servers import Told, web_server

__all__ = ["folder", "plain_environment"]


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


def test_check_looks_for_the_pictures_of_the_settings_too(folder):
    folder.edit("newsletter.toml", "[theme]\n", '[theme]\nheader_image = "images/head.png"\n')
    ran = folder.run("check", "--issue", "74")
    missing = 'warning picture-missing: the picture "images/head.png" is not beside the issues'
    assert missing in ran.out
    folder.write("issues/images/head.png", "any")
    ran = folder.run("check", "--issue", "74")
    assert "head.png" not in ran.out
    folder.edit("newsletter.toml", "assets_url =", "# assets_url =")
    ran = folder.run("check", "--issue", "74")
    assert ran.code == 5
    unset = 'no mail can show the image "images/head.png": site.assets_url is not set ('
    assert f"error image-local: {unset}" in ran.out


def test_what_only_looks_like_a_picture_stops_no_letter(folder):
    folder.edit("newsletter.toml", "assets_url =", "# assets_url =")
    folder.write(
        "issues/080-odd.md",
        "---\ntitle: A\n---\n![a](https://cdn.example/upload/w_400,h_300/wren.jpg)\n\n"
        "![b](https://cdn.example/wren.jpg?a=1,2) src=x background=red, `url(wren.png)`\n",
    )
    ran = folder.run("check", "--issue", "80")
    assert "image-local" not in ran.out + ran.err
    assert "picture-missing" not in ran.out + ran.err


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
    assert "its server is in a private network" in ran.out


def test_a_machine_without_a_network_blames_no_link(folder, monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    ran = folder.run("check", "--issue", "74", "--online")
    assert "no address answered; is this machine online?" in ran.err
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
