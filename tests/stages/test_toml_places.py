"""Where keys stand in a TOML text, compared with texts whose writer kept count."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.settings.toml_places import places


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# only a comment = 1", {}),
        ("a = 1", {("a",): (1, 1)}),
        ("[a]\nb = 1\n", {("a",): (1, 2), ("a", "b"): (2, 1)}),
        ("[ a . 'b' ] # [c]\n  d = 1", {("a",): (1, 3), ("a", "b"): (1, 7), ("a", "b", "d"): (2, 3)}),
        ("[a]\nb.c = 1\nb.d = 2", {("a",): (1, 2), ("a", "b"): (2, 1), ("a", "b", "c"): (2, 3), ("a", "b", "d"): (3, 3)}),
        ("[a.b]\n[a]\n", {("a",): (1, 2), ("a", "b"): (1, 4)}),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", {("a",): (1, 3), ("a", "b"): (2, 1)}),
        ("a = { b = 1, c = { d = [ 'x', 2 ] } }", {("a",): (1, 1), ("a", "b"): (1, 7), ("a", "c"): (1, 14), ("a", "c", "d"): (1, 20), ("a", "c", "d", 0): (1, 26), ("a", "c", "d", 1): (1, 31)}),
        ("a = [ # one ]\n  1,\n\n  { b = 2 },\n]\nc = 3", {("a",): (1, 1), ("a", 0): (2, 3), ("a", 1): (4, 3), ("a", 1, "b"): (4, 5), ("c",): (6, 1)}),
        ('a = """\nb = 1\n\\""" c = ""\n""""\nd = 1', {("a",): (1, 1), ("d",): (5, 1)}),
        ("a = '''\nb = 1 \\''''\nd = 1", {("a",): (1, 1), ("d",): (3, 1)}),
        ("a = \"x # \\\" y\" # z = 1\nb = 'x\\'\nc = 1", {("a",): (1, 1), ("b",): (2, 1), ("c",): (3, 1)}),
        ("a = 1979-05-27 07:32:00 # x\r\nb = true\r\n", {("a",): (1, 1), ("b",): (2, 1)}),
        ('"a.b]\\u00e9" = 1', {("a.b]é",): (1, 1)}),
        ("é = 1".replace("é", '"é"') + "\n", {("é",): (1, 1)}),
    ],
)  # fmt: skip
def test_every_key_table_and_item_is_found_where_it_stands(text, expected):
    tomllib.loads(text)
    assert places(text) == expected


SCALARS = st.one_of(
    st.integers(-9, 9), st.booleans(), st.text("ab=[]{}#,'\"\\\n é.", max_size=6)
)  # fmt: skip
KEYS = st.text("ab-_ .=]}#\"'é", min_size=1, max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=3)


class Writer:
    """Writes TOML and notes where each key begins."""

    def __init__(self, draw):
        self.draw, self.text, self.seen = draw, "", {}

    def put(self, text):
        self.text += text

    def blank(self, *choices):
        self.put(self.draw(st.sampled_from(choices)))

    def note(self, key):
        line = self.text.count("\n") + 1
        self.seen.setdefault(key, (line, len(self.text) - self.text.rfind("\n")))

    def name(self, key):
        self.note(key)
        bare = all(c in "ab-_" for c in key[-1])
        self.put(key[-1] if bare and self.draw(st.booleans()) else quoted(key[-1]))

    def value(self, key, value):
        if isinstance(value, dict):
            self.put("{")
            for n, (name, item) in enumerate(value.items()):
                self.put(", " if n else " ")
                self.pair(key, name, item)
            self.put(" }")
        elif isinstance(value, list):
            self.put("[")
            for n, item in enumerate(value):
                self.blank("", " ", "\n", "# ], x = [\n")
                self.note((*key, n))
                self.value((*key, n), item)
                self.blank(",", " ,", "\n,")
            self.put("]")
        elif isinstance(value, str):
            plain = "'" not in value and "\n" not in value
            long = "'''" not in value and not value.endswith("'") and not value.startswith("\n")
            ways = [quoted(value)] + plain * [f"'{value}'"] + long * [f"'''{value}'''"]
            self.blank(*ways, f'"""{quoted(value)[1:-1]}"""')
        else:
            self.put(json.dumps(value))

    def pair(self, table, name, value):
        self.name((*table, name))
        self.blank("=", " = ", "\t=")
        self.value((*table, name), value)

    def document(self, document):
        for name, table in document.items():
            self.blank("[", "[ ")
            self.name((name,))
            self.blank("]\n", " ] # [x]\n", "]\n\n# y = 1\n")
            for key, item in table.items():
                self.blank("", "  ")
                self.pair((name,), key, item)
                self.blank("\n", " # z = [\n", "\r\n")


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


@given(document=DOCUMENTS, data=st.data())
def test_places_agree_with_a_writer_who_kept_count(document, data):
    writer = Writer(data.draw)
    writer.document(document)
    assert tomllib.loads(writer.text) == document
    assert places(writer.text) == writer.seen
