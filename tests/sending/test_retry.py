"""`newsletter retry`: what was refused goes out again; what is unknown waits for a person's word."""

from __future__ import annotations

import pytest

from newsletter.store import Store, runs
from tests.fake_ses import FakeSes, Fault
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import imported, read_logs, world
from tests.support.terminal import Session

__all__ = ["imported", "plain_environment", "world"]

pytestmark = pytest.mark.processes

RISK = ("retry", "--issue", "74", "--unknown", "--accept-duplicates")
ASSUME = ("retry", "--issue", "74", "--unknown", "--assume-accepted")
LOST = Fault(kind="reset", accept=True, requests=(5,))
NO = Fault(kind="error", code="BadRequestException", status=400, requests=(5,))


@pytest.fixture
def sent(world):
    """Issue 74 sent through SES with one of these faults; gives the fake, for what comes next."""
    with FakeSes() as fake:
        world.environ(fake.environ)
        world.configure(KIND="ses")
        world.hurry()

        def begin(*faults):
            fake.script(*faults)
            world.send()
            fake.script(clear=True)
            return fake

        yield begin


def test_what_was_never_sent_cannot_be_retried(world):
    ran = world.newsletter.run("retry", "--issue", "74")
    assert (ran.code, ran.error) == (2, "error: issue 74 was not sent yet")
    assert ran.hint == "hint: newsletter send --issue 74"


def test_what_was_refused_is_queued_again_and_the_next_send_sends_it(world, sent):
    fake = sent(NO)
    ran = world.newsletter.run("retry", "--issue", "74")
    assert ran.code == 0
    assert ran.out == "issue 74: 1 delivery is queued again; nothing was sent yet\n"
    assert ran.err == "next: newsletter send --issue 74\n"
    assert world.newsletter.states() == {"accepted": 24, "queued": 1}
    assert "paused: some were queued again" in world.newsletter.run("status").out
    again = world.send()
    assert again.code == 0
    assert "issue 74: 1 mail sent now; in all accepted 25" in again.out
    assert set(fake.accepted.values()) == {1}
    ran = world.newsletter.run("retry", "--issue", "74")
    assert ran.out == "issue 74: nothing to retry, none was refused or deferred\n"
    assert ran.err == ""


@pytest.mark.parametrize(
    ("words", "code", "says", "hint"),
    [
        (("--unknown", "--accept-duplicates", "--assume-accepted"), 2, "contradict each other", "choose one"),
        (("--accept-duplicates",), 2, "this is about what is unknown", "add --unknown"),
        (("--assume-accepted",), 2, "this is about what is unknown", "add --unknown"),
        (("--unknown",), 8, "nothing shows whether the unknown ones arrived", "--accept-duplicates queues them again"),
        (RISK[3:], 2, "to risk that 1 person get it twice needs a confirmation", "add --confirm 1"),
        (ASSUME[3:], 2, "to count 1 person as sent needs a confirmation", "add --confirm 1"),
        ((*RISK[3:], "--confirm", "2"), 2, "--confirm says 2, but it is about 1 delivery", "newsletter status"),
        ((*ASSUME[3:], "--confirm", "25"), 2, "--confirm says 25, but it is about 1 delivery", "newsletter status"),
    ],
)  # fmt: skip
def test_nothing_changes_without_a_persons_clear_word(world, sent, words, code, says, hint):  # noqa: PLR0917
    sent(LOST)
    ran = world.newsletter.run("retry", "--issue", "74", *words)
    assert ran.code == code
    assert says.replace("person get", "person gets") in ran.error
    assert hint in ran.hint
    assert ran.out == ""
    assert world.newsletter.states() == {"accepted": 24, "unknown": 1}


