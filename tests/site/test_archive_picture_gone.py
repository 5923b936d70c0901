"""A picture that the author deletes while the archive is served."""

from __future__ import annotations

import logging

from tests.publishing.test_archive_build import dated
from tests.site.test_archive_pages import client
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["client", "dated", "folder", "plain_environment", "ready"]


def test_it_is_a_page_that_is_not_there_and_the_log_names_it_in_a_sentence(client, dated, caplog):
    caplog.set_level(logging.ERROR, "newsletter.site")
    pictures = sorted((dated.root / "issues/images").rglob("*.*"))
    shown = [
        path
        for path in (f"/archive/images/{one.name}" for one in pictures)
        if client.get(path).status_code == 200
    ]
    assert shown
    for one in pictures:
        one.unlink()
    for path in shown:
        missing = client.get(path)
        assert (missing.status_code, "Page not found" in missing.text) == (404, True)
    assert client.get("/archive/74/").status_code == 200
    said = [record.getMessage() for record in caplog.records]
    assert all(record.exc_info is None for record in caplog.records)
    # The first finding, with its place, and not only how many there are.
    kept = [line for line in said if line.startswith("the archive stays as it was: issues/07")]
    assert kept
    assert all(" images/" in line for line in kept)
