"""Nobody to mail, nothing to show: each has its own sentence and a way out."""

from __future__ import annotations

import pytest

from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import ISSUE, folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

TAGS = "beta, friends, maps, tides, machines, press, harbours, pilots"


@pytest.mark.processes
def test_a_segment_that_fits_nobody_is_named_with_its_place(ready):
    ready.edit(ISSUE, "number: 74\n", "number: 74\nsegment: tag:nobody-has-this\n")
    ran = ready.send()
    assert ran.code == 5
    assert ran.error == (
        f'error: {ISSUE}:5:1: the segment "tag:nobody-has-this" leaves out all 25 people who could be mailed'
    )
    who = "newsletter subscribers list shows who has which"
    assert ran.hint == f"hint: tags on the list: {TAGS}; {who}"


@pytest.mark.processes
@pytest.mark.parametrize("segment", ["not tag:btea", "tag:press or tag:Betas"])
def test_a_tag_that_is_nearly_one_that_people_have_stops_the_send(ready, segment):
    ready.edit(ISSUE, "number: 74\n", f"number: 74\nsegment: {segment}\n")
    ran = ready.send()
    assert ran.code == 5
    assert ran.error.startswith(f'error: {ISSUE}:5:1: nobody on the list is tagged "b')
    assert ran.hint.startswith(f'hint: did you mean "tag:beta"? tags on the list: {TAGS}; where')
    expected = ran.hint.rpartition("--expect ")[2]
    assert ready.send("--expect", expected).code == 0


@pytest.mark.processes
def test_a_list_on_which_everybody_has_left_says_so(folder):
    folder.write("left.csv", "email,status\na@x.example,unsubscribed\nb@x.example,pending\n")
    folder.run("subscribers", "import", "left.csv", "--consent-source", "x")
    ran = folder.send()
    assert ran.code == 5
    assert ran.error == "error: nobody on the list may be mailed: 1 unsubscribed, 1 pending"


def test_an_empty_list_leads_to_the_import(folder):
    folder.write("nobody.csv", "email\nnobody-home\n")
    folder.run("subscribers", "import", "nobody.csv", "--consent-source", "x")
    ran = folder.run("subscribers", "list")
    assert (ran.code, ran.out) == (0, "nobody is on the list yet\n")
    assert "newsletter subscribers import FILE" in ran.err
    assert only_json(folder.run("subscribers", "list", "--json"))["people"] == []


def test_a_filter_that_fits_nobody_is_repeated(ready):
    assert (
        ready.run("subscribers", "list", "--tag", "zzz").out
        == 'nobody on the list is tagged "zzz"\n'
    )
    ran = ready.run("subscribers", "list", "--status", "suppressed", "--tag", "zzz")
    assert ran.out == 'nobody on the list is suppressed and tagged "zzz"\n'


def test_the_list_tells_people_apart_and_shows_no_address_whole(ready):
    ran = ready.run("subscribers", "list")
    head, *rows = ran.out.splitlines()
    assert head.split() == ["name", "address", "status", "tags", "since"]
    assert any(row.startswith("Mara") and "ma***on@example.org" in row for row in rows)
    assert "hint: -v shows the addresses whole" in ran.err


def test_without_issues_check_and_schedule_say_how_to_start_one(folder):
    for path in (folder.root / "issues").glob("*.md"):
        path.unlink()
    ran = folder.run("check")
    assert (ran.code, ran.error) == (2, "error: there are no issues")
    assert "newsletter new" in ran.hint


def test_before_the_first_import_the_whole_command_is_said(folder):
    ran = folder.run("subscribers", "list")
    assert ran.code == 2
    assert "newsletter subscribers import FILE --consent-source TEXT" in ran.hint
    assert ran.hint.endswith("newsletter subscribers add ADDRESS --consent-source TEXT")
