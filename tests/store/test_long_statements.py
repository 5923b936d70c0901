"""A statement may take long, as long as its server answers somebody."""

from __future__ import annotations

import pytest

from newsletter.store import Store
from newsletter.store.postgres import silence
from tests.support import postgres

pytestmark = pytest.mark.processes


def test_what_takes_long_is_waited_for_while_the_server_answers_others(tmp_path, monkeypatch):
    for name, seconds in (("ANSWERED", 0.5), ("DOUBTED", 0.2)):
        monkeypatch.setattr(silence, name, seconds)
    url = postgres.server().url(postgres.new_database())
    with Store.open(f"{url}&folder={tmp_path}") as store, store.reading() as connection:
        assert connection.exec_driver_sql("SELECT 7 FROM pg_sleep(2)").scalar() == 7
