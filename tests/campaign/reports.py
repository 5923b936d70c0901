"""What SES reports about a campaign's mails, some of it lost, and what the records make of it."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaign.checks import Mail, Snapshot, look
from tests.campaign.letters import Letters
from tests.support.commands import script
from tests.support.mailroom import Mailroom
from tests.support.ses_events import Sent, event, in_envelope, sent_of

_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """One `events pull` after a campaign.

    Attributes:
        told: mails that the events spoke of.
        before: the records as the campaign left them.
        after: the records then.
        report: what the command said.
    """

    told: frozenset[Mail]
    before: Snapshot
    after: Snapshot
    report: dict[str, Any]

    @property
    def settled(self) -> frozenset[Mail]:
        """Deliveries that changed their state."""
        rows = self.before.rows.items()
        return frozenset(mail for mail, row in rows if row.state != self.after.rows[mail].state)


def pull(letters: Letters, accepted: Path, room: Mailroom, *, lost: float, seed: int) -> Pull:
    """Report what the server accepted, in no order and partly twice, and pull it.

    Args:
        letters: a copy of what a campaign left; it is changed.
        accepted: the server's log.
        room: the queue.
        lost: the share of mails of which no event comes.
        seed: of the chance.
    """
    chance = random.Random(seed)
    before = letters.look()
    in_doubt = before.of("unknown").keys()
    sent = (sent_of(json.loads(line)) for line in accepted.read_text().splitlines())
    # Of what is accepted anyway a part is enough: the queue takes its time.
    heard = [one for one in sent if _mail(one) in in_doubt or chance.random() < _SHARE]
    told = [one for one in heard if chance.random() >= lost]
    texts = [text for one in told for text in _texts(one, chance)]
    chance.shuffle(texts)
    room.put(*texts)
    ran = script(letters.root, "events", "pull", "--json", env=letters.environ | room.environ)
    assert ran.returncode == 0, ran.stderr
    return Pull(
        told=frozenset(map(_mail, told)),
        before=before,
        after=look(letters.store),
        report=json.loads(ran.stdout),
    )


def copied(letters: Letters, target: Path) -> Letters:
    """The same newsletter and records in another folder."""
    shutil.copytree(letters.root, target)
    return Letters(target, letters.environ)


def wrong(done: Pull, accepted: Iterable[Mail]) -> list[str]:
    """Every unknown one that events speak of is accepted now, and nothing else has changed."""
    taken, unknown = set(accepted), done.before.of("unknown").keys()
    faults = []
    for mail, old in done.before.rows.items():
        expected = "accepted" if mail in unknown & done.told else old.state
        if done.after.rows[mail].state != expected:
            faults.append(f"{mail} went from {old} to {done.after.rows[mail]}")
        if done.after.rows[mail].state == "accepted" and mail not in taken:
            faults.append(f"{mail} is accepted, and the server never took it")
    if done.report["settled"] != len(done.settled):
        faults.append(f"{done.report} speaks of other numbers than {len(done.settled)}")
    return faults


def table(pulls: dict[str, Pull], accepted: dict[str, list[Mail]]) -> str:
    """What each pull came to, a line each."""
    lines = ["after events      unknown  of them accepted  settled  still unknown"]
    for name, done in pulls.items():
        unknown = done.before.of("unknown").keys()
        numbers = Counter(row.state for row in done.after.rows.values())
        taken = len(unknown & set(accepted[name]))
        lines.append(
            f"{name:16} {len(unknown):8} {taken:17} {len(done.settled):8} {numbers['unknown']:14}"
        )
    return "\n".join(lines)


def _mail(one: Sent) -> Mail:
    return one.issue, one.to.lower()


def _texts(one: Sent, chance: random.Random) -> list[str]:
    """Events about one mail: some of them, in either envelope, now and then twice."""
    kinds = chance.choice((("Send",), ("Delivery",), ("Send", "Delivery"), ("Send", "Bounce")))
    texts = [event(kind, one) for kind in kinds]
    texts = [in_envelope(text) if chance.random() < 0.5 else text for text in texts]
    return texts + [text for text in texts if chance.random() < 0.1]
