"""A theme is read for faults once for each page it makes, and no page goes without."""

from __future__ import annotations

import pytest

from newsletter.errors import InputError
from newsletter.render import Theme
from newsletter.render import lint as linting
from tests.conftest import issue_with
from tests.support.rendering import THEME, quiet_render, rendered


def theme_with(line: str) -> Theme:
    """The example theme with one line more at the end of its page's head."""
    files = dict(THEME.files)
    files["head.mjml"] = f"{files['head.mjml']}\n{line}\n"
    return Theme(folder=THEME.folder, files=tuple(files.items()))


@pytest.fixture
def pages(monkeypatch):
    """The pages that are read for faults from now on."""
    read = []
    whole = linting._Reader.read

    def spy(self):
        read.append(self._shell.text)
        return whole(self)

    monkeypatch.setattr(linting._Reader, "read", spy)
    linting.lint.cache_clear()
    return read


def test_a_page_is_read_once_however_often_the_letter_in_it_changes(pages):
    for body in ("One.", "Two.", "Three."):
        rendered(body)
    assert len(pages) == 1
    rendered("One.", "title: Another")
    assert len(pages) == 2


def test_a_fault_is_refused_each_time(pages):
    theme = theme_with("<mj-stile>.a { margin: 0 }</mj-stile>")
    for _ in range(2):
        with pytest.raises(InputError, match="<mj-stile> is not an element of MJML"):
            quiet_render(issue_with(), theme)
    assert len(pages) == 2


def test_a_fault_that_only_one_issue_brings_to_light_is_refused_for_that_issue():
    theme = theme_with("{% if number == 8 %}<mj-stile>.a { margin: 0 }</mj-stile>{% endif %}")
    quiet_render(issue_with(number=7), theme)
    with pytest.raises(InputError, match="<mj-stile> is not an element of MJML"):
        quiet_render(issue_with(number=8), theme)
