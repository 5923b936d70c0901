"""Front matter that other programs write or YAML cuts: nothing of it is lost unsaid."""

from __future__ import annotations

import pytest

from newsletter.check import check, errors
from newsletter.errors import InputError
from newsletter.issue import Issue, parse
from tests.support.checked_letters import a_letter, front, said

FILE = "issues/012-what.md"


def read(*lines: str, body: str = "Hello.\n") -> Issue:
    return parse(("---\n" + front(*lines) + "---\n" + body).encode(), file=FILE)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("lines", "place", "key", "cut"),
    [
        (["title: Issue #12: what"], ":2:14", "title", "#12: what"),
        (["title: One # two # three"], ":2:12", "title", "# two # three"),
        (["title: x", "subject: #74, at last"], ":3:10", "subject", "#74, at last"),
        (["title: x", "preheader: We are #1 "], ":3:19", "preheader", "#1"),
        (["title: x", "segment: tag=a #b"], ":3:16", "segment", "#b"),
        (["title: x", "utm:", "  campaign: spring #2"], ":4:20", "utm.campaign", "#2"),
        (["title: One", "  line #2"], ":3:8", "title", "#2"),
        (["title: x", "subject: ~ #1"], ":3:12", "subject", "#1"),
    ],
)
def test_text_behind_an_unquoted_hash_is_told_with_its_place(lines, place, key, cut) -> None:
    found = said(a_letter(front=front(*lines)), "text-cut")
    assert [one.split("|")[:2] for one in found] == [
        [place, f'the {key} is cut off before "{cut}", a comment to YAML']
    ]
    assert errors(f for f in check(a_letter(front=front(*lines))) if f.id == "text-cut")


@pytest.mark.parametrize(
    "lines",
    [
        ['title: "Issue #12: what"'],
        ["title: 'Issue' # the next one"],  # quoted: whoever quotes means the comment
        ["title: C#, F# and a#b"],
        ["# title: x", "title: y"],
        ["title: >", "  Issue #12: what"],
        ["title: x", "date: 2026-11-22 # a Sunday", "status: ready # at last", "number: 74 # ours"],
        ["title: x", "weight: 3 # Hugo's"],
    ],
)
def test_where_nothing_is_cut_off_nothing_is_said(lines: list[str]) -> None:
    assert said(a_letter(front=front(*lines)), "text-cut") == []


@pytest.mark.sweep
@pytest.mark.parametrize(
    "line",
    [
        "draft: true", "draft: True", 'draft: "yes"', "Draft: on", "draft: 1", "draft: later",
        "published: false", "published: no", "publish: false", "Published: Off",
        "status: draft", "status: Draft", "Status: DRAFT", "status: unpublished", "status: hidden",
        "post_status: pending", "state: in-progress", "visibility: private", "layout: draft",
        "wip: true", "unpublished: true",
    ],
)  # fmt: skip
def test_a_draft_in_any_generators_words_stops_a_send(line: str) -> None:
    letter = a_letter(front=front('title: "x"', line))
    assert letter.issue.status == "draft"
    found = [finding for finding in errors(check(letter)) if finding.id == "draft"]
    assert [finding.place.line for finding in found] == [3]
    assert line.partition(":")[0] in found[0].message + found[0].hint


def test_a_mark_counts_beside_a_status_that_says_ready() -> None:
    assert read("title: x", "status: ready", "draft: true").status == "draft"


@pytest.mark.parametrize(
    "line",
    [
        "draft: false", "draft: no", "draft:", "draft: null", "draft: ~", "published: true",
        "published: 2026-11-22", "published:", "publish: yes", "wip: false", "layout: post",
        "visibility: public", "drafts: [a, b]", "published: [a]",
    ],
)  # fmt: skip
def test_what_says_no_draft_is_none(line: str) -> None:
    assert read("title: x", line).status == "ready"


@pytest.mark.parametrize("null", ["null", "Null", "NULL", "~"])
def test_null_is_as_if_the_key_were_absent(null: str) -> None:
    keys = ["subject", "preheader", "date", "send_at", "number", "segment", "approved", "utm"]
    issue = read("title: T", *(f"{key}: {null}" for key in [*keys, "status", "checks", "aliases"]))
    assert (issue.subject, issue.preheader, issue.date, issue.send_at) == ("T", "", None, None)
    assert (issue.number, issue.segment, issue.approved, issue.status) == (12, "", "", "ready")
    assert (issue.ignored_checks, issue.extra) == ({}, {})
    assert read("title: T", f"utm: {{source: {null}, campaign: c}}").utm.source is None


def test_a_null_title_is_missing_and_a_quoted_one_is_a_word() -> None:
    with pytest.raises(InputError, match='"title" is missing'):
        read("title: null")
    assert read('title: "null"').title == "null"
    assert read("title: 'T'", "subject: '~'").subject == "~"
    assert read("title: Nullnummer").title == "Nullnummer"


@pytest.mark.parametrize("code", [0x01, 0x07, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F])
def test_a_control_character_is_refused_with_its_place(code: int) -> None:
    with pytest.raises(InputError, match=f"control character U\\+{code:04X}") as caught:
        read("title: T", body=f"One.\nBefore {chr(code)} after.\n")
    assert str(caught.value.place) == f"{FILE}:5:8"
    assert "remove it" in (caught.value.hint or "")


def test_tabs_and_line_ends_are_text() -> None:
    assert read("title: T", body="a\tb\r\nc\rd\n").body == "a\tb\nc\nd\n"


@pytest.mark.parametrize("code", [0x80, 0x85, 0x9B])
def test_a_control_above_ascii_is_text_in_the_wrong_encoding(code: int) -> None:
    (found,) = said(a_letter(f"One {chr(code)}31m two.\n"), "mojibake")
    assert found.startswith(":5:5|text in the wrong encoding")
