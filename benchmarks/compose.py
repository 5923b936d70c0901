"""How long composing takes, beside npm's markdown-it + mjml + juice on the same texts.

    python benchmarks/compose.py [FOLDER] [--rounds N] [--node FOLDER]

FOLDER holds issues (default: the corpus beside the project where there is one, else issues/). The
npm packages are installed by name into a temporary folder, or into the one `--node` names, which
is kept. Both sides render every issue once to warm up, then in turn; medians are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import shares
from figures import Figure, Share, note
from markdown_it import MarkdownIt

from newsletter.errors import InputError
from newsletter.issue import parse
from newsletter.render import Options, Theme, letter, pipeline, shell, tree
from newsletter.settings import ConfigText, load
from newsletter.settings.mail import options

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
PACKAGES = ("markdown-it", "mjml", "juice")
WARM = "composing an issue, warm"
COLD = "newsletter build, cold"
BOUND = 60.0  # ms for the HTML of the largest issue

#: Which calls belong to which part.
PARTS: dict[str, list[shares.Place]] = {
    "the letter: links, places, callouts": [(pipeline, "compose")],
    "markdown-it-py, reading": [(MarkdownIt, "parse")],
    "letter as HTML": [(letter, "fragment")],
    "text part": [(pipeline, "text_part")],
    "lint": [(pipeline, "lint")],
    "premailer": [(pipeline, "inline_styles")],
    "MJML": [(pipeline, "_compile")],
    "theme (Jinja)": [(shell, "fill")],
    "tree": [(tree, "parse"), (tree, "write")],
    "links": [(tree, "put_back_targets"), (tree, "harden"), (tree, "tag_links")],
}

# Reads [{name, body, page}] as its first line; the page is the filled-in theme with SLOT for the
# letter. Renders all of them once for that line and once for every other.
NODE = """
const markdown = require("markdown-it")("commonmark").enable(["table", "strikethrough"]);
const mjml = require("mjml");
const juice = require("juice");
const ms = (from, to) => Number(to - from) / 1e6;
const now = () => process.hrtime.bigint();
async function one({ body, page }) {
  const a = now();
  const letter = markdown.render(body);
  const b = now();
  const built = await mjml(page.replace("SLOT", () => letter), { keepComments: true });
  const c = now();
  const html = juice(built.html, { removeStyleTags: false, resolveCSSVariables: false });
  const d = now();
  return { markdown: ms(a, b), mjml: ms(b, c), juice: ms(c, d), all: ms(a, d), bytes: html.length };
}
(async () => {
  const lines = require("readline").createInterface({ input: process.stdin });
  let issues;
  for await (const line of lines) {
    issues ||= JSON.parse(line);
    const took = {};
    for (const issue of issues) took[issue.name] = await one(issue);
    console.log(JSON.stringify(took));
  }
})();
"""


def main() -> None:
    """Print per-issue medians, where the time goes, and the ratios to npm."""
    wanted = argparse.ArgumentParser()
    wanted.add_argument("folder", nargs="?", type=Path)
    wanted.add_argument("--rounds", type=int, default=9)
    wanted.add_argument("--node", type=Path)
    chosen = wanted.parse_args()
    folder = chosen.folder or (CORPUS if CORPUS.is_dir() else ROOT / "issues")
    texts = {p.name: p.read_bytes() for p in sorted(folder.glob("[0-9]*.md"))}
    ours = Ours(texts)
    pages = ours.pages()
    with npm(chosen.node) as where:
        theirs = Theirs(pages, where) if where else None
        for _ in range(chosen.rounds):
            ours.round()
            if theirs:
                theirs.round()
        report(ours, theirs)
        odd(ours.theme, ours.options)
        cold(folder / next(iter(texts)), pages[0], where, chosen.rounds)


_TABLE = 200 * "|a" + "|\n" + 200 * "|-" + "|\n"
_ROW = 200 * "|b" + "|\n"
#: Letters nobody writes, at the size where something is refused or just below it.
ODD: dict[str, tuple[str, str]] = {
    "200,000 keys": ("".join(f"k{n}: v\n" for n in range(200_000)), ""),
    "9,000 keys": ("".join(f"k{n}: v\n" for n in range(9_000)), ""),
    "table of 2,000 x 200": ("", _TABLE + 2_000 * _ROW),
    "table of 48 x 200": ("", _TABLE + 47 * _ROW),
    "50,000 links": ("", 50_000 * "[a](https://x.example/b) "),
    "6,000 links": ("", 6_000 * "[a](https://x.example/b) "),
    "6,000 pictures": ("", 6_000 * "![a](https://x.example/i.png)\n\n"),
    "6,000 footnotes": ("", "".join(f"a[^{n}]\n\n[^{n}]: b\n\n" for n in range(6_000))),
    "8,000 headings": ("", 8_000 * "# a\n\n"),
    "100,000 brackets": ("", 100_000 * "["),
    "100,000 quotes": ("", 100_000 * ">"),
    "100,000 ampersands": ("", 100_000 * "&"),
    "line of 1 MB": ("", 1_000_000 * "a"),
}  # fmt: skip


def odd(theme: Theme, options: Options) -> None:
    """Print the processor time of letters nobody writes; each is rendered or refused."""
    print("\nodd letters (seconds of processor time; 2 is the bound)")
    for name, (front, body) in ODD.items():
        text = f"---\ntitle: A title\n{front}---\n{body}\n".encode()
        start = time.process_time()
        try:
            pipeline.render(parse(text, file="issues/007.md"), theme, options)
            what = "rendered"
        except InputError as error:
            what = f"refused: {error.message}"
        print(f"  {name:24}{time.process_time() - start:6.2f}  {what}")


class Ours:
    """The product's own pipeline, each of its stages under a clock."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        folder = ROOT / "templates" / "email"
        files = tuple((f.name, f.read_text("utf-8")) for f in sorted(folder.iterdir()))
        self.theme = Theme(folder="templates/email", files=files)
        config = ConfigText(file="newsletter.toml", text=(ROOT / "newsletter.toml").read_text())
        first = parse(next(iter(texts.values())), file="issues/001.md")
        self.options = options(load(config, environ={}), first)
        self.issues = {name: parse(text, file=name) for name, text in texts.items()}
        self.times: dict[str, list[float]] = defaultdict(list)
        self.html: dict[str, list[float]] = defaultdict(list)
        self.render = pipeline.render
        self.timers = shares.Timers(PARTS)
        for issue in self.issues.values():
            self.render(issue, self.theme, self.options)
        self.warming = self.timers.seconds()

    def pages(self) -> list[dict[str, str]]:
        """The same theme and texts for the other side."""
        pages = []
        for name, issue in self.issues.items():
            done = self.render(issue, self.theme, self.options)
            begin, _, rest = done.mjml.partition('css-class="letter"')
            head, _, letter = rest.partition(">")
            page = (
                f'{begin}css-class="letter"{head}>SLOT</mj-text>{letter.partition("</mj-text>")[2]}'
            )
            pages.append({"name": name, "body": issue.body, "page": page})
        return pages

    def round(self) -> None:
        """Render every issue once under the clock."""
        for name, issue in self.issues.items():
            text = self.timers.seconds()["text part"]
            began = time.perf_counter()
            self.render(issue, self.theme, self.options)
            took = time.perf_counter() - began
            self.times[name].append(took * 1000)
            self.html[name].append((took - (self.timers.seconds()["text part"] - text)) * 1000)


