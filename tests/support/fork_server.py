"""A fork server: imports the whole program once, then forks a process for each command.

What is forked is a process like any other, with streams, a folder, an environment, signals and an
end of its own; it only need not import again what takes most of the time of a short command, nor
read once more what never changes: its own signatures, the example's theme, AWS's descriptions.
`tests.support.commands` talks to it: for each command it sends a connection and the three streams.
Over the connection go a line of JSON with the command, and back its process id and how it ended.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import typer.main

import newsletter
from newsletter import clocks
from newsletter.cli.app import app, run_and_exit
from newsletter.project import Project, files
from newsletter.settings import load
from tests.campaign import planted
from tests.support.read_once import read_once

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class _Ordered:
    """What a command is made of: a connection, and its three streams."""

    connection: socket.socket
    streams: list[int]


def _import_all() -> None:
    """What any command may need; scripts of migrations belong to Alembic."""
    for module in pkgutil.walk_packages(newsletter.__path__, "newsletter."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)


def _warm_up() -> None:
    """What every command would find out again: how it is called, a theme, what AWS can be asked."""
    read_once()
    typer.main.get_command(app)
    Project(ROOT, load(files.read_config(ROOT), environ={})).issue(74, now=clocks.now())
    session = boto3.Session("AKIDFAKE", "fake/secret+key", region_name="eu-west-1")
    for service in ("sesv2", "sts", "sqs"):
        session.client(service).close()


def _wait_for_one(orders: socket.socket) -> _Ordered:
    """Serve until this is the process of a command, and return it; end when nobody is left."""
    ended, woken = socket.socketpair()
    woken.settimeout(0)  # as `set_wakeup_fd` asks
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([orders, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            for pid in list(running):
                _tell_if_ended(pid, running)
        if orders not in ready:
            continue
        _, files, _, _ = socket.recv_fds(orders, 1, 4)
        if not files:
            sys.exit()
        connection, streams = socket.socket(fileno=files[0]), files[1:]
        if not (pid := os.fork()):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Who began the tests behind another program may have these ignored in all they start.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for one in (orders, ended, woken, *running.values()):
                one.close()
            return _Ordered(connection, streams)
        for stream in streams:
            os.close(stream)
        running[pid] = connection
        _tell(connection, pid)


def _tell_if_ended(pid: int, running: dict[int, socket.socket]) -> None:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        with running.pop(pid) as connection:
            _tell(connection, os.waitstatus_to_exitcode(status))


def _tell(connection: socket.socket, number: int) -> None:
    try:
        connection.sendall(f"{number}\n".encode())
    except OSError:
        return  # nobody wants to know


def _become(ordered: _Ordered) -> dict[str, Any]:
    """Take on the streams, folder and environment of a command; the rest of what was ordered."""
    with ordered.connection, ordered.connection.makefile("rb") as lines:
        order: dict[str, Any] = json.loads(lines.readline())
    for number, stream in enumerate(ordered.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    if order["umask"] is not None:
        os.umask(order["umask"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    if library := os.environ.get("LD_PRELOAD"):
        ctypes.CDLL(library).begin()  # again, in this environment
    sys.argv = order["words"]
    return order


def main() -> None:
    """Serve on the socket whose descriptor is the argument."""
    _import_all()
    _warm_up()
    gc.freeze()  # or the first collection of each command would copy all of it
    order = _become(_wait_for_one(socket.socket(fileno=int(sys.argv[1]))))
    if order["bugs"]:
        planted.plant(order["bugs"])
    # What this ends with, an exit or an exception, ends the process as it would end the script.
    try:
        if order["program"]:
            exec(order["program"], {"__name__": "__main__"})
        else:
            run_and_exit()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        _leave(end.code)


def _leave(code: int) -> None:
    """End as Python does, but for taking apart what was imported.

    That would copy all of it from the server: nine tenths of what a short command takes.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)  # Python has words for that, and a code of its own
    os._exit(code)
