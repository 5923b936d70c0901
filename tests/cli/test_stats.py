"""`newsletter stats`, as it is read in a terminal, in a pipe, and by programs."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import json
import re
import shutil

import pytest

from newsletter.cli.stats_tables import Screen, as_text
from newsletter.store import Store, history, runs
from tests.support.cli_fixtures import folder, plain_environment
from tests.support.pages import elements, parse_page, text_of
from tests.support.store_samples import named_store, url_in
from tests.support.stories import START, story

UNTIL = START + dt.timedelta(days=179)
__all__ = ["folder", "plain_environment"]


@pytest.fixture(params=[True, False], ids=["reported", "not reported"])
def letters(request, folder):
    tell(folder, reported=request.param)
    return folder


@pytest.fixture
def told(folder):
    tell(folder, reported=True)
    return folder


def tell(folder, *, reported):
    shutil.copytree(story(reported=reported), folder.root / ".newsletter")


@pytest.fixture
def figures():
    """The list over time, and one issue."""
    with Store.open(url_in(story()), read_only=True) as store:
        run = runs.find(store, 74, rehearsal=False)
        assert run is not None
        return history.overview(store, now=UNTIL), history.of_issue(store, run)


BLOCKS = set("▁▂▃▄▅▆▇█▏▎▍▌▋▊▉")


@pytest.mark.parametrize("words", [(), ("--issue", "74")])
def test_a_pipe_gets_tables_without_bars(told, words):
    ran = told.run("stats", *words)
    assert ran.code == 0
    assert not BLOCKS & set(ran.out)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_gets_bars_that_fit_and_never_cost_a_number(figures, columns):
    for one in figures:
        plain, drawn = (
            as_text(one, "Slack Water", s) for s in (Screen(), Screen(columns, draws=True))
        )
        tables = [
            line for line in drawn.splitlines() if not line.startswith(("reput", "more", "few"))
        ]
        assert max(map(len, tables)) <= columns
        assert all(len(line) <= columns for line in tables if BLOCKS & set(line))
        numbers = re.findall(r"[\d.,]+", re.sub(r"Issue \d+|subject", "", plain))
        assert set(numbers) <= set(re.findall(r"[\d.,]+", drawn))
        assert BLOCKS & set(drawn)


def test_mails_that_may_not_have_arrived_are_told_below_the_issues(figures):
    whole, _ = figures

    def told(unknown, screen):
        rows = [dataclasses.replace(row, unknown=unknown(row.issue)) for row in whole.issues]
        return as_text(dataclasses.replace(whole, issues=tuple(rows)), "Slack Water", screen)

    assert "unknown" not in told(lambda _: 0, Screen())
    line = "\nunknown whether they arrived: 2 of issue 75, 1 of issue 74\n"
    assert line in told(lambda issue: max(0, issue - 73), Screen())
    narrow = told(lambda _: 1000, Screen(60, draws=True))
    *lines, _ = narrow[narrow.index("unknown") :].partition("1,000 of issue 70")
    assert max(map(len, "".join(lines).splitlines())) <= 60


def test_a_terminal_without_blocks_gets_ascii(figures):
    for one in figures:
        assert as_text(one, "Slack Water", Screen(100, draws=True, plain=True)).isascii()


@pytest.mark.parametrize(
    ("encoding", "term", "plain"),
    [("utf-8", "xterm", False), ("UTF8", "", False), ("ascii", "xterm", True), ("utf-8", "dumb", True)],
)  # fmt: skip
def test_blocks_are_drawn_where_a_terminal_has_them(encoding, term, plain):
    class Terminal(io.TextIOWrapper):
        def isatty(self):
            return True

    terminal = Terminal(io.BytesIO(), encoding=encoding)
    found = Screen.of(terminal, {"TERM": term})
    assert (found.draws, found.plain) == (True, plain)
    assert Screen.of(io.StringIO(), {"TERM": term}) == Screen()


def test_what_was_not_reported_is_said_and_is_no_zero(letters, request):
    reported = "not reported" not in request.node.name
    ran = letters.run("stats", "--issue", "74")
    assert ("delivered     not reported" in ran.out) is not reported
    assert ("events_queue" in ran.err) is not reported
    found = json.loads(letters.run("stats", "--issue", "74", "--json").out)
    assert (found["bounced"] is None) is not reported
    assert found["funnel"]["unreported"] > 0
    over_time = json.loads(letters.run("stats", "--json").out)
    assert {row["delivered"] is None for row in over_time["issues"]} == {not reported}
    assert (over_time["reputation"] is None) is not reported
    assert ("reputation: not reported" in letters.run("stats").out) is not reported


def rows(ran):
    assert ran.code == 0, ran.err
    return list(csv.DictReader(io.StringIO(ran.out)))


def test_a_table_as_csv_is_the_same_as_in_json(letters):
    whole = json.loads(letters.run("stats", "--json").out)
    for name in ("days", "months", "issues"):
        found = rows(letters.run("stats", "--csv", name))
        assert [row | {} for row in found] == [
            {key: "" if value is None else str(value) for key, value in row.items()}
            for row in whole[name]
        ]
    one = json.loads(letters.run("stats", "--issue", "74", "--json").out)
    for name, key in (("domains", "by_domain"), ("hours", "by_hour")):
        found = rows(letters.run("stats", "--issue", "74", "--csv", name))
        assert found == [
            {key: "" if value is None else str(value) for key, value in row.items()}
            for row in one[key]
        ]


def test_the_numbers_add_up(told):
    whole = json.loads(told.run("stats", "--json").out)
    sign = {"joined": 1, "back": 1, "left": -1, "bounced": -1, "complained": -1, "suppressed": -1,
            "erased": -1}  # fmt: skip
    for name in ("days", "months"):
        size = 0
        for row in whole[name]:
            assert row["net"] == sum(by * row[column] for column, by in sign.items())
            size += row["net"]
            assert row["size"] == size
    assert size == whole["active"] > 0
    assert sum(whole["sources"].values()) == sum(row["joined"] for row in whole["days"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--since", "soon"), "--since soon"),
        (("--since", "2026-02-30"), "2026-02-30"),
        (("--issue", "74", "--since", "2026-02-01"), "--since"),
        (("--csv", "hours"), "--csv hours"),
        (("--issue", "74", "--csv", "days"), "--csv days"),
        (("--csv", "days", "--json"), "--csv and --json do not go together"),
        (("--csv", "letters"), "'--csv': 'letters' is not one of 'days', "),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(told, words, named):
    ran = told.run("stats", *words)
    assert ran.code == 2
    assert named in (ran.err + ran.out)
    assert "hint:" in ran.err


def test_a_newsletter_that_sent_nothing_says_so(folder):
    named_store(folder.root / ".newsletter", []).close()
    ran = folder.run("stats")
    assert ran.code == 0
    assert "no issue was sent yet" in ran.out
    assert json.loads(folder.run("stats", "--json").out)["issues"] == []
    assert folder.run("stats", "--csv", "issues").code == 0


def table_of(html, name):
    [table] = [one for one in elements(parse_page(html)) if one.get("data-table") == name]
    rows = [one for one in elements(table) if one.tag.split("}")[-1] == "tr"]
    heads, *cells = [[text_of(cell) for cell in row] for row in rows]
    return [dict(zip(heads, row, strict=True)) for row in cells]


def in_words(value):
    if value is None:
        return "not reported"
    return f"{value:,}" if isinstance(value, int) else value


def test_every_number_of_the_page_is_that_of_json(letters):
    whole = json.loads(letters.run("stats", "--json").out)
    html = letters.run("stats", "--html", "-").out
    for name in ("days", "months", "issues"):
        for told, row in zip(table_of(html, name), whole[name], strict=True):
            assert told == {
                key: str(row[key]) if key == "issue" else in_words(row[key]) for key in told
            }
    asked = [row for row in whole["issues"] if row["good"] is not None]
    assert len(asked) == 4
    for told, row in zip(table_of(html, "ratings"), asked, strict=True):
        assert told == {key: str(row[key]) for key in ("issue", "good", "fine", "bad")}
    one = json.loads(letters.run("stats", "--issue", "74", "--json").out)
    html = letters.run("stats", "--issue", "74", "--html", "-").out
    for told, row in zip(table_of(html, "answers"), one["ratings"]["answers"], strict=True):
        assert told == {key: in_words(row[key]) for key in told}
    for name in ("by_hour", "by_domain"):
        for told, row in zip(table_of(html, name), one[name], strict=True):
            assert told == {key: in_words(row[key]) for key in told}
    totals = re.findall(r"<dt>(\w+)</dt><dd>([^<]+)</dd>", html)
    assert len(totals) == 6
    assert dict(totals) == {key: in_words(one[key]) for key, _ in totals}


def test_a_page_is_written_whole_and_its_place_is_told(told):
    ran = told.run("stats", "--html", "numbers.html")
    assert (ran.code, ran.out.strip()) == (0, "numbers.html")
    assert (told.root / "numbers.html").read_text("utf-8").startswith("<!doctype html>")
    ran = told.run("stats", "--html", "no/such/folder.html")
    assert ran.code == 2
    assert "hint:" in ran.err
