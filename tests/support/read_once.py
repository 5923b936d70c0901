"""What never changes is read once by each process: how commands are called, what AWS can be asked.

boto3 reads its descriptions again for each session, for 50 ms; no test is about that.
"""

from __future__ import annotations

import functools

import botocore.session
import typer.main


def read_once() -> None:
    """From here on, to the end of the process."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    # Typer reads the signatures of all commands whenever one runs.
    typer.main.get_command = functools.cache(typer.main.get_command)


def pytest_configure() -> None:
    """In the process of the tests; the fork server calls it for its commands."""
    read_once()
