"""Every page of readers tells once what is done with their data, where the author says it."""

from __future__ import annotations

import pytest

from newsletter.audience.tokens import make_token
from newsletter.store import signing_keys
from tests.support import readers
from tests.support.arriving import Harbour, harbour, link, text_of_mail

__all__ = ["harbour"]

URL = "https://slackwater.example.org/privacy"


def pages(harbour: Harbour) -> dict[str, str]:
    """Each page of a reader's, by its path."""
    harbour.subscribe("ada@example.org")
    [mail] = harbour.post()
    client, path = harbour.client(), link(mail)
    texts = {"form": client.get("/subscribe").text, "confirm": client.get(path).text}
    texts["confirmed"] = client.post(path, data={"answer": "yes"}).text
    handle = readers.people(harbour.store)[0].handle
    key = signing_keys.newest(harbour.store)
    texts["leave"] = client.get(f"/u/{make_token(handle, key)}").text
    texts["choices"] = client.get(f"/p/{make_token(handle, key, 'preferences')}").text
    texts["odd link"] = client.get("/u/x").text
    return texts | {"mail": text_of_mail(mail, "html")}


@pytest.mark.parametrize("url", [URL, ""])
def test_every_page_tells_once_what_is_done_with_readers_data(harbour, url):
    harbour.config = harbour.config.replace("[site]", f'[site]\nprivacy_url = "{url}"')
    told = {
        name: text.count("What is done with your data") for name, text in pages(harbour).items()
    }
    assert set(told.values()) == {1 if url else 0}, told
