"""How large pictures are drawn: icons stay in their line, nothing grows beyond its file."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path

import pytest
from PIL import Image

from newsletter.project.issues import prepare_issue
from newsletter.project.pictures import measure_picture
from newsletter.render.pipeline import render
from newsletter.settings import Settings
from tests.conftest import example_options, issue_with, read_theme
from tests.support.pages import letter_of

THEME, OPTIONS = read_theme(), example_options()
SIZES = {
    "images/icon.png": (16, 16),
    "images/tall.png": (400, 400),
    "images/wide.png": (1200, 300),
    "images/small.png": (200, 100),
    "images/a b.png": (20, 10),
}


def drawn(body: str) -> list[tuple[str | None, str | None, dict[str, str]]]:
    """Width, height and style of every picture of a letter."""
    page = letter_of(render(issue_with(body), THEME, OPTIONS, SIZES.get).html)
    styles = ((i, re.findall(r"([\w-]+):\s*([^;]+)", i.get("style", ""))) for i in page.iter("img"))
    return [(i.get("width"), i.get("height"), dict(style)) for i, style in styles]


@pytest.mark.sweep
@pytest.mark.parametrize(
    "body",
    [
        "Read ![pdf](images/icon.png) the paper.",
        "Read [![pdf](images/icon.png)](https://x.example) it.",
        "![pdf](images/icon.png) paper",
        "| a |\n|---|\n| ![pdf](images/icon.png) |",
        "| a |\n|---|\n| ![pdf](images/icon.png) paper |",
        "- ![pdf](images/icon.png) paper",
        "# Paper ![pdf](images/icon.png)",
        "> [!NOTE] A ![pdf](images/icon.png)\n> x",
        "x ![pdf](./images/icon.png)",
        "x <img src='images/icon.png' alt='pdf'>",
        "![pdf](images/icon.png)![pdf](images/icon.png)",
    ],
)
def test_an_icon_stays_in_its_line(body: str) -> None:
    found = drawn(body)
    assert len(found) == body.count("icon.png")
    for width, height, style in found:
        assert (width, height) == ("16", "16")
        assert "display" not in style
        assert style.get("width") is None


@pytest.mark.parametrize(
    ("body", "width", "most"),
    [
        ("![a](images/icon.png)", "16", "16px"),
        ("- ![a](images/icon.png)", "16", "16px"),
        ("![a](images/small.png)", "200", "200px"),
        ("[![a](images/small.png)](https://x.example)", "200", "200px"),
        ("![a](images/wide.png)", "552", "552px"),
        ("![a](https://x.example/unknown.png)", "552", "552px"),
    ],
)
def test_a_picture_that_stands_alone_is_no_larger_than_its_file(body, width, most) -> None:
    ((found, _, style),) = drawn(body)
    assert (found, style["max-width"], style["display"]) == (width, most, "block")


def test_no_room_is_held_for_more_than_the_picture() -> None:
    ((_, _, style),) = drawn("![a](images/icon.png)")
    assert style["min-height"] == "16px"


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("attributes", "width", "height", "style"),
    [
        ('src="images/tall.png" height="40"', "40", "40", "auto"),
        ('src="images/wide.png" height="30"', "120", "30", "auto"),
        ('src="images/wide.png" width="1200"', "552", None, "auto"),
        ('src="images/wide.png" width="1200px"', "552", None, "auto"),
        ('src="images/wide.png" width="1200" height="300"', "552", "138", "auto"),
        ('src="https://x.example/a.png" width="1104" height="300"', "552", "150", "auto"),
        ('src="https://x.example/a.png" height="40"', None, "40", "40px"),
        ('src="images/wide.png"', "552", "138", "auto"),
        ('src="images/tall.png" width="100"', "100", None, "auto"),
        ('src="images/tall.png" width="30" height="15"', "30", "15", "15px"),
        ('src="images/tall.png" width="50%"', "50%", None, "auto"),
        ('src="images/tall.png" width="50%" height="40"', "50%", "40", "40px"),
        ('src="https://x.example/1.gif" width="1" height="1"', "1", "1", "1px"),
        ('src="images/tall.png" width="0" height="0"', "0", "0", "0"),
        ('src="images/tall.png" width="wide" height="-3"', "wide", "-3", "auto"),
    ],
)
def test_the_measures_an_author_gives_hold_within_the_column(attributes, width, height, style):
    ((found, tall, look),) = drawn(f"<p>x <img alt='a' {attributes}></p>")
    assert (found, tall, look["height"]) == (width, height, style)
    assert look["max-width"] == "100%"


def test_the_pictures_a_letter_names_are_those_on_disk() -> None:
    body = (
        '![a](<images/a b.png>) ![b](./images/b.png "t") ![c][r] <img src="images/d%20e.png">\n\n'
        "<p><img src='images/f.png'></p>\n\n`![x](images/no.png)`\n\n"
        "![w](https://x.example/w.png) ![o](https://assets.example/images/own.png)\n\n[r]: images/r.png\n"
    )
    asked: set[str] = set()
    options = dataclasses.replace(OPTIONS, assets_url="https://assets.example/")
    render(issue_with(body), THEME, options, asked.add)
    assert asked == {
        "images/a b.png", "images/b.png", "images/d e.png", "images/f.png", "images/own.png",
        "images/r.png",
    }  # fmt: skip


def test_files_are_measured_as_they_are_shown(tmp_path: Path) -> None:
    folder = tmp_path / "issues"
    folder.mkdir()
    Image.new("RGB", (30, 20)).save(folder / "a.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (30, 20)).save(folder / "turned.jpg", exif=turned)
    Image.new("P", (7, 9)).save(tmp_path / "root.gif")
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:20])
    (folder / "words.png").write_text("no picture")
    (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path.parent / "outside.png").write_bytes((folder / "a.png").read_bytes())
    names = [
        "a.png", "turned.jpg", "root.gif", "broken.png", "words.png", "drawing.svg", "none.png",
        "../../outside.png", "a\0b.png",
    ]  # fmt: skip
    found = {name: measure_picture(tmp_path, folder, name) for name in names}
    assert {name: size for name, size in found.items() if size} == {
        "a.png": (30, 20), "turned.jpg": (20, 30), "root.gif": (7, 9),
    }  # fmt: skip


def test_an_issue_is_rendered_with_the_sizes_of_its_files(tmp_path: Path) -> None:
    theme = tmp_path / "templates" / "email"
    theme.mkdir(parents=True)
    for name, text in THEME.files:
        (theme / name).write_text(text, encoding="utf-8")
    images = tmp_path / "issues" / "images"
    images.mkdir(parents=True)
    Image.new("RGB", (24, 12)).save(images / "my icon.png")
    (images.parent / "007-x.md").write_text(
        "---\ntitle: x\n---\nRead ![pdf](<images/my icon.png>) it.\n", encoding="utf-8"
    )
    done = prepare_issue(tmp_path, "issues/007-x.md", Settings(), today=dt.date(2026, 11, 22))
    (image,) = letter_of(done.rendered.html).iter("img")
    assert (image.get("width"), image.get("height")) == ("24", "12")
