"""Pictures made for mails and pages: upright, small, and silent about where they were taken."""

from __future__ import annotations

import functools
import io
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFile
from PIL.PngImagePlugin import PngInfo

from newsletter.pictures import WIDEST, MadePicture, PictureFault
from newsletter.pictures.making import make_picture

#: What must never be published: a camera's words in every place where files keep them.
SECRET = b"52.3702N"


def exif(orientation: int = 1) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010E] = SECRET.decode()
    found.get_ifd(0x8825)[1] = "N"
    found.get_ifd(0x8825)[2] = (52.0, 22.0, 12.0)
    return found.tobytes()


def photo(width: int = 640, height: int = 480, mode: str = "RGB") -> Image.Image:
    """Red above, blue below, with shades, so that one sees which way up it is."""
    drawn = Image.linear_gradient("L").resize((width, height))
    coloured = Image.merge(
        "RGB", (drawn.point(lambda v: 255 - v), drawn.point(lambda v: v // 3), drawn)
    )
    return coloured.convert(mode)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def moving(first: str = "navy", kind: str = "GIF", **options) -> bytes:
    frames = [Image.new("P" if kind == "GIF" else "RGB", (60, 40)) for _ in range(3)]
    frames = [Image.new("RGB", (60, 40), colour) for colour in (first, "gold", "teal")]
    if kind == "GIF":
        ImageDraw.Draw(frames[0]).rectangle((5, 5, 20, 20), fill=options.pop("mark", "white"))
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=80, **options)


def png_with_text() -> bytes:
    told = PngInfo()
    told.add_text("Comment", SECRET.decode())
    told.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    return saved(photo(), "PNG", pnginfo=told, exif=exif())


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is as large as this."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
        )

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def held(orientation: int) -> bytes:
    return saved(photo(), "JPEG", exif=exif(orientation))


def with_profile(mode: str) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return saved(photo(mode=mode), "JPEG", icc_profile=profile)


