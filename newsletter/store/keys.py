"""What signs the links in mails, kept with the records so that the two cannot come apart."""

from __future__ import annotations

import datetime as dt

from newsletter.audience.tokens import Key
from newsletter.store import people
from newsletter.store.database import Database


class Keys:
    """The keys of one newsletter's links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> Key:
        """The key that signs new links."""
        return list(self.all().values())[-1]

    def all(self) -> dict[int, Key]:
        """All keys that ever signed links, by id."""
        with self._database.reading() as connection:
            return people.keys(connection, "links")

    def rotate(self, *, now: dt.datetime) -> int:
        """Sign new links with a new key; the old ones still open what they signed.

        Returns:
            its id.

        Raises:
            RefusedError: there have been 256 keys.
        """
        with self._database.writing() as connection:
            return people.make_link_key(connection, now)
