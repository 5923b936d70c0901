"""The address that `serve` prints, and that readers type, leads to the form."""

from __future__ import annotations

from starlette.testclient import TestClient

from newsletter import site as public
from tests.support.arriving import harbour

__all__ = ["harbour"]


def test_the_bare_address_leads_to_the_form(harbour):
    client = harbour.client()
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "subscribe")
    followed = client.get(answer.next_request.url)
    assert followed.status_code == 200
    assert 'name="email"' in followed.text
    assert client.head("/").status_code == 303


def test_no_other_address_does(harbour):
    for path in ("/nothing", "/u/", "/index.html"):
        assert harbour.client().get(path).status_code == 404
    assert harbour.client().post("/").status_code == 404


def test_where_nobody_can_subscribe_there_is_no_form_to_lead_to(harbour):
    closed = harbour.project.settings.model_copy(
        update={"web": harbour.project.settings.web.model_copy(update={"signup": False})}
    )
    pages = public.application(store=harbour.store, settings=closed, clock=lambda: harbour.now)
    client = TestClient(pages, follow_redirects=False)
    assert client.get("/").status_code == 404
