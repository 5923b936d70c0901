"""`newsletter images push`, and the mails that wait for it."""

from __future__ import annotations

import contextlib
import datetime as dt
import email
import email.policy
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from newsletter import clocks, s3
from newsletter.audience.letters import LetterKind
from newsletter.cli.context import open_project
from newsletter.errors import AccountError
from newsletter.project.letters import prepare_letter
from newsletter.publishing.images import _PictureFolder
from tests.support.certificates import certificate, server_side
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready, whole_letter
from tests.support.commands import killed
from tests.support.mailroom import post_office
from tests.support.ports import free_port
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.web_servers import Told, web_server

__all__ = ["certificate", "folder", "plain_environment", "ready", "whole_letter"]

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("whole_letter")]

ASSETS = "https://assets.slackwater.example.org"
PICTURES = ("harbour", "jetty", "orrin-sound")
FROM_CAMERA = "taken at home"


@pytest.fixture
def public(ready: Folder) -> Folder:
    """The example newsletter; its pictures go into a folder."""
    ready.edit("newsletter.toml", "[sender]", '[images]\nto = "public"\n\n[sender]')
    return ready


@pytest.fixture(scope="module")
def aws():
    with post_office() as url:
        yield url


@pytest.fixture
def bucket(ready: Folder, aws, monkeypatch):
    """The same with a bucket of its own; what is in it, by name."""
    name = f"letters-{hashlib.sha256(str(ready.root).encode()).hexdigest()[:12]}"
    client = boto3.client(
        "s3", endpoint_url=aws, region_name="us-east-1", aws_access_key_id="AKIDFAKE",
        aws_secret_access_key="fake",
    )  # fmt: skip
    client.create_bucket(Bucket=name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake")
    monkeypatch.setenv("NEWSLETTER_IMAGES__TO", f"s3://{name}/pictures")
    monkeypatch.setenv("NEWSLETTER_IMAGES__ENDPOINT", aws)

    def found():
        listed = client.list_objects_v2(Bucket=name).get("Contents", [])
        return {one["Key"]: client.get_object(Bucket=name, Key=one["Key"]) for one in listed}

    yield found
    client.close()


@contextlib.contextmanager
def smtp(monkeypatch, keeper: Keeper | None = None):
    keeper = keeper or Keeper()
    with aiosmtpd(keeper) as port:
        for key, value in {
            "KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port), "SMTP__SECURITY": "none",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"NEWSLETTER_TRANSPORT__{key}", value)
        yield keeper


def in_folder(folder: Folder) -> dict[str, bytes]:
    root = folder.root / "public"
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def shown(page: str) -> set[str]:
    return set(re.findall(rf"{ASSETS}/([^\"'\s)&]+)", page))


def camera(size: tuple[int, int] = (60, 40), colour: str = "teal") -> bytes:
    told = Image.Exif()
    told[0x010E] = FROM_CAMERA
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "JPEG", exif=told)
    return written.getvalue()


def test_pictures_go_under_names_of_their_content_and_mails_name_them_so(public):
    ran = public.run("images", "push", "--issue", "74")
    assert ran.code == 0
    assert "3 pictures sent, 0 there already" in ran.err
    files = in_folder(public)
    assert sorted(files) == sorted(line.removeprefix(f"{ASSETS}/") for line in ran.out.split())
    for name, data in files.items():
        stem, digest, suffix = name.rsplit(".", 2)
        assert digest == hashlib.sha256(data).hexdigest()[:8]
        assert stem.removeprefix("images/") in PICTURES
        assert suffix in {"png", "gif"}
    assert public.run("build", "--issue", "74", "--out", "built").code == 0
    assert shown((public.root / "built/074.html").read_text("utf-8")) == set(files)
    mail = email.message_from_bytes(
        (public.root / "built/074.eml").read_bytes(), policy=email.policy.default
    )
    assert shown(mail.get_body(("html",)).get_content()) == set(files)  # type: ignore[union-attr]


def test_a_push_repeated_sends_nothing(public, monkeypatch):
    assert public.run("images", "push").code == 0
    before = in_folder(public)
    monkeypatch.setattr(_PictureFolder, "put", lambda *_: pytest.fail("put again"))
    ran = public.run("images", "push", "--json")
    assert json.loads(ran.out)["sent"] == []
    assert sorted(json.loads(ran.out)["there"]) == sorted(before)
    assert in_folder(public) == before


def test_a_plan_sends_nothing(public):
    ran = public.run("images", "push", "--plan")
    assert ran.code == 0
    assert "would send 4 pictures" in ran.err
    assert not (public.root / "public").exists()


def test_a_changed_picture_leaves_the_one_that_earlier_mails_show(public):
    assert public.run("images", "push", "--issue", "74").code == 0
    before = in_folder(public)
    public.write("issues/images/harbour.png", camera())
    assert public.run("images", "push", "--issue", "74").code == 0
    after = in_folder(public)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    assert not [name for name, data in after.items() if FROM_CAMERA.encode() in data]


def test_drafts_are_not_published(public):
    public.edit(ISSUE, "status: ready", "status: draft")
    assert public.run("images", "push").code == 0
    assert not [name for name in in_folder(public) if "harbour" in name]


@pytest.mark.parametrize(
    ("markdown", "names"),
    [
        ("![x](images/x.webp)", {"x"}),
        ("![x](images/a%20b.jpg)", {"a%20b"}),
        ("![x](<images/a b.jpg>)", {"a%20b"}),
        ('![x](./images/x.webp "title")', {"x"}),
        ("![x](images/it's,x.jpg)", {"it%27s%2Cx"}),
        ("![x](images/m\u00f6we.jpg)", {"m%C3%B6we"}),
        ("![x](images/x.webp?v=2)", {"x"}),
        ('<img src="images/x.webp" alt="x">', {"x"}),
        ("<img src='images/x.webp' alt=x width=30>", {"x"}),
        ("A word ![x](images/x.webp) and ![y](images/it's,x.jpg)", {"x", "it%27s%2Cx"}),
        ("[![x](images/x.webp)](https://example.org/images/x.webp)", {"x"}),
    ],
)
def test_however_a_picture_is_written_the_mail_names_what_is_published(public, markdown, names):
    for name in ("x.webp", "a b.jpg", "it's,x.jpg", "m\u00f6we.jpg"):
        public.write(f"issues/images/{name}", camera())
    public.write(
        "issues/076-x.md", f"---\ntitle: X\ndate: 2026-12-20\n---\nWords first.\n\n{markdown}\n"
    )
    assert public.run("check", "--issue", "76").code == 0
    assert public.run("build", "--issue", "76", "--out", "built").code == 0
    page = (public.root / "built/076.html").read_text("utf-8")
    found = shown(page)
    assert {name.removeprefix("images/").rsplit(".", 2)[0] for name in found} == names
    assert all(name.endswith(".jpg") for name in found)
    ran = public.run("images", "push", "--issue", "76")
    assert {line.removeprefix(f"{ASSETS}/") for line in ran.out.split()} == found
    if "example.org/images" in markdown:
        assert 'href="https://example.org/images/x.webp' in page


def test_the_pictures_of_the_theme_and_of_other_mails_go_too(public):
    public.write("issues/images/logo.jpg", camera())
    public.edit("newsletter.toml", "[theme]", '[theme]\nheader_image = "images/logo.jpg"')
    assert public.run("build", "--issue", "75", "--out", "built").code == 0
    page = (public.root / "built/075.html").read_text("utf-8")
    [logo] = {name for name in shown(page) if "logo" in name}
    assert public.run("images", "push").code == 0
    assert logo in in_folder(public)


def test_a_letter_of_the_list_names_them_so_as_well(public):
    public.write("issues/images/logo.jpg", camera())
    public.edit("newsletter.toml", "[theme]", '[theme]\nheader_image = "images/logo.jpg"')
    assert public.run("images", "push").code == 0
    project = open_project()
    letter = prepare_letter(project, LetterKind.CONFIRM, day=dt.date(2026, 11, 29))
    assert shown(letter.html) <= set(in_folder(public))
    assert [name for name in shown(letter.html) if "logo" in name]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"no picture", "is damaged or no picture"), (b"<svg></svg>", "is an SVG")],
)
def test_what_cannot_be_made_is_told_with_its_place_and_nothing_goes(public, data, words):
    public.write("issues/images/harbour.png", data)
    ran = public.run("check", "--issue", "74")
    assert ran.code == 5
    line = next(line for line in ran.out.splitlines() if "picture-unreadable" in line)
    assert line.startswith(f"{ISSUE}:")
    assert words in line
    ran = public.run("images", "push")
    assert ran.code == 5
    assert words in ran.err
    assert not (public.root / "public").exists()


