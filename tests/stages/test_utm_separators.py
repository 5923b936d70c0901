"""Links whose query ends in a separator: ours is not put beside it."""

from __future__ import annotations

import pytest

from newsletter.render.utm import tag
from tests.conftest import link_tags

OURS = "utm_source=slack-water&utm_medium=email&utm_campaign=issue-74"


@pytest.mark.parametrize(
    ("url", "tagged"),
    [
        ("https://x.example/a?b=1&", f"https://x.example/a?b=1&{OURS}"),
        ("https://x.example/a?b=1&#c", f"https://x.example/a?b=1&{OURS}#c"),
        ("https://x.example/a?b=1&&", f"https://x.example/a?b=1&&{OURS}"),
        ("https://x.example/a?&", f"https://x.example/a?&{OURS}"),
        ("https://x.example/a?", f"https://x.example/a?{OURS}"),
        ("https://x.example/a?b=1&&c=2", f"https://x.example/a?b=1&&c=2&{OURS}"),
        ("https://x.example/a?b=", f"https://x.example/a?b=&{OURS}"),
    ],
)
def test_a_trailing_separator_is_used_and_not_doubled(url: str, tagged: str) -> None:
    tags = link_tags()
    assert tag(url, tags) == tagged
    assert tag(tagged, tags) == tagged
