"""Whole letters in bulk: what arrives is what the preview shows, but for the folds of long lines."""

from __future__ import annotations

import dataclasses
import functools

import pytest

from newsletter.issue import parse
from newsletter.message import filled
from newsletter.message.folding import folded, overlong
from newsletter.render import RenderedIssue
from tests.conftest import ROOT, corpus_file, corpus_names, own_issues
from tests.stages.test_merge import MARA, arrived, previewed
from tests.support.letter_samples import WAY_OUT
from tests.support.rendering import quiet_render

#: A header line may have 998 bytes (RFC 5322, 2.1.1); a line of HTML that is not encoded as well.
CUT = 998


@functools.lru_cache(1)
def letter(name: str) -> RenderedIssue:
    data = (ROOT / name).read_bytes() if "/" in name else corpus_file(name)
    return quiet_render(parse(data, file=f"issues/{name.rpartition('/')[2]}"))


@pytest.mark.trials
@pytest.mark.corpus
@pytest.mark.parametrize("name", [*own_issues(), *corpus_names()])
def test_a_letter_arrives_as_the_preview_shows_it(name):
    whole = letter(name)
    subject, text, page = arrived(whole)
    shown = previewed(whole)
    assert (subject, text) == shown[:2]
    assert page == filled(dataclasses.replace(whole, html=folded(whole.html)), MARA, WAY_OUT).html
    assert page.replace("\n", " ") == shown[2].replace("\n", " ")
    # One address of 2,700 bytes is in them: such a letter is refused before it is sent in bulk.
    widest = max(len(line.encode()) for line in page.split("\n"))
    assert (widest > CUT) is bool(overlong(whole.html))
