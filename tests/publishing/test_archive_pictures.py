"""The pictures of the archive: nothing that a camera tells gets public."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from tests.publishing.test_archive_build import build, contents, dated
from tests.support.cli_fixtures import folder, plain_environment

__all__ = ["dated", "folder", "plain_environment"]

PLACE = "52.3702 N, 4.8952 E"


def photo(kind: str, size: tuple[int, int] = (400, 300)) -> bytes:
    told = Image.Exif()
    told[0x0112] = 6
    told[0x010E] = PLACE
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, kind, exif=told)
    return written.getvalue()


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "JPEG"),
        ("a.png", "PNG"),
        ("a.webp", "WEBP"),
        ("a.avif", "AVIF"),
        ("a.png", "JPEG"),
    ],
)
def test_no_place_of_a_photo_gets_public_and_it_stands_upright(dated, name, kind):
    (dated.root / "issues/images" / name).write_bytes(photo(kind))
    dated.edit("issues/074-the-long-minute.md", "images/harbour.png", f"images/{name}")
    assert build(dated).code == 0
    for path, data in contents(dated.root / "site").items():
        assert PLACE.encode() not in data, path
    with Image.open(dated.root / "site/images" / name) as shown:
        assert (shown.format, shown.size) == (kind, (300, 400))
    page = (dated.root / "site/74/index.html").read_text("utf-8")
    found = re.search(rf'<img[^>]*images/{name}"[^>]*>', page)
    assert found
    assert 'width="300"' in found[0]
    assert 'height="400"' in found[0]


def test_a_photo_as_a_camera_makes_it_is_as_small_as_a_page_needs(dated):
    (dated.root / "issues/images/harbour.png").write_bytes(photo("JPEG", (4000, 3000)))
    assert build(dated).code == 0
    with Image.open(dated.root / "site/images/harbour.png") as shown:
        assert shown.size == (1104, 1472)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"GIF89a", "damaged"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 99, "HEIC"),
        (b"<p>no</p>", "no picture"),
    ],
)
def test_what_cannot_be_shown_is_told_with_its_place_and_nothing_is_written(dated, data, told):
    (dated.root / "issues/images/harbour.png").write_bytes(data)
    ran = build(dated)
    assert ran.code == 5
    assert "archive-picture: images/harbour.png" in ran.err
    assert told in ran.err
    assert not (dated.root / "site").exists()


def test_pictures_are_made_once(dated, monkeypatch):
    assert build(dated).code == 0

    def made(*_: object):
        raise AssertionError("made again")

    monkeypatch.setattr("newsletter.pictures.making.make_picture", made)
    assert build(dated, out="other").code == 0
    assert contents(dated.root / "other") == contents(dated.root / "site")


def test_where_nothing_can_be_kept_they_are_made_again(dated):
    (dated.root / ".newsletter").write_text("in the way")
    assert build(dated).code == 0
    assert (dated.root / "site/images/harbour.png").is_file()
