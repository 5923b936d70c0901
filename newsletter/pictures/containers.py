"""Files without what they tell beside their pictures; the pictures keep every byte.

PNG: all but what pixels and colours need (PNG, third edition, 11). GIF: comments and applications'
blocks, but those that say how often it is shown (GIF89a, 24 and 26). WebP: the chunks EXIF and XMP
(RFC 9649, 2.7). What stands behind the end of a file goes, too.
"""

from __future__ import annotations

from typing import Final

_PIXELS: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD",
     b"pHYs"}
)  # fmt: skip
_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_END: Final = 0x3B
_COMMENT: Final = 0xFE
_APPLICATION: Final = 0xFF
_TOLD: Final = frozenset({b"EXIF", b"XMP "})
#: Bits of the chunk VP8X that announce the two above.
_ANNOUNCED: Final = 0x0C


def bare_png(data: bytes) -> bytes:
    """A PNG's first frame without texts, times and EXIF.

    Raises:
        ValueError: it is cut off.
    """
    kept, at, name = [data[:8]], 8, b""
    while name != b"IEND":
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        behind = at + 12 + size
        if len(name) < len(b"IEND") or behind > len(data):
            raise ValueError("a chunk is cut off")
        if name in _PIXELS:
            kept.append(data[at:behind])
        at = behind
    return b"".join(kept)


def bare_gif(data: bytes) -> bytes:
    """A GIF without comments, and without anything behind its end.

    One without an end, as careless programs write it, gets one.

    Raises:
        IndexError: it is cut off within a block.
    """
    at = 13 + _table(data[10])
    kept = [data[:at]]
    while at < len(data) and (kind := data[at]) in {_EXTENSION, _IMAGE}:
        begin = at
        if kind == _EXTENSION:
            label = data[at + 1]
            at = _behind_blocks(data, at + 2)
            known = label == _APPLICATION and data[begin + 3 : begin + 14] in _LOOPS
            if label in {_COMMENT, _APPLICATION} and not known:
                continue
        else:
            at = _behind_blocks(data, at + 10 + _table(data[at + 9]) + 1)
        kept.append(data[begin:at])
    return b"".join([*kept, bytes([_END])])


def _table(flags: int) -> int:
    """Bytes of the table of colours that flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_blocks(data: bytes, at: int) -> int:
    while size := data[at]:
        at += size + 1
    return at + 1


def bare_webp(data: bytes) -> bytes:
    """A WebP without EXIF and XMP.

    Raises:
        ValueError: it is cut off.
    """
    kept, at, end = [], 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        behind = at + 8 + size + (size & 1)
        if at + 8 + size > end:
            raise ValueError("a chunk is cut off")
        chunk = data[at:behind]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_ANNOUNCED]) + chunk[9:]
        if name not in _TOLD:
            kept.append(chunk)
        at = behind
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