def heavy_gif() -> bytes:
    frames = [Image.effect_noise((500, 500), 90 + n).convert("P") for n in range(6)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'

#: What the file is; what a mail gets (kind, width, height), or words of the finding.
CASES: dict[str, tuple[Callable[[], bytes], tuple[str, int, int] | str]] = {
    "a photo": (lambda: saved(photo(), "JPEG"), ("JPEG", 640, 480)),
    "a tiny picture": (lambda: saved(Image.new("RGB", (1, 1)), "PNG"), ("PNG", 1, 1)),
    "a large photo": (lambda: saved(photo(4000, 3000), "JPEG"), ("JPEG", WIDEST, 828)),
    "a large photo saved in passes": (lambda: saved(photo(4000, 3000), "JPEG", progressive=True), ("JPEG", WIDEST, 828)),
    "a large drawing": (lambda: saved(photo(3000, 500), "PNG"), ("PNG", WIDEST, 184)),
    "as wide as is kept": (lambda: saved(photo(WIDEST, 20), "PNG"), ("PNG", WIDEST, 20)),
    "a pixel wider": (lambda: saved(photo(WIDEST + 1, 20), "PNG"), ("PNG", WIDEST, 20)),
    "a tall one": (lambda: saved(photo(300, 6000), "PNG"), ("PNG", 300, 6000)),
    "a line": (lambda: saved(Image.new("RGB", (9000, 1), "red"), "PNG"), ("PNG", WIDEST, 1)),
    **{f"a photo held {n}": (functools.partial(held, n), ("JPEG", *((480, 640) if n > 4 else (640, 480)))) for n in range(1, 9)},
    "a large photo on its side": (lambda: saved(photo(4000, 3000), "JPEG", exif=exif(6)), ("JPEG", WIDEST, 1472)),
    "a drawing on its side": (lambda: saved(photo(), "PNG", exif=exif(8)), ("PNG", 480, 640)),
    "a drawing with words": (png_with_text, ("PNG", 640, 480)),
    "a photo with a comment": (lambda: saved(photo(), "JPEG", comment=SECRET), ("JPEG", 640, 480)),
    "a photo with a film behind it": (lambda: saved(photo(), "JPEG") + b"ftypmp42" + SECRET, ("JPEG", 640, 480)),
    "a grey photo": (lambda: saved(photo(mode="L"), "JPEG"), ("JPEG", 640, 480)),
    "a photo in inks": (lambda: saved(photo(mode="CMYK"), "JPEG"), ("JPEG", 640, 480)),
    "a photo with a profile": (lambda: with_profile("RGB"), ("JPEG", 640, 480)),
    "a photo with a wrong profile": (lambda: saved(photo(), "JPEG", icc_profile=b"nothing" + SECRET), ("JPEG", 640, 480)),
    "inks with a profile for light": (lambda: with_profile("CMYK"), ("JPEG", 640, 480)),
    "a transparent one": (lambda: saved(Image.new("RGBA", (2000, 1000), (255, 0, 0, 90)), "PNG"), ("PNG", WIDEST, 552)),
    "transparent by a palette": (lambda: saved(photo(1500, 90).quantize(16), "PNG", transparency=3), ("PNG", WIDEST, 66)),
    "grey and transparent": (lambda: saved(photo(1500, 90, "LA"), "PNG"), ("PNG", WIDEST, 66)),
    "sixteen bits of grey": (lambda: saved(Image.new("I;16", (2208, 40), 40000), "PNG"), ("PNG", WIDEST, 20)),
    "black and white": (lambda: saved(Image.new("1", (2208, 40), 1), "PNG"), ("PNG", WIDEST, 20)),
    "a moving GIF": (moving, ("GIF", 60, 40)),
    "a moving GIF with words": (lambda: moving(comment=SECRET), ("GIF", 60, 40)),
    "a still GIF": (lambda: saved(photo().quantize(32), "GIF", comment=SECRET), ("GIF", 640, 480)),
    "a still GIF, too wide": (lambda: saved(photo(2208, 40).quantize(32), "GIF"), ("PNG", WIDEST, 20)),
    "a WebP of a photo": (lambda: saved(photo(), "WEBP", exif=exif()), ("JPEG", 640, 480)),
    "a transparent WebP": (lambda: saved(photo(mode="RGBA").rotate(9), "WEBP"), ("PNG", 640, 480)),
    "a WebP of a drawing": (lambda: saved(Image.new("RGB", (80, 60), "navy"), "WEBP", lossless=True), ("PNG", 80, 60)),
    "an AVIF of a photo": (lambda: saved(photo(), "AVIF", speed=10, exif=exif(6)), ("JPEG", 480, 640)),
    "a moving WebP": (lambda: moving(kind="WEBP"), ("PNG", 60, 40)),
    "huge in a small file": (lambda: bomb(60_000, 60_000), "pixels"),
    "larger than can be opened": (lambda: bomb(9_000, 9_000), "9000 x 9000 pixels"),
    "cut off": (lambda: saved(photo(), "PNG")[:900], "damaged"),
    "a cut off photo": (lambda: saved(photo(), "JPEG")[:900], "damaged"),
    "a cut off GIF": (lambda: saved(photo().quantize(99), "GIF")[:5000], "damaged"),
    "words": (lambda: b"Good morning", "no picture"),
    "nothing": (lambda: b"", "no picture"),
    "an SVG": (lambda: SVG, "SVG"),
    "a HEIC": (lambda: b"\0\0\0\x18ftypheic" + b"\0" * 99, "HEIC"),
    "a TIFF": (lambda: saved(photo(), "TIFF"), "no picture"),
}  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("name", CASES)
def test_a_mail_gets_a_picture_that_all_programs_show_or_its_author_a_finding(name):
    make, expected = CASES[name]
    made = make_picture(make(), "mail")
    if isinstance(expected, str):
        assert isinstance(made, PictureFault)
        assert expected in made.message
        return
    assert isinstance(made, MadePicture), made
    with Image.open(io.BytesIO(made.data)) as picture:
        picture.load()
        assert (picture.format, *picture.size) == expected
        assert picture.size == (made.width, made.height)
        assert not picture.getexif()
        assert not {"icc_profile", "exif", "xmp", "comment", "Comment"} & set(picture.info)
        assert picture.mode in {"L", "LA", "P", "RGB", "RGBA", "1"}
    assert made.suffix == {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif"}[expected[0]]
    assert SECRET not in made.data


@pytest.mark.sweep
@pytest.mark.parametrize(
    "name", [name for name, (_, expected) in CASES.items() if not isinstance(expected, str)]
)
def test_a_page_gets_a_picture_of_the_same_kind_that_tells_nothing(name):
    data = CASES[name][0]()
    made = make_picture(data, "page")
    assert isinstance(made, MadePicture), made
    assert SECRET not in made.data
    with Image.open(io.BytesIO(made.data)) as picture, Image.open(io.BytesIO(data)) as before:
        assert picture.format == ("PNG" if name == "a still GIF, too wide" else before.format)
        assert not picture.getexif()
        assert picture.width <= WIDEST


@pytest.mark.sweep
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_the_right_way_up(orientation):
    """Made from one that is upright: turned as a camera would, and told so."""
    turn = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}  # fmt: skip
    upright = photo(2600, 1300)
    ImageDraw.Draw(upright).rectangle((0, 0, 400, 400), fill="lime")
    held = upright.transpose(turn[orientation]) if orientation in turn else upright
    made = make_picture(saved(held, "JPEG", exif=exif(orientation)), "mail")
    assert isinstance(made, MadePicture)
    with Image.open(io.BytesIO(made.data)) as picture:
        assert picture.size == (WIDEST, 552)
        red, green, blue = picture.convert("RGB").getpixel((60, 60))  # type: ignore[misc]
        assert green > 200 > max(red, blue)


def test_what_tells_nothing_and_fits_keeps_every_byte():
    for data in (saved(photo(), "PNG"), moving()):
        made = make_picture(data, "mail")
        assert isinstance(made, MadePicture)
        assert made.data == data


def test_colours_are_those_that_were_meant():
    """A profile that swaps red and blue, as a camera's own would change every shade a little."""
    swapped = with_swapped_primaries()
    data = saved(Image.new("RGB", (40, 40), (200, 30, 30)), "JPEG", icc_profile=swapped, quality=95)
    made = make_picture(data, "mail")
    assert isinstance(made, MadePicture)
    with Image.open(io.BytesIO(made.data)) as picture:
        red, _, blue = picture.getpixel((20, 20))  # type: ignore[misc]
    assert blue > red + 100


def with_swapped_primaries() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * profile[131], 12)}
    red, blue = at[b"rXYZ"] + 4, at[b"bXYZ"] + 4
    profile[red : red + 8], profile[blue : blue + 8] = (
        profile[blue : blue + 8],
        profile[red : red + 8],
    )
    return bytes(profile)


