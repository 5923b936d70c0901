"""An event with something in it that nobody expects: in its values, its shape or its text."""

from __future__ import annotations

import json
import random
import re
from typing import Any

#: What may stand for any value; texts as they stand in JSON, which need not be Python's.
_ODD = (
    "null", "true", "0", "-1", "1e999", "-Infinity", "NaN", "1" * 5000, "9" * 19, "0.1",
    '""', '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\\u202eab"', '"\U0001f600"', '"74-1"',
    '"none-0"', '"' + "(" * 5000 + '"', '"' + "(" * 1900 + '"', '"' + "<" * 1900 + '"', '"' + '\\"' * 1900 + '"',
    '"a@' + "b." * 900 + 'c"', '"' + "x" * 100_000 + '"', '"=?utf-8?q?=00?="',
    '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59.999999-14:00"', '"0000-00-00"',
    '"2026-W48-6"', '"2026-11-22T08:00:00.123456789012Z"', '"2026-11-22"', '"24:00"',
    '"10000-01-01T00:00:00Z"', "[]", "{}", "[[]]", '["Notification"]', '{"a":{"a":{}}}', "[1,2]",
    '[{"emailAddress":["x"]}]', '[{"emailAddress":null},7,"x"]', '["a@example.org","b@example.org"]',
    "[" * 400 + "]" * 400, "[" * 9000 + "]" * 9000, '{"a":' * 3000 + "1" + "}" * 3000,
)  # fmt: skip
_MARK = "\x01"


def mutated(text: str, chance: random.Random) -> str:
    """One to three changes to an event, bare or in its envelope."""
    for _ in range(chance.randint(1, 3)):
        text = chance.choice((_replaced, _replaced, _replaced, _dropped, _doubled, _cut, _garbled))(
            text, chance
        )
    # What SQS does not take never comes out of it.
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text) or "-"


def _replaced(text: str, chance: random.Random) -> str:
    """Another value anywhere, a message inside an envelope included."""
    found = _parsed(text)
    if not isinstance(found, dict):
        return text
    if isinstance(found.get("Message"), str) and chance.random() < 0.8:
        return json.dumps(found | {"Message": _replaced(found["Message"], chance)})
    odd = chance.choice(_ODD)
    spots = list(_spots(found))
    if not spots:
        return odd
    holder, key = chance.choice(spots)
    holder[key] = _MARK
    return json.dumps(found).replace(json.dumps(_MARK), odd, 1)


def _dropped(text: str, chance: random.Random) -> str:
    """A value less."""
    found = _parsed(text)
    spots = list(_spots(found))
    if not spots:
        return text
    holder, key = chance.choice(spots)
    del holder[key]
    return json.dumps(found)


def _doubled(text: str, chance: random.Random) -> str:
    """A name twice in one object, with two values."""
    names = list(re.finditer(r'"[A-Za-z]{1,40}"(?=: )', text))
    if not names:
        return text
    name = chance.choice(names)
    return f"{text[: name.start()]}{name[0]}: {chance.choice(_ODD)}, {text[name.start() :]}"


def _cut(text: str, chance: random.Random) -> str:
    """The end is missing, or there is more of it."""
    at = chance.randrange(len(text) + 1)
    return text[:at] if chance.random() < 0.5 else text + text[:at]


def _garbled(text: str, chance: random.Random) -> str:
    """Some letters are others."""
    letters = list(text)
    for _ in range(chance.randint(1, 5)):
        if letters:
            letters[chance.randrange(len(letters))] = chance.choice('{}[]",:\\0-@é\u2028\ufffd ')
    return "".join(letters)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _spots(found: Any) -> list[tuple[Any, Any]]:
    """Every place of a value: what holds it, and its name or number there."""
    spots: list[tuple[Any, Any]] = []
    waiting = [found]
    while waiting:
        one = waiting.pop()
        inside: list[Any] = []
        if isinstance(one, dict):
            inside = list(one)
        elif isinstance(one, list):
            inside = list(range(len(one)))
        spots += [(one, key) for key in inside]
        waiting += [one[key] for key in inside]
    return spots
