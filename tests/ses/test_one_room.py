"""All that is AWS stands in one room: the rest of the house knows providers, and no one's codes."""

from __future__ import annotations

import ast
import re

from newsletter import ses
from tests.docs.test_architecture import FILES, PACKAGE
from tests.support.source_trees import nodes_of

#: Names of AWS's errors, of its answers' and events' parts, and of its services' actions.
WORDS = re.compile(
    r"[A-Za-z]Exception$|Throttl|TooManyRequests|MessageRejected|NotVerified$|ExpiredToken|x-amzn"
    r"|^(event|notification)Type$|^messageId$|bounceType|\b(sqs|ses):[A-Z]|SendEmail|SendBulkEmail"
)
OUTSIDE = [path for path in FILES if "ses" not in path.relative_to(PACKAGE).parts]


def strings(source: str) -> list[str]:
    """What a program compares and writes; its docstrings are prose."""
    nodes = nodes_of(source)
    prose = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


def test_no_code_of_aws_stands_elsewhere():
    found = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in OUTSIDE
        for text in strings(path.read_text("utf-8"))
        if WORDS.search(text)
    ]
    assert found == []


def test_the_words_are_those_of_the_room():
    room = [path for path in FILES if "ses" in path.relative_to(PACKAGE).parts]
    found = {
        m[0]
        for p in room
        for text in strings(p.read_text("utf-8"))
        for m in [WORDS.search(text)]
        if m
    }
    assert {"messageId", "eventType", "sqs:R", "x-amzn", "SendEmail", "TooManyRequests"} <= found


def test_the_room_tells_what_each_of_its_files_is():
    told = set(
        re.findall(r"^    (?=\w)((?:\w+, )*\w+)$|^    (\w+)  ", ses.__doc__ or "", re.MULTILINE)
    )
    names = {name for pair in told for words in pair for name in words.split(", ") if name}
    rooms = {path.parent.name for path in (PACKAGE / "ses").glob("*/__init__.py")}
    assert names == {path.stem for path in (PACKAGE / "ses").glob("*.py")} - {"__init__"} | rooms
