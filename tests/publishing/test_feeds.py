"""The feeds, read by an independent parser and held to the rules of their formats."""

from __future__ import annotations

import calendar
import datetime as dt
import json
import re
from typing import Any

import feedparser
import pytest
from lxml import etree

from tests.publishing.test_archive_build import URL, build, dated
from tests.support.cli_fixtures import folder, plain_environment, whole_letter

__all__ = ["dated", "folder", "plain_environment", "whole_letter"]

pytestmark = pytest.mark.usefixtures("whole_letter")
ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"


def feeds(newsletter) -> dict[str, bytes]:
    assert build(newsletter).code == 0
    return {
        name: (newsletter.root / "site" / name).read_bytes() for name in ("feed.xml", "rss.xml")
    }


@pytest.mark.parametrize("name", ["feed.xml", "rss.xml"])
def test_an_independent_parser_reads_the_issues(dated, name):
    parsed = feedparser.parse(feeds(dated)[name])
    assert not parsed.bozo
    assert parsed.feed.title == "Slack Water"
    assert parsed.feed.language == "en"
    assert [one.id for one in parsed.entries] == [
        "tag:slackwater.example.org,2026:issue-74",
        "tag:slackwater.example.org,2026:issue-73",
    ]
    newest = parsed.entries[0]
    assert newest.title == "Slack water’s “long minute”, and a map drawn by ear"
    assert newest.link == f"{URL}/74/"
    # Midnight in Amsterdam.
    moment = dt.datetime.fromtimestamp(calendar.timegm(newest.published_parsed), dt.UTC)
    assert moment == dt.datetime(2026, 11, 21, 23, tzinfo=dt.UTC)
    assert "the bakery" in newest.content[0].value
    assert newest.summary.startswith("A jetty where nothing happens on time")


@pytest.mark.parametrize(
    "change",
    [
        ("newsletter.toml", f'archive_url = "{URL}"', 'archive_url = "https://elsewhere.example"'),
        ("issues/074-the-long-minute.md", 'title: "Slack', 'title: "Quite another: slack'),
    ],
)
def test_neither_a_new_address_nor_a_new_title_nor_a_new_slug_changes_an_id(dated, change):
    def ids():
        return [e.id for data in feeds(dated).values() for e in feedparser.parse(data).entries]

    before = ids()
    dated.edit(*change)
    path = dated.root / "issues/074-the-long-minute.md"
    path.rename(path.with_name("074-renamed.md"))
    assert ids() == before


def test_the_rules_of_atom_hold(dated):
    root: Any = etree.fromstring(feeds(dated)["feed.xml"])
    assert [e.tag for e in root if e.tag == f"{ATOM}link"]
    links = {e.get("rel"): e for e in root.findall(f"{ATOM}link")}
    assert links["self"].get("href") == f"{URL}/feed.xml"
    assert links["self"].get("type") == "application/atom+xml"
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "Wren Halloran"
    moments = [root.findtext(f"{ATOM}updated")]
    assert len(root.findall(f"{ATOM}entry")) == 2
    for entry in root.findall(f"{ATOM}entry"):
        for name in ("id", "title", "published", "updated", "content", "summary"):
            assert len(entry.findall(f"{ATOM}{name}")) == 1, name
        moments += [entry.findtext(f"{ATOM}published"), entry.findtext(f"{ATOM}updated")]
        assert entry.find(f"{ATOM}content").get("type") == "html"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment) for moment in moments)


def test_the_rules_of_rss_hold(dated):
    channel: Any = etree.fromstring(feeds(dated)["rss.xml"]).find("channel")
    assert channel.findtext("link") == f"{URL}/"
    assert channel.find(f"{ATOM}link").get("href") == f"{URL}/rss.xml"
    assert len(channel.findall("item")) == 2
    for item in channel.findall("item"):
        assert item.find("guid").get("isPermaLink") == "false"
        assert re.fullmatch(
            r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
            item.findtext("pubDate"),
        )
        assert item.findtext(CONTENT)


NEVER = [
    r"<(script|style|form|iframe)\b",
    r"\bid=",
    r"\bclass=",
    r'(?:href|src)="(?!https?:|mailto:)',
]


@pytest.mark.sweep
@pytest.mark.parametrize("pattern", NEVER)
def test_content_stands_by_itself(dated, pattern):
    for name, data in feeds(dated).items():
        entries = list(etree.fromstring(data).iter(f"{ATOM}content", CONTENT))
        assert len(entries) == 2, name
        for entry in entries:
            assert re.search(pattern, entry.text or "") is None, name


ODD = ["a ]]> b", "<b>bold</b> &amp; &lt;i&gt;", "\N{FAMILY}\u200d emoji", "{{ name }} and you"]


@pytest.mark.parametrize("title", ODD)
def test_odd_titles_arrive_as_plain_text(dated, title):
    first = json.dumps('Slack water\'s "long minute", and a map drawn by ear')
    second = json.dumps(title, ensure_ascii=False)
    dated.edit("issues/074-the-long-minute.md", f"title: {first}", f"title: {second}")
    shown = title.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    for data in feeds(dated).values():
        root: Any = etree.fromstring(data)
        found = root.find(f".//{ATOM}entry/{ATOM}title")
        found = root.find(".//item/title") if found is None else found
        assert found.text == shown.replace("{{ name }}", "there")


def test_a_correction_changes_the_moment_of_the_entry_and_the_page_says_so(dated):
    dated.edit("issues/074-the-long-minute.md", "status: ready", "updated: 2026-11-25")
    entry = feedparser.parse(feeds(dated)["feed.xml"]).entries[0]
    assert entry.updated == "2026-11-24T23:00:00Z"
    assert "Corrected on 25 November 2026" in (dated.root / "site/74/index.html").read_text("utf-8")
