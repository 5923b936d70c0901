"""An approval is about all that readers see: text, number, theme, settings, and every local picture."""

from __future__ import annotations

import pytest

from newsletter import clocks
from newsletter.cli.context import CONTEXT, open_project
from newsletter.issue.approval import approval
from newsletter.render.pictures import local_pictures
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready
from tests.support.schedule_fixtures import DUE, at

__all__ = ["at", "folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

ASSETS = "https://assets.slackwater.example.org"
PIXEL = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"


def approve(newsletter: Folder) -> None:
    ran = newsletter.run("approve", "--issue", "74")
    assert ran.code == 0, ran.err


def add(newsletter: Folder, markdown: str) -> None:
    path = newsletter.root / ISSUE
    path.write_text(path.read_text("utf-8") + f"\n\n{markdown}\n", "utf-8")


def expect_refused(newsletter: Folder) -> None:
    ran = newsletter.run(*DUE)
    assert ran.code == 8
    assert "changed since it was approved" in ran.error
    assert "newsletter approve --issue" in ran.hint
    assert newsletter.mails() == []


@pytest.mark.parametrize("written", ["number: 74\n", "", "utm: off\n"])
def test_another_number_needs_another_approval(ready, at, written):
    ready.edit(ISSUE, "number: 74\n", written)
    approve(ready)
    (ready.root / ISSUE).rename(ready.root / ISSUE.replace("074-", "076-"))
    expect_refused(ready)


@pytest.mark.parametrize(
    "markdown",
    [
        "![a view](images/view.gif)",
        "![a view](./images/view.gif)",
        "![a view](images/view%2Egif)",
        '![a view](<images/view.gif> "with a title")',
        "![a view][view]\n\n[view]: images/view.gif",
        "![a view](images/view\\.gif)",
        "![a view](images/view&#46;gif)",
        "[![a view](images/view.gif)](https://example.org/)",
        '<img src="images/view.gif" alt="a view">',
        "<p>\n<img alt='a view' src='images/view.gif'>\n</p>",
        f"![a view]({ASSETS}/images/view.gif)",
        "> [!NOTE]\n> ![a view](images/view.gif)",
    ],
)
def test_another_picture_needs_another_approval_however_it_is_written(ready, at, markdown):
    ready.write("issues/images/view.gif", PIXEL)
    add(ready, markdown)
    approve(ready)
    at("2026-11-22 07:59")
    assert " 74     approved" in ready.run("schedule").out
    ready.write("issues/images/view.gif", PIXEL.replace(b"\xff\xff\xff", b"\xff\x00\x00"))
    assert "74, changed since approval" in ready.run("status").out
    at("2026-11-22 08:00")
    expect_refused(ready)
    approve(ready)
    assert ready.run(*DUE).code == 0
    assert ready.mails() != []


def test_a_picture_of_the_theme_or_the_settings_counts_as_well(ready, at):
    ready.write("issues/images/logo.gif", PIXEL)
    ready.write("issues/images/top.gif", PIXEL)
    ready.patch.setenv("NEWSLETTER_THEME__HEADER_IMAGE", "images/top.gif")
    footer = (ready.root / "templates/email/footer.mjml").read_text("utf-8")
    logo = f'  <p><img src="{ASSETS}/images/logo.gif" alt="" /></p>\n</mj-text>'
    shown, _, end = footer.rpartition("</mj-text>")  # the first is where readers are asked
    ready.write("templates/email/footer.mjml", shown + logo + end)
    for name in ("top", "logo"):
        approve(ready)
        ready.write(f"issues/images/{name}.gif", PIXEL + name.encode())
        expect_refused(ready)


def test_a_picture_that_goes_or_comes_counts_and_one_nobody_shows_does_not(ready, at):
    ready.write("issues/images/view.gif", PIXEL)
    add(ready, "![a view](images/view.gif)")
    approve(ready)
    ready.write("issues/images/another.gif", PIXEL)
    at("2026-11-22 07:59")
    assert " 74     approved" in ready.run("schedule").out
    at("2026-11-22 08:00")
    (ready.root / "issues/images/view.gif").unlink()
    expect_refused(ready)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ('<img src="a/b%20c.png">', ("a/b c.png",)),
        (f'<img src="{ASSETS}/x.png?v=1">', ("x.png",)),
        ('<img srcset="a.png 1x, b.png 2x">', ("a.png", "a.png 1x, b.png 2x", "b.png")),
        (
            '<td background="bg.png"><!--[if mso]><v:fill src="bg2.png" /><![endif]-->',
            ("bg.png", "bg2.png"),
        ),
        ("<p style=\"background: url('u.png')\">", ("u.png",)),
        ('<style>p { background: url( "s.png" ) }</style>', ("s.png",)),
        (
            '<img src="https://example.org/x.png"><img src="//example.org/x.png"><img src="data:image/gif,">',
            (),
        ),
        ('<img src="/etc/passwd"><img src="cid:1"><img src="http://[x"><img src="__NL_F_A__">', ()),
        ("<img src=bare.png>", ("bare.png",)),
    ],
)
def test_the_local_pictures_of_a_page_are_found_wherever_a_mail_names_one(page, names):
    assert local_pictures(page, ASSETS) == tuple(sorted(names))


def test_what_lies_outside_the_folder_is_never_read(ready, at, tmp_path):
    (tmp_path / "secret.gif").write_bytes(PIXEL)
    (ready.root / "issues/images/link.gif").symlink_to(tmp_path / "secret.gif")
    add(ready, '<img src="images/link.gif" alt="x"> <img src="../../secret.gif" alt="x">')
    first = approval_of(ready)
    (tmp_path / "secret.gif").write_bytes(b"")
    assert approval_of(ready) == first


def approval_of(newsletter: Folder) -> str:
    CONTEXT.directory = newsletter.root
    return open_project().issue(74, now=clocks.now()).approval


def test_number_and_pictures_are_both_in_the_hash():
    hashes = {
        approval("s", 74, {}), approval("s", 75, {}), approval("t", 74, {}),
        approval("s", 74, {"x.png": ""}), approval("s", 74, {"x.png": "1"}),
        approval("s", 74, {"y.png": "1"}),
    }  # fmt: skip
    assert len(hashes) == 6
