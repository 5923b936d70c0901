"""How long `newsletter --help` takes, as a multiple of an empty Typer app's help in the same run.

    python benchmarks/startup.py [rounds]

The two are run in turn, each as a fresh process, and the medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EMPTY = """
import typer
app = typer.Typer()
@app.callback()
def choose(): pass
@app.command()
def nothing(): pass
app()
"""
OURS = "import sys; sys.argv[1:] = ['--help']; from newsletter.cli.app import main; main()"


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print both medians and their ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY, "utf-8")
        baseline = [sys.executable, str(empty), "--help"]
        ours = [sys.executable, "-c", OURS]
        seconds(baseline)
        seconds(ours)
        pairs = [(seconds(baseline), seconds(ours)) for _ in range(rounds)]
    quick, slow = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"an empty Typer app's --help  {quick * 1000:6.0f} ms")
    print(f"newsletter --help            {slow * 1000:6.0f} ms")
    print(f"ratio                        {slow / quick:6.2f}   (bound: 3)")


if __name__ == "__main__":
    main()
