"""The stage that renders, without the large library that one of its own names and never uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ["render"]


@contextmanager
def _left_out(name: str) -> Iterator[None]:
    """Give whoever imports `name` meanwhile an empty module; it comes as it is for all later.

    One that is loaded already stays.
    """
    empty = None if name in sys.modules else ModuleType(name)
    if empty is not None:
        sys.modules[name] = empty
    try:
        yield
    finally:
        if empty is not None:
            del sys.modules[name]


# premailer fetches style sheets with it, which is turned off: nothing is fetched here.
with _left_out("requests"):
    from newsletter.render.pipeline import render
