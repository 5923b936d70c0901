"""The fake by hand: `python -m tests.fake_ses --port 9999`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from .account import settings_from
from .faults import Fault, fault_from
from .server import FakeSes


def main() -> None:
    """Serve until SIGINT or SIGTERM, then print the counts."""
    options = _options()
    faults, settings = _script(options)
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    ses = FakeSes(
        *faults,
        host=options.host,
        port=options.port,
        log=options.log,
        fsync=options.fsync,
        seed=options.seed,
        **settings,
    )
    with ses:
        lines = [f"export {name}={value}" for name, value in ses.environ.items()]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        ended.wait()
    state = ses.state
    sys.stderr.write(
        f"{state.requests} requests on {state.connections} connections, "
        f"{sum(state.accepted.values())} messages accepted for {len(state.accepted)} recipients, "
        f"{len(state.duplicates)} of them more than once\n"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_ses", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--rate", type=float, help="recipients per second; without: no limit")
    parser.add_argument("--burst", type=float, help="recipients the bucket holds")
    parser.add_argument("--daily", type=float, default=-1, help="recipients per day")
    parser.add_argument("--sandbox", action="store_true")
    parser.add_argument("--verified", nargs="*", default=[], help="for the sandbox")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--jitter", type=float, default=0.0, help="seconds")
    parser.add_argument("--idle-close", type=float, help="seconds")
    parser.add_argument("--no-signatures", action="store_true", help="take any credentials")
    parser.add_argument("--keep-messages", action="store_true")
    parser.add_argument("--log", type=Path, help="append accepted messages to this file")
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--script", type=Path, help='JSON file: {"faults": [...], "settings": {...}}'
    )
    return parser.parse_args()


def _script(options: argparse.Namespace) -> tuple[list[Fault], dict[str, Any]]:
    settings: dict[str, Any] = {
        "rate": options.rate,
        "burst": options.burst,
        "daily": options.daily,
        "production": not options.sandbox,
        "verified": tuple(options.verified),
        "latency": options.latency,
        "jitter": options.jitter,
        "idle_close": options.idle_close,
        "signatures": not options.no_signatures,
        "keep_messages": options.keep_messages,
    }
    if options.script is None:
        return [], settings
    script = json.loads(options.script.read_text("utf-8"))
    faults = [fault_from(described) for described in script.get("faults", ())]
    return faults, settings | settings_from(script.get("settings", {}))


if __name__ == "__main__":
    main()
