"""A letter's HTML and text, rendered for tests of Markdown."""

from __future__ import annotations

from newsletter.render import RenderedIssue
from newsletter.render.pipeline import render
from tests.conftest import example_options, issue_with, read_theme

THEME, OPTIONS = read_theme(), example_options()


def rendered(body: str, front: str = "title: A title") -> RenderedIssue:
    return render(issue_with(body, front), THEME, OPTIONS)
