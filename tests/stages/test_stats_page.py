"""The page of numbers: one file that asks for nothing, says in words what it shows, and tells of nobody."""

from __future__ import annotations

import datetime as dt
import functools
import re

import pytest

from newsletter.stats.page import Live, page, policy
from newsletter.store import Store, history, runs
from tests.support.pages import elements, parse_page, text_of
from tests.support.store_samples import url_in
from tests.support.stories import START, story

NOW = START + dt.timedelta(days=179)


@functools.cache
def figures(*, reported=True):
    with Store.open(url_in(story(reported=reported)), read_only=True) as store:
        run = runs.find(store, 74, rehearsal=False)
        assert run is not None
        return history.overview(store, now=NOW), history.of_issue(store, run)


@pytest.fixture(scope="module", params=[0, 1], ids=["all issues", "one issue"])
def html(request):
    return page(figures()[request.param], 'Slack <i> & "Water"', now=NOW)


def test_it_asks_for_nothing_and_runs_nothing(html):
    root = parse_page(html)
    assert not {"script", "link", "img", "iframe", "object"} & {
        one.tag.split("}")[-1] for one in elements(root)
    }
    assert not re.search(
        r"https?://|@import|url\((?!#)", re.sub(r"http://www.w3.org/\S+", "", html)
    )
    assert not re.search(r"\son\w+=|\sstyle=", html)
    assert policy().replace("'", "&#39;") in html or policy() in html


def test_names_are_escaped(html):
    assert "<i>" not in html
    assert "Slack &lt;i&gt; &amp; " in html


def test_every_picture_says_what_it_shows_and_has_its_numbers_beside_it(html):
    root = parse_page(html)
    found = [one for one in elements(root) if one.tag.split("}")[-1] == "figure"]
    assert len(found) >= 2
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for figure in found:
        key = figure.get("id")
        assert f'aria-labelledby="{key}-title {key}-desc"' in html
        assert re.search(
            rf'<title id="{key}-title">[^<]{{8,}}</title><desc id="{key}-desc">[^<]{{20,}}</desc>',
            html,
        )
        assert text_of(figure).count("The numbers") == 1
        assert re.search(rf'id="{key}-table"', html)


def test_nobody_and_no_small_domain_is_in_it(html):
    assert not re.search(r"[\w.]@[\w.]", html)
    _, one = figures()
    small = {name: {**row, "accepted": 4} for name, row in one.stats.domains.items()}
    import dataclasses  # noqa: PLC0415

    stats = dataclasses.replace(one.stats, domains=small)
    told = page(dataclasses.replace(one, stats=stats), "Slack Water", now=NOW)
    assert not any(domain in told for domain in small)
    assert "others" in told


def test_what_was_not_reported_is_a_gap_in_words_too():
    whole, one = figures(reported=False)
    for told in (page(whole, "Slack Water", now=NOW), page(one, "Slack Water", now=NOW)):
        assert "not reported" in told
        assert "0.00 %" not in told
    assert 'class="bound"' not in page(whole, "Slack Water", now=NOW)


def test_nothing_is_a_thin_mark_and_unknown_is_none():
    from newsletter.stats.chart import ChartRow, small_multiples  # noqa: PLC0415

    row = ChartRow(label="x", numbers=[None, 0, 1], words="1")
    _, marks = small_multiples([row], ("a", "b"))
    assert [mark.get("height") for mark in marks if mark.tag == "rect"] == ["1.0", "56.0"]


def test_served_it_has_a_script_of_its_own_place_and_the_ways_around():
    live = Live(script="/static/preview.js", links=[("/", "All issues")])
    told = page(figures()[0], "Slack Water", now=NOW, live=live)
    assert '<script type="module" src="/static/preview.js"></script>' in told
    assert '<a href="/">All issues</a>' in told
    assert "http-equiv" not in told
    assert "script-src 'self'" in policy(script=True)
    assert "script" not in policy()


def test_what_readers_wrote_is_for_the_author_alone():
    _, one = figures()
    assert one.stats.ratings is not None
    [said] = {words.text for words in one.stats.ratings.words}
    assert said == "More of this, please.\n<b>74</b>"
    live = Live(script="/static/preview.js", links=[])
    told = page(one, "Slack Water", now=NOW, live=live)
    [place] = [part for part in elements(parse_page(told)) if part.get("id") == "written"]
    assert place.get("data-live") is not None
    assert "<b>74</b>" in text_of(place)
    assert "More of this" not in page(one, "Slack Water", now=NOW)


def test_an_issue_that_asked_nothing_shows_no_answers():
    import dataclasses  # noqa: PLC0415

    whole, one = figures()
    silent = dataclasses.replace(one, stats=dataclasses.replace(one.stats, ratings=None))
    assert "How readers found" not in page(silent, "Slack Water", now=NOW)
    rows = tuple(dataclasses.replace(row, good=None, fine=None, bad=None) for row in whole.issues)
    told = page(dataclasses.replace(whole, issues=rows), "Slack Water", now=NOW)
    assert "How readers found" not in told
    first, *others = whole.issues
    some = (dataclasses.replace(first, fine=None), *others)
    assert "not asked" in page(dataclasses.replace(whole, issues=some), "Slack Water", now=NOW)
    two = tuple(dataclasses.replace(row, fine=None) for row in whole.issues)
    told = page(dataclasses.replace(whole, issues=two), "Slack Water", now=NOW)
    assert "not asked" not in told
