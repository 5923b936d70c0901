"""The sign-up form in the archive: there where sign-up is open, and it leads to the pages."""

from __future__ import annotations

import pytest

from newsletter.cli import run
from newsletter.project import Project
from newsletter.settings import ConfigText, load
from newsletter.site.archive import ArchiveServer
from tests.publishing.test_archive_build import dated
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.pages import parse_page

__all__ = ["dated", "folder", "plain_environment", "ready"]

SUBSCRIBE = "https://letters.slackwater.example.org/subscribe"


def forms(page: bytes) -> list[tuple[str, str]]:
    """Where the forms of a page are sent, and what the consent log calls them."""
    return [
        (form.get("action") or "", field.get("value") or "")
        for form in parse_page(page.decode()).iter("form")
        for field in form.iter("input")
        if field.get("name") == "form"
    ]


def served(newsletter) -> dict[str, bytes]:
    """The pages that `serve` answers with."""
    text = (newsletter.root / "newsletter.toml").read_text("utf-8")
    settings = load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv="")
    server = run._archive(Project(newsletter.root, settings))
    assert isinstance(server, ArchiveServer)
    return {name: file.make() for name, file in server.live.build().files.items()}


def built(newsletter) -> dict[str, bytes]:
    assert newsletter.run("archive", "build", "--out", "site").code == 0
    site = newsletter.root / "site"
    return {name: (site / name).read_bytes() for name in ("index.html", "74/index.html")}


@pytest.mark.parametrize("pages", [built, served])
def test_every_page_to_read_has_one_form_where_sign_up_is_open(dated, pages):
    made = pages(dated)
    for name in ("index.html", "74/index.html"):
        assert forms(made[name]) == [(SUBSCRIBE, "archive")], name
        assert b"form-action https://letters.slackwater.example.org;" in made[name], name


@pytest.mark.parametrize("pages", [built, served])
def test_where_sign_up_is_closed_there_is_no_form(dated, pages):
    with (dated.root / "newsletter.toml").open("a") as config:
        config.write("\n[web]\nsignup = false\n")
    made = pages(dated)
    for name in ("index.html", "74/index.html"):
        assert b"<form" not in made[name], name
        assert b"form-action &#39;none&#39;;" in made[name], name


def test_opening_sign_up_makes_the_pages_anew(dated):
    config = dated.root / "newsletter.toml"
    text = config.read_text()
    config.write_text(f"{text}\n[web]\nsignup = false\n")
    assert forms(built(dated)["74/index.html"]) == []
    config.write_text(text)
    assert forms(built(dated)["74/index.html"]) == [(SUBSCRIBE, "archive")]
