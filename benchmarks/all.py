"""Everything that is measured, one after another, written to docs/benchmarks.md.

    pip install --require-hashes -r benchmarks/requirements.lock
    pip install --no-deps --no-build-isolation -e .
    python benchmarks/all.py [--short] [--only NAME ...] [--smtp-against COMMAND] [--listmonk PATH]

Every program of this folder runs in a process of its own and compares itself with its rivals in
turn; then the campaigns of kills, restored backups, faults and power cuts run on the same commit.
What they printed and the figures they noted are kept in benchmarks/results.json, and the page is
made from that file alone: `--page` makes it again. A program that does not end in its time is
ended. A quiet machine is needed for the figures of a page that others read.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from figures import FILE, Figure, Share

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks/results.json"
PAGE: Final = ROOT / "docs/benchmarks.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One program, and what the page says of it.

    Attributes:
        name: as `--only` calls it.
        title: over its part of the page.
        words: what is run with this Python.
        short: the same, for a look.
        minutes: after so many it is ended.
        about: what was done, for a reader of the page.
        missed: what is known of a bound that is missed: what was tried, and what is left.
    """

    name: str
    title: str
    words: tuple[str, ...]
    short: tuple[str, ...]
    minutes: int
    about: str
    missed: str = ""


def _bench(file: str, *words: str) -> tuple[str, ...]:
    return (f"benchmarks/{file}.py", *words)


def _campaign(*words: str) -> tuple[str, ...]:
    return ("-m", "tests.campaign", *words)


def _tests(file: str, *more: str, long: bool = True) -> tuple[str, ...]:
    files = (f"tests/{file}{end}.py" for end in ("", *more))
    return ("-m", "pytest", "-q", "-n", "0", *(("--long",) if long else ()), *files)


