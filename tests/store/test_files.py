from __future__ import annotations

import errno
import hashlib
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from newsletter.audience.roster import Row, read
from newsletter.errors import InputError, PausedError
from newsletter.project.files import (
    _not_written,
    find_issue,
    find_root,
    image_exists,
    issue_files,
    list_files,
    list_name,
    look_through,
    make_folder,
    read_config,
    read_dotenv,
    read_issue,
    read_theme,
    write_atomic,
    write_new,
    write_rejects,
)
from newsletter.project.records import store_url
from newsletter.store import Store


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "letter"
    (folder / "issues").mkdir(parents=True)
    (folder / "newsletter.toml").write_text('[site]\nname = "Slack Water"\n')
    return folder


def issue(root: Path, *names: str) -> None:
    for name in names:
        (root / "issues" / name).write_text(f"---\ntitle: {name}\n---\n")


# --- the folder ------------------------------------------------------------------------------


def test_the_folder_is_found_from_anywhere_inside_it(root):
    deep = root / "issues" / "images"
    deep.mkdir()
    assert find_root(deep) == find_root(root) == root


def test_a_pyproject_with_settings_marks_the_folder_too(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.newsletter.site]\n')
    (tmp_path / "sub").mkdir()
    assert find_root(tmp_path / "sub") == tmp_path


@pytest.mark.parametrize("data", [b"[tool.other]\n", b"# [tool.newsletter]\n", b"\xff\xfe", b""])
def test_another_pyproject_marks_nothing(tmp_path, data):
    (tmp_path / "pyproject.toml").write_bytes(data)
    with pytest.raises(InputError, match="no newsletter in this folder") as caught:
        find_root(tmp_path)
    assert caught.value.hint == "newsletter init"


def test_the_settings_are_read_with_their_file(root):
    config = read_config(root)
    assert config is not None
    assert (config.file, config.kind) == ("newsletter.toml", "newsletter.toml")
    assert config.text == '[site]\nname = "Slack Water"\n'


def test_the_settings_may_stand_in_pyproject(root):
    (root / "newsletter.toml").unlink()
    (root / "pyproject.toml").write_text('[tool.newsletter.site]\nname = "x"\n')
    config = read_config(root)
    assert config is not None
    assert (config.file, config.kind) == ("pyproject.toml", "pyproject")


def test_settings_in_two_places_are_an_error(root):
    (root / "pyproject.toml").write_text('[tool.newsletter.site]\nname = "x"\n')
    with pytest.raises(InputError, match=r"newsletter.toml and in pyproject.toml"):
        read_config(root)


def test_a_folder_without_settings_has_none(tmp_path):
    assert read_config(tmp_path) is None


def test_settings_that_are_not_utf_8_are_named_with_their_line(root):
    (root / "newsletter.toml").write_bytes(b"[site]\nname = 'Z\xeb'\n")
    with pytest.raises(InputError, match="not UTF-8") as caught:
        read_config(root)
    assert str(caught.value.place) == "newsletter.toml:2"


def test_dotenv_is_read_or_empty(root):
    assert read_dotenv(root) == ""
    (root / ".env").write_bytes("\ufeffNEWSLETTER_X=ä\n".encode())
    assert read_dotenv(root) == "NEWSLETTER_X=ä\n"


@pytest.mark.parametrize(
    ("setting", "file"),
    [
        ("", ".newsletter/newsletter.db"),
        ("sqlite:///records/my.db", "records/my.db"),
    ],
)
def test_the_store_lies_in_the_folder_wherever_the_command_runs(root, setting, file):
    url = store_url(root, setting)
    assert url == f"sqlite:///{root}/{file}"
    Store.open(url).close()
    assert (root / file).is_file()


def test_other_places_of_the_store_stay_as_they_are(root, tmp_path):
    assert store_url(root, f"sqlite:///{tmp_path}/x.db") == f"sqlite:///{tmp_path}/x.db"
    beside = "folder=" + quote(f"{root}/.newsletter", safe="")
    assert store_url(root, "postgresql://db/x") == f"postgresql://db/x?{beside}"
    assert store_url(root, "postgresql://db/x?port=1", "a&b") == (
        f"postgresql://db/x?port=1&{beside}&password=a%26b"
    )


# --- issues ----------------------------------------------------------------------------------


def test_issues_come_in_the_order_of_their_numbers(root):
    issue(root, "074-tides.md", "9-old.md", "100.md", "notes.md", "075-x.txt", "74a.md")
    (root / "issues" / "080-folder.md").mkdir()
    assert issue_files(root) == ("issues/9-old.md", "issues/074-tides.md", "issues/100.md")


