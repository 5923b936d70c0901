"""`archive build --out s3://...`: whole files in an order that never misleads, and no more than that."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import Any

import boto3
import pytest

from newsletter import s3
from tests.publishing.test_archive_build import DAY, contents, dated
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.commands import killed
from tests.support.mailroom import post_office

__all__ = ["dated", "folder", "plain_environment"]

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def aws():
    with post_office() as url:
        yield url


class Shelf:
    """A bucket, and the archive that is built into it."""

    def __init__(self, folder: Folder, url: str) -> None:
        self.name = f"letters-{hashlib.sha256(str(folder.root).encode()).hexdigest()[:12]}"
        self.folder, self.out = folder, f"s3://{self.name}/archive"
        self.client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="AKIDFAKE",
            aws_secret_access_key="fake",
        )  # fmt: skip
        self.client.create_bucket(Bucket=self.name)

    def build(self, *words: str):
        return self.folder.run("archive", "build", "--out", self.out, "--today", DAY, *words)

    def names(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [one["Key"] for one in listed]

    def found(self) -> dict[str, Any]:
        answers = {
            name: self.client.get_object(Bucket=self.name, Key=name) for name in self.names()
        }
        return {
            name.removeprefix("archive/"): {**one, "Body": one["Body"].read()}
            for name, one in answers.items()
        }

    def bytes(self) -> dict[str, bytes]:
        return {name: one["Body"] for name, one in self.found().items()}


@pytest.fixture
def shelf(dated, aws, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake")
    monkeypatch.setenv("NEWSLETTER_IMAGES__ENDPOINT", aws)
    shelf = Shelf(dated, aws)
    yield shelf
    shelf.client.close()


def test_a_bucket_holds_what_a_folder_would_and_a_second_build_sends_nothing(shelf, monkeypatch):
    assert shelf.folder.run("archive", "build", "--out", "site", "--today", DAY).code == 0
    ran = shelf.build()
    assert (ran.code, ran.out.strip()) == (0, shelf.out)
    assert shelf.bytes() == contents(shelf.folder.root / "site")
    found = shelf.found()
    assert {name: found[name]["ContentType"] for name in
            ("index.html", "style.css", "feed.xml", "rss.xml", "_redirects", "images/harbour.png")} == {
        "index.html": "text/html; charset=utf-8", "style.css": "text/css; charset=utf-8",
        "feed.xml": "application/atom+xml", "rss.xml": "application/rss+xml",
        "_redirects": "text/plain; charset=utf-8", "images/harbour.png": "image/png",
    }  # fmt: skip
    assert {one["CacheControl"] for one in found.values()} == {"public, max-age=300"}
    with monkeypatch.context() as patch:
        for name in ("put", "delete", "has"):
            patch.delattr(s3.Bucket, name)
        assert json.loads(shelf.build("--json").out)["written"] == []
    shelf.folder.edit("issues/074-the-long-minute.md", "status: ready", "archive: no")
    ran = shelf.build()
    assert "issue 74 was taken out and its page deleted: archive: no" in ran.err
    assert not {"74/index.html", "images/harbour.png"} & set(shelf.found())


def test_what_others_put_there_is_neither_replaced_nor_deleted(shelf):
    for key in ("archive/index.html", "archive/other.html", "pictures/x.png"):
        shelf.client.put_object(Bucket=shelf.name, Key=key, Body=b"mine")
    ran = shelf.build()
    assert (ran.code, f"{shelf.out}/index.html: a file that the archive did not" in ran.error) == (
        2,
        True,
    )
    assert set(shelf.bytes().values()) == {b"mine"}
    shelf.client.delete_object(Bucket=shelf.name, Key="archive/index.html")
    assert shelf.build().code == 0
    found = shelf.bytes()
    assert found["other.html"] == found["pictures/x.png"] == b"mine"


def misled(found: dict[str, bytes]) -> list[str]:
    """Pages that the front page leads to, and that are not there."""
    front = found.get("index.html", b"").decode()
    return [name for name in ("73/index.html", "74/index.html", "style.css")
            if f'href="{name.removesuffix("index.html")}"' in front and name not in found]  # fmt: skip


@pytest.mark.parametrize("moment", [0, 1, 4, 7, 12])
def test_a_build_that_stops_never_misleads_and_the_next_one_ends_it(shelf, monkeypatch, moment):
    put, calls = s3.Bucket.put, iter(range(100))

    def dying(self: s3.Bucket, path: str, data: bytes, **rest: str) -> None:
        if next(calls) == moment:
            raise KeyboardInterrupt
        put(self, path, data, **rest)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(s3.Bucket, "put", dying)
        shelf.build()
    assert misled(shelf.bytes()) == []
    assert shelf.build().code == 0
    assert shelf.folder.run("archive", "build", "--out", "site", "--today", DAY).code == 0
    assert shelf.bytes() == contents(shelf.folder.root / "site")


def test_a_build_that_is_killed_never_misleads_and_the_next_one_ends_it(shelf):
    build = "archive", "build", "--out", shelf.out, "--today", DAY
    killed(shelf.folder.root, *build, at=6, of="an_object")
    assert 0 < len(shelf.names()) < 6
    assert misled(shelf.bytes()) == []
    assert shelf.build().code == 0
    assert json.loads(shelf.build("--json").out)["written"] == []
    assert {"index.html", "73/index.html", "74/index.html"} <= set(shelf.bytes())


@pytest.mark.parametrize("out", ["s3://", "s3://x", "https://x.example/y", "s3://letters/../up"])
def test_what_is_no_bucket_is_told(dated, out):
    ran = dated.run("archive", "build", "--out", out)
    assert (ran.code, ran.hint) == (2, "hint: write s3://BUCKET/PREFIX")


def test_a_bucket_that_is_not_there_is_told(shelf):
    ran = shelf.folder.run(
        "archive", "build", "--out", f"{shelf.out}-not".replace("letters", "nobodys")
    )
    assert (ran.code, "NoSuchBucket" in ran.error) == (4, True)
