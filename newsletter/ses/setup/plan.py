"""All parts in their order: surveyed, made, undone. Nothing is remembered but in AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from newsletter.errors import AccountError, RefusedError
from newsletter.humanize import plural
from newsletter.ses.setup.blueprint import Blueprint
from newsletter.ses.setup.control import ControlPlane, DeniedError, NotNowError
from newsletter.ses.setup.part import Part, PartStanding, SeenPart
from newsletter.ses.setup.reporting import DeadLetterQueue, EventsQueue, Subscription, Topic
from newsletter.ses.setup.rights import SendingPolicy
from newsletter.ses.setup.sending import (
    ConfigurationSet,
    EventDestination,
    FeedbackByMail,
    Identity,
    MailFrom,
)

#: What was just made may not be seen for some seconds.
_LOOKS: Final = 6
_SECONDS: Final = 2.0
#: SQS gives a deleted queue's name free after a minute.
_LOCKED: Final = 61.0
#: Bounces by mail are switched off only when they come as events.
_ORDER: Final = (
    Identity, MailFrom, ConfigurationSet, DeadLetterQueue, EventsQueue, Topic, Subscription,
    EventDestination, FeedbackByMail, SendingPolicy,
)  # fmt: skip
_OPEN: Final = frozenset({PartStanding.MISSING, PartStanding.DRIFTED})
_SHUT: Final = frozenset({PartStanding.FOREIGN, PartStanding.UNREADABLE})
AGAIN: Final = "run the same command again, it goes on from there"


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One part, and how it stands."""

    part: Part
    seen: SeenPart

    @property
    def is_change(self) -> bool:
        """Whether making all would write something for it."""
        return self.seen.standing in _OPEN


def survey(control: ControlPlane, plan: Blueprint) -> tuple[PlanStep, ...]:
    """Look at everything; nothing is written.

    Raises:
        AccountError: AWS cannot be used.
    """
    return tuple(_step(kind(control, plan)) for kind in _ORDER)


def apply(steps: tuple[PlanStep, ...], done: Callable[[PlanStep], None]) -> tuple[PlanStep, ...]:
    """Make what is missing and change what has drifted, each looked at until it is seen.

    Args:
        steps: from `survey`.
        done: told of each part that was made or changed.

    Returns:
        All steps as they stand now.

    Raises:
        AccountError: AWS refuses a step, or a needed thing is not ours and does not fit; then
            nothing was written. What was made before stays, and the same call goes on.
    """
    refuse_unfit(steps)
    found = []
    for step in steps:
        now = step
        if step.is_change:
            now = _made(step.part)
            done(now)
        found.append(now)
    return tuple(found)


def refuse_obstacles(
    steps: tuple[PlanStep, ...], *, with_identity: bool, with_messages: bool
) -> None:
    """Refuse to take away what something hangs on; nothing is written.

    Args:
        steps: from `survey`.
        with_identity: whether the domain's identity is to go as well.
        with_messages: whether queues may go with what they hold.

    Raises:
        RefusedError: something is in the way.
        AccountError: AWS cannot be used, or these credentials may not look.
    """
    hidden = [
        step
        for step in _leaving(steps, with_identity=with_identity)
        if step.part.needed and step.seen.standing is PartStanding.UNREADABLE
    ]
    if hidden:
        raise _unread(hidden, "taken away")
    in_the_way = [
        told
        for step in _ours(steps, with_identity=with_identity)
        for told in _in_the_way(step.part, with_messages=with_messages)
    ]
    if in_the_way:
        raise RefusedError(f"nothing was taken away: {'; '.join(in_the_way)}")


def destroy(
    steps: tuple[PlanStep, ...],
    done: Callable[[PlanStep], None],
    *,
    with_identity: bool,
    with_messages: bool,
) -> None:
    """Take away what a setup of this newsletter made, and nothing else.

    Raises:
        RefusedError: something is in the way; nothing was written.
        AccountError: AWS refuses a step; the same call goes on.
    """
    refuse_obstacles(steps, with_identity=with_identity, with_messages=with_messages)
    for step in reversed(_ours(steps, with_identity=with_identity)):
        _undone(step.part)
        done(step)


def deleted(steps: tuple[PlanStep, ...], *, with_identity: bool) -> tuple[PlanStep, ...]:
    """What `destroy` would take away, in its order."""
    return tuple(reversed(_ours(steps, with_identity=with_identity)))


