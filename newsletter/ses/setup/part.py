"""One thing that an account needs: how it stands, how it is made, how it is undone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from newsletter.ses.setup.blueprint import Blueprint
from newsletter.ses.setup.control import ControlPlane


class PartStanding(StrEnum):
    """How a thing stands; each with the sign that a plan shows."""

    MISSING = "+"  # it will be made
    DRIFTED = "~"  # it is ours, and will be changed
    RIGHT = "="
    FOREIGN = "!"  # it is not ours and does not fit; it stays as it is
    UNREADABLE = "?"  # these credentials may not look at it


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPart:
    """What a look found.

    Attributes:
        ours: whether a setup of this newsletter made it, by its tags.
        detail: what it is, or what does not fit, old -> new.
    """

    standing: PartStanding
    ours: bool = False
    detail: str = ""


class Part(ABC):
    """One thing of the account.

    Attributes:
        id: its name in lists and JSON.
        needed: whether nothing works without it.
        stays: whether it belongs to the domain, by which others may send: it stays with that.

    Args:
        control: AWS.
        plan: what is wanted.
    """

    id: ClassVar[str]
    needed: ClassVar[bool] = True
    stays: ClassVar[bool] = False

    def __init__(self, control: ControlPlane, plan: Blueprint) -> None:
        self.control = control
        self.plan = plan

    @abstractmethod
    def look(self) -> SeenPart:
        """How it stands.

        Raises:
            DeniedError: these credentials may not look.
            AccountError: AWS cannot be used.
        """

    @abstractmethod
    def make(self) -> None:
        """Make it, or change what does not fit; may be repeated.

        Raises:
            DeniedError: these credentials may not.
            NotNowError: AWS refuses; a moment later it may not.
            AccountError: AWS cannot be used.
        """

    @abstractmethod
    def undo(self) -> None:
        """Take it away, when it is ours; raises what `make` does."""

    def obstacle(self) -> str:
        """Why it may not be taken away, "" where it may; raises what `look` does."""
        return ""


def judged(what: str, drift: Sequence[str], *, ours: bool) -> SeenPart:
    """How something stands that is there.

    Args:
        what: it.
        drift: what does not fit, each old -> new.
        ours: whether it may be changed.
    """
    if not drift:
        return SeenPart(standing=PartStanding.RIGHT, ours=ours, detail=what)
    standing = PartStanding.DRIFTED if ours else PartStanding.FOREIGN
    return SeenPart(standing=standing, ours=ours, detail=f"{what}: {'; '.join(drift)}")