class Theirs:
    """npm's side, one process that renders all issues whenever it is told."""

    def __init__(self, pages: list[dict[str, str]], where: Path) -> None:
        self.times: dict[str, list[dict[str, float]]] = defaultdict(list)
        self.process = subprocess.Popen(
            ["node", "-e", NODE],
            cwd=where,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask(json.dumps(pages))

    def _ask(self, line: str) -> dict[str, dict[str, float]]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, dict[str, float]] = json.loads(self.process.stdout.readline())
        return answer

    def round(self) -> None:
        """Render every issue once."""
        for name, took in self._ask("again").items():
            self.times[name].append(took)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def npm(folder: Path | None) -> Iterator[Path | None]:
    """A folder with the npm packages in it, outside the project; None where there is no npm."""
    if not shutil.which("npm"):
        print("no npm on this machine: only our own side is measured")
        yield None
        return
    with tempfile.TemporaryDirectory() as temporary:
        where = folder or Path(temporary)
        where.mkdir(parents=True, exist_ok=True)
        if not all((where / "node_modules" / name).is_dir() for name in PACKAGES):
            command = ["npm", "install", "--prefix", str(where), "--no-audit", "--no-fund"]
            command += PACKAGES
            subprocess.run(command, check=True, capture_output=True)
        yield where


