"""Reading an issue: what is refused, with its exact place, and what YAML must not change."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.issue import Issue, UtmOverride, number_of, parse, source_hash
from tests.conftest import corpus_file, corpus_names

FILE = "issues/074-some-words.md"


def read(text: str | bytes, file: str = FILE) -> Issue:
    return parse(text.encode() if isinstance(text, str) else text, file=file)


def front(*lines: str) -> bytes:
    return "\n".join(["---", *lines, "---", "Hello.", ""]).encode()


MALFORMED = {
    # The file as bytes
    "latin-1": (b"---\ntitle: caf\xe9\n---\n", "2:11", "not UTF-8", "UTF-8"),
    "latin-1 behind wide letters": ("---\ntitle: üü".encode() + b"\xe9\n---\n", "2:10", "not UTF-8", "editor"),
    "latin-1 behind a byte-order mark": (b"\xef\xbb\xbf---\ntitle: \xe9\n---\n", "2:8", "not UTF-8", "UTF-8"),
    "latin-1 in the first line, behind a mark": (b"\xef\xbb\xbf--\xe9", "1:3", "not UTF-8", "UTF-8"),
    "latin-1 with CRLF": (b"---\r\ntitle: x\r\n---\r\na\xe9", "4:2", "not UTF-8", "UTF-8"),
    "latin-1 with bare CR": (b"---\rtitle: x\r---\ra\xe9", "4:2", "not UTF-8", "UTF-8"),
    "cut in the middle of a letter": (b"---\ntitle: x\n---\n\xf0\x9f\x8c", "4:1", "not UTF-8", "UTF-8"),
    "UTF-16": ("---\ntitle: x\n---\n".encode("utf-16"), "1:1", "not UTF-8", "UTF-8"),
    "UTF-16 without a mark": ("---\ntitle: x\n---\n".encode("utf-16-le"), "1:2", "NUL", "UTF-16"),
    "NUL in the body": (b"---\ntitle: x\n---\nab\0", "4:3", "NUL", "binary"),
    "noncharacter in the body": ("---\ntitle: x\n---\nab\ufdd1".encode(), "4:3", "U+FDD1", "text"),
    # The fences
    "empty": (b"", "1", "empty", "front matter"),
    "only blanks": (b"\n \n\t\n", "1", "empty", "front matter"),
    "only a byte-order mark": (b"\xef\xbb\xbf", "1", "empty", "front matter"),
    "no front matter": (b"\n\n# Hello\n", "3:1", "no front matter", '"---"'),
    "indented fence": (b" ---\ntitle: x\n---\n", "1:1", "no front matter", '"---"'),
    "four dashes": (b"----\ntitle: x\n---\n", "1:1", "no front matter", '"---"'),
    "TOML fences": (b"+++\ntitle = 'x'\n+++\n", "1:1", "no front matter", '"---"'),
    "JSON": (b'{"title": "x"}\n\nHello.\n', "1:1", "no front matter", '"---"'),
    "two byte-order marks": (b"\xef\xbb\xbf\xef\xbb\xbf---\ntitle: x\n---\n", "1:1", "no front", '"---"'),
    "never closed": (b"---\ntitle: x\n\nHello.\n", "1:1", "never closed", '"---"'),
    "never closed, behind blank lines": (b"\n\n---\ntitle: x\n", "3:1", "never closed", '"---"'),
    "closed with dots": (b"---\ntitle: x\n...\nHello.\n", "1:1", "never closed", '"---"'),
    "closed with a stray blank before": (b"---\ntitle: x\n ---\nHello.\n", "1:1", "never closed", '"---"'),
    # The YAML
    "unclosed quote": (front('title: "Slack', "date: 2026-11-22"), "2:8", "not valid YAML", "quotes"),
    "colon in a value": (front("title: Slack: water"), "2:13", "not valid YAML", "colon"),
    "tab for indent": (front("utm:", "\tsource: x"), "3:1", "not valid YAML", "quotes"),
    "unclosed list": (front("title: x", "aliases: [a, b"), "3:10", "not valid YAML", "quotes"),
    "value begins with a percent sign": (front("title: %x"), "2:8", "not valid YAML", "quotes"),
    "value begins with an at sign": (front("title: @x"), "2:8", "not valid YAML", "quotes"),
    "value begins with a backtick": (front("title: `x`"), "2:8", "not valid YAML", "quotes"),
    "wide letters before the fault": (front("title: 🛶: 🛶"), "2:9", "not valid YAML", "quotes"),
    "a line separator does not shift the place": (front("title: 'a\u2028b'", "subject: a: b"), "3:11", "not valid YAML", "quotes"),
    "a fault behind leading blank lines": (b"\n\n---\ntitle: a: b\n---\n", "4:9", "not valid YAML", "quotes"),
    "second document": (front("title: x", "...", "foo: y"), "4:1", "not valid YAML", "quotes"),
    "value begins with an asterisk": (front("title: *bold*"), "2:13", "not valid YAML", "quotes"),
    "bad escape": (front(r'title: "C:\q"'), "2:12", "not valid YAML", "quotes"),
    "control character": (front("title: a\x08b"), "2:9", "U+0008", "web page"),
    "escaped surrogate": (front(r'title: "a\uD83D"'), "2:8", "U+D83D", "themselves"),
    "escaped noncharacter": (front(r'title: "a\uFDD1"'), "2:8", "U+FDD1", "themselves"),
    "escape beyond Unicode": (front(r'title: "\U99999999"'), "2", "no", "themselves"),
    "nested without end": (front("title: x", "a: " + "[" * 3000), "2", "too deeply", "flatter"),
    "a list": (front("- title: x"), "2:1", "not a list of keys", '"key: value"'),
    "a lone word": (front("title"), "2:1", "not a list of keys", '"key: value"'),
    "a key twice": (front("title: x", "date: 2026-11-22", "title: y"), "4:1", '"title"', "keep one"),
    "a nested key twice": (front("title: x", "utm:", "  source: a", "  source: b"), "5:3", '"utm.source"', "keep one"),
    "a merge field without quotes": (front("title: {{ name }}"), "2:9", "not a word", "quotes"),
    "an alias": (front("title: &t x", "subject: *t"), "2:8", "aliases", "quotes"),
    "an alias of itself": (front("title: x", "a: &a [*a]"), "3:4", "aliases", "quotes"),
    # The values
    "no title": (front("date: 2026-11-22"), "1", '"title" is missing', '"title: ..."'),
    "a title with a slip": (
        front("date: 2026-11-22", "titel: x"), "3:1", '"title" is missing',
        '"titel" stands there; did you mean "title"?',
    ),
    "no front matter lines": (b"---\n---\n", "1", '"title" is missing', '"title: ..."'),
    "only a comment": (front("# title: x"), "1", '"title" is missing', '"title: ..."'),
    "title eaten by a comment": (front("number: 74", "title: #74"), "3:1", '"title" is empty', "quotes"),
    "title of blanks": (front('title: "  "'), "2:1", '"title" is empty', '"title: ..."'),
    "title is a list": (front("title: [a, b]"), "2:1", "list or a table", "one line"),
    "title is a table": (front("title: {a: b}"), "2:1", "list or a table", "one line"),
    "control character in a title": (front(r'title: "a\x08b"'), "2:1", "U+0008", "remove"),
    "next-line character in a title": (front(r'title: "a\Nb"'), "2:1", "U+0085", "remove"),
    "line separator in a subject": (front("title: x", r'subject: "a\Lb"'), "3:1", "U+2028", "remove"),
    "encoded word in a subject": (front("title: x", 'subject: "=?utf-8?Q?x?="'), "3:1", "=?...?=", "themselves"),
    "encoded word by entities": (front("title: x", 'preheader: "&#61;?utf-8?b?x?="'), "3:1", "=?...?=", "themselves"),
    "date in words": (front("title: x", "date: next Sunday"), "3:1", "not a date", "2026-11-22"),
    "impossible date": (front("title: x", "date: 2026-02-30"), "3:1", "a day that does not exist", "see its month and day"),
    "no date": (front("title: x", "date:"), "3:1", "not a date", "2026-11-22"),
    "send_at in words": (front("title: x", "send_at: noon"), "3:1", "not a date", "T09:00"),
    "number in words": (front("title: x", "number: seventy-four"), "3:1", "whole number", "74"),
    "negative number": (front("title: x", "number: -74"), "3:1", "whole number", "74"),
    "number in Arabic digits": (front("title: x", "number: ٧٤"), "3:1", "whole number", "74"),
    "unknown status": (front("title: x", "status: Published"), "3:1", "draft nor ready", "draft"),
    "status nearly ready": (front("title: x", "status: redy"), "3:1", "draft nor ready", 'mean "ready"'),
    "status in capitals": (front("title: x", "status: READY"), "3:1", "draft nor ready", 'mean "ready"'),
    "status nearly draft": (front("title: x", "status: drft"), "3:1", "draft nor ready", 'mean "draft"'),
    "empty status": (front("title: x", "status:"), "3:1", "draft nor ready", "draft"),
    "segment is a list": (front("title: x", "segment: [a]"), "3:1", "list or a table", "one line"),
    "utm is a word": (front("title: x", "utm: always"), "3:1", "neither off nor a table", "off"),
    "utm is a list": (front("title: x", "utm: [a]"), "3:1", "neither off nor a table", "off"),
    "unknown utm key": (front("title: x", "utm:", "  sauce: y"), "4:3", '"utm.sauce"', "source"),
    "utm value is a list": (front("title: x", "utm: {source: [y]}"), "3:7", '"utm.source"', "text"),
    "checks is a word": (front("title: x", "checks: off"), "3:1", "one table", "ignore"),
    "unknown checks key": (front("title: x", "checks: {skip: {a: b}}"), "3:1", "one table", "ignore"),
    "ignore is a list": (front("title: x", "checks: {ignore: [alt-missing]}"), "3:1", "one table", "ignore"),
    "ignoring without a reason": (front("title: x", "checks:", "  ignore:", "    alt-missing:"), "5:5", "needs a reason", "reason"),
}  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_what_cannot_be_read_is_refused_with_its_place_and_a_way_out(case: str) -> None:
    data, place, message, hint = MALFORMED[case]
    with pytest.raises(InputError) as caught:
        read(data)
    assert str(caught.value.place) == f"{FILE}:{place}"
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_an_issue_without_a_number_anywhere_is_refused() -> None:
    with pytest.raises(InputError, match="no number") as caught:
        read("---\ntitle: x\n---\n", file="issues/some-words.md")
    assert str(caught.value.place) == "issues/some-words.md:1"
    assert "number: 74" in (caught.value.hint or "")


# What YAML 1.1 would change


def test_the_file_names_number_wins_and_is_never_octal() -> None:
    assert read("---\ntitle: x\nnumber: 074\n---\n").number == 74
    assert read("---\ntitle: x\nnumber: 074\n---\n", file="words.md").number == 74
    assert read("---\ntitle: x\nnumber: 75\n---\n").number == 74


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("No", "No"), ("yes", "yes"), ("off", "off"), ("074", "074"),
        ("1:30", "1:30"), ("0x1F", "0x1F"), ("1_000", "1_000"), (".5", ".5"), ("1e3", "1e3"),
        ("2026-11-22", "2026-11-22"), ("=", "="), ("!x y", "y"), ('"#74: a"', "#74: a"),
        ("'it''s'", "it's"), ("C# and F#", "C# and F#"), ("a # b", "a"), (">-\n  two\n  lines", "two lines"),
        ("Apple&#x27;s &amp; pears ", "Apple's & pears"), ("'&amp;lt;'", "&lt;"),
        ("a\u00a0b", "a\u00a0b"), ('"a\\tb  c"', "a b c"), ("🗺️", "🗺️"),
    ],
)  # fmt: skip
def test_a_value_is_the_text_that_stands_there(written: str, title: str) -> None:
    assert read(f"---\ntitle: {written}\n---\n").title == title


def test_a_key_named_content_is_an_ordinary_unknown_key() -> None:
    issue = read("---\ntitle: x\ncontent: y\nhandler: z\n---\nThe letter.\n")
    assert issue.extra == {"content": "y", "handler": "z"}
    assert issue.body == "The letter.\n"


def test_unknown_keys_are_kept_as_they_stand() -> None:
    issue = read("---\ntitle: x\naliases:\n  - /issues/74\n  - {a: [No, 074]}\n---\n")
    assert issue.extra == {"aliases": ("/issues/74", {"a": ("No", "074")})}


# Body and lines


@pytest.mark.parametrize(
    ("text", "body", "line"),
    [
        ("---\ntitle: x\n---\nHello.\n", "Hello.\n", 4),
        ("---\ntitle: x\n---\n\n\n  Hello.", "\n\n  Hello.", 4),
        ("\n\n---\ntitle: x\n---\nHello.\n", "Hello.\n", 6),
        ("--- \ntitle: x\n---\t\nHello.\n", "Hello.\n", 4),
        ("---\ntitle: x\n---\n---\nHello.\n---\n", "---\nHello.\n---\n", 4),
        ("---\ntitle: x\n---\n\n---\n", "\n---\n", 4),
        ("---\ntitle: x\n---", "", 4),
        ("---\r\ntitle: x\r\n---\r\nHello.\r\n", "Hello.\n", 4),
        ("---\rtitle: x\r---\rHello.\r", "Hello.\n", 4),
        ("\ufeff---\ntitle: x\n---\nHello.\n", "Hello.\n", 4),
        ("---\ntitle: x\n---\na\u2028bc\x85d\n", "a\u2028bc\x85d\n", 4),
    ],
)
def test_the_body_begins_behind_the_second_fence_untouched(text: str, body: str, line: int) -> None:
    issue = read(text)
    assert (issue.title, issue.body, issue.body_line) == ("x", body, line)


def test_every_key_knows_its_place_also_below_the_top_level() -> None:
    issue = read("\n---\ntitle: x\nutm: {source: a,\n  medium: b}\n---\n")
    places = {key: str(place).removeprefix(FILE) for key, place in issue.places.items()}
    assert places == {"title": ":3:1", "utm": ":4:1", "utm.source": ":4:7", "utm.medium": ":5:3"}
    assert str(issue.place("subject")) == f"{FILE}:1"


# Values


def test_every_known_key_arrives() -> None:
    issue = read(
        "---\ntitle: T\ndate: 2026-11-22\nnumber: 74\nsubject: S\npreheader: P\nstatus: draft\n"
        "approved: me\nsend_at: 2026-11-22T09:00\nsegment: language=nl\n"
        "utm: {source: ' a ', campaign: c}\nchecks: {ignore: {alt-missing: ' decorative '}}\n---\n"
    )
    assert (issue.number, issue.slug, issue.name) == (74, "some-words", "074")
    assert (issue.title, issue.subject, issue.preheader) == ("T", "S", "P")
    assert issue.date == dt.date(2026, 11, 22)
    assert issue.send_at == dt.datetime(2026, 11, 22, 9)
    assert (issue.status, issue.approved, issue.segment) == ("draft", "me", "language=nl")
    assert issue.utm == UtmOverride(source="a", campaign="c")
    assert issue.ignored_checks == {"alt-missing": "decorative"}
    assert issue.extra == {}


def test_what_is_left_out_has_its_default() -> None:
    issue = read("---\ntitle: T\n---\n")
    assert (issue.subject, issue.preheader, issue.date, issue.send_at) == ("T", "", None, None)
    assert (issue.status, issue.approved, issue.segment) == ("ready", "", "")
    assert (issue.utm, issue.ignored_checks) == (UtmOverride(), {})
    assert read("---\ntitle: T\nstatus: ready\n---\n").status == "ready"


@pytest.mark.parametrize("off", ["off", "Off", "false", "no", '"off"'])
def test_an_issue_can_turn_tagging_off(off: str) -> None:
    assert not read(f"---\ntitle: T\nutm: {off}\n---\n").utm.enabled


@pytest.mark.parametrize(
    ("written", "date"),
    [("2026-11-22T09:00", "2026-11-22"), ("2026-11-22 09:00:00+01:00", "2026-11-22")],
)
def test_a_date_may_carry_a_time(written: str, date: str) -> None:
    assert read(f"---\ntitle: T\ndate: {written}\n---\n").date == dt.date.fromisoformat(date)


@pytest.mark.parametrize(
    ("name", "number"),
    [("074-a-b.md", 74), ("issues/7.md", 7), ("7-.md", 7), ("notes.md", None), ("7a.md", None), ("1234567.md", None)],
)  # fmt: skip
def test_a_file_name_begins_with_the_number(name: str, number: int | None) -> None:
    assert number_of(name) == number


def test_without_a_number_in_its_name_the_file_name_is_the_slug() -> None:
    issue = read("---\ntitle: x\nnumber: 3\n---\n", file="issues/words.md")
    assert (issue.number, issue.slug) == (3, "words")


# The source hash


def test_approving_an_issue_does_not_change_its_hash() -> None:
    plain = "---\ntitle: x\n---\nHello.\n"
    for approved in ("approved: me", 'approved: "2026-11-20 me"', "approved:"):
        assert (
            read(plain.replace("\n---\n", f"\n{approved}\n---\n")).source_hash
            == read(plain).source_hash
        )
        assert read(plain.replace("---\ntitle", f"---\n{approved}\ntitle")).source_hash == read(plain).source_hash  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        "---\ntitle: y\n---\nHello.\n",
        "---\ntitle: x\n---\nHello. \n",
        "---\ntitle: x\n---\nHello.",
        "---\ntitle: x\n---\napproved: Hello.\nHello.\n",
        "---\ntitle: x\n---\n---\napproved: y\n---\nHello.\n",
        "---\ntitle: x\nx-approved: y\n---\nHello.\n",
        "---\ntitle: x\nutm:\n  approved: y\n---\nHello.\n",
    ],
)
def test_every_other_change_changes_the_hash(changed: str) -> None:
    assert source_hash(changed) != source_hash("---\ntitle: x\n---\nHello.\n")


def test_line_ends_and_byte_order_marks_do_not_change_the_hash() -> None:
    plain = "---\ntitle: x\n---\nHello.\n"
    assert read("\ufeff" + plain.replace("\n", "\r\n")).source_hash == read(plain).source_hash


def test_the_hash_of_a_text_without_fences_is_its_own() -> None:
    assert source_hash("approved: x\n") != source_hash("")


# Anything at all


@given(st.binary(max_size=200))
@example(b"---\ntitle: \xff\n---")
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    check_read_or_refused(data)


@pytest.mark.trials
@given(st.text(max_size=80), st.text(max_size=40))
@example('title: "\\U00110000"', "")
@example('title: x\n"\\uD800": y', "")
def test_any_front_matter_is_read_or_refused_with_a_place(matter: str, body: str) -> None:
    check_read_or_refused(f"---\n{matter}\n---\n{body}".encode("utf-8", "ignore"))


_WORDS = "title date number subject status approved send_at utm checks x & * [ ] { } : - ' \" # | > ! % , \n 074 No \t".split(" ")  # fmt: skip


@given(st.lists(st.sampled_from([*_WORDS, " ", ": ", "\n"]), max_size=30).map("".join))
def test_any_heap_of_yaml_is_read_or_refused_with_a_place(matter: str) -> None:
    check_read_or_refused(f"---\ntitle: x\n{matter}\n---\n".encode())


def check_read_or_refused(data: bytes) -> None:
    lines = (
        data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    )
    found = read_or_error(data)
    if isinstance(found, Issue):
        assert "\n".join(lines[found.body_line - 1 :]) == found.body
        assert str(found).encode()
    else:
        assert found.hint
        assert found.place is not None
        assert 1 <= found.place.line <= len(lines)
        assert 0 <= found.place.column <= len(lines[found.place.line - 1]) + 1


def read_or_error(data: bytes) -> Issue | InputError:
    try:
        return read(data)
    except InputError as error:
        return error


@pytest.mark.corpus
@pytest.mark.parametrize("name", corpus_names())
def test_real_issues_are_read_line_for_line(name: str) -> None:
    data = corpus_file(name)
    issue = parse(data, file=name)
    lines = data.decode().split("\n")
    assert issue.number == int(name[:3])
    assert issue.title == issue.title.strip()
    assert "&#" not in issue.title
    assert "\n".join(lines[issue.body_line - 1 :]) == issue.body
    assert lines[issue.place("title").line - 1].startswith("title:")