def test_a_folder_without_issues_has_none(tmp_path):
    assert issue_files(tmp_path) == ()
    with pytest.raises(InputError, match="there is no issue 1") as caught:
        find_issue(tmp_path, 1)
    assert "newsletter new" in str(caught.value.hint)


def test_an_issue_is_found_by_its_number(root):
    issue(root, "074-tides.md", "075-x.md")
    assert find_issue(root, 74) == "issues/074-tides.md"
    assert read_issue(root, "issues/074-tides.md") == b"---\ntitle: 074-tides.md\n---\n"


def test_a_missing_number_is_answered_with_the_nearest(root):
    issue(root, "001.md", "071.md", "073.md", "080.md")
    with pytest.raises(InputError, match="there is no issue 74") as caught:
        find_issue(root, 74)
    assert caught.value.hint == "the nearest: 71, 73, 80"


def test_two_files_of_one_number_are_both_named(root):
    issue(root, "074-tides.md", "74.md")
    with pytest.raises(InputError, match=r"issues/074-tides\.md and issues/74\.md"):
        find_issue(root, 74)


def test_an_issue_that_is_gone_or_a_folder_is_an_error(root):
    with pytest.raises(InputError, match="this file is missing") as caught:
        read_issue(root, "issues/074.md")
    assert str(caught.value.place) == "issues/074.md"
    with pytest.raises(InputError, match="cannot be read"):
        read_issue(root, "issues")


@pytest.mark.parametrize("name", ["../secret.md", "/etc/hostname", "issues/../../secret.md"])
def test_paths_that_lead_out_are_refused(root, name):
    (root.parent / "secret.md").write_text("secret")
    with pytest.raises(InputError, match="leads out"):
        read_issue(root, name)
    assert not image_exists(root, name)


def test_symbolic_links_that_lead_out_are_refused(root):
    (root.parent / "secret.md").write_text("secret")
    (root / "issues" / "074-x.md").symlink_to(root.parent / "secret.md")
    with pytest.raises(InputError, match="leads out"):
        read_issue(root, find_issue(root, 74))
    (root / ".env").symlink_to(root.parent / "secret.md")
    with pytest.raises(InputError, match="leads out"):
        read_dotenv(root)


def test_symbolic_links_inside_the_folder_are_followed(root):
    issue(root, "074-x.md")
    (root / "latest.md").symlink_to(root / "issues" / "074-x.md")
    assert read_issue(root, "latest.md").startswith(b"---")


def test_a_circle_of_links_is_an_error_not_a_crash(root):
    (root / "a.md").symlink_to(root / "b.md")
    (root / "b.md").symlink_to(root / "a.md")
    with pytest.raises(InputError):
        read_issue(root, "a.md")


def test_images_exist_or_not(root):
    (root / "issues" / "images").mkdir()
    (root / "issues" / "images" / "x.png").touch()
    assert image_exists(root, "issues/images/x.png")
    assert not image_exists(root, "issues/images")
    assert not image_exists(root, "issues/images/y.png")
    assert not image_exists(root, "\0")


# --- themes ----------------------------------------------------------------------------------


@pytest.fixture
def theme(root):
    folder = root / "templates" / "email"
    (folder / "parts").mkdir(parents=True)
    for name in ("issue.mjml", "issue.txt", "parts/head.mjml", "parts/look.css"):
        (folder / name).write_text(f"<!-- {name} ä -->", encoding="utf-8")
    (folder / "README.md").write_text("not read")
    (folder / "logo.png").write_bytes(b"\xff")
    return folder


def test_a_theme_is_its_texts_by_name(root, theme):
    texts = read_theme(root, "templates/email")
    assert sorted(texts) == ["issue.mjml", "issue.txt", "parts/head.mjml", "parts/look.css"]
    assert texts["parts/head.mjml"] == "<!-- parts/head.mjml ä -->"


@pytest.mark.parametrize("missing", ["issue.mjml", "issue.txt"])
def test_a_theme_without_its_first_files_is_an_error(root, theme, missing):
    (theme / missing).unlink()
    with pytest.raises(InputError, match=f"the theme has no {missing}") as caught:
        read_theme(root, "templates/email")
    assert str(caught.value.place) == "templates/email"


def test_a_missing_or_empty_theme_is_an_error(root):
    with pytest.raises(InputError, match="the theme's folder is missing"):
        read_theme(root, "templates/email")
    (root / "templates" / "email").mkdir(parents=True)
    with pytest.raises(InputError, match=r"the theme has no issue\.mjml"):
        read_theme(root, "templates/email")


