"""A press with a body nobody's browser makes is a bad request in a plain sentence, never a fault."""

from __future__ import annotations

import pytest

from tests.preview.test_preview_press import press
from tests.support.preview_fixtures import desk

__all__ = ["desk"]

pytestmark = pytest.mark.processes

BODIES = [
    b"[" * 9_000, b'{"a":' * 1_900, b"[" * 4_000 + b"]" * 4_000, b'{"line": [' + b"[" * 9_000,
    b"\xff\xfe{}", b"\x80", b"nul\0", b"1", b'"x"', b"[]", b"null", b"NaN", b"1e999", b"{",
    b"9" * 9_000, b" " * 9_999, b"x" * 10_000_000, b'{"to": "' + b"a" * 10_000_000 + b'"}',
]  # fmt: skip


@pytest.mark.parametrize("name", ["editor", "test", "links"])
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_no_object_is_a_bad_request(desk, name, body):
    answer = press(desk, name, body)
    assert answer.status_code == 400
    assert answer.text in {"this press is not a JSON object", "this press is too long"}


@pytest.mark.parametrize(
    "line",
    [-1, 10**40, 1.5, float("nan"), float("inf"), "12", True, None, [], {}, [[[[]]]]],
)
def test_a_line_that_is_none_is_a_bad_request(desk, line):
    file = "issues/074-a-letter.md"
    answer = press(desk, "editor", {"file": file, "line": line})
    assert answer.status_code == 400
    assert answer.text == '"line" is no line or column'


@pytest.mark.parametrize("to", [1, None, [], {}, True, float("nan"), 10**400])
def test_an_address_of_another_kind_is_a_bad_request(desk, to):
    assert press(desk, "test", {"to": to, "press": "a"}).status_code == 400
    assert press(desk, "test", {"to": "a@b.example", "press": to}).status_code == 400


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5_000, "0" * 5_000 + "74", "-1", "1e3"])
def test_a_number_that_no_issue_has_is_not_found(desk, number):
    client = desk.client()
    assert client.get(f"/issues/{number}").status_code == 404