def test_without_a_setting_push_says_which(ready):
    ran = ready.run("images", "push")
    assert (ran.code, "images.to" in ran.hint) == (2, True)
    ready.edit("newsletter.toml", f'assets_url = "{ASSETS}"', "")
    ready.edit("newsletter.toml", "[sender]", '[images]\nto = "public"\n\n[sender]')
    ran = ready.run("images", "push")
    assert (ran.code, "site.assets_url" in ran.hint) == (2, True)


# --- before a mail ---------------------------------------------------------------------------


def test_a_real_send_publishes_before_the_first_mail(public, monkeypatch):
    there: list[set[str]] = []

    class Looking(Keeper):
        async def handle_DATA(self, *words):  # noqa: N802  # aiosmtpd's name
            there.append(set(in_folder(public)))
            return await super().handle_DATA(*words)

    with smtp(monkeypatch, Looking()) as keeper:
        assert public.send().code == 0
    assert len(there) == 25
    assert all(len(files) == 3 for files in there)
    assert keeper


@pytest.fixture
def web(public, certificate, monkeypatch):
    """The server where mails look for the pictures; it has none yet."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with web_server(Told({}), tls=server_side(certificate)) as told:
        public.edit("newsletter.toml", ASSETS, told.url("", scheme="https"))
        yield told


def test_a_real_send_waits_until_the_folder_is_published(public, web, monkeypatch):
    with smtp(monkeypatch) as keeper:
        dry = public.send("--dry-run")
        assert (dry.code, web.asked) == (0, [])
        assert "the send puts 3 pictures into public first, and looks whether" in dry.err
        assert not (public.root / "public").exists()
        ran = public.send()
        assert (ran.code, keeper.mails) == (5, [])
        assert ran.error.startswith("error: 3 pictures are not public yet: https://127.0.0.1:")
        dry = public.send("--dry-run")
        assert (dry.code, dry.error, dry.hint) == (5, ran.error, ran.hint)
        assert ran.error.endswith(" answers 404")
        assert ran.hint.startswith("hint: publish the folder public, then the same command")
        for kind in ("text/html; charset=utf-8", "image/png"):
            web.answers = {
                f"/{name}": (200, {"Content-Type": kind}, data)
                for name, data in in_folder(public).items()
            }
            ran = public.send()
            if kind != "image/png":
                assert (ran.code, keeper.mails) == (5, [])
                assert ran.error.endswith(" is a page, and no picture")
        assert (ran.code, "public" in ran.err) == (0, False)
    assert len(keeper.mails) == 25


def test_who_answers_for_pictures_that_are_not_public_sends(public, web, monkeypatch):
    with smtp(monkeypatch) as keeper:
        assert public.send("--skip-check", "image-dead").code == 0
        assert web.asked == []
    assert len(keeper.mails) == 25


def test_pictures_that_nothing_publishes_are_looked_for_as_well(ready, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with web_server(Told({}), tls=server_side(certificate)) as told, smtp(monkeypatch) as keeper:
        ready.edit("newsletter.toml", ASSETS, told.url("", scheme="https"))
        ran, dry = ready.send(), ready.send("--dry-run")
        assert (ran.code, keeper.mails) == (5, [])
        assert (dry.code, dry.error) == (5, ran.error)
        assert re.search(r"pictures? (is|are) not public yet: https://127.0.0.1:", ran.error)
        assert ran.error.endswith(".png answers 404")
        assert "publish them there, or set images.to, then the same command" in ran.hint
        names = [asked.split()[1] for asked in told.asked]
        told.answers = {name: (200, {"Content-Type": "image/png"}, b"x") for name in names}
        ran = ready.send()
        assert (ran.code, "public" in ran.err) == (0, False)
    assert len(keeper.mails) == 25


def test_where_no_such_host_is_a_real_send_without_images_to_warns(ready, monkeypatch):
    ready.edit("newsletter.toml", ASSETS, "https://pictures.nowhere.invalid")
    with smtp(monkeypatch) as keeper:
        ran = ready.send()
    assert (ran.code, len(keeper.mails)) == (0, 25)
    told = "warning: nobody could see whether the pictures are public: https://pictures.nowhere."
    assert told in ran.err


def test_where_nothing_answers_a_real_send_warns(public, monkeypatch):
    public.edit("newsletter.toml", ASSETS, f"https://127.0.0.1:{free_port()}")
    with smtp(monkeypatch) as keeper:
        ran = public.send()
    assert (ran.code, len(keeper.mails)) == (0, 25)
    assert (
        "warning: nobody could see whether the pictures are public: https://127.0.0.1:" in ran.err
    )


def test_a_test_mail_publishes_first(public, monkeypatch):
    with smtp(monkeypatch):
        assert public.run("test", "--issue", "74", "--to", "me@example.org").code == 0
    assert len(in_folder(public)) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("send", "--issue", "74", "--confirm", "74"),
        ("test", "--issue", "74", "--to", "me@example.org"),
    ],
)
def test_where_pictures_cannot_be_published_no_mail_leaves(public, monkeypatch, words):
    public.write("public", "in the way")
    with smtp(monkeypatch) as keeper:
        ran = public.run(*words)
    assert ran.code == 2
    assert "public" in ran.error
    assert keeper.mails == []
    (public.root / "public").unlink()
    with smtp(monkeypatch) as keeper:
        assert public.run(*words).code == 0
    assert len(keeper.mails) in {1, 25}


def test_neither_rehearsals_nor_approvals_nor_dry_runs_publish(public, monkeypatch):
    assert public.send().code == 0
    assert public.run("test", "--issue", "74", "--to", "me@example.org").code == 0
    public.run("approve", "--issue", "75", "--anyway")
    with smtp(monkeypatch):
        public.run("send", "--issue", "74", "--dry-run")
    assert not (public.root / "public").exists()


def test_an_approval_covers_the_bytes_and_not_where_they_go(public):
    prepared = _approval(public)
    public.edit("newsletter.toml", 'to = "public"', 'to = "elsewhere"')
    assert _approval(public) == prepared
    public.write("issues/images/harbour.png", camera())
    assert _approval(public) != prepared


def _approval(folder: Folder) -> str:
    folder.run("settings")
    return open_project().issue(74, now=clocks.now()).approval


# --- a bucket --------------------------------------------------------------------------------


def test_a_bucket_gets_them_with_their_kind_and_for_ever(ready, bucket):
    ran = ready.run("images", "push", "--issue", "74")
    assert ran.code == 0, ran.err
    files = bucket()
    assert len(files) == 3
    for key, answer in files.items():
        assert key.startswith("pictures/images/")
        assert answer["CacheControl"] == "public, max-age=31536000, immutable"
        assert answer["ContentType"] == f"image/{key.rpartition('.')[2]}"
        assert hashlib.sha256(answer["Body"].read()).hexdigest()[:8] == key.rsplit(".", 2)[1]


def test_a_push_to_a_bucket_repeated_sends_nothing(ready, bucket, monkeypatch):
    assert ready.run("images", "push").code == 0
    monkeypatch.setattr(s3.Bucket, "put", lambda *_: pytest.fail("put again"))
    ran = ready.run("images", "push", "--json")
    assert len(json.loads(ran.out)["there"]) == 4


def test_a_bucket_that_is_not_there_stops_a_send_before_the_first_mail(ready, bucket, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_IMAGES__TO", "s3://letters-nobody-has")
    with smtp(monkeypatch) as keeper:
        ran = ready.send()
    assert (ran.code, keeper.mails) == (4, [])
    assert "NoSuchBucket" in ran.error
    assert "fake" not in ran.err


def test_a_service_that_is_away_stops_a_send_too(ready, bucket, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_IMAGES__ENDPOINT", "http://127.0.0.1:9")
    with smtp(monkeypatch) as keeper:
        ran = ready.send()
    assert (ran.code, keeper.mails) == (4, [])
    assert "cannot be reached" in ran.error


def test_who_may_not_list_a_bucket_can_still_put(ready, bucket, monkeypatch):
    """Without s3:ListBucket, what is not there is forbidden instead of not found."""

    class Shy:
        def head_object(self, **_):
            said: Any = {"ResponseMetadata": {"HTTPStatusCode": 403}, "Error": {"Code": "403"}}
            raise ClientError(said, "HeadObject")

    one = s3.Bucket("s3://letters", endpoint="", profile="")
    one._client = Shy()
    assert one.has("x.png", 3) is False


def test_no_keys_is_said_so(ready, bucket, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    ran = ready.run("images", "push")
    assert (ran.code, "there are no keys" in ran.error) == (4, True)


def test_a_profile_that_does_not_exist_is_said_so():
    with pytest.raises(AccountError, match="nobody"):
        s3.Bucket("s3://letters", endpoint="", profile="nobody")


# --- on the way ------------------------------------------------------------------------------


def test_a_push_that_is_killed_leaves_whole_files(public):
    """Killed again and again, at other moments each time; what is there is always whole."""
    for n in range(12):
        picture = Image.effect_noise((400, 300), 60 + n)
        written = io.BytesIO()
        picture.save(written, "PNG")
        public.write(f"issues/images/n{n}.png", written.getvalue())
    body = "\n\n".join(f"![{n}](images/n{n}.png)" for n in range(12))
    public.write(
        "issues/076-x.md",
        f"---\ntitle: X\ndate: 2026-12-20\nstatus: ready\n---\nWords.\n\n{body}\n",
    )
    push = "images", "push", "--issue", "76"
    assert public.run(*push, "--plan").code == 0  # what is made for it is a file as well
    root = public.root / "public/images"
    for moment, there in ((2, 1), (7, 7)):
        killed(public.root, *push, at=moment)
        _expect_whole(root, there)
    assert public.run(*push).code == 0
    _expect_whole(root, 12)


def _expect_whole(root: Path, number: int) -> None:
    pictures = list(root.glob("n*.png"))
    assert len(pictures) == number
    for path in pictures:
        data = path.read_bytes()
        assert hashlib.sha256(data).hexdigest()[:8] == path.name.rsplit(".", 2)[1]
