"""How long the preview takes over one edit of a long issue, beside rendering the issue alone.

    python benchmarks/preview.py [ISSUE.md] [rounds]

Every round changes a word of the file, then asks the preview as a browser would: for the mail,
and for everything the page shows of it. Without a file, the longest issue of the corpus beside
this project is taken, or issue 74. Times are the server's own, without a socket.
"""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from figures import Figure, note
from starlette.testclient import TestClient

from newsletter import clocks
from newsletter.preview import application
from newsletter.preview.choices import TABS
from newsletter.preview.front_page import FrontPage
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.reload import Changes
from newsletter.preview.sending import Ready
from newsletter.project.issues import prepare_issue
from newsletter.sending.trial import TrialResult
from newsletter.settings import ConfigText, Settings, load

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
NUMBER = 999


def longest() -> Path:
    """The longest issue there is."""
    found = [*CORPUS.glob("[0-9]*.md")] or [*ROOT.glob("issues/074-*.md")]
    return max(found, key=lambda path: path.stat().st_size)


def settings() -> Settings:
    """What the example newsletter says."""
    text = (ROOT / "newsletter.toml").read_text("utf-8")
    return load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv="")


def asking(previews: IssuePreviews, root: Path) -> TestClient:
    """The preview of a folder, asked without a socket."""

    def trial(_: int, __: str) -> TrialResult | None:
        return None

    async def ask(_: int) -> None:
        return None

    app = application(
        builder=previews.preview, front_page=FrontPage, folder=root / "issues", changes=Changes(),
        token="x", editor=lambda: None, ready=lambda _: Ready(), trial=trial, ask=ask,
        archive=lambda _, __: None,
        numbers=lambda _: None,
    )  # fmt: skip
    return TestClient(app, base_url="http://127.0.0.1")


def milliseconds(do: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print the medians and their ratio to rendering alone."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else longest()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "issues").mkdir()
        shutil.copytree(ROOT / "templates", root / "templates")
        name = f"issues/{NUMBER}-{source.stem}.md"
        text = "\n".join(
            line for line in source.read_text("utf-8").split("\n") if not line.startswith("number:")
        )
        client = asking(IssuePreviews(root, settings, clocks.now), root)
        parts = [f"/issues/{NUMBER}?tab={tab}" for tab, _ in TABS]
        mail = f"/issues/{NUMBER}/mail"

        def get(address: str) -> None:
            assert client.get(address).status_code == 200

        def render() -> None:
            prepare_issue(root, name, settings(), today=dt.date(2026, 11, 22))

        alone: list[float] = []
        first: list[float] = []
        page: list[float] = []
        every: list[float] = []
        for number in range(rounds + 1):
            (root / name).write_text(f"{text}\nEdit {number}.\n", "utf-8")
            took = [milliseconds(render), milliseconds(lambda: get(mail))]
            took += [milliseconds(lambda: get(parts[0]))]
            took += [sum(milliseconds(partial(get, part)) for part in parts[1:])]
            if number:  # the first loads what the others have
                for kept, one in zip((alone, first, page, every), took, strict=True):
                    kept.append(one)
    base, html, shown, rest = (statistics.median(side) for side in (alone, first, page, every))
    print(f"{source.name}: {len(text.encode()):,} bytes, {rounds} edits, medians")
    row = "{:34}  {:6.0f} ms   {:5.2f}   {}".format
    print(row("rendered and checked, nothing else", base, 1, ""))
    print(row("the HTML panel", html, html / base, "(goal: 60 ms)"))
    print(row("and the page around it", html + shown, (html + shown) / base, "(goal: 150 ms)"))
    what = f"from saving {len(text.encode()) // 1000} KB to the mail in the preview"
    note(Figure(what=what, ours=html, unit="ms", bound=100))
    whole = html + shown + rest
    print(row("and every other part", whole, whole / base, ""))


if __name__ == "__main__":
    main()
