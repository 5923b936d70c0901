"""Whole runs whose answers get lost, in each of the ways to SES: nobody gets a second mail."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import random
import shutil
import signal
import sys

import pytest

from newsletter.delivery import Result
from newsletter.errors import AccountError
from newsletter.ses.client import SesTransport
from tests.fake_ses import FakeSes
from tests.ses.test_wire import message, opened, plain_aws
from tests.support.certificates import certificate
from tests.support.cli_fixtures import Folder, plain_environment
from tests.support.faults import PEOPLE, imported, world
from tests.support.gateway import WAYS, Gateway
from tests.support.odd_answers import LOST
from tests.support.ports import free_port
from tests.support.real_proxies import choose_ways, proxied, squid, tinyproxy

__all__ = [
    "certificate", "imported", "plain_aws", "plain_environment", "proxied", "squid", "tinyproxy",
    "world",
]  # fmt: skip

pytestmark = pytest.mark.processes

#: An answer that is lost, or is not SES's; without those that pause a run at each of them.
KINDS = [*LOST, "html-403", "html-407", "html-429", "html-502", "empty-400", "json-400-without-id"]
#: More commands than this are never needed: each goes on until two outcomes are unknown.
_MOST = 2 * PEOPLE


def by_chance(seed, share):
    """Each mail's fate, by its number; the same for the same seed."""
    chance = random.Random(seed)
    fates = [chance.choice(KINDS) if chance.random() < share else "" for _ in range(20 * PEOPLE)]
    return lambda number: fates[number]


def run_until_finished(world, gateway):
    """The same command again and again; what SES has accepted is accepted or unknown here."""
    for _ in range(_MOST):
        ran = world.send()
        assert ran.code in {0, 6, 9}, ran.err
        if ran.code != 6:
            break
    state = gateway.fake.quiet()
    assert state.duplicates == {}
    assert set(state.received_tags.values()) == {1}
    assert len(state.accepted) == PEOPLE
    states = world.newsletter.states()
    assert states == {"accepted": PEOPLE - gateway.lost, "unknown": gateway.lost}
    assert ran.code == (9 if gateway.lost else 0)
    # Once more, and nothing moves.
    assert world.send().code == ran.code
    assert gateway.fake.quiet().duplicates == {}
    assert gateway.mails == PEOPLE


@contextlib.contextmanager
def fresh(world, imported, name):
    """Another copy of the newsletter, with nothing sent."""
    root = world.newsletter.root.parent / name
    shutil.copytree(imported, root)
    yield dataclasses.replace(
        world, newsletter=Folder(root, world.newsletter.patch, world.newsletter.capture)
    )
    shutil.rmtree(root)


@pytest.mark.parametrize("way", WAYS)
def test_nobody_gets_a_second_mail_however_many_answers_are_lost(
    world, imported, certificate, request, way
):
    wanted, share = (300, 0.8) if request.config.getoption("--long") else (5, 0.3)
    world.configure(KIND="ses")
    world.hurry()
    lost = seed = 0
    while lost < wanted:
        seed += 1
        with (
            fresh(world, imported, f"letters-{seed}") as letters,
            FakeSes() as fake,
            Gateway(fake, way, certificate, choose=by_chance(f"{way}-{seed}", share)) as gateway,
        ):
            letters.environ(gateway.environ)
            run_until_finished(letters, gateway)
        lost += gateway.lost
    sys.stdout.write(f"{way}: {lost} answers lost in {seed} issues, nobody twice\n")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_drips_does_not_hold_up_the_end(world, certificate, monkeypatch, way):
    """SIGTERM comes while an answer drips: the mail is given up as unknown, and the run ends."""
    monkeypatch.setitem(SesTransport.__init__.__kwdefaults__, "read_seconds", 2.0)

    def choose(number):
        if number < 2:
            return ""
        os.kill(os.getpid(), signal.SIGTERM)
        return "drip"

    world.configure(KIND="ses")
    world.hurry()
    with (
        FakeSes() as fake,
        # The whole answer would take a minute.
        Gateway(fake, way, certificate, choose=choose, pause=0.2) as gateway,
    ):
        world.environ(gateway.environ)
        ran = world.send()
    assert ran.code == 143, ran.err
    assert world.newsletter.states() == {"accepted": 1, "unknown": 1, "queued": PEOPLE - 2}


# --- a proxy that others have written --------------------------------------------------------


def pytest_generate_tests(metafunc):
    choose_ways(metafunc)


#: What the server behind the proxy does, and what tinyproxy makes of it is its own.
BEHIND = ["close", "reset", "half-close", "half-reset"]


@contextlib.contextmanager
def gateway_behind(way, choose):
    """A server at the end of a way whose answers get lost."""
    kind = "tls" if way.certificate else "direct"
    with FakeSes() as fake, Gateway(fake, kind, way.certificate, choose=choose) as gateway:
        yield gateway
    # All of it, the question for the account's limits too, has passed the proxy.
    assert gateway.peers == {way.peer}


