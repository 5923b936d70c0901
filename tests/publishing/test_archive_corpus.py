"""The archive of a real newsletter's letters: whole pages and feeds, nobody in them, made twice."""

from __future__ import annotations

import feedparser
import html5lib
import pytest

from tests.conftest import CORPUS, corpus_names, require
from tests.publishing.test_archive_build import build, contents, dated
from tests.support.cli_fixtures import ADDRESSES, folder, plain_environment

__all__ = ["dated", "folder", "plain_environment"]


@pytest.mark.trials
@pytest.mark.corpus
def test_its_pages_are_html_its_feeds_are_read_and_nobody_is_in_them(dated):
    require(CORPUS.is_dir(), "the shared corpus is not on this machine")
    names = [name for name in corpus_names() if "seed" not in name]
    for path in (dated.root / "issues").glob("*.md"):
        path.unlink()
    for name in names:
        dated.write(f"issues/{name}", (CORPUS / name).read_bytes())
    assert build(dated).code == build(dated, out="other").code == 0
    found = contents(dated.root / "site")
    assert found == contents(dated.root / "other")
    pages = [name for name in found if name.endswith("/index.html")]
    assert len(pages) > len(names)
    for name in pages:
        html5lib.HTMLParser(strict=True).parse(found[name].decode("utf-8"))
    for name, data in found.items():
        text = data.decode("utf-8", errors="replace").lower()
        assert not [one for one in ("__nl_", "mc_eid=", *ADDRESSES) if one in text], name
    for name in ("feed.xml", "rss.xml"):
        feed = feedparser.parse(found[name])
        assert not feed.bozo
        assert len(feed.entries) == min(20, len(names))
        assert len({entry.id for entry in feed.entries}) == len(feed.entries)
        assert all(len(entry.content[0].value) > 1000 for entry in feed.entries)
