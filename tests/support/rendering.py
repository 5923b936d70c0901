"""Rendering for tests, where no file and no network can be reached."""

from __future__ import annotations

import dataclasses
from xml.etree.ElementTree import Element

from newsletter.issue import Issue
from newsletter.render import Options, RenderedIssue, Theme
from newsletter.render.pipeline import render
from tests.conftest import example_options, issue_with, quietly, read_theme
from tests.support.pages import elements

THEME, OPTIONS = read_theme(), example_options()
# Libraries read their own data on first use, so this comes before any quiet world.
PLAIN = render(issue_with("Hello.", "title: A title\npreheader: P"), THEME, OPTIONS)


def rendered(
    body: str = "Hello.", front: str = "title: A title\npreheader: P", **changes: object
) -> RenderedIssue:
    options = dataclasses.replace(OPTIONS, **changes)  # type: ignore[arg-type]
    return quiet_render(issue_with(body, front), options=options)


def quiet_render(issue: Issue, theme: Theme = THEME, options: Options = OPTIONS) -> RenderedIssue:
    """Every render of these tests runs where no file and no network can be reached."""
    with quietly():
        return render(issue, theme, options)


def preheader_of(page: Element) -> Element:
    body = page.find("body")
    assert body is not None
    return next(e for e in elements(body) if "display:none" in e.get("style", "").replace(" ", ""))