def test_a_risk_is_taken_once_and_never_again(world, sent):
    fake = sent(LOST)
    ran = world.newsletter.run(*RISK, "--confirm", "1")
    assert ran.code == 0
    assert "  unknown 1: no answer that can be read (" in ran.err
    assert ran.out == "issue 74: 1 delivery is queued again; nothing was sent yet\n"
    fake.script(Fault(kind="reset", accept=True))
    assert world.send().code == 9
    assert sorted(fake.accepted.values()) == [1] * 24 + [2]
    assert set(fake.state.received_tags.values()) == {1}
    ran = world.newsletter.run(*RISK, "--confirm", "1")
    assert ran.code == 0
    assert "1 delivery was queued like this before; each is queued again only once" in ran.err
    assert ran.out == "issue 74: nothing to retry, none may be queued once more\n"
    assert world.newsletter.states() == {"accepted": 24, "unknown": 1}
    assert world.newsletter.run(*ASSUME, "--confirm", "1").code == 0
    assert world.newsletter.states() == {"accepted": 24, "assumed": 1}


def test_what_is_taken_as_sent_is_never_sent_and_the_issue_is_done(world, sent):
    fake = sent(LOST)
    ran = world.newsletter.run(*ASSUME, "--confirm", "1")
    assert ran.out == "issue 74: 1 delivery is counted as sent; nothing was sent\n"
    again = world.send()
    assert again.code == 0
    assert "issue 74 was already sent on" in again.err
    assert "in all accepted 24, assumed 1" in again.out
    assert sum(fake.accepted.values()) == 25
    assert world.newsletter.run(*ASSUME, "--confirm", "1").out == (
        "issue 74: nothing to retry, none is unknown\n"
    )


@pytest.mark.parametrize(("words", "event"), [(RISK, "risked"), (ASSUME, "assumed")])
def test_the_decision_is_kept_in_a_log(world, sent, words, event):
    sent(LOST)
    assert world.newsletter.run(*words, "--confirm", "1").code == 0
    found = [line for log in read_logs(world.newsletter.root) for line in log]
    ((line),) = [line for line in found if line["event"] == event]
    assert (line["issue"], line["deliveries"]) == (74, 1)


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (RISK, "Type 1 to risk that 1 person gets it twice, anything else cancels: "),
        (ASSUME, "Type 1 to count 1 person as sent, anything else cancels: "),
    ],
)
@pytest.mark.parametrize(("typed", "code"), [("1\n", 0), ("2\n", 3), ("\n", 3), ("\x04", 3)])
def test_at_a_terminal_the_number_is_typed(world, sent, words, question, typed, code):  # noqa: PLR0917
    sent(LOST)
    session = Session(world.newsletter.root, *words)
    session.until(question)
    session.type(typed)
    ran = session.end()
    assert ran.code == code
    if code:
        assert "cancelled; nothing was changed" in ran.err
        assert ran.out == ""
    assert (world.newsletter.states() == {"accepted": 24, "unknown": 1}) is bool(code)


def test_while_a_send_is_running_nothing_is_queued(world, sent):
    sent(LOST)
    url = f"sqlite:///{world.newsletter.root}/.newsletter/newsletter.db"
    with Store.open(url) as store, store.lock():
        for words in (RISK, ("retry", "--issue", "74")):
            ran = world.newsletter.run(*words)
            assert ran.code == 7
            assert ran.error.endswith("another run is sending from this store "
                                      + ran.error.partition("this store ")[2])  # fmt: skip
    assert world.newsletter.states() == {"accepted": 24, "unknown": 1}


def test_a_rehearsal_and_the_real_run_are_retried_apart(world, sent):
    sent(LOST)
    world.configure(KIND="folder")
    assert world.newsletter.run("retry", "--issue", "74").code == 2
    assert world.send().code == 0
    assert world.newsletter.run(*RISK, "--confirm", "1").out == (
        "issue 74: nothing to retry, none is unknown\n"
    )
    world.configure(KIND="ses")
    assert world.newsletter.run(*RISK, "--confirm", "1").code == 0
    with world.newsletter.records() as store:
        found = {run.rehearsal: runs.counts(store, run).by_state for run in runs.find_all(store)}
    assert found == {False: {"accepted": 24, "queued": 1}, True: {"accepted": 25}}
