"""The public pages over a store of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from newsletter import site as public
from newsletter.audience.tokens import make_token
from newsletter.store import Store, signing_keys
from newsletter.store.subscribers import Member
from tests.support import readers
from tests.support.beside_the_program import everything
from tests.support.store_samples import LATER, people, store_with
from tests.support.web_fixtures import settings_of

SETTINGS = '[site]\nname = "Slack Water"\n'


@dataclass
class Site:
    """The pages over real records."""

    root: Path
    store: Store
    settings: str = SETTINGS

    def client(self, **options: Any) -> TestClient:
        pages = public.application(
            store=self.store, settings=settings_of(self.settings), clock=lambda: LATER
        )
        return TestClient(pages, base_url="https://letters.example.org", follow_redirects=False, **options)  # fmt: skip

    def person(self, number: int = 1) -> Member:
        """Who was added as the first, or a later one."""
        return readers.people(self.store)[number - 1]

    def token(self, person: int = 1) -> str:
        return make_token(self.person(person).handle, signing_keys.newest(self.store))

    def path(self, person: int = 1) -> str:
        return f"/u/{self.token(person)}"

    def status(self, person: int = 1) -> str:
        return self.person(person).status.value

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        return everything(self.root)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with store_with(tmp_path, people(30)) as store:
        yield Site(tmp_path, store)
