"""`subscribers import` says how it reads a list and what became of every row."""

from __future__ import annotations

import json

import pytest

from tests.support.cli_fixtures import Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]

KIT = (
    "email_address,first_name,state,created_at\n"
    "a@example.org,Ada,active,2024-01-01\nb@example.org,Bo,cancelled,\n"
    "c@example.org,Cy,complained,\nd@example.org,Di,asleep,\n"
)


def imported(newsletter: Folder, text: str, *words: str):
    newsletter.write("list.csv", text)
    return newsletter.run("subscribers", "import", "list.csv", *words)


def test_a_list_is_told_by_service_columns_words_and_totals(folder):
    dry = imported(folder, KIT, "--dry-run")
    assert dry.code == 0
    totals = "2 added, 0 updated, 0 unchanged, 0 kept out, 1 suppressed, 1 rejected"
    assert dry.out == f"would be: {totals}; nothing was written\n"
    assert not (folder.root / ".newsletter").exists()
    done = imported(folder, KIT, "--consent-source", "the old form")
    assert (done.code, done.out) == (0, f"{totals}\n")
    for said in (dry.err, done.err):
        assert "list.csv: an export of Kit" in said
        assert "state          status" in said
        assert 'unknown status "asleep" in 1 row: --map-status "asleep=STATUS"' in said
        assert "1 active, 1 unsubscribed, 1 complained" in said
        assert "example.org" not in said
    again = imported(
        folder, KIT, "--consent-source", "x", "--map-status", "asleep=pending", "--json"
    )
    facts = json.loads(again.out)
    assert facts["files"][0]["service"] == "kit"
    assert {name: facts[name] for name in ("added", "unchanged", "kept_out", "barred", "rejected")} == {
        "added": 1, "unchanged": 1, "kept_out": 2, "barred": 1, "rejected": 0,
    }  # fmt: skip
    third = imported(folder, KIT, "--consent-source", "x")
    assert "2 kept out (1 left before, 1 suppressed before)" in third.out


@pytest.mark.parametrize("words", [("--dry-run",), ("--consent-source", "x")])
def test_a_column_that_may_tell_who_left_stops_with_a_way_out_that_works(folder, words):
    text = "email,State\na@example.org,Ohio\n"
    ran = imported(folder, text, *words)
    assert (ran.code, ran.out) == (2, "")
    assert 'list.csv:1:7: the column "State" may tell who left, and is not understood' in ran.error
    assert '--map "State=ROLE"' in ran.err
    assert not (folder.root / ".newsletter").exists()
    assert imported(folder, text, *words, "--map", "State=field").code == 0


def test_a_missing_source_of_consent_has_a_hint_that_works(folder):
    ran = imported(folder, "email\na@example.org\n")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == "error: nothing says how these people agreed"
    assert ran.hint == 'hint: --consent-source "the form of the old site"'
    source = "the form of the old site"
    assert imported(folder, "email\na@example.org\n", "--consent-source", source).code == 0
