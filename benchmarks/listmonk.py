"""listmonk beside us: its own program, with a PostgreSQL server of its own.

It is set up as its `--install` does, with the mail server, the connections and the letter that ours
is given, no limit of its pace that could be reached, and people who have confirmed. Then its issue
is set to be sent. It begins at its next look at its database, so its time is that from its first
mail to its last; its processor is that of its own process: what its database takes is not in it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from typing import Final

import psycopg
from memory import resident
from world import database, spent

#: Seconds until it listens, and until all is sent.
PATIENCE: Final = 600.0
PEOPLE: Final = """
    WITH list AS (
        INSERT INTO lists (uuid, name, type, optin)
        VALUES (gen_random_uuid(), 'all', 'public', 'single') RETURNING id
    ), people AS (
        INSERT INTO subscribers (uuid, email, name)
        SELECT gen_random_uuid(), 'reader' || n || '@example.org', 'Reader ' || n
        FROM generate_series(1, %(number)s) n RETURNING id
    ), members AS (
        INSERT INTO subscriber_lists (subscriber_id, list_id, status)
        SELECT people.id, list.id, 'confirmed' FROM people, list
    ), issue AS (
        INSERT INTO campaigns (uuid, name, subject, from_email, body, content_type, messenger)
        VALUES (gen_random_uuid(), '74', '74', 'a@example.org', %(body)s, 'html', 'email')
        RETURNING id
    )
    INSERT INTO campaign_lists (campaign_id, list_id, list_name)
    SELECT issue.id, list.id, 'all' FROM issue, list
"""
SETTING: Final = "UPDATE settings SET value = %s::jsonb WHERE key = %s"
#: Whatever else a version knows of a mail server stays as it installs it.
SERVER: Final = """
    UPDATE settings SET value = jsonb_build_array((value -> 0) || %s::jsonb) WHERE key = 'smtp'
"""
BEGIN: Final = "UPDATE campaigns SET status = 'running' WHERE name = '74'"


def send(program: str, letter: str, number: int, port: int, connections: int) -> dict[str, float]:
    """Wall and processor seconds, and megabytes, of one issue to so many people.

    Args:
        program: the path of listmonk's binary.
        letter: HTML.
        number: how many people.
        port: of the sink.
        connections: how many.
    """
    with database() as url, tempfile.TemporaryDirectory() as folder:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("CREATE DATABASE listmonk")
            host = server.info.host
        from tests.support.ports import free_port  # found as `database` finds the tests

        address = f"127.0.0.1:{free_port()}"
        environ = os.environ | {
            "LISTMONK_app__address": address, "LISTMONK_db__host": host,
            "LISTMONK_db__port": "5432", "LISTMONK_db__user": "nobody",
            "LISTMONK_db__password": "", "LISTMONK_db__database": "listmonk",
            "LISTMONK_db__ssl_mode": "disable", "LISTMONK_ADMIN_USER": "benchmark",
            "LISTMONK_ADMIN_PASSWORD": "invented for this",
        }  # fmt: skip
        words = [program, "--config", ""]
        subprocess.run(
            [*words, "--install", "--idempotent", "--yes"], env=environ, cwd=folder, check=True,
            capture_output=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        with psycopg.connect(host=host, dbname="listmonk", user="nobody", autocommit=True) as its:
            _set_up(its, letter, number, port, connections)
            process = subprocess.Popen(
                words, env=environ, cwd=folder, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                _until_it_listens(address)
                before = spent(process.pid)
                wall = _timed(its, number, port)
                return {
                    "wall": wall,
                    "cpu": spent(process.pid) - before,
                    "memory": resident(process.pid, "VmHWM"),
                }
            finally:
                process.terminate()
                process.wait()


def version(program: str) -> str:
    """What it says it is."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _set_up(its: psycopg.Connection, letter: str, number: int, port: int, connections: int) -> None:
    server = {
        "enabled": True, "host": "127.0.0.1", "port": port, "auth_protocol": "none",
        "max_conns": connections, "tls_type": "none", "tls_enabled": False,
    }  # fmt: skip
    its.execute(SERVER, [json.dumps(server)])
    for key, value in (("concurrency", connections), ("message_rate", 100_000)):
        its.execute(SETTING, [str(value), f"app.{key}"])
    # Braces are templates to it.
    body = letter.replace("{{", "").replace("}}", "")
    its.execute(PEOPLE, {"number": number, "body": body})


def _timed(its: psycopg.Connection, number: int, port: int) -> float:
    """Have it begin; the seconds from its first mail to its last."""
    with socket.create_connection(("127.0.0.1", port)) as asked:
        lines = asked.makefile("rw", newline="\r\n")
        lines.readline()

        def taken() -> int:
            lines.write("STAT\r\n")
            lines.flush()
            return int(lines.readline().split()[1])

        before, ends = taken(), time.monotonic() + PATIENCE
        its.execute(BEGIN)
        first = 0.0
        while (there := taken() - before) < number:
            if there and not first:
                first = time.monotonic()
            if time.monotonic() > ends:
                sys.exit(f"listmonk has sent {there} of {number} mails in ten minutes")
            time.sleep(0.02)
        return time.monotonic() - first


def _until_it_listens(address: str) -> None:
    host, _, port = address.partition(":")
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, int(port))).close()
        except OSError:
            if time.monotonic() > ends:
                sys.exit("listmonk does not listen")
            time.sleep(0.1)
        else:
            return
