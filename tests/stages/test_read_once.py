"""Reading Markdown is the dearest thing that is done with a letter: it is done once."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from newsletter.project.issues import prepare_issue
from newsletter.settings import Settings

ROOT = Path(__file__).parents[2]


def test_a_letter_with_a_picture_is_read_once_for_all_that_is_made_of_it(tmp_path, monkeypatch):
    body = "See ![a chart](images/chart.png) and <img src='images/b.png' alt='b'>.\n"
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    (tmp_path / "issues").mkdir()
    (tmp_path / "issues/007-x.md").write_text(f"---\ntitle: x\n---\n{body}", "utf-8")
    read: list[str] = []
    parse = MarkdownIt.parse

    def noted(reader: MarkdownIt, text: str, *more: Any) -> Any:
        read.append(text)
        return parse(reader, text, *more)

    monkeypatch.setattr(MarkdownIt, "parse", noted)
    prepared = prepare_issue(tmp_path, "issues/007-x.md", Settings(), today=dt.date(2026, 11, 20))
    assert [image.alt for image in prepared.rendered.images] == ["a chart", "b"]
    assert read == [prepared.issue.body]
