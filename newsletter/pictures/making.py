"""Make a picture ready for mails and pages.

The way a camera was held is applied, what a file tells beside its pixels (places, names, earlier
versions) is left behind, colours become sRGB, and nothing is wider than a column needs. What is
too large to be opened in little memory is not opened.
"""

from __future__ import annotations

import functools
import io
import warnings
from typing import Final

from PIL import Image, ImageCms, ImageOps

from newsletter.pictures import HEAVY, LARGEST_FILE, WIDEST, MadePicture, PictureFault, Wanted
from newsletter.pictures.containers import bare_gif, bare_png, bare_webp
from newsletter.pictures.drawings import svg_fault

#: Bytes of memory that opening a picture may take; most take four for a pixel.
_MEMORY: Final = 100_000_000
_MEMORY_OF: Final = {"WEBP": 16, "AVIF": 14}
#: A JPEG is opened at the scale it is needed in, but for one that was saved in passes.
_IN_PASSES: Final = 6
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "AVIF")
_SUFFIXES: Final = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "WEBP": ".webp", "AVIF": ".avif"}
_QUALITY: Final = 85
#: The tag of EXIF that says how a camera was held; 5 to 8 lay a picture on its side.
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = range(5, 9)
#: So few colours are a drawing, which JPEG would smear.
_FEW: Final = 256
#: Rows that are taken out of a large picture at a time.
_BAND: Final = 256
#: A shade is this far from another at least, of 255, where somebody sees a difference.
_SEEN: Final = 8


def make_picture(data: bytes, wanted: Wanted) -> MadePicture | PictureFault:
    """Make a picture ready for a mail or a page; never raises, whatever the bytes are.

    Args:
        data: the author's file.
        wanted: a mail gets PNG, JPEG or GIF, which all mail programs show; a page's picture stays
            of its kind.
    """
    if len(data) > LARGEST_FILE:
        return _too_large(f"has {len(data) // 1_000_000} MB")
    if _is_svg(data) and wanted == "page":
        return svg_fault(data) or MadePicture(data=data, suffix=".svg", width=0, height=0)
    if fault := _other_kind(data):
        return fault
    try:
        with warnings.catch_warnings(action="ignore"):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                return _too_many_pixels(picture) or _made(picture, data, wanted)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return _too_large("has more pixels than any screen")
    # Damaged files raise most kinds of errors.
    except Exception:  # noqa: BLE001
        return PictureFault(
            "picture-unreadable", "is damaged or no picture", "export it again as PNG or JPEG"
        )


def _too_large(what: str) -> PictureFault:
    hint = f"make it smaller: {WIDEST} pixels across are enough"
    return PictureFault("picture-unreadable", f"{what}, more than can be opened", hint)


def _is_svg(data: bytes) -> bool:
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"<") and b"<svg" in head


def _other_kind(data: bytes) -> PictureFault | None:
    if _is_svg(data):
        return PictureFault(
            "picture-unreadable", "is an SVG, which no mail program shows", "export it as PNG"
        )
    if data[4:8] == b"ftyp" and data[8:12] in {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}:
        return PictureFault(
            "picture-unreadable",
            "is a HEIC, which neither mail programs nor browsers show",
            "export it as JPEG",
        )
    return None


def _too_many_pixels(picture: Image.Image) -> PictureFault | None:
    """Whether a picture takes too much memory; only its head was read so far."""
    width, height = picture.size
    kind = picture.format or ""
    each = float(_MEMORY_OF.get(kind, 4))
    if kind in {"JPEG", "MPO"}:
        scale = _scale(width)
        each = _IN_PASSES if picture.info.get("progressive") else 4 / scale**2
    if width * height * each <= _MEMORY:
        return None
    return _too_large(f"has {width} x {height} pixels")


def _scale(width: int) -> int:
    """By how much a JPEG is made smaller while it is opened, still twice as wide as it is needed.

    Half the width of the result is left to better ways of making smaller.
    """
    return max((scale for scale in (1, 2, 4, 8) if width >= scale * WIDEST * 2), default=1)


def _made(picture: Image.Image, data: bytes, wanted: Wanted) -> MadePicture:
    moves = getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO"
    if picture.format == "GIF" and (moves or picture.width <= WIDEST):
        return _gif(picture, bare_gif(data), moves=moves)
    upright = picture.getexif().get(_ORIENTATION, 1) == 1
    fits = upright and picture.width <= WIDEST
    if picture.format == "WEBP" and wanted == "page" and (moves or fits):
        picture.load()
        return _with(picture.size, bare_webp(data), ".webp")
    notes = (_still("moves, and is still in mails: its first frame is shown"),) if moves else ()
    plain = fits and not picture.info.get("icc_profile")
    if picture.format == "PNG" and plain:
        picture.load()
        return _with(picture.size, bare_png(data), ".png", *notes)
    if picture.format in {"JPEG", "MPO"} and plain and picture.mode in {"L", "RGB"}:
        return _saved_again(picture)
    return _drawn(picture, wanted, notes)


def _saved_again(picture: Image.Image) -> MadePicture:
    """Write a JPEG with the same numbers as in the author's file: nothing is lost by it."""
    picture.load()
    written = io.BytesIO()
    picture.save(
        written, "JPEG", quality="keep", optimize=True, comment=b"",
        progressive=bool(picture.info.get("progressive")),
    )  # fmt: skip
    return _with(picture.size, written.getvalue(), ".jpg")