SUBJECTS: Final = (
    Subject(
        name="send",
        title="Sending through Amazon SES",
        words=_bench("send", "3"),
        short=_bench("send", "1"),
        minutes=20,
        about="Issue 74, about 45 KB a mail, to a fake SES with 40 ms latency in a process of its "
        "own; every contender is a fresh process, in turn. Ours is the whole product: each mail "
        "is claimed before it leaves and settled after, and each commit reaches the disk. The "
        "others keep no record.",
    ),
    Subject(
        name="smtp",
        title="Sending through SMTP",
        words=_bench("smtp", "--rounds", "3", "--profile"),
        short=_bench("smtp", "--rounds", "1", "--profile"),
        minutes=30,
        about="Issue 74 made larger, 60 KB a mail, to a mail server on the same machine that takes "
        "whatever comes, on 10 connections. What a larger run costs more than a smaller one is "
        "the cost of a mail without that of starting. listmonk is quicker: in one run on another "
        "machine of two cores it sent 1,010 mails/s for 0.91 s of CPU per 1,000 with 948 MB, and "
        "an earlier version of ours 287 for 2.78 with 111 MB. It is made of machine code and "
        "keeps no record of each mail: after a kill it does not know who got one. `--listmonk "
        "PATH` has it send in turn with ours.",
    ),
    Subject(
        name="pace",
        title="Keeping the account's rate",
        words=_bench("pace", "60"),
        short=_bench("pace", "10"),
        minutes=10,
        about="The fake SES refuses what is over its rate. The pace is 95 % of the rate.",
    ),
    Subject(
        name="compose",
        title="Composing",
        words=_bench("compose", "--rounds", "9"),
        short=_bench("compose", "--rounds", "3"),
        minutes=15,
        about="The same letters and the same theme, once to warm up and then in turn. Where there "
        "is no corpus beside the project the letters are those of issues/.",
        missed="Reading Markdown and inlining styles, in Python, take longer alone than all of "
        "npm's side in V8; MJML, which is Rust here, takes a third of npm's. Taken out so far: "
        "second looks at addresses and at words without wide letters, a second reading for the "
        "sizes of pictures, asking every rule of Markdown at every sign and every line, a "
        "reader, a sanitiser and a renderer made anew for each letter, all passes but one over "
        "the tokens after reading them, selectors that looked for a class on every element, "
        "premailer's adding up of the same styles for each of them, and telling where each line "
        "of a theme is from where nothing is wrong with it. The floor is markdown-it-py without "
        "anything of ours. Most of a cold build is importing libraries, less requests, which "
        "premailer names and no build uses; premailer still brings cssutils.",
    ),
    Subject(
        name="odd_letters",
        title="Letters nobody should write",
        words=_bench("odd_letters"),
        short=_bench("odd_letters", "stars in a row", "front keys"),
        minutes=15,
        about="The largest letter of each kind that is taken; a larger one is refused with its "
        "place.",
    ),
    Subject(
        name="preview",
        title="The preview",
        words=_bench("preview"),
        short=_bench("preview"),
        minutes=5,
        about="A word of the longest letter is changed, and the preview asked as a browser asks.",
    ),
    Subject(
        name="startup",
        title="Starting",
        words=_bench("startup", "9", "--profile"),
        short=_bench("startup", "3", "--profile"),
        minutes=10,
        about="A cold command beside importing the libraries it stands on, in turn.",
    ),
    Subject(
        name="scale",
        title="A list of a million",
        words=_bench("scale", "1000000"),
        short=_bench("scale", "20000"),
        minutes=30,
        about="Whole commands, their start included. email-validator reads the same addresses "
        "alone; sqlite3 checks nothing.",
    ),
    Subject(
        name="million",
        title="Memory of a send to a million",
        words=_bench("million", "1000000"),
        short=_bench("million", "20000"),
        minutes=30,
        about="One whole send in bulk, with every record; the fake SES answers at once.",
    ),
    Subject(
        name="workers",
        title="Several machines, one issue",
        words=_bench("workers", "1000000", "8"),
        short=_bench("workers", "50000", "3"),
        minutes=40,
        about="Records in Debian's PostgreSQL on the same machine and disk, set up as it comes but "
        "for 256 MB of shared buffers. What a million adds is told beside the same command for a "
        "short list. Whoever claims shares two cores with it: what a server of "
        "its own takes is more.",
    ),
    Subject(
        name="moving",
        title="A million moved to PostgreSQL, and back",
        words=_bench("moving", "1000000"),
        short=_bench("moving", "20000"),
        minutes=60,
        about="`newsletter db copy` both ways, with three issues begun for all: four million rows. "
        "The server is Debian's PostgreSQL on the same machine and the same disk.",
    ),
    Subject(
        name="million_single",
        title="Memory of a send one by one",
        words=_bench("million", "1000000", "single"),
        short=_bench("million", "20000", "single"),
        minutes=90,
        about="The same with a request for each mail.",
    ),
    Subject(
        name="million_smtp",
        title="Memory of a send through SMTP",
        words=_bench("million", "1000000", "smtp"),
        short=_bench("million", "20000", "smtp"),
        minutes=90,
        about="The same to a mail server on the same machine, on 10 connections.",
    ),
    Subject(
        name="stats_cost",
        title="Numbers of a million deliveries",
        words=_bench("stats_cost", "1000000"),
        short=_bench("stats_cost", "50000"),
        minutes=15,
        about="Each delivery has a report of what became of it, every fifth a rating.",
    ),
    Subject(
        name="leaving",
        title="Readers who leave during a send and an import",
        words=_bench("leaving", "30", "200000"),
        short=_bench("leaving", "5", "20000"),
        minutes=10,
        about="Twenty a second press the button in their mail while a send keeps 200 a second and "
        "200,000 rows are imported.",
    ),
    Subject(
        name="archive",
        title="The archive of many issues",
        words=_bench("archive", "500"),
        short=_bench("archive", "50"),
        minutes=10,
        about="Past letters like the example's, pictures included: the pages, the feeds and what "
        "leads to them. A later build writes only what has changed.",
    ),
    Subject(
        name="memory",
        title="Memory of the public pages",
        words=_bench("memory", "10000"),
        short=_bench("memory", "1000"),
        minutes=10,
        about="`newsletter serve --with-events`, 8 connections at a time.",
    ),
    Subject(
        name="kills",
        title="Killed while it sends",
        words=_campaign("--kills", "200"),
        short=_campaign("--kills", "10"),
        minutes=60,
        about="`kill -9` at random moments (seed 0), then `send` again, until everybody is served; "
        "what arrived at the server is compared with the records.",
    ),
    Subject(
        name="bulk_kills",
        title="Killed in bulk",
        words=_campaign("--bulk", "--kills", "50"),
        short=_campaign("--bulk", "--kills", "4"),
        minutes=60,
        about="The same at 50 mails a request, and at 3 (seed 0).",
    ),
    Subject(
        name="restores",
        title="A backup put back",
        words=_campaign("--restores", "50"),
        short=_campaign("--restores", "4"),
        minutes=60,
        about="A backup of a random moment (seed 0) is put back, and the issue sent again.",
    ),
    Subject(
        name="faults",
        title="Faults on the way",
        words=_tests("sending/test_fault_matrix", "_proxies", "_smtp", long=False),
        short=_tests("sending/test_fault_matrix"),
        minutes=40,
        about="Every place where a request, an answer or a record can be lost or lie, through SES, "
        "through proxies and through SMTP: nobody twice, nobody lost, what is unknown is said.",
    ),
    Subject(
        name="power_cut",
        title="The power goes",
        words=_tests("scenarios/test_power_cut"),
        short=_tests("scenarios/test_power_cut"),
        minutes=40,
        about="Only what was flushed to the disk is left, at random moments; then `send` again.",
    ),
)
#: What is compared with, by its name on PyPI.
RIVALS: Final = ("boto3", "django-anymail", "email-validator")


