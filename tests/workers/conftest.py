"""Tests of workers ask for `way_in` where what they say holds with a pooler before the server, too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.support import poolers


@pytest.fixture(params=["directly", "pgbouncer"])
def way_in(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test runs twice; through the pooler with `--long`, or where it is marked `pooled`."""
    with poolers.between() if request.param == "pgbouncer" else contextlib.nullcontext():
        yield
