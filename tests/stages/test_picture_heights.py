"""A picture says how high it will be, so that nothing jumps while a mail loads."""

from __future__ import annotations

import pytest

from tests.stages.test_picture_sizes import drawn


@pytest.mark.parametrize(
    ("body", "width", "height"),
    [
        ("![a](images/wide.png)", "552", "138"),
        ("![a](images/icon.png)", "16", "16"),
        ("[![a](images/wide.png)](https://x.example)", "552", "138"),
        ("![a](https://x.example/unknown.png)", "552", None),
    ],
)
def test_the_height_follows_from_the_width_and_the_file(body, width, height):
    ((found, tall, style),) = drawn(body)
    assert (found, tall) == (width, height)
    assert style["height"] == "auto"
    assert "data-" not in repr(style)
