"""The wheel and the sdist in an environment of their own: init, preview, send, without this checkout."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.cli_fixtures import ROOT

pytestmark = pytest.mark.processes

_SECONDS = 60


def run(*words: str | Path, cwd: Path = ROOT) -> str:
    """Run a command that has to go well, outside of this project's own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NEWSLETTER_", "PYTHON"))}
    done = subprocess.run(words, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def build(kind: str, source: Path, out: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out, cwd=source)
    [made] = out.iterdir()
    return made


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel built from this checkout, and one built from the sdist as an index would have it."""
    require((ROOT / "LICENSE").is_file(), "the tests run without the project around them")
    top = tmp_path_factory.mktemp("built")
    with tarfile.open(build("sdist", ROOT, top / "sdist")) as archive:
        archive.extractall(top / "source", filter="data")
    [source] = (top / "source").iterdir()
    return {"checkout": build("wheel", ROOT, top / "a"), "sdist": build("wheel", source, top / "b")}


@pytest.fixture(scope="module")
def command(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`newsletter` of an environment that has the sdist's wheel, and what it depends on."""
    place = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(place, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", place / "bin/python", "install", "-q")
    run(*pip, "--no-deps", "--no-index", wheels["sdist"])
    # A path in a .pth file is not searched for others, so no editable install comes along.
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = place / "lib" / version / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    found = run(
        place / "bin/python", "-c", "import newsletter; print(newsletter.__file__)", cwd=place
    )
    assert Path(found.strip()).is_relative_to(place)
    return place / "bin/newsletter"


def test_the_sdist_makes_the_same_wheel(wheels: dict[str, Path]) -> None:
    assert names(wheels["sdist"]) == names(wheels["checkout"])


def test_what_is_installed_is_named_as_the_readme_says(wheels: dict[str, Path]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert wheels["checkout"].name.startswith(f"{project['name']}-{project['version']}")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme.count("pipx install .") == readme.count("uv tool install .") == 1


@pytest.mark.parametrize("theme", ["magazine", "letter"])
def test_an_installed_program_begins_shows_and_sends(
    command: Path, tmp_path: Path, theme: str
) -> None:
    made = run(command, "init", "my-letter", "--yes", "--theme", theme, cwd=tmp_path)
    place = tmp_path / "my-letter"
    assert re.findall(r"^  newsletter -C my-letter (\w+)", made, re.MULTILINE) == [
        "preview", "subscribers", "send",
    ]  # fmt: skip
    assert (place / "templates/email/own.css").exists() is (theme == "letter")
    words = ("import", "subscribers/example.csv", "--consent-source", "an invented list")
    run(command, "subscribers", *words, cwd=place)
    run(command, "send", "--issue", "1", "--confirm", "1", cwd=place)
    assert len(list((place / "mail/001").glob("*.eml"))) == 25


def test_an_installed_program_shows_the_preview(command: Path, tmp_path: Path) -> None:
    run(command, "init", "--yes", cwd=tmp_path)
    with subprocess.Popen(
        [command, "preview", "--issue", "1", "--no-open"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    ) as served:  # fmt: skip
        try:
            assert served.stderr
            assert select.select([served.stderr], [], [], _SECONDS)[0], "it never said where it is"
            [url] = re.findall(r"http://\S+", served.stderr.readline())
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
                assert "Hello, and welcome to the first issue" in answer.read().decode()
        finally:
            served.terminate()
