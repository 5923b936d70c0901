"""The command that looks whether all is well."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, paint, result, result_json
from newsletter.errors import NotFitError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.doctor import CheckResult

_COLOURS = {"ok": "green", "skipped": "blue", "warning": "yellow", "error": "red"}


def doctor(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ID", help="Only this check; can be given several times."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Skip the checks that ask a server.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Look whether all is well: machine, folder, records, way out; nothing is changed."""
    from newsletter.cli.context import open_project
    from newsletter.doctor import Severity, Subject, examine

    VOICE.json = as_json
    subject = Subject(open_project, os.environ, clocks.now())
    found = examine(subject, only=only or (), offline=offline)
    sums = Counter(one.severity for one in found)
    if as_json:
        summary = {severity.value: sums[severity] for severity in Severity}
        checks = sorted((asdict(one) for one in found), key=lambda one: str(one["id"]))
        result_json({"checks": checks, "summary": summary})
    else:
        _list(found, everything=VOICE.verbosity > 0 or bool(only))
        told = [f"{sums[severity]:,} {severity.value}" for severity in Severity if sums[severity]]
        result(f"{plural(len(found), 'check')}: {', '.join(told)}")
    if sums[Severity.ERROR]:
        raise typer.Exit(NotFitError.exit_code)


def _list(found: tuple[CheckResult, ...], *, everything: bool) -> None:
    """One line each: what is not well, or all."""
    for one in found:
        if everything or one.severity in {"warning", "error"}:
            severity = paint(one.severity.value, _COLOURS[one.severity.value], sys.stdout)
            hint = f" ({one.hint})" if one.hint else ""
            result(f"{severity} {one.id}: {one.detail}{hint}")
