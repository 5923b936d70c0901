"""The control API: state, script and reset over HTTP, for tests in other processes."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from .account import settings_from
from .answers import Answer, in_json
from .desk import Desk
from .faults import fault_from
from .signature import Request

PREFIX = "/__control__/"


def control(request: Request, desk: Desk) -> Answer:
    """Answer a control request; mistakes in it are 400 with `{"error": ...}`."""
    action = request.path.removeprefix(PREFIX)
    try:
        match request.method, action:
            case "GET", "state":
                return in_json(desk.record.state(desk.script.used()).to_json())
            case "GET", "accepted":
                return in_json(len(desk.record.times))
            case "GET", "messages":
                return in_json([message.to_json() for message in desk.record.messages])
            case "GET", "times":
                return in_json(desk.record.times.tolist())
            case "POST", "script":
                return _script(_body(request), desk)
            case "POST", "reset":
                reset(desk)
                return in_json({})
            case _:
                return in_json({"error": f"no such control: {request.method} {action}"}, status=404)
    except (ValueError, TypeError) as error:
        return in_json({"error": str(error)}, status=400)


def reset(desk: Desk) -> None:
    """Forget counts, kept messages, faults, the day's quota and what was set up; settings stay."""
    desk.configuration.reset()
    desk.record.reset()
    desk.script.clear()
    desk.account.reset()


def _script(body: dict[str, Any], desk: Desk) -> Answer:
    unknown = body.keys() - {"clear", "faults", "settings"}
    if unknown:
        raise ValueError(f"not of a script: {', '.join(sorted(unknown))}")
    faults = [fault_from(described) for described in body.get("faults", ())]
    changes = settings_from(body.get("settings", {}))
    if body.get("clear"):
        desk.script.clear()
    desk.script.add(faults)
    desk.account.change(dataclasses.replace(desk.account.settings, **changes))
    return in_json({})


def _body(request: Request) -> dict[str, Any]:
    body = json.loads(request.body or b"{}")
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body
