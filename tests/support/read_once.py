"""What never changes is read once by each process: how commands are called, what AWS can be asked,
how a statement is written for a database.

boto3 reads its descriptions again for each session, for 50 ms, and SQLAlchemy writes all statements
anew for each engine, of which a command has one and the tests thousands; no test is about that.
"""

from __future__ import annotations

import functools
from typing import Any

import botocore.session
import sqlalchemy as sa
import typer.main

from newsletter.store.postgres import histories

#: By the database, its driver and the one number that a test may change in statements as they are
#: written, the first engine of this process.
_engines: dict[tuple[str, str, int], sa.Engine] = {}


def read_once() -> None:
    """From here on, to the end of the process."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    # Typer reads the signatures of all commands whenever one runs.
    typer.main.get_command = functools.cache(typer.main.get_command)
    sa.event.listen(sa.Engine, "engine_connect", _share)


def _share(connection: Any) -> None:
    """Let all engines of a kind have the dialect of the first one, and its statements."""
    engine = connection.engine
    first = _engines.setdefault((engine.name, engine.driver, histories.LOOKED), engine)
    if engine.dialect is not first.dialect:
        connection.dialect = engine.dialect = first.dialect
        engine._compiled_cache = first._compiled_cache


def pytest_configure() -> None:
    """In the process of the tests; the fork server calls it for its commands."""
    read_once()
