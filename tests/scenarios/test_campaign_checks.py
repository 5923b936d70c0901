"""Each check of the campaign by itself: what it sees, and what it lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign import checks

ADA, BEN = (7, "ada@example.org"), (7, "ben@example.org")


def row(state: str, attempt: int = 1) -> checks.Row:
    reason = "" if state in {"accepted", "queued", "claimed"} else "why"
    return checks.Row(state=state, attempt=attempt, reason=reason, message_id="")


def records(ada: checks.Row, ben: checks.Row | None = None, frozen: int = 2) -> checks.Snapshot:
    return checks.Snapshot(rows={ADA: ada, BEN: ben or row("queued", 0)}, frozen={7: frozen})


def taken(*mails: checks.Mail) -> checks.Ledger:
    return checks.Ledger(Path("none"), list(mails))


@pytest.mark.parametrize(
    ("was", "now", "kept"),
    [
        (row("queued", 0), row("claimed"), True),
        (row("queued", 0), row("accepted"), True),
        (row("claimed"), row("unknown"), True),
        (row("claimed"), row("claimed"), True),
        (row("claimed"), row("queued"), False),
        (row("claimed"), row("accepted"), False),
        (row("accepted"), row("queued"), False),
        (row("accepted"), row("claimed", 2), False),
        (row("unknown"), row("queued"), False),
        (row("queued", 1), row("queued", 0), False),
        (row("queued", 0), row("accepted", 2), False),
    ],
)
def test_a_row_that_moves_backwards_is_seen(was, now, kept):
    assert (checks.backwards(records(was), records(now)) == []) is kept


def test_a_row_that_vanishes_and_a_list_that_is_frozen_anew_are_seen():
    before = records(row("accepted"))
    gone = checks.Snapshot(rows={ADA: row("accepted")}, frozen={7: 2})
    assert "vanished" in checks.backwards(before, gone)[0]
    assert "frozen with 2 recipients, 1 are on record" in checks.uncounted(gone)[0]
    assert "frozen anew" in checks.backwards(before, records(row("accepted"), frozen=3))[0]


@pytest.mark.parametrize(
    ("ada", "ben", "kept"),
    [
        ("claimed", "claimed", True),  # the next start did not come so far
        ("unknown", "unknown", True),
        ("unknown", "claimed", False),
        ("accepted", "unknown", False),
        ("queued", "queued", False),
    ],
)
def test_doubts_grow_by_exactly_what_was_claimed(ada, ben, kept):
    before = records(row("claimed"), row("claimed"))
    assert (checks.growth(before, records(row(ada), row(ben)), issue=7) == []) is kept
    out_of_the_blue = checks.growth(
        records(row("claimed")), records(row("unknown"), row("unknown")), issue=7
    )
    assert "1 of these out of the blue" in out_of_the_blue[0]


def test_the_records_and_the_server_are_held_against_each_other():
    assert checks.invented(taken(), records(row("accepted"))) != []
    assert checks.invented(taken(ADA), records(row("accepted"))) == []
    assert checks.unrecorded(taken(BEN), records(row("accepted"))) != []
    assert checks.unrecorded(taken((8, "ada@example.org")), records(row("accepted"))) != []
    assert checks.duplicates(taken(ADA, BEN, ADA)) != []
    assert checks.misnamed(taken(ADA), records(row("accepted"))) == []  # a mail server gives none
    of_ben = checks.Ledger(Path("none"), [ADA], {ADA: {"of another mail"}})
    assert checks.misnamed(of_ben, records(row("accepted"))) != []
    assert (
        checks.lost(
            records(
                row("accepted"), checks.Row(state="refused", attempt=1, reason="", message_id="")
            )
        )
        != []
    )