def main() -> None:
    """Run what is asked for, and write file and page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="small numbers, for a look")
    parser.add_argument("--only", nargs="*", choices=[one.name for one in SUBJECTS])
    parser.add_argument("--page", action="store_true", help="make the page from the file again")
    parser.add_argument("--smtp-against", help="another checkout's command, for smtp.py")
    parser.add_argument("--listmonk", help="the path of its binary, for smtp.py")
    options = parser.parse_args()
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for one in () if options.page else SUBJECTS:
        if options.only and one.name not in options.only:
            continue
        words = one.short if options.short else one.words
        if one.name == "smtp" and options.smtp_against:
            words += ("--against", options.smtp_against)
        if one.name == "smtp" and options.listmonk:
            words += ("--listmonk", options.listmonk)
        print(f"{one.title}: {' '.join(words)}", flush=True)
        found[one.name] = run(words, one.minutes)
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(found), "utf-8")


def run(words: tuple[str, ...], minutes: int) -> dict[str, Any]:
    """One program: what it printed, its figures, and where and when it ran."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures"
        began = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, *words], cwd=ROOT, env=os.environ | {FILE: str(file)},
                capture_output=True, text=True, check=False, timeout=minutes * 60,
            )  # fmt: skip
            said = [line.rstrip() for line in done.stdout.splitlines()]
            # The dots of tests that passed are left out.
            printed = "\n".join(
                line for line in said if not re.fullmatch(r"[.]+ +\[ *\d+%\]", line)
            )
            code = done.returncode
            print(done.stderr if code else "", file=sys.stderr)
        except subprocess.TimeoutExpired:
            printed, code = f"was ended after {minutes} minutes", 1
        noted = file.read_text("utf-8").splitlines() if file.exists() else []
    print(printed, flush=True)
    return {
        # Where another checkout lies is this machine's own business.
        "command": " ".join(
            (
                "python",
                *("OTHER" if one.startswith("/") or "/bin/" in one else one for one in words),
            )
        ),
        "code": code,
        "seconds": round(time.monotonic() - began),
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "day": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
        "machine": machine(),
        "figures": [one for one in map(json.loads, noted) if "what" in one],
        "profile": [one for one in map(json.loads, noted) if "part" in one],
        "printed": printed,
    }


