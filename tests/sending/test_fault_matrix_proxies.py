"""The fault matrix, SES, behind proxies that others have written: the same cells, whole commands."""

from __future__ import annotations

import pytest

from newsletter.ses.client import SesTransport
from tests.sending.test_fault_matrix import (
    ALL,
    ASKING,
    ENDING,
    ONE,
    SEVERAL,
    START,
    at,
    run,
    run_to_an_end,
)
from tests.support.certificates import certificate
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import Cell, imported, nothing, world
from tests.support.real_proxies import choose_ways, proxied, squid, tinyproxy

__all__ = ["certificate", "imported", "plain_environment", "proxied", "squid", "tinyproxy", "world"]

pytestmark = pytest.mark.processes

#: By name: the faults, what they come to directly, and what `run` takes besides.
MATRIX = {
    **{f"one-{name}": ((at(fault, 5),), cell, {}) for name, (fault, cell) in ONE.items()},
    **{f"all-{name}": ((fault,), cell, {}) for name, (fault, cell) in ALL.items()},
    **{f"start-{name}": ((), cell, settings) for name, (settings, cell) in START.items()},
    **{
        f"asking-{name}": ((at(fault, operations=("GetAccount",)),), nothing(says), {})
        for name, (fault, says) in ASKING.items()
    },
    **{
        f"several-{name}": ((at(fault, 5),), cell, {"threads": 8})
        for name, (fault, cell) in SEVERAL.items()
    },
}
#: squid writes a page of its own in place of an answer that never came.
NO_ANSWER = nothing("error: SES does not tell this account's limits now")
#: What a proxy makes of a fault, where that is not what it comes to directly.
OTHERWISE: dict[tuple[str, str], Cell] = {
    ("squid-plain", "asking-reset"): NO_ANSWER,
    ("squid-plain", "asking-close"): NO_ANSWER,
}
#: What every run of the tests tries: a refusal that comes through; answers that never came, or in
#: pieces; a run that is paused; the question for the limits; several mails in flight.
CHOSEN = ("one-throttle", "one-reset-unread", "one-reset-taken", "one-truncated", "all-close",
          "asking-reset", "several-reset-taken")  # fmt: skip


def pytest_generate_tests(metafunc):
    """Every cell with --long, else the chosen ones."""
    choose_ways(metafunc)
    long = metafunc.config.getoption("--long")
    if "ending" in metafunc.fixturenames:
        metafunc.parametrize("ending", ENDING if long else ["expired"])
    else:
        metafunc.parametrize("name", MATRIX if long else CHOSEN)


def test_a_cell_behind_a_proxy(world, proxied, name):
    faults, cell, settings = MATRIX[name]
    if "stall" not in name:
        # Only what never comes is not worth waiting for.
        world.newsletter.patch.setitem(SesTransport.__init__.__kwdefaults__, "read_seconds", 30.0)
    run(world, OTHERWISE.get((proxied.name, name), cell), *faults, way=proxied, **settings)


def test_a_run_that_ends_with_eight_in_flight_behind_a_proxy(world, proxied, ending):
    run_to_an_end(world, *ENDING[ending], way=proxied)