def report(ours: Ours, theirs: Theirs | None) -> None:
    """The table, the stages, the bound."""
    median = {name: statistics.median(times) for name, times in ours.times.items()}
    html = {name: statistics.median(times) for name, times in ours.html.items()}
    beside = theirs.times if theirs else {}
    npm_all = {n: statistics.median(t["all"] for t in ts) for n, ts in beside.items()}
    print("warm, ms per issue  characters  both parts  HTML alone  npm (HTML alone)")
    for name in sorted(median, key=lambda n: len(ours.issues[n].body)):
        size = len(ours.issues[name].body)
        other = f"{npm_all[name]:10.1f}" if npm_all else ""
        print(f"  {name:<16} {size:>10,}  {median[name]:10.1f}  {html[name]:10.1f}  {other}")
    spent = {part: took - ours.warming[part] for part, took in ours.timers.seconds().items()}
    total = sum(spent.values())
    count = sum(map(len, ours.times.values()))
    print("where ours goes, mean ms per issue")
    for part, seconds in sorted(spent.items(), key=lambda pair: -pair[1]):
        print(f"  {part:<36} {seconds * 1000 / count:6.2f}   {seconds / total:4.0%}")
        note(Share(of=WARM, part=part, cost=seconds * 1000 / count, unit="ms"))
    plain = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    began = time.process_time()
    for issue in ours.issues.values():
        plain.render(issue.body)
    least = (time.process_time() - began) / len(ours.issues) * 1000
    print(f"  markdown-it-py alone, reading and HTML: {least:.2f}")
    named = "markdown-it-py alone, reading and HTML"
    note(Share(of=WARM, part=named, cost=least, unit="ms", floor=True))
    if theirs:
        print("where npm's goes, mean ms per issue")
        for stage in ("markdown", "mjml", "juice"):
            mean = statistics.mean(t[stage] for ts in theirs.times.values() for t in ts)
            print(f"  {stage:<16} {mean:6.2f}")
        ratio = statistics.median(html[n] / npm_all[n] for n in median)
        its = statistics.median(npm_all.values())
        note(
            Figure(
                what=WARM, ours=its * ratio, unit="ms",
                beside="markdown-it + mjml + juice", theirs=its, bound=0.8,
            )
        )  # fmt: skip
        print(f"ratio to npm, HTML alone, median of issues: {ratio:.2f}   (ambition: at most 1)")
        theirs.close()
    largest = max(median, key=lambda n: len(ours.issues[n].body))
    print(f"largest issue ({largest}), HTML: {html[largest]:.1f} ms   (bound: {BOUND:.0f})")


def cold(issue: Path, page: dict[str, str], where: Path | None, rounds: int) -> None:
    """A whole `newsletter build`, from nothing to five files, and a node that renders one page."""
    program = str(Path(sys.executable).parent / "newsletter")
    times: dict[str, list[float]] = defaultdict(list)

    def clocked(name: str, command: list[str], given: str) -> None:
        began = time.perf_counter()
        subprocess.run(
            command, check=True, capture_output=True, input=given, text=True, cwd=where or ROOT
        )
        times[name].append((time.perf_counter() - began) * 1000)

    with tempfile.TemporaryDirectory() as out:
        named = [str(issue.resolve()), "--out", out]
        for _ in range(max(3, rounds // 2)):
            clocked("newsletter build", [program, "-C", str(ROOT), "build", "--issue", *named], "")
            if where:
                clocked("node, one page", ["node", "-e", NODE], json.dumps([page]) + "\n")
        shares.imports(
            COLD, [program, "-C", str(ROOT), "build", "--issue", *named], out, os.environ
        )
    middle = {name: statistics.median(took) for name, took in times.items()}
    told = ", ".join(f"{name} {took:.0f} ms" for name, took in middle.items())
    print(f"cold: {told}")
    if where:
        mine, its = middle.values()
        note(
            Figure(
                what=COLD, ours=mine, unit="ms",
                beside="node, one page", theirs=its, bound=1.3,
            )
        )  # fmt: skip


if __name__ == "__main__":
    main()
