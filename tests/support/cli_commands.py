"""What tests of several commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli_fixtures import (
    Folder,
    Ran,
)

SOURCE = ("--consent-source", "an invented list")


def only_json(ran: Ran) -> dict[str, Any]:
    """The one object on stdout, and nothing else there."""
    found = json.loads(ran.out)
    assert found["schema"] == 1
    return dict(found)


@pytest.fixture
def empty(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plain_environment: None,
) -> Folder:
    root = tmp_path / "new"
    root.mkdir()
    return Folder(root, monkeypatch, capsys)
