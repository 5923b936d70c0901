"""Which row of a list counts for an address: told the same however few marks and places there are.

A list in memory, which `roster` keeps when nobody else does, is the measure.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.audience import roster
from newsletter.store.sqlite import repeats
from tests.support.effort import either

ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(("active", "pending", "bounced"))),
    max_size=30,
)


def read(rows, seen):
    lines = [f"{who}@example.org,{word}\n" for who, word in rows]
    return list(roster.read(["email,status\n", *lines], file="list.csv", seen=seen))


@settings(deadline=None, max_examples=either(40, 400))
@given(rows=ROWS, marks=st.sampled_from((8, 1 << 12)), together=st.integers(1, 4))
def test_the_same_rows_count_as_in_memory(rows, marks, together):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(repeats, "_MARKS", marks)
        patched.setattr(repeats, "_TOGETHER", together)
        with repeats.Repeats() as seen:
            assert read(rows, seen) == read(rows, None)


def test_stricter_rows_of_addresses_that_were_put_away_are_put_away_in_turn(monkeypatch):
    monkeypatch.setattr(repeats, "_TOGETHER", 4)
    with repeats.Repeats() as seen:
        for place, (who, standing) in enumerate(
            [*((who, 0) for who in "abcdefg"), *((who, 1) for who in "abcdefgh")]
        ):
            seen.meet(who, line=place + 1, place=place, standing=standing)
            assert len(seen._latest) < 4
