"""Invented readers whose mail the preview shows: one of each kind that breaks a letter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from newsletter.audience import Subscriber
from newsletter.message import SAMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who does not exist.

    Attributes:
        key: what stands in the address of the page.
        label: what stands on the page.
        name: the name, and what stands in every other merge field; None keeps the usual reader.
    """

    key: str
    label: str
    name: str | None = None

    def person(self, fields: Iterable[str]) -> Subscriber:
        """The reader as a subscriber with a value in each of the declared merge `fields`."""
        if self.name is None:
            return SAMPLE
        return dataclasses.replace(
            SAMPLE, name=self.name, fields={field: self.name for field in fields if self.name}
        )


READERS: Final = (
    Reader(key="usual", label="Sam Reader"),
    Reader(key="nameless", label="No name", name=""),
    Reader(
        key="long",
        label="A very long name",
        name="Wilhelmina Alexandrina Charlotte van Hohenstein-Featherstonehaugh-Cholmondeley "
        "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
    ),
    Reader(key="rtl", label="From right to left", name="ليلى بنت عبد الرحمن"),
    Reader(
        key="markup",
        label="HTML in the name",
        name='<b>Bobby</b> "Tables" & <img src=x onerror=alert(1)> <script>alert(1)</script>',
    ),
)


def reader(key: str) -> Reader:
    """The reader of this key; the usual one stands in for a key nobody has."""
    return next((one for one in READERS if one.key == key), READERS[0])