def test_a_transparent_edge_keeps_its_colour_when_it_is_made_smaller():
    """Where nothing is shown there may be any colour, and none of it may bleed in."""
    picture = Image.new("RGBA", (4416, 800), (0, 255, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 2208, 800))
    made = make_picture(saved(picture, "PNG"), "mail")
    assert isinstance(made, MadePicture)
    with Image.open(io.BytesIO(made.data)) as small:
        shown = [small.convert("RGBA").getpixel((x, 100)) for x in range(540, 565)]
    assert all(green < 8 for _, green, _, alpha in shown if alpha > 8)  # type: ignore[misc]


def test_bands_of_a_large_drawing_meet_without_a_seam():
    made = make_picture(saved(photo(5000, 3001), "PNG"), "mail")
    assert isinstance(made, MadePicture)
    with Image.open(io.BytesIO(made.data)) as picture:
        column = [picture.convert("RGB").getpixel((500, y)) for y in range(picture.height)]
    blues = [blue for _, _, blue in column]  # type: ignore[misc]
    assert blues == sorted(blues)
    assert blues[-1] > 250


@pytest.mark.parametrize(
    ("data", "id_"),
    [
        (lambda: moving("white", mark="white"), "picture-still"),
        (lambda: moving(kind="WEBP"), "picture-still"),
        (heavy_gif, "picture-heavy"),
    ],
)
def test_what_readers_of_outlook_or_a_phone_would_miss_is_told(data, id_):
    made = make_picture(data(), "mail")
    assert isinstance(made, MadePicture)
    assert [note.id for note in made.notes] == [id_]


def test_a_name_tells_the_content_and_keeps_the_words():
    one = make_picture(saved(photo(), "WEBP"), "mail")
    other = make_picture(saved(photo(641), "WEBP"), "mail")
    assert isinstance(one, MadePicture)
    assert isinstance(other, MadePicture)
    folder, _, name = one.name("images/a jetty.v2.webp").rpartition("/")
    words, digest, suffix = name.rsplit(".", 2)
    assert (folder, words, len(digest), suffix) == ("images", "a jetty.v2", 8, "jpg")
    assert one.name("images/x.webp") != other.name("images/x.webp")


MEASURED = """
import sys
from newsletter.pictures.making import make_picture
with open(sys.argv[1], "rb") as stream:
    made = make_picture(stream.read(), "mail")
with open("/proc/self/status") as stream:
    peak = next(int(line.split()[1]) // 1024 for line in stream if line.startswith("VmHWM"))
print(type(made).__name__, peak)
"""


@pytest.mark.processes
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
@pytest.mark.parametrize(
    ("kind", "mode", "width", "options"),
    [
        ("PNG", "RGBA", 4990, {}),
        ("JPEG", "RGB", 9000, {}),
        ("JPEG", "RGB", 4000, {"progressive": True, "subsampling": 0}),
        ("WEBP", "RGB", 2490, {"method": 0}),
        ("AVIF", "RGB", 2600, {"speed": 10}),
    ],
)
def test_no_picture_takes_more_than_200_mb(tmp_path, kind, mode, width, options):
    """About the largest of each kind that is opened at all, in a process of its own."""
    Image.new(mode, (width, width), 90).save(tmp_path / "one", kind, **options)
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "one")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    what, megabytes = ran.stdout.split()
    assert what == "MadePicture"
    assert int(megabytes) < 200


def test_half_a_file_is_never_published_as_whole():
    """Pillow can be told to show what there is of a file; nobody here may."""
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
