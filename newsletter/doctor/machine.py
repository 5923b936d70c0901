"""The machine: Python, SQLite, the libraries."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from typing import Final

from mjml import mjml2html

from newsletter.doctor.diagnosis import Diagnosis, error, ok, worst
from newsletter.doctor.subject import Subject
from newsletter.humanize import plural
from newsletter.store.sqlite import inspection

_DISTRIBUTION: Final = "gitletter"
_OLDEST_PYTHON: Final = (3, 11)
_PROBE: Final = "<mjml><mj-body><mj-section><mj-column><mj-text>probe</mj-text></mj-column>\
</mj-section></mj-body></mjml>"
_NEED: Final = re.compile(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?>=([0-9.]+)$")
_REINSTALL: Final = "install the newsletter program again, which brings what it needs"


def python(_: Subject) -> Diagnosis:
    """Whether this Python is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        return error(f"Python {version} is too old", f"install Python {oldest} or newer")
    return ok(f"Python {version}")


def sqlite(_: Subject) -> Diagnosis:
    """Whether Python's SQLite can do what the records need."""
    if lacking := inspection.lacking():
        return error(lacking, "install a Python with a newer SQLite")
    return ok(f"SQLite {inspection.version()}")


def libraries(_: Subject) -> Diagnosis:
    """Whether each library is there and new enough, and MJML can be compiled."""
    needs = _needs()
    wrong = [fault for name, oldest in needs for fault in _library(name, oldest)]
    if not wrong:
        try:
            if "probe" not in mjml2html(_PROBE):
                wrong.append("the MJML compiler leaves out the text")
        except ValueError:
            wrong.append("the MJML compiler refuses a sound page")
    found = plural(len(needs), "library is", "libraries are")
    return worst((error(one, _REINSTALL) for one in wrong), f"{found} there; MJML compiles")


def _needs() -> list[tuple[str, str]]:
    """What the program asks for when it is installed; nothing where it was not."""
    try:
        wanted = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    return [(found[1], found[2]) for one in wanted if (found := _NEED.match(one))]


def _library(name: str, oldest: str) -> list[str]:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return [f"{name} is missing"]
    if _numbers(version) < _numbers(oldest):
        return [f"{name} {version} is older than {oldest}"]
    return []


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers a version begins with; what a pre-release adds does not count."""
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()  # 3 is 3.0
    return tuple(numbers)
