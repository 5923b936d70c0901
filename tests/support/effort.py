"""How hard a test tries: for a short while each time, at its full length with `--long`."""

from __future__ import annotations

from hypothesis import settings

_LEAST = 25
_PART = 5

_long = False


def begin(*, long: bool) -> None:
    """Decide it for the whole run, before any test is read."""
    global _long  # noqa: PLW0603  # decorators of test modules ask for it
    _long = long
    # A shared machine may stop for a moment at any time; that is no finding.
    settings.register_profile("tests", deadline=None, max_examples=100 if long else _LEAST)
    settings.load_profile("tests")


def either(short: int, long: int) -> int:
    """A number of trials: the short form's, or the long one's."""
    return long if _long else short


def examples(many: int) -> int:
    """So many of Hypothesis's examples at full length, a fifth of them usually."""
    return many if _long else max(_LEAST, many // _PART)
