"""Real letters, damaged ones and the page about checks."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.check import RULES, RuleContext, check, errors
from newsletter.check.reference import reference
from newsletter.check.words import repair
from newsletter.issue import parse
from newsletter.render.pipeline import render
from tests.conftest import ROOT, corpus_file, corpus_names, own_issues
from tests.support.checked_letters import WRONG_CODE, a_letter, said
from tests.support.letter_samples import OPTIONS, THEME

# --- the wrong encoding ----------------------------------------------------------------------


MARKS = "’“”—…é🔌✨🕵️‍♀️"


def damaged(text):
    return text.encode().decode("mac_roman")


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.just("\n"), max_size=200))
@settings(deadline=None)
def test_a_repair_never_changes_the_number_of_lines(text):
    assert repair(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("sound", [[], [0], [1], [0, 2], [3]])
def test_damaged_lines_are_repaired_among_sound_ones(sound):
    lines = ["Today’s tide — “slack”", "Zoë’s naïve café", "A plug 🔌 and a star ✨", "plain words"]
    broken = [line if n in sound else damaged(line) for n, line in enumerate(lines)]
    assert repair("\n".join(broken)) == "\n".join(lines)


@pytest.mark.parametrize("encoding", ["mac_roman", "cp1252", "cp437"])
def test_a_text_damaged_from_end_to_end_is_repaired_by_what_all_its_lines_show(encoding):
    sound = "A naïve café\n½ x\nIt’s"
    assert repair(sound.encode().decode(encoding)) == sound


@pytest.mark.parametrize("encoding", ["mac_roman", "cp1252", "cp437"])
def test_one_damaged_line_is_repaired_whatever_its_encoding_was(encoding):
    damage = "naïve café".encode().decode(encoding)
    assert repair(f"Zoë’s — “x”\n{damage}\nend") == "Zoë’s — “x”\nnaïve café\nend"


def test_a_damaged_sign_too_slight_to_be_sure_of_alone_is_found_beside_others():
    assert said(a_letter(f"a plug {damaged('🔌')}\n"), "mojibake") == []
    body = f"sound: It’s\n\na plug {damaged('🔌')}\n\n{damaged('It’s')}\n"
    assert [found.partition("|")[0] for found in said(a_letter(body), "mojibake")] == [
        ":7:8",
        ":9:3",
    ]


@pytest.mark.parametrize("mark", ["’", "“", "—", "…", "🕵️‍♀️"])
def test_a_damaged_mark_is_found_at_its_column(mark):
    [found] = said(a_letter(f"one\ntwo we{damaged(mark)}ll see\n"), "mojibake")
    assert (
        found
        == f':6:7|text in the wrong encoding: "we{damaged(mark)}ll" is "we{mark}ll"|{WRONG_CODE}'
    )


def test_sound_text_in_many_scripts_is_no_mojibake():
    body = f"{MARKS} naïve café Ångström ŁÓDŹ İstanbul ‚Gänsefüßchen‘ „so“ 12 × 4 ÷ 2 ≈ 24 √ 50 ¢\n\nПривет, мир! 你好 مرحبا שלום ✔ ½ ±\n"
    assert said(a_letter(body), "mojibake") == []


# --- real letters ----------------------------------------------------------------------------


def corpus_letter(name: str) -> RuleContext:
    issue = parse(corpus_file(name), file=f"issues/{name}")
    return RuleContext(issue=issue, rendered=render(issue, THEME, OPTIONS), options=OPTIONS)


@pytest.mark.corpus
def test_the_seed_issue_has_the_faults_its_author_handed_over():
    letter = corpus_letter("074-seed.md")
    found = check(letter)
    assert Counter(f.id for f in errors(found)) == {"mojibake": 17, "link-malformed": 1}
    assert {f.id for f in found if f.severity == "warning"} == {
        "title-entities", "subject-long", "preheader-missing", "utm-foreign", "link-ambiguous",
    }  # fmt: skip
    assert (
        ":24:323|the link http://ClipDrop%20 leads nowhere: its host is impossible|fix the address"
        in said(letter, "link-malformed")
    )
    assert said(letter, "title-entities") == [
        ":2:1|the title holds HTML entities (&#x27;), decoded for the mail|write the characters themselves"
    ]
    [foreign] = said(letter, "utm-foreign")
    assert foreign.startswith(
        ':24:60|27 links are tagged with the source "Revue newsletter", not yours|'
    )
    lines = {f.place.line for f in found if f.id == "mojibake"}
    damaged_lines = letter.issue.body.split("\n")
    assert lines == {
        n
        for n, line in enumerate(damaged_lines, letter.issue.body_line)
        if re.search("[‚üÔ√]", line)
    }


@pytest.mark.corpus
def test_the_seed_is_repaired_to_the_letter_it_was():
    seed, sound = corpus_file("074-seed.md").decode(), corpus_file("074.md").decode()
    assert seed != sound
    assert repair(seed) == sound
    assert repair(repair(seed)) == sound


@pytest.mark.trials
@pytest.mark.corpus
@pytest.mark.parametrize("name", [n for n in corpus_names() if n != "074-seed.md"])
def test_a_repair_changes_nothing_in_a_sound_letter(name):
    text = corpus_file(name).decode()
    assert repair(text) == text
    assert said(corpus_letter(name), "mojibake") == []


@pytest.mark.trials
@pytest.mark.corpus
def test_of_all_real_letters_only_the_known_stray_markers_are_told():
    found = {name: said(corpus_letter(name), "stray-marker") for name in corpus_names()}
    assert {name: [one.partition("|")[0] for one in all_] for name, all_ in found.items() if all_} == {
        "009.md": [":27:4"], "022.md": [":33:1"], "023.md": [":35:108"], "033.md": [":38:50"], "054.md": [":31:1"],
    }  # fmt: skip


@pytest.mark.parametrize("file", own_issues())
def test_the_example_newsletters_own_issues_have_no_errors(file):
    issue = parse((ROOT / file).read_bytes(), file=file)
    options = dataclasses.replace(OPTIONS, fields={"name": "there"})
    images = frozenset(f"images/{path.name}" for path in (ROOT / "issues" / "images").iterdir())
    letter = RuleContext(
        issue=issue, rendered=render(issue, THEME, options), options=options, assets=images
    )
    expected = {"draft"} if issue.status == "draft" else set()
    assert {f.id for f in errors(check(letter))} == expected


# --- the page about checks -------------------------------------------------------------------


def test_the_page_about_checks_is_the_one_the_rules_write():
    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert page == reference(), (
        "write it anew: python -c 'from newsletter.check.reference import reference; "
        "print(reference(), end=str())' > docs/checks.md"
    )


def test_the_page_names_every_check_once_with_severity_and_meaning():
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| (.+) \|$", reference(), re.MULTILINE)
    assert Counter(rows) == Counter((r.id, r.severity, r.meaning) for r in RULES.values())
    assert re.findall("^## (.+)$", reference(), re.MULTILINE) == [
        "Front matter",
        "The letter's text",
        "Markup that is left as text",
        "Links",
        "Pictures",
        "The finished mail",
        "The archive",
        "What `newsletter init` wrote",
        "Colours",
        "The web",
    ]
    assert [rows[0][0], rows[-1][0]] == ["draft", "image-heavy"]
    assert all("|" not in rule.meaning and rule.meaning.endswith(".") for rule in RULES.values())