def _gif(picture: Image.Image, bare: bytes, *, moves: bool) -> MadePicture:
    """A GIF stays as it is, for it moves by its frames; Outlook shows the first one."""
    notes = []
    if len(bare) > HEAVY:
        notes.append(
            PictureFault(
                "picture-heavy",
                f"has {len(bare) / 1_000_000:.1f} MB",
                "take fewer frames or a smaller size; phones load all of it",
            )
        )
    picture.load()
    if moves and _is_blank(picture):
        notes.append(_still("begins with a blank frame, all that Outlook shows of it"))
    return _with(picture.size, bare, ".gif", *notes)


def _still(message: str) -> PictureFault:
    return PictureFault("picture-still", message, "let a GIF begin with the frame that tells most")


def _is_blank(picture: Image.Image) -> bool:
    frame = picture.convert("RGBA")
    if frame.getchannel("A").getextrema()[1] == 0:
        return True
    ends = frame.convert("RGB").getextrema()
    return all(isinstance(one, tuple) and one[1] - one[0] < _SEEN for one in ends)


def _with(size: tuple[int, int], data: bytes, suffix: str, *notes: PictureFault) -> MadePicture:
    return MadePicture(data=data, suffix=suffix, width=size[0], height=size[1], notes=notes)


def _drawn(picture: Image.Image, wanted: Wanted, notes: tuple[PictureFault, ...]) -> MadePicture:
    """Draw the first frame anew: upright, in sRGB, as large as it is needed."""
    kind = "JPEG" if picture.format == "MPO" else picture.format or ""
    profile = picture.info.get("icc_profile", b"")
    if kind == "JPEG" and (scale := _scale(picture.width)) > 1:
        picture.draft(None, (picture.width // scale, picture.height // scale))
    orientation = picture.getexif().get(_ORIENTATION, 1)
    drawn = _in_srgb(_small(picture, sideways=orientation in _SIDEWAYS), profile)
    # The small one knows nothing of the file, so it is told how the camera was held.
    drawn.getexif()[_ORIENTATION] = orientation
    drawn = ImageOps.exif_transpose(drawn)
    drawn.info.clear()
    if drawn.mode in {"LA", "RGBA"} and drawn.getchannel("A").getextrema()[0] == 255:  # noqa: PLR2004
        drawn = drawn.convert("L" if drawn.mode == "LA" else "RGB")
    kind = _kind(drawn, kind, wanted)
    return _with(drawn.size, _saved(drawn, kind), _SUFFIXES[kind], *notes)


def _kind(drawn: Image.Image, kind: str, wanted: Wanted) -> str:
    if kind in {"PNG", "JPEG"} or (kind in {"WEBP", "AVIF"} and wanted == "page"):
        return kind
    few = drawn.mode in {"L", "RGB"} and drawn.getcolors(_FEW) is not None
    return "PNG" if kind == "GIF" or few or drawn.mode in {"LA", "RGBA"} else "JPEG"


def _saved(drawn: Image.Image, kind: str) -> bytes:
    written = io.BytesIO()
    if kind == "PNG":
        if drawn.mode == "RGB" and drawn.getcolors(_FEW):
            drawn = drawn.quantize(_FEW, dither=Image.Dither.NONE)
        drawn.save(written, "PNG", optimize=True)
    elif kind == "JPEG":
        drawn.save(written, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    elif kind == "WEBP":
        drawn.save(written, "WEBP", quality=_QUALITY)
    else:
        drawn.save(written, "AVIF", quality=70, speed=8)
    return written.getvalue()


def _small(picture: Image.Image, *, sideways: bool) -> Image.Image:
    """The pixels, as many as are needed across; a large picture is never held twice.

    Args:
        picture: opened, its pixels perhaps not yet read.
        sideways: whether its height becomes its width.
    """
    picture.load()
    width, height = picture.size
    across = height if sideways else width
    if across <= WIDEST:
        return _plain(picture)
    factor = max(1, across // (2 * WIDEST))
    mode = _plain(picture.crop((0, 0, 1, 1))).mode
    small = Image.new(mode, (-(-width // factor), -(-height // factor)))
    rows = _BAND // factor * factor or factor
    for top in range(0, height, rows):
        band = _plain(picture.crop((0, top, width, min(top + rows, height))))
        small.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    part = WIDEST / across
    size = (max(1, round(width * part)), max(1, round(height * part)))
    return small.resize(size, Image.Resampling.LANCZOS)


def _plain(picture: Image.Image) -> Image.Image:
    """The same pixels in one of the modes that the rest knows: L, LA, RGB, RGBA, CMYK."""
    mode = picture.mode
    if mode in {"RGB", "RGBA", "L", "LA", "CMYK"} and "transparency" not in picture.info:
        return picture.copy()
    if "transparency" in picture.info or mode in {"PA", "RGBa", "La"}:
        return picture.convert("RGBA")
    if mode.startswith("I"):  # sixteen bits of grey
        return picture.point(lambda shade: shade / 257).convert("L")
    return picture.convert("L" if mode == "1" else "RGB")


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """The colours as everybody's screen understands them; a profile that cannot be read is none."""
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    colours = picture.convert("RGB") if alpha else picture
    if profile and colours.mode in {"RGB", "CMYK"}:
        try:
            found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(colours, found, _srgb(), outputMode="RGB")
            colours = changed or colours
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    if colours.mode == "CMYK":
        colours = colours.convert("RGB")
    if alpha:
        colours.putalpha(alpha)
    return colours