def test_behind_a_real_proxy_a_lost_answer_is_unknown_once(world, proxied):
    fates = {4 * number: fault for number, fault in enumerate(BEHIND, 1)}
    world.configure(KIND="ses")
    world.hurry()
    with gateway_behind(proxied, lambda number: fates.get(number, "")) as gateway:
        world.environ(proxied.environ(gateway.environ))
        run_until_finished(world, gateway)
    assert gateway.lost == len(BEHIND)


def test_nobody_gets_a_second_mail_behind_a_real_proxy_however_many_answers_are_lost(
    world, imported, proxied, request
):
    wanted, share = (300, 0.8) if request.config.getoption("--long") else (10, 0.5)
    world.configure(KIND="ses")
    world.hurry()
    lost = seed = 0
    while lost < wanted:
        seed += 1
        with (
            fresh(world, imported, f"letters-{seed}") as letters,
            gateway_behind(proxied, by_chance(f"{proxied.name}-{seed}", share)) as gateway,
        ):
            letters.environ(proxied.environ(gateway.environ))
            run_until_finished(letters, gateway)
        lost += gateway.lost
    sys.stdout.write(f"{proxied.name}: {lost} answers lost in {seed} issues, nobody twice\n")


def test_a_proxy_that_is_not_there_sends_nothing_and_says_so(world, certificate):
    world.configure(KIND="ses")
    with FakeSes() as fake, Gateway(fake, "connect", certificate) as gateway:
        world.environ(gateway.environ)
        world.environ({"https_proxy": f"http://someone:secret@127.0.0.1:{free_port()}"})
        ran = world.send()
        assert fake.quiet().requests == 0
    assert ran.code == 4
    assert ran.error == "error: SES cannot be reached"
    assert "the proxy cannot be reached (it refuses connections)" in ran.err
    assert "secret" not in ran.err


# --- what the environment says of proxies ----------------------------------------------------


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize("way", ["plain", "connect"])
@pytest.mark.parametrize("shielded", [False, True])
def test_the_log_in_of_a_proxy_is_for_the_proxy_alone(monkeypatch, certificate, way, shielded):
    with (
        FakeSes() as fake,
        Gateway(fake, way, certificate, shielded=shielded) as gateway,
        monkeypatch.context() as patch,
    ):
        environ = gateway.environ
        name = "http_proxy" if way == "plain" else "https_proxy"
        environ[name] = environ[name].replace("://", "://some%40one:se%3Acret@")
        for variable, value in environ.items():
            patch.setenv(variable, value)
        with contextlib.closing(
            SesTransport(
                region="", profile="", configuration_set="", max_rate=None, environ=environ
            )
        ) as ses:
            for number in (1, 2):
                assert ses.deliver(message(number)).result is Result.ACCEPTED
        assert fake.quiet().connections == 2
    login = b"\r\nProxy-Authorization: Basic " + base64.b64encode(b"some@one:se:cret")
    told = [login in head for head in gateway.heads]
    assert told == ([True, True] if way == "plain" else [True, False, False])
    assert gateway.connections == (2 if way == "plain" else 1)


@pytest.mark.usefixtures("plain_aws")
def test_a_proxy_that_hangs_up_unsaid_puts_no_mail_in_doubt(monkeypatch):
    """As tinyproxy does; the next mail, written meanwhile, would never have left."""
    with FakeSes() as fake, Gateway(fake, "plain", once=True) as gateway:
        with opened(gateway, monkeypatch) as ses:
            found = [ses.deliver(message(number)).result for number in (1, 2, 3)]
        assert fake.quiet().requests == 3
    assert found == [Result.ACCEPTED] * 3


@pytest.mark.usefixtures("plain_aws")
def test_no_proxy_leads_past_the_proxy(monkeypatch):
    with FakeSes() as fake, Gateway(fake, "plain") as gateway:
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        with opened(gateway, monkeypatch) as ses:
            assert ses.deliver(message()).result is Result.ACCEPTED
    assert gateway.connections == 0


@pytest.mark.usefixtures("plain_aws")
@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "http://", "http://a:b:c", "http://[::1", "ftp://x"]
)
def test_a_proxy_that_makes_no_sense_sends_nothing_and_leaks_nothing(monkeypatch, proxy):
    with FakeSes() as fake:
        environ = fake.environ | {"http_proxy": proxy}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with contextlib.closing(
            SesTransport(
                region="", profile="", configuration_set="", max_rate=None, environ=environ
            )
        ) as ses:
            outcome = ses.deliver(message())
            with pytest.raises(AccountError):
                ses.read_account()
        assert fake.quiet().requests == 0
    assert outcome.result in {Result.DEFERRED, Result.NOT_SENT}
    assert "127.0.0.1:1" not in outcome.reason
