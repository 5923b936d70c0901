"""The page on which a reader says what to get, and comes back after leaving.

Its link is signed for this page alone. Whoever holds it got it through the reader's mailbox, as a
link to confirm would have come.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from newsletter.audience import Status
from newsletter.audience.tokens import make_token, read_token
from newsletter.site.answers import Answers, body, form_fields
from newsletter.store import Store, signing_keys, subscribers
from newsletter.store.subscribers import Member
from newsletter.store.suppressions import BLOCKED
from newsletter.text_rules import one_line, stands_in_header

_SOURCE: Final = "preference page"
_NAME_LENGTH: Final = 200


class Choices:
    """The preference page.

    Args:
        store: the records.
        answers: look and language.
        clock: says what time it is, in UTC.
        topics: tags that readers may choose, and what they are called.
    """

    def __init__(
        self,
        store: Store,
        answers: Answers,
        clock: Callable[[], dt.datetime],
        topics: Mapping[str, str],
    ) -> None:
        self._store = store
        self._answers = answers
        self._clock = clock
        self._topics = topics

    async def ask(self, request: Request) -> Response:
        """Show what is on record; nothing changes."""
        handle, person = await self._person(request)
        return await self._page(handle, person, "choose")

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
            return self._answers.page("unknown")
        fields = form_fields(data)
        if fields.get("back"):
            kind = await run_in_threadpool(self._come_back, handle, request)
        else:
            kind = await run_in_threadpool(self._prefer, person, fields, request)
        person = await run_in_threadpool(subscribers.by_handle, self._store, handle)
        return await self._page(handle, person, kind)

    async def _person(self, request: Request) -> tuple[str, Member | None]:
        keys = await run_in_threadpool(signing_keys.link_keys, self._store)
        handle = read_token(request.path_params["token"], keys, "preferences")
        if handle is None:
            return "", None
        return handle, await run_in_threadpool(subscribers.by_handle, self._store, handle)

    async def _page(self, handle: str, person: Member | None, kind: str) -> Response:
        if person is None:
            return self._answers.page("unknown")
        key = await run_in_threadpool(signing_keys.newest, self._store)
        return self._answers.page(
            kind,
            template="choices.html",
            person=person,
            may_come_back=not person.mailable and person.suppression != BLOCKED
            and person.status is not Status.PENDING,
            topics=[(tag, label, tag in person.tags) for tag, label in self._topics.items()],
            leave=f"../u/{make_token(handle, key)}",
        )  # fmt: skip

    def _come_back(self, handle: str, request: Request) -> str:
        words = self._answers.words
        wording = f"{words['away_note']} [{words['away_button']}]"
        evidence = self._answers.evidence(request, _SOURCE, wording)
        came = subscribers.come_back(self._store, handle, evidence, now=self._clock())
        return "back" if came else "choose"

    def _prefer(self, person: Member, fields: Mapping[str, str], request: Request) -> str:
        name = one_line(fields.get("name", person.name))
        # A name that came with a list may be odd; it is in nobody's way who only wants a topic.
        odd = len(name) > _NAME_LENGTH or not stands_in_header(name)
        if odd and name != person.name:
            return "odd_name"
        subscribers.prefer(
            self._store,
            person.handle,
            name=name,
            wanted=frozenset(tag for tag in self._topics if fields.get(f"topic:{tag}")),
            offered=frozenset(self._topics),
            evidence=self._answers.evidence(request, _SOURCE, self._answers.words["choose_note"]),
            now=self._clock(),
        )
        return "saved"