def machine() -> str:
    """Processor, cores, memory, system and the versions of what is measured."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    versions = [f"Python {platform.python_version()}"]
    for name in RIVALS:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; {', '.join(versions)}"


def git(*words: str) -> str:
    """One line of git."""
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def page(found: dict[str, Any]) -> str:
    """docs/benchmarks.md, from what is in the file."""
    parts = [HEAD]
    parts += ["## At a glance", ""]
    parts += ["| what | ours | beside it | ratio | bound | |", "|---|---:|---:|---:|---:|---|"]
    present = [one for one in SUBJECTS if one.name in found]
    for one in present:
        parts += [row(Figure(**figure)) for figure in found[one.name]["figures"]]
    for one in present:
        result = found[one.name]
        parts += ["", f"## {one.title}", "", one.about, "", "~~~text", f"$ {result['command']}"]
        parts += [result["printed"], "~~~", ""]
        figures = [Figure(**figure) for figure in result["figures"]]
        if one.missed and any(figure.kept is False for figure in figures):
            parts += [f"Where a bound is missed: {one.missed}", ""]
        shares = [Share(**share) for share in result.get("profile", ())]
        for of in dict.fromkeys(share.of for share in shares):
            parts += [*divided(of, [share for share in shares if share.of == of]), ""]
        ended = "" if result["code"] == 0 else f"It ended with {result['code']}. "
        parts.append(
            f"{ended}{result['day']}, commit {result['commit']}, {result['seconds']} s. "
            f"{result['machine']}."
        )
    return "\n".join(parts) + "\n"


def divided(of: str, shares: list[Share]) -> list[str]:
    """A table of where a figure comes from, and of the least that it could be."""
    whole = sum(share.cost for share in shares if not share.floor)
    table = [f"| {of}, {shares[0].unit} | | |", "|---|---:|---:|"]
    for share in shares:
        name = f"floor: {share.part}" if share.floor else share.part
        # A floor is no part of what is above it, but can be held against all of it.
        table.append(f"| {name} | {number(share.cost)} | {share.cost / whole:.0%} |")
    return table


def row(figure: Figure) -> str:
    """One line of the table."""
    unit = f" {figure.unit}" if figure.unit else ""
    theirs = "" if figure.theirs is None else f"{number(figure.theirs)}{unit} ({figure.beside})"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    way = "at least" if figure.at_least else "at most"
    bound = "" if figure.bound is None else f"{way} {figure.bound:g}"
    kept = {True: "kept", False: "**missed**", None: ""}[figure.kept]
    return (
        f"| {figure.what} | {number(figure.ours)}{unit} | {theirs} | {ratio} | {bound} | {kept} |"
    )


def number(value: float) -> str:
    """A figure with three digits that count."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


HEAD: Final = """\
# Benchmarks

What Newsletter costs, beside what others use, and what becomes of a send that is killed. Every
figure is of one run on one machine, named below it, and those that are compared ran in turn; the
ratios are what carries over to another machine. A bound is what we want to keep; where it is
missed, the page says so.

To repeat it, on a machine that does nothing else, in an environment of its own:

```sh
pip install --require-hashes -r benchmarks/requirements.lock
pip install --no-deps --no-build-isolation -e .
python benchmarks/all.py
```

PostgreSQL's programs, gcc and, for npm's side, Node are needed besides.

`--short` takes small numbers, `--only NAME` one part. The page is made from
`benchmarks/results.json`, which that command writes. Tables of parts say where the time goes. The
clock around each part takes time itself, so look at the shares; a floor is what one thing takes
where nothing else is done.
"""


if __name__ == "__main__":
    main()