def unread(steps: tuple[PlanStep, ...]) -> tuple[PlanStep, ...]:
    """What nobody may look at, so that nobody knows whether it is ours."""
    return tuple(step for step in steps if step.seen.standing is PartStanding.UNREADABLE)


def _ours(steps: tuple[PlanStep, ...], *, with_identity: bool) -> tuple[PlanStep, ...]:
    """What is there and ours; a thing that does not fit any more is ours all the same."""
    there = frozenset({PartStanding.RIGHT, PartStanding.DRIFTED})
    return tuple(
        step
        for step in _leaving(steps, with_identity=with_identity)
        if step.seen.ours and step.seen.standing in there
    )


def _leaving(steps: tuple[PlanStep, ...], *, with_identity: bool) -> Iterator[PlanStep]:
    """What is taken away where it is ours."""
    return (step for step in steps if with_identity or not step.part.stays)


def _unread(steps: list[PlanStep], done: str) -> AccountError:
    what = "; ".join(f"{one.part.id}: {one.seen.detail}" for one in steps)
    return AccountError(
        f"these credentials may not look at everything, and nothing was {done}: {what}",
        hint="run it with an administrator's credentials (AWS_PROFILE)",
    )


def _in_the_way(part: Part, *, with_messages: bool) -> Iterator[str]:
    try:
        if told := part.obstacle():
            yield f"{part.id} stays: {told}"
        if isinstance(part, DeadLetterQueue | EventsQueue) and not with_messages:
            held = part.messages()
            if held:
                what = plural(held, "message")
                yield f"{part.id} holds {what} (newsletter events pull, or --with-messages)"
    except DeniedError as denied:
        raise _denied(part, denied) from denied


def _step(part: Part) -> PlanStep:
    try:
        return PlanStep(part, part.look())
    except DeniedError as denied:
        return PlanStep(
            part, SeenPart(standing=PartStanding.UNREADABLE, detail=f"needs {denied.action}")
        )


def refuse_unfit(steps: tuple[PlanStep, ...]) -> None:
    """Refuse to begin where something needed is not ours and does not fit, or may not be read.

    Raises:
        AccountError: it is so; nothing was written.
    """
    unfit = [step for step in steps if step.part.needed and step.seen.standing in _SHUT]
    if not unfit:
        return
    what = "; ".join(f"{one.part.id}: {one.seen.detail}" for one in unfit)
    if any(one.seen.standing is PartStanding.UNREADABLE for one in unfit):
        raise _unread(unfit, "changed")
    raise AccountError(
        f"these are not ours and do not fit; nothing was changed: {what}",
        hint="change them yourself, or take another name by transport.ses.configuration_set",
    )


def _made(part: Part) -> PlanStep:
    """Make a part until it is seen to be right, or not to be ours after all."""
    refused: NotNowError | None = None
    step = PlanStep(part, SeenPart(standing=PartStanding.MISSING))
    for attempt in range(_LOOKS):
        if attempt:
            locked = refused is not None and refused.deleted_recently
            part.control.sleep(_LOCKED if locked else _SECONDS)
            part.control.forget()
            step = _step(part)
            if not step.is_change:
                break
        refused = None
        try:
            part.make()
        except DeniedError as denied:
            raise _denied(part, denied) from denied
        except NotNowError as error:
            refused = error
        else:
            part.control.forget()
            step = _step(part)
            if not step.is_change:
                break
    if step.is_change:
        raise AccountError(
            f"{part.id} could not be set up",
            cause=str(refused) if refused else f"AWS does not show it yet: {step.seen.detail}",
            hint=AGAIN,
        )
    if step.part.needed:
        refuse_unfit((step,))
    return step


def _undone(part: Part) -> None:
    """Undo a part; what is gone already is no fault."""
    try:
        part.undo()
    except DeniedError as denied:
        raise _denied(part, denied) from denied
    except NotNowError as refused:
        raise AccountError(
            f"{part.id} could not be taken away", cause=str(refused), hint=AGAIN
        ) from refused


def _denied(part: Part, denied: DeniedError) -> AccountError:
    return AccountError(
        f"these credentials may not do all that {part.id} needs: {denied.action} is missing",
        hint=f"run it with an administrator's credentials (AWS_PROFILE); {AGAIN}",
    )