def test_a_theme_that_is_not_utf_8_is_named_with_file_and_line(root, theme):
    (theme / "parts" / "look.css").write_bytes(b"a {}\n\nb { content: '\xeb' }\n")
    with pytest.raises(InputError, match="not UTF-8") as caught:
        read_theme(root, "templates/email")
    assert str(caught.value.place) == "templates/email/parts/look.css:3"


def test_a_theme_never_reaches_out_of_the_folder(root, theme):
    (root.parent / "secret.css").write_text("secret")
    with pytest.raises(InputError, match="leads out"):
        read_theme(root, "..")
    (theme / "x.css").symlink_to(root.parent / "secret.css")
    with pytest.raises(InputError, match="leads out"):
        read_theme(root, "templates/email")


# --- lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_list_is_looked_through_and_then_read(tmp_path, encoding):
    data = 'email,name\r\na@b.org,"Zoë\r\nx"\r\n'.encode(encoding)
    (tmp_path / "list.csv").write_bytes(data)
    found = look_through(tmp_path / "list.csv")
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    [row] = read(found.lines(), file="list.csv")
    assert isinstance(row, Row)
    assert (row.email, row.name, row.line) == ("a@b.org", "Zoë x", 2)


@pytest.mark.parametrize(
    ("data", "words"), [(None, "missing"), (b"", "empty"), (b"a\0", "not text")]
)
def test_a_list_that_is_none_is_an_error(tmp_path, data, words):
    if data is not None:
        (tmp_path / "list.csv").write_bytes(data)
    with pytest.raises(InputError, match=words):
        look_through(tmp_path / "list.csv")


def test_a_list_that_changes_while_it_is_read_is_an_error(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"email\n")
    found = look_through(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_bytes(b"email\n\xff\n")
    with pytest.raises(InputError, match="changed while it was read"):
        list(found.lines())


# --- writing ---------------------------------------------------------------------------------


def test_a_file_is_written_whole_and_nothing_stays_behind(tmp_path):
    write_atomic(tmp_path / "a.json", b"one")
    write_atomic(tmp_path / "a.json", b"two")
    assert (tmp_path / "a.json").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path):
    write_atomic(tmp_path / "new", b"")
    (tmp_path / "other").touch()
    assert mode(tmp_path / "new") == mode(tmp_path / "other")
    (tmp_path / "new").chmod(0o640)
    write_atomic(tmp_path / "new", b"x")
    assert mode(tmp_path / "new") == 0o640


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_atomic(tmp_path / "none" / "a", b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_atomic(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


LIMITED = """
import signal, sys
from pathlib import Path
from newsletter.project.files import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    write_atomic(Path(sys.argv[1]), b"x" * 100_000)
except Exception as error:
    print(type(error).__name__, error.cause)
"""


@pytest.mark.processes
def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_draft(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert done.stdout == f"InputError {os.strerror(errno.EFBIG)}\n"
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_pauses():
    with pytest.raises(OSError) as full, Path("/dev/full").open("wb", buffering=0) as stream:
        stream.write(b"x")
    assert isinstance(_not_written(Path("a"), full.value), PausedError)


def test_a_new_file_is_written_with_its_folders_and_an_old_one_left_alone(tmp_path):
    assert write_new(tmp_path / "a" / "b.txt", b"one")
    assert not write_new(tmp_path / "a" / "b.txt", b"two")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"one"
    with pytest.raises(InputError, match="cannot be written"):
        make_folder(tmp_path / "a" / "b.txt" / "c")


def test_rejected_rows_are_written_beside_their_list(tmp_path):
    made = write_rejects(tmp_path / "list.csv", [(3, 'a "quote"'), (5, "line 3, too")])
    assert made == tmp_path / "list-rejected.csv"
    assert made.read_text() == 'line,reason\n3,"a ""quote"""\n5,"line 3, too"\n'


def test_the_lists_of_the_folder_are_known_without_what_was_rejected(root, tmp_path):
    assert list_files(root) == ()
    (root / "subscribers").mkdir()
    for name in ("b.csv", "a.csv", "a-rejected.csv", "notes.txt"):
        (root / "subscribers" / name).touch()
    found = list_files(root)
    assert [list_name(root, file) for file in found] == ["subscribers/a.csv", "subscribers/b.csv"]
    assert list_name(root, tmp_path / "elsewhere.csv") == "elsewhere.csv"
