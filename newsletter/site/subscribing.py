"""The pages of arriving: the form, and the page behind the link of a confirmation mail.

GET shows and changes nothing. The answer to a form is the same bytes for every address.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from newsletter import signup
from newsletter.audience.letters import LetterKind
from newsletter.audience.tokens import is_trial
from newsletter.project.letters import has_letter
from newsletter.render.signup_form import FilledIn, FormFields, form_words, signup_form
from newsletter.settings import Settings
from newsletter.signup.asking import (
    Domains,
    SignupForm,
    VisitorReply,
    ask,
    issue_pass,
    nearest_domain,
    read_form,
)
from newsletter.site.answers import Answers, beside, body, form_fields, token_of
from newsletter.site.visitors import SharedAddresses, visitor_of
from newsletter.store import Store, confirmations, signing_keys
from newsletter.store.confirmations import LinkState

_TEMPLATE: Final = "arriving.html"
_CONFIRM_SOURCE: Final = "confirmation page"
#: Threads that sign-ups may take; readers who leave have the others.
_AT_ONCE: Final = 8
_AGAIN_SECONDS: Final = "3600"
_FORM_PAGES: Final = frozenset(
    {"subscribe", *VisitorReply} - {VisitorReply.MAILBOX, VisitorReply.TOO_MANY}
)


@dataclass(frozen=True, slots=True)
class Signups:
    """What sign-up needs besides the records.

    Attributes:
        root: the newsletter's folder, with its letters.
        domains: tells whether a domain takes mail.
        rehearsal: whether mails lie in a folder instead of leaving, which the page says.
    """

    root: Path
    domains: Domains
    rehearsal: bool = False


class Subscribing:
    """The form, and what it answers.

    Args:
        store: the records.
        answers: look and language.
        settings: the newsletter's.
        clock: says what time it is, in UTC.
        signups: None where nobody can subscribe here.
    """

    def __init__(
        self,
        store: Store,
        answers: Answers,
        settings: Settings,
        clock: Callable[[], dt.datetime],
        signups: Signups | None,
    ) -> None:
        self._store = store
        self._answers = answers
        self._clock = clock
        self._settings = settings
        self._signups = signups if signup.is_open(settings) else None
        self._fields = FormFields(
            language=answers.words["language"], topics=settings.web.topics,
            ask_name=settings.web.ask_name, privacy_url=settings.site.privacy_url,
            phrases=answers.words,
        )  # fmt: skip
        self._threads = asyncio.Semaphore(_AT_ONCE)
        self._shared = SharedAddresses()

    @property
    def has_form(self) -> bool:
        """Whether anybody can subscribe here."""
        return self._signups is not None

    async def show(self, request: Request) -> Response:
        """The form; nothing changes."""
        fields = {"form": request.query_params.get("form", "")}
        return await self._page("subscribe", self._read(fields))

    async def act(self, request: Request) -> Response:
        """Note a sign-up; what is answered tells nothing of the list."""
        try:
            data = await body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if data is None:
            return self._answers.page("busy", status=413)
        if self._signups is None:
            return self._answers.page("no_signup")
        form, domains = self._read(form_fields(data)), self._signups.domains
        visitor = visitor_of(request)
        evidence = self._answers.evidence(request, form.source, self._wording())

        def note() -> VisitorReply:
            return ask(self._store, form, domains, evidence, visitor=visitor, now=self._clock())

        async with self._threads:
            reply = await run_in_threadpool(note)
        if reply is VisitorReply.TOO_MANY:
            self._shared.refused(visitor)
        return await self._page(reply, form)

    def _read(self, fields: Mapping[str, str]) -> SignupForm:
        web = self._settings.web
        return read_form(fields, topics=web.topics, ask_name=web.ask_name)

    def _wording(self) -> str:
        words = self._answers.words
        button = form_words(words["language"], words)["subscribe_button"]
        return f"{words['subscribe']}: {words['subscribe_note']} [{button}]"

    async def _page(self, kind: str, form: SignupForm) -> Response:
        if self._signups is None:
            return self._answers.page("no_signup")
        shown = ""
        if kind in _FORM_PAGES:
            key = await run_in_threadpool(signing_keys.newest, self._store)
            passed = issue_pass(key, nonce=secrets.token_bytes(8), now=self._clock())
            filled_in = FilledIn(
                email=form.email, name=form.name, topics=form.topics, passed=passed
            )
            shown = signup_form("", self._fields, form=form.form, filled_in=filled_in)
        return self._answers.page(
            kind,
            template=_TEMPLATE,
            headers={"Retry-After": _AGAIN_SECONDS} if kind == VisitorReply.TOO_MANY else None,
            form=shown,
            meant=nearest_domain(form.email) if kind == VisitorReply.NO_MAIL else "",
            rehearsal=self._signups.rehearsal,
        )


class Confirming:
    """The page behind the link of a confirmation mail: programs that follow it confirm nothing.

    Args:
        store: the records.
        answers: look and language.
        settings: the newsletter's.
        clock: says what time it is, in UTC.
        signups: None where nobody is welcomed.
    """

    def __init__(
        self,
        store: Store,
        answers: Answers,
        settings: Settings,
        clock: Callable[[], dt.datetime],
        signups: Signups | None,
    ) -> None:
        self._store = store
        self._answers = answers
        self._clock = clock
        self._valid = dt.timedelta(days=settings.web.confirm_days)
        self._signups = signups

    async def show(self, request: Request) -> Response:
        """What somebody would subscribe to, and two buttons; nothing changes."""
        token = token_of(request)

        def look() -> LinkState:
            return confirmations.look(self._store, token, valid=self._valid, now=self._clock())

        return self._page(request, await run_in_threadpool(look))

    async def act(self, request: Request) -> Response:
        """Let somebody in, or never write to them again; without a choice the page is shown."""
        try:
            data = await body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        choice = form_fields(data or b"").get("answer")
        if choice not in {"yes", "no"}:
            return await self.show(request)
        standing = await run_in_threadpool(self._decide, request, yes=choice == "yes")
        return self._page(request, standing)

    def _decide(self, request: Request, *, yes: bool) -> LinkState:
        words, token = self._answers.words, token_of(request)
        button = words["yes_button" if yes else "no_button"]
        evidence = self._answers.evidence(
            request, _CONFIRM_SOURCE, f"{words['confirm']} {words['confirm_note']} [{button}]"
        )
        if not yes:
            return confirmations.refuse(
                self._store, token, evidence, valid=self._valid, now=self._clock()
            )
        root = self._signups.root if self._signups else None
        return confirmations.confirm(
            self._store, token, evidence, valid=self._valid, now=self._clock(),
            welcome=root is not None and has_letter(root, LetterKind.WELCOME),
        )  # fmt: skip

    def _page(self, request: Request, standing: LinkState) -> Response:
        if standing is LinkState.UNKNOWN and is_trial(token_of(request)):
            return self._answers.nobodys(request)
        kinds = {LinkState.OPEN: "confirm", LinkState.UNKNOWN: "unknown"}
        return self._answers.page(
            kinds.get(standing, standing.value), template=_TEMPLATE, form="", meant="",
            rehearsal=False, again=beside(request, "subscribe"),
        )  # fmt: skip
