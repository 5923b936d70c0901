"""A disk under the command that is watched, loses power, or is full.

`disk.c` is compiled and preloaded into the command. From its journal the file system is rebuilt as
a power cut leaves it: what was flushed survives; of what was written since, nothing, or any part.
Names of files survive with the next flush of anything, as on a journalling file system.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.campaign.checks import DATABASE
from tests.campaign.letters import Letters
from tests.conftest import require

SOURCE = Path(__file__).with_name("disk.c")
_COMPILER = shutil.which("cc")
_HEAD = struct.Struct("@4Q")
_SECTOR = 512


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is preloaded, compiled."""
    require(_COMPILER, "no C compiler (cc)")
    assert _COMPILER is not None
    made = tmp_path_factory.mktemp("disk") / "disk.so"
    words = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([_COMPILER, *words, "-o", made, SOURCE, "-ldl"], check=True)
    return made


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was done to a file: w(rite), t(runcate), s(ync), u(nlink), r(ename).

    Before a write, a truncation or an unlinking comes b(egin), with the bytes it is about.
    """

    kind: str
    name: str
    offset: int
    data: bytes


def read_journal(path: Path) -> Iterator[Record]:
    """What is in a journal; the last record may be cut short."""
    text = path.read_bytes() if path.exists() else b""
    at = 0
    while at + _HEAD.size <= len(text):
        kind, length, offset, size = _HEAD.unpack_from(text, at)
        begin = at + _HEAD.size
        at = begin + length + size
        if at > len(text):
            return
        name = Path(text[begin : begin + length].decode()).name
        yield Record(chr(kind), name, offset, text[begin + length : at])


def commits(path: Path) -> list[int]:
    """The number (from 1) of the first write of everything that was flushed together."""
    first, writes, fresh = [], 0, True
    for record in read_journal(path):
        if record.kind == "w":
            writes += 1
            if fresh:
                first.append(writes)
        fresh = record.kind == "s" if record.kind in "ws" else fresh
    return first


@dataclass(slots=True)
class _File:
    flushed: bytearray = field(default_factory=bytearray)
    since: list[Record] = field(default_factory=list)

    def flush(self) -> None:
        for record in self.since:
            _apply(self.flushed, record, len(record.data))
        self.since.clear()

    def left(self, chance: random.Random | None) -> bytes:
        """What a power cut leaves; with `chance`, any part of what was not flushed survives."""
        content = bytearray(self.flushed)
        for record in self.since if chance else ():
            assert chance is not None
            if chance.random() < 0.5:
                whole = chance.random() < 0.8
                size = len(record.data)
                _apply(content, record, size if whole else _SECTOR * (size // _SECTOR // 2))
        return bytes(content)


def _apply(content: bytearray, record: Record, size: int) -> None:
    if record.kind == "t":
        content[record.offset :] = bytes(max(0, record.offset - len(content)))
        return
    content.extend(bytes(max(0, record.offset + size - len(content))))
    content[record.offset : record.offset + size] = record.data[:size]


def _forget(begun: Record, *contents: bytearray) -> None:
    """Blank what a change that was only begun may have done, and what it may have added."""
    (size,) = struct.unpack("@Q", begun.data)
    end = begun.offset + size
    longest = max(map(len, contents))
    for content in contents:
        content.extend(bytes(longest - len(content)))
        content[begun.offset : end] = bytes(max(0, min(end, longest) - begun.offset))


@dataclass(slots=True)
class Disk:
    """The store's files under the command, watched.

    Attributes:
        letters: the newsletter; its environment is changed.
        library: what is preloaded.
        full_from: the number of the first write that finds no room, 0 for none.
    """

    letters: Letters
    library: Path
    full_from: int = 0
    _names: dict[str, _File] = field(default_factory=dict)
    _kept: dict[str, _File] = field(default_factory=dict)

    @property
    def journal(self) -> Path:
        """Where the library writes."""
        return self.letters.root / "journal"

    def plug_in(self) -> None:
        """From here on the command's writes are watched; what is there now has been flushed."""
        self.journal.unlink(missing_ok=True)
        store = self.letters.store.resolve()
        paths = (path for path in store.glob(f"{DATABASE}*") if path.name in _OWN)
        self._names = {path.name: _File(bytearray(path.read_bytes())) for path in paths}
        self._kept = dict(self._names)
        self.letters.environ |= {
            "LD_PRELOAD": str(self.library),
            "DISK_FILES": str(store / DATABASE),
            "DISK_FOLDER": str(self.letters.root.resolve()),
            "DISK_JOURNAL": str(self.journal),
            "DISK_FULL_FROM": str(self.full_from),
        }

    def unplug(self) -> None:
        """Let the command write as usual."""
        del self.letters.environ["LD_PRELOAD"]

    def cut(self, chance: random.Random | None) -> None:
        """After the command was killed: leave what a power cut leaves, and go on from there."""
        self._expect_whole(self._replay())
        names = self._names if chance and chance.random() < 0.5 else self._kept
        for path in self.letters.store.glob(f"{DATABASE}*"):
            if path.name in {*_OWN, f"{DATABASE}-shm"}:
                path.unlink()
        for name, file in names.items():
            (self.letters.store / name).write_bytes(file.left(chance))
        self.plug_in()

    def _replay(self) -> Record | None:
        """The change the command was killed in, where it was in one."""
        record = None
        for record in read_journal(self.journal):
            match record.kind:
                case "b":
                    pass
                case "s":
                    if record.name in self._names:
                        self._names[record.name].flush()
                    self._kept = dict(self._names)
                case "u":
                    self._names.pop(record.name, None)
                case "r":
                    raise AssertionError("SQLite renames nothing here")
                case _:
                    self._names.setdefault(record.name, _File()).since.append(record)
        return record if record and record.kind == "b" else None

    def _expect_whole(self, begun: Record | None) -> None:
        """With all that was not flushed the files are those on the disk, or this proves nothing."""
        for name, file in self._names.items():
            whole = bytearray(file.flushed)
            for record in file.since:
                _apply(whole, record, len(record.data))
            path = self.letters.store / name
            there = bytearray(path.read_bytes() if path.exists() else b"")
            if begun and begun.name == name:
                _forget(begun, whole, there)
            assert whole == there, f"{name} was written unseen"


_OWN = frozenset({DATABASE, f"{DATABASE}-wal", f"{DATABASE}-journal"})
