"""An export of many letters is read once, however many files are in it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from newsletter.project.exports import open_export
from tests.support.past_exports import zipped


def test_its_table_of_contents_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "export.zip"
    path.write_bytes(zipped({f"posts/{n}.html": f"<p>{n}</p>" for n in range(20)}))
    opened = []

    class Counted(zipfile.ZipFile):
        def __init__(self, file: Path) -> None:
            opened.append(file)
            super().__init__(file)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    export = open_export(path)
    assert {name: export.read(name) for name in export.names} == {
        f"posts/{n}.html": f"<p>{n}</p>".encode() for n in range(20)
    }
    assert opened == [path]
