"""The page on which a reader says what to get, and comes back after leaving.

Its link is signed for this page alone. Whoever holds it got it through the reader's mailbox, as a
link to confirm would have come.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from newsletter.audience import SKIPS, Status, canonical_of, read_address, skip_tag
from newsletter.audience.tokens import make_token, read_token
from newsletter.people.erase import erase
from newsletter.signup.asking import move
from newsletter.site.answers import Answers, beside, body, form_fields, token_of
from newsletter.site.subscribing import Signups
from newsletter.site.visitors import visitor_of
from newsletter.store import Store, confirmations, runs, signing_keys, subscribers
from newsletter.store.dossier import dossier
from newsletter.store.subscribers import Member
from newsletter.store.suppressions import BLOCKED
from newsletter.text_rules import one_line, stands_in_header

_SOURCE: Final = confirmations.MOVING
_NAME_LENGTH: Final = 200
#: Issues that a reader may skip in a row.
_LONGEST_BREAK: Final = 3
#: Pages on which nobody's choices stand.
_WITHOUT_PERSON: Final = frozenset({"erased", "mailbox", "too_many"})
#: What a button does; it says which page is shown.
_Act = Callable[[Member, Mapping[str, str], Request], str]
#: Leads on from an address that was an issue's, None where it was none.
Moved = Callable[[Request], Awaitable[Response | None]]


class PreferencePage:
    """The preference page.

    Args:
        store: the records.
        answers: look and language.
        clock: says what time it is, in UTC.
        topics: tags that readers may choose, and what they are called.
        signups: what a change of address needs; None where there is none.
        moved: answers for an address that an issue had earlier; Substack's begin with /p/, too.
    """

    def __init__(
        self,
        store: Store,
        answers: Answers,
        clock: Callable[[], dt.datetime],
        topics: Mapping[str, str],
        signups: Signups | None = None,
        *,
        moved: Moved | None = None,
    ) -> None:
        self._moved = moved
        self._store = store
        self._answers = answers
        self._clock = clock
        self._topics = topics
        self._signups = signups
        #: What the buttons of the page are called; the one that saves needs no name.
        self._acts: Mapping[str, _Act] = {
            "back": self._come_back, "move": self._move, "record": self._show_record,
            "erase": self._ask_to_erase, "erase_all": self._erase,
        }  # fmt: skip

    async def ask(self, request: Request) -> Response:
        """Show what is on record; nothing changes."""
        handle, person = await self._person(request)
        if not handle and self._moved and (found := await self._moved(request)):
            return found
        return await self._page(request, handle, person, "choose")

    async def act(self, request: Request) -> Response:
        """Note what was chosen, durably, before the answer begins."""
        handle, person = await self._person(request)
        try:
            data = await body(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody gets it; half a form changes nothing
        if data is None:
            return self._answers.page("busy", status=413)
        if person is None:
            return self._answers.nobodys(request)
        fields = form_fields(data)
        act = next((one for name, one in self._acts.items() if fields.get(name)), self._prefer)
        kind = await run_in_threadpool(act, person, fields, request)
        if kind in _WITHOUT_PERSON:
            return self._answers.page(
                kind, template="arriving.html", form="", meant="", rehearsal=False
            )
        person = await run_in_threadpool(subscribers.by_handle, self._store, handle)
        return await self._page(request, handle, person, kind)

    async def _person(self, request: Request) -> tuple[str, Member | None]:
        keys = await run_in_threadpool(signing_keys.link_keys, self._store)
        handle = read_token(token_of(request), keys, "preferences")
        if handle is None:
            return "", None
        return handle, await run_in_threadpool(subscribers.by_handle, self._store, handle)

    async def _page(
        self, request: Request, handle: str, person: Member | None, kind: str
    ) -> Response:
        if person is None:
            return self._answers.nobodys(request)
        key = await run_in_threadpool(signing_keys.newest, self._store)
        last = await run_in_threadpool(runs.last_issue, self._store)
        skipped = [skip_tag(last + n) for n in range(1, _LONGEST_BREAK + 1)] if last else []
        return self._answers.page(
            kind,
            template="choices.html",
            person=person,
            may_come_back=not person.mailable and person.suppression != BLOCKED
            and person.status is not Status.PENDING,
            topics=[(tag, label, tag in person.tags) for tag, label in self._topics.items()],
            leave=beside(request, f"u/{make_token(handle, key)}"),
            breaks=range(1, len(skipped) + 1),
            skips=sum(tag in person.tags for tag in skipped),
            moves=self._signups is not None,
            record=await run_in_threadpool(self._record, person) if kind == "record" else "",
        )  # fmt: skip

    def _come_back(self, person: Member, _: Mapping[str, str], request: Request) -> str:
        words = self._answers.words
        wording = f"{words['away_note']} [{words['away_button']}]"
        evidence = self._answers.evidence(request, _SOURCE, wording)
        came = subscribers.come_back(self._store, person.handle, evidence, now=self._clock())
        return "back" if came else "choose"

    def _prefer(self, person: Member, fields: Mapping[str, str], request: Request) -> str:
        name = one_line(fields.get("name", person.name))
        # A name that came with a list may be odd; it is in nobody's way who only wants a topic.
        odd = len(name) > _NAME_LENGTH or not stands_in_header(name)
        if odd and name != person.name:
            return "odd_name"
        skipped = frozenset(tag for tag in person.tags if tag.startswith(SKIPS))
        skips = self._skips(fields["pause"]) if "pause" in fields else skipped
        subscribers.prefer(
            self._store,
            person.handle,
            name=name,
            wanted=skips | {tag for tag in self._topics if fields.get(f"topic:{tag}")},
            offered=frozenset(self._topics) | skipped | skips,
            evidence=self._answers.evidence(request, _SOURCE, self._answers.words["choose_note"]),
            now=self._clock(),
        )
        return "saved"

    def _skips(self, issues: str) -> frozenset[str]:
        """The tags of a break from the next issues."""
        number = int(issues) if re.fullmatch(r"[0-9]", issues) else 0
        last = runs.last_issue(self._store)
        longest = min(number, _LONGEST_BREAK) if last else 0
        return frozenset(skip_tag((last or 0) + n) for n in range(1, longest + 1))

    def _move(self, person: Member, fields: Mapping[str, str], request: Request) -> str:
        """Ask the new address; until it answers, the old one stays."""
        if self._signups is None or not person.mailable:
            return "choose"
        evidence = self._answers.evidence(request, _SOURCE, self._answers.words["move_button"])
        return move(
            self._store, person, fields.get("email", ""), self._signups.domains, evidence,
            visitor=visitor_of(request), now=self._clock(),
        )  # fmt: skip

    def _show_record(self, _: Member, __: Mapping[str, str], ___: Request) -> str:
        return "record"

    def _record(self, person: Member) -> str:
        """Every row about a person, as the author sees it with `show --all --json`."""
        rows = dossier(self._store, canonical_of(person.email))
        return json.dumps(rows, ensure_ascii=False, indent=2, default=str)

    def _ask_to_erase(self, _: Member, __: Mapping[str, str], ___: Request) -> str:
        return "erase_ask"

    def _erase(self, person: Member, _: Mapping[str, str], __: Request) -> str:
        erase(self._store, read_address(person.email), now=self._clock(), source=_SOURCE)
        return "erased"
