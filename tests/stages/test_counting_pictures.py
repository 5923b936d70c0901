"""Pictures that counted readers at an earlier service do not come along; thin ones do."""

from __future__ import annotations

import pytest

from newsletter.exports.faithful import convert


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('width="1" height="1"', False),
        ('width="1px" height="0"', False),
        ('width="1"', False),
        ('style="width:1px;height:1px"', False),
        ('style="border:0; max-height: 0px !important"', False),
        ('width="1" height="80"', True),
        ('style="width:100%;height:1px"', True),
        ('width="10" height="10"', True),
        ('style="line-height:1"', True),
        ("", True),
    ],
)
def test_only_what_has_no_size_goes(said, kept):
    done = convert(f'<p>x <img src="https://t.example/o.gif" {said}></p>', "")
    assert ("o.gif" in done.body) is kept
