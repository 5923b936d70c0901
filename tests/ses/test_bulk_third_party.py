"""Another's SES with the real Handlebars in it: it renders our requests as the preview shows them.

npm install --global aws-ses-v2-local
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import random
import shutil
import socket
import subprocess
import time

import pytest

from newsletter.message.folding import folded
from newsletter.ses.bulk import parameters, requests
from tests.conftest import corpus_names, own_issues
from tests.stages.test_merge import MARA, ODD, made, mail_for, odd_letter, previewed
from tests.stages.test_merge_letters import letter
from tests.support.effort import either
from tests.support.letter_samples import a_letter
from tests.support.ports import free_port

PROGRAM = shutil.which("aws-ses-v2-local")
PATH = "/v2/email/outbound-bulk-emails"
SIGNED = {"Content-Type": "application/json", "Authorization": "AWS4-HMAC-SHA256 Credential=a"}

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(PROGRAM is None, reason="npm's aws-ses-v2-local is not installed"),
]


@pytest.fixture(scope="module")
def line():
    """A connection to it, while it runs."""
    port = free_port()
    words = [str(PROGRAM), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            end = time.monotonic() + 30
            while time.monotonic() < end:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            with contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            ) as line:
                yield line
        finally:
            program.kill()


def ask(line, method, path, body=b""):
    line.request(method, path, body, SIGNED)
    answer = line.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return json.loads(content)


def rendered(line, letter, people):
    """Subject, text and HTML of each person's mail, as the other one makes them."""
    template = made(letter)
    mails = [
        # It takes no names beside addresses.
        dataclasses.replace(mail_for(template, person, position=n), to=person.address)
        for n, person in enumerate(people, 1)
    ]
    (request,) = requests(parameters(template, ""), mails)
    line.request("POST", "/clear-store", b"", SIGNED)
    line.getresponse().read()
    results = ask(line, "POST", PATH, request.body)["BulkEmailEntryResults"]
    assert [one["Status"] for one in results] == ["SUCCESS"] * len(people)
    kept = {one["messageId"]: one for one in ask(line, "GET", "/store")["emails"]}
    there = [kept[one["MessageId"]] for one in results]
    return [(one["subject"], one["body"]["text"], one["body"]["html"]) for one in there]


@pytest.mark.parametrize("text", ODD)
def test_braces_and_backslashes_arrive_as_they_are_written(line, text):
    letter = a_letter(f"{text}\n", f"<p>{text}</p>\n", subject=f"{text} end".replace("\n", " "))
    people = [MARA, dataclasses.replace(MARA, name="}}", fields={})]
    assert rendered(line, letter, people) == [previewed(letter, one) for one in people]


def test_random_texts_arrive_as_the_preview_shows_them(line):
    chance = random.Random(20)
    for _ in range(either(100, 25_000)):
        letter, person = odd_letter(chance)
        assert rendered(line, letter, [person]) == [previewed(letter, person)], repr(letter.text)


@pytest.mark.corpus
@pytest.mark.parametrize("name", [*own_issues(), *corpus_names()])
def test_whole_letters_arrive_as_the_preview_shows_them(line, name):
    whole = letter(name)
    shown = dataclasses.replace(whole, html=folded(whole.html))
    assert rendered(line, whole, [MARA]) == [previewed(shown)]
