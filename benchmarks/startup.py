"""What a cold command costs, as a multiple of what it stands on, in the same run.

    python benchmarks/startup.py [rounds] [--profile]

`--help` is compared with an empty Typer app's, `status` with importing SQLAlchemy, Typer and
pydantic, `build` and `check` with importing the modules of other people that they load, those and
no others. Each is run in turn as a fresh process, and the medians of their CPU seconds are
compared. All find their modules compiled, as they do from the second time on, whatever the
environment says about that. `--profile` says what `status` and `build` import, and what that takes.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import shares
from figures import Figure, note

ROOT = Path(__file__).parents[1]
EMPTY = """
import typer
app = typer.Typer()
@app.callback()
def choose(): pass
@app.command()
def nothing(): pass
app(["--help"])
"""
OURS = "import sys; from newsletter.cli.app import run_and_exit; run_and_exit()"
RECORDS = "import sqlalchemy, typer, pydantic"
#: Runs a command and tells the modules it has loaded that lie among the installed packages.
LOADED = """
import contextlib, sys
from newsletter.cli.app import main
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    main()
places = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(*(name for name, place in places.items() if "site-packages" in place))
"""
#: Name, the words of the command, what it stands on (None: the modules it loads), and how many
#: times that it may cost.
COMMANDS = (
    ("--help", ["--help"], EMPTY, 3.0),
    ("status", ["status"], RECORDS, 1.4),
    ("build", ["build", "--issue", "74", "--out", "out"], None, 1.5),
    ("check", ["check", "--issue", "74"], None, 1.5),
)


def environment(folder: str) -> dict[str, str]:
    """One in which modules are compiled once, in this folder."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return environ | {"PYTHONPYCACHEPREFIX": f"{folder}/compiled"}


def libraries(words: list[str], folder: str) -> str:
    """A program that imports what a command loads of other people's modules, in its order."""
    told = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        cwd=folder, env=environment(folder), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return f"import importlib\nfor name in {told.stdout.split()}: importlib.import_module(name)"


def cpu(code: str, words: list[str], folder: str) -> float:
    """CPU seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder, env=environment(folder), check=True, capture_output=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def example(folder: Path) -> None:
    """The example newsletter with its list imported."""
    for name in ("issues", "templates", "subscribers"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy2(ROOT / "newsletter.toml", folder)
    source = ["--consent-source", "an invented list"]
    cpu(OURS, ["subscribers", "import", "subscribers/example.csv", *source], str(folder))


def main() -> None:
    """Print the medians and their ratio, command by command."""
    numbers = [word for word in sys.argv[1:] if word.isdigit()]
    rounds = int(numbers[0]) if numbers else 15
    with tempfile.TemporaryDirectory() as folder:
        example(Path(folder))
        for name, words, below, bound in COMMANDS:
            cpu(OURS, words, folder)
            base = below or libraries(words, folder)
            cpu(base, [], folder)
            pairs = [(cpu(base, [], folder), cpu(OURS, words, folder)) for _ in range(rounds)]
            quick, slow = (statistics.median(side) for side in zip(*pairs, strict=True))
            print(
                f"newsletter {name:<7} {slow * 1000:6.0f} ms   stands on {quick * 1000:5.0f} ms   "
                f"ratio {slow / quick:5.2f}   (bound: {bound})"
            )
            stands = "an empty Typer app" if base is EMPTY else "importing what it stands on"
            note(
                Figure(
                    what=f"newsletter {name}", ours=slow * 1000, unit="ms of CPU",
                    beside=stands, theirs=quick * 1000, bound=bound,
                )
            )  # fmt: skip
            if "--profile" in sys.argv and below is not EMPTY:
                run = ["-c", OURS, *words]
                shares.imports(f"newsletter {name}", run, folder, environment(folder))


if __name__ == "__main__":
    main()
