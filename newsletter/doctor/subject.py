"""What is looked at: one newsletter's folder, its settings and its records, opened to read."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

from newsletter import domains
from newsletter.errors import NewsletterError
from newsletter.http import Fetcher
from newsletter.project import Project
from newsletter.store import Store
from newsletter.store.schema import NoStoreError, path_of

if TYPE_CHECKING:
    from newsletter.ses.account import Account
    from newsletter.ses.credentials import Caller
    from newsletter.ses.setup.control import ControlPlane

#: Seconds that a server outside has to answer.
PATIENCE: Final = 5.0

_Value = TypeVar("_Value")


class Shared(cached_property[_Value]):
    """What several checks ask at the same time and is looked for once."""

    def __init__(self, look: Callable[[Any], _Value]) -> None:
        super().__init__(look)
        self._looking = threading.RLock()

    @overload
    def __get__(self, subject: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, subject: object, owner: type[Any] | None = None) -> _Value: ...
    def __get__(self, subject: object, owner: type[Any] | None = None) -> Self | _Value:
        # Newer versions of Python look as often as they are asked.
        with self._looking:
            return super().__get__(subject, owner)


class Subject:
    """A newsletter that is looked at. Opening it changes nothing.

    Args:
        load: reads its settings; an InputError says what is wrong with them.
        environ: the environment's variables.
        now: the time, with a time zone.
        fetcher: asks the readers' pages.
        ask: asks the DNS, see `domains.records`.
    """

    def __init__(
        self,
        load: Callable[[], Project],
        environ: Mapping[str, str],
        now: dt.datetime,
        fetcher: Fetcher | None = None,
        ask: Callable[[str, str], tuple[str, ...] | None] = domains.records,
    ) -> None:
        self._load = load
        self.environ = environ
        self.now = now
        self.ask = ask
        self.fetcher = fetcher or Fetcher(seconds=PATIENCE)

    @Shared
    def project(self) -> Project:
        """The folder and its settings.

        Raises:
            InputError: there is none, or they are malformed.
        """
        return self._load()

    @Shared
    def store(self) -> Store:
        """The records.

        Raises:
            NewsletterError: see `Store.open`.
        """
        return Store.open(self.project.store_url, create=False, read_only=True, patience=PATIENCE)

    @Shared
    def database(self) -> Path:
        """The file of the records, which need not be there, or what lies beside a server's.

        Raises:
            InputError: the setting names none.
        """
        return path_of(self.project.store_url)

    @property
    def asks_server(self) -> bool:
        """Whether the records are on a server.

        Raises:
            InputError: see `project`.
        """
        return not self.project.store_url.startswith("sqlite")

    @Shared
    def has_records(self) -> bool:
        """Whether there are any.

        Raises:
            NewsletterError: see `Store.open`.
        """
        try:
            return bool(self.store)
        except NoStoreError:
            return False

    @Shared
    def readable(self) -> Store | None:
        """The records, for a check that wants a detail of them; None where they cannot be opened.

        Why they cannot, the check of the records tells, and that once.
        """
        try:
            return self.store if self.has_records else None
        except NewsletterError:
            return None

    @Shared
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

    @Shared
    def account(self) -> Account:
        """What SES lets the account do.

        Raises:
            NewsletterError: see `SesTransport.read_account`.
        """
        from newsletter.ses.client import SesTransport  # noqa: PLC0415  # boto3 is heavy

        group = self.project.settings.transport.ses
        transport = SesTransport(
            region=group.region, profile=group.profile, configuration_set=group.configuration_set,
            max_rate=group.max_rate, environ=self.environ, read_seconds=PATIENCE,
            connect_seconds=PATIENCE,
        )  # fmt: skip
        with contextlib.closing(transport):
            return transport.read_account()

    @Shared
    def control(self) -> ControlPlane:
        """AWS's control plane, to look at.

        Raises:
            NewsletterError: see `ControlPlane`.
        """
        from newsletter.ses.setup.control import ControlPlane  # noqa: PLC0415  # boto3 is heavy

        group = self.project.settings.transport.ses
        return ControlPlane(
            region=group.region, profile=group.profile, environ=self.environ, sleep=time.sleep,
            patience=PATIENCE,
        )  # fmt: skip

    @Shared
    def identity(self) -> tuple[str, dict[str, Any]] | None:
        """The identity that SES sends by, the sender's domain or one above it, with its content.

        Raises:
            DeniedError: these credentials may not look.
            NewsletterError: AWS cannot be used.
        """
        from newsletter.ses.setup.control import DeniedError  # noqa: PLC0415  # boto3 is heavy

        domain = self.project.settings.sender.from_address.rpartition("@")[2].lower()
        denied: DeniedError | None = None
        while "." in domain:
            try:
                found = self.control.read("sesv2", "get_email_identity", EmailIdentity=domain)
            except DeniedError as error:
                # The host that sends may look at the one that is verified, and at no other.
                denied, found = denied or error, None
            if found is not None:
                return domain, found
            domain = domain.partition(".")[2]
        if denied is not None:
            raise denied
        return None

    def named(self, path: Path) -> str:
        """A path as its owner would type it in the newsletter's folder."""
        for root in (self.project.root, self.project.root.resolve()):
            if path.is_relative_to(root):
                return str(path.relative_to(root))
        return str(path)

    def close(self) -> None:
        """Give the records back."""
        for name in ("store", "control"):
            if name in vars(self):
                getattr(self, name).close()
