"""What is looked at: one newsletter's folder, its settings and its records, opened to read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from newsletter.http import Fetcher
from newsletter.project import Project
from newsletter.store import Store
from newsletter.store.schema import NoStoreError, path_of

if TYPE_CHECKING:
    from newsletter.ses.credentials import Caller

#: Seconds that a server outside has to answer.
PATIENCE: Final = 5.0


class Subject:
    """A newsletter that is looked at. Opening it changes nothing.

    Args:
        load: reads its settings; an InputError says what is wrong with them.
        environ: the environment's variables.
        now: the time, with a time zone.
        fetcher: asks the readers' pages.
    """

    def __init__(
        self,
        load: Callable[[], Project],
        environ: Mapping[str, str],
        now: dt.datetime,
        fetcher: Fetcher | None = None,
    ) -> None:
        self._load = load
        self.environ = environ
        self.now = now
        self.fetcher = fetcher or Fetcher(seconds=PATIENCE)

    @cached_property
    def project(self) -> Project:
        """The folder and its settings.

        Raises:
            InputError: there is none, or they are malformed.
        """
        return self._load()

    @cached_property
    def store(self) -> Store:
        """The records.

        Raises:
            NewsletterError: see `Store.open`.
        """
        return Store.open(self.project.store_url, create=False, read_only=True, patience=PATIENCE)

    @cached_property
    def database(self) -> Path:
        """The file of the records, which need not be there, or what lies beside a server's.

        Raises:
            InputError: the setting names none.
        """
        return path_of(self.project.store_url)

    @cached_property
    def has_records(self) -> bool:
        """Whether there are any.

        Raises:
            NewsletterError: see `Store.open`.
        """
        try:
            return bool(self.store)
        except NoStoreError:
            return False

    @cached_property
    def caller(self) -> Caller:
        """Who we are to AWS.

        Raises:
            NewsletterError: see `ask_caller`.
        """
        from newsletter.ses.credentials import ask_caller  # noqa: PLC0415  # boto3 is heavy

        group = self.project.settings.transport.ses
        return ask_caller(
            region=group.region, profile=group.profile, environ=self.environ, seconds=PATIENCE
        )

    def named(self, path: Path) -> str:
        """A path as its owner would type it in the newsletter's folder."""
        for root in (self.project.root, self.project.root.resolve()):
            if path.is_relative_to(root):
                return str(path.relative_to(root))
        return str(path)

    def close(self) -> None:
        """Give the records back."""
        if "store" in vars(self):
            self.store.close()
