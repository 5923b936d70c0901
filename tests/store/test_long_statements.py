"""A statement may take long, as long as its server answers somebody."""

from __future__ import annotations

import pytest

from newsletter.store import Store
from tests.support import impatience, postgres

pytestmark = pytest.mark.processes


def test_what_takes_long_is_waited_for_while_the_server_answers_others(tmp_path, monkeypatch):
    impatience.shorten(monkeypatch.setattr, answered=2.0, doubted=0.2)
    url = postgres.server().url(postgres.new_database())
    with Store.open(f"{url}&folder={tmp_path}") as store, store.reading() as connection:
        assert connection.exec_driver_sql("SELECT 7 FROM pg_sleep(5)").scalar() == 7
