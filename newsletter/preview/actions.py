"""What the preview does when its author presses something; each press carries the run's token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter.errors import InputError, NewsletterError, Place
from newsletter.preview.asking import Asked
from newsletter.preview.editor import open_in_editor
from newsletter.preview.threads import apart
from newsletter.preview.views import Views
from newsletter.sending.trial import TrialResult

#: The header that carries the token; a page from elsewhere can set none without being asked.
TOKEN: Final = "X-Preview-Token"  # noqa: S105  # its name, not its value
#: The words of an editor's command, None where none is known; asked at every press.
Editor = Callable[[], tuple[str, ...] | None]
#: Sends one test mail of an issue to an address.
SendTrial = Callable[[int, str], TrialResult | None]
#: Asks for the links of an issue, by their addresses.
AskLinks = Callable[[int], Awaitable[Mapping[str, Asked] | None]]

_LARGEST: Final = 10_000  # bytes of a press
_MOST: Final = 10**9  # lines of a file
_NO_EDITOR: Final = (
    'no editor with a window was found: set VISUAL, or start newsletter preview --editor "PROGRAM '
    '{file}:{line}"'
)


class Actions:
    """The preview's presses.

    Args:
        views: what the pages show; nothing they do not name can be asked for.
        root: the newsletter's folder.
        token: made for this run.
        editor: finds the author's editor.
        trial: sends one test mail of an issue.
        ask: asks for the links of an issue.
    """

    def __init__(
        self,
        views: Views,
        root: Path,
        token: str,
        *,
        editor: Editor,
        trial: SendTrial,
        ask: AskLinks,
    ) -> None:
        self._views = views
        self._root = root
        self._token = token
        self._editor = editor
        self._trial = trial
        self._ask = ask
        self._answered: set[str] = set()

    async def open_editor(self, request: Request) -> Response:
        """Open a file this page names, at a line: {"file": "...", "line": 12}."""
        wanted = await self._pressed(request)
        view = await run_in_threadpool(self._views.view, request.path_params["shown"])
        file = str(wanted.get("file"))
        if view is None or file not in view.places:
            raise HTTPException(404)
        place = Place(file, _number(wanted, "line"), _number(wanted, "column"))
        return await run_in_threadpool(self._open, place)

    async def send_trial(self, request: Request) -> Response:
        """Send one test mail: {"to": "...", "press": "a name of its own"}.

        A press that comes twice, whatever sent it again, is answered with a refusal: each sends
        one mail at most.
        """
        wanted = await self._pressed(request)
        address, press = wanted.get("to"), wanted.get("press")
        if not (isinstance(address, str) and isinstance(press, str) and press):
            raise HTTPException(400, 'this press needs "to" and "press"')
        if press in self._answered:
            return problem("this press has been answered already")
        self._answered.add(press)
        try:
            number = request.path_params["shown"]
            done = await apart(lambda: self._trial(number, address))
        except NewsletterError as error:
            return problem(told(error))
        if done is None:
            raise HTTPException(404)
        return JSONResponse({"said": done.said}) if done.accepted else problem(done.said)

    async def ask_links(self, request: Request) -> Response:
        """Ask for the links of the issue, and answer with what each said."""
        await self._pressed(request)
        try:
            asked = await self._ask(request.path_params["shown"])
        except NewsletterError as error:
            return problem(told(error))
        if asked is None:
            raise HTTPException(404)
        return JSONResponse({"asked": {url: [one.good, one.said] for url, one in asked.items()}})

    def _open(self, place: Place) -> Response:
        path = self._root / place.file
        try:
            command = self._editor()
            if command is None:
                return problem(_NO_EDITOR)
            if not path.is_file():
                raise HTTPException(404)
            open_in_editor(command, path, place.line, place.column)
        except InputError as error:
            return problem(told(error))
        return JSONResponse({"said": f"opened {place}"})

    async def _pressed(self, request: Request) -> dict[str, Any]:
        """What a press says.

        Raises:
            HTTPException: 403 without this run's token, 400 for what is no press.
        """
        given = request.headers.get(TOKEN, "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise HTTPException(403)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _LARGEST:
                raise HTTPException(400, "this press is too long")
        return _read(body)


def problem(sentence: str) -> Response:
    """An answer that says why a press came to nothing."""
    return JSONResponse({"problem": sentence}, status_code=409)


def told(error: NewsletterError) -> str:
    """A fault with its cause and its way out, in one line."""
    return ": ".join(part for part in (str(error), error.cause, error.hint) if part)


def _read(body: bytes) -> dict[str, Any]:
    try:
        wanted = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        wanted = None
    if not isinstance(wanted, dict):
        raise HTTPException(400, "this press is not a JSON object")
    return wanted


def _number(wanted: dict[str, Any], name: str) -> int:
    value = wanted.get(name, 0)
    if type(value) is not int or not 0 <= value <= _MOST:
        raise HTTPException(400, f'"{name}" is no line or column')
    return value
