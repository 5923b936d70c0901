"""The figures that a benchmark finds, for the page that shows all of them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

#: The file that `all.py` reads them from; figures are only printed where it is not named.
FILE: Final = "BENCHMARK_FIGURES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, what it is compared with, and what it is to be.

    Attributes:
        what: the thing measured.
        ours: the figure.
        unit: of both figures, "" for a count.
        beside: what it is compared with in the same run, "" for nothing.
        theirs: its figure.
        bound: what the ratio of both (the figure, beside nothing) is to be, None for no bound.
        at_least: the bound is the least it is to be, not the most.
    """

    what: str
    ours: float
    unit: str = ""
    beside: str = ""
    theirs: float | None = None
    bound: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of theirs."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def kept(self) -> bool | None:
        """Whether the bound is kept; None where there is none."""
        if self.bound is None:
            return None
        found = self.ours if self.ratio is None else self.ratio
        return found >= self.bound if self.at_least else found <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of what a figure is made of, or the least that it could be.

    Attributes:
        of: what is divided; all its parts are of one unit.
        part: in words.
        cost: how much of it.
        unit: "ms", "µs a mail".
        floor: it is no part, but what takes so much where nothing else is done.
    """

    of: str
    part: str
    cost: float
    unit: str
    floor: bool = False


def note(figure: Figure | Share) -> None:
    """Write a figure, or where it comes from, down for `all.py`."""
    if FILE in os.environ:
        with Path(os.environ[FILE]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(figure)) + "\n")
