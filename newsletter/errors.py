"""What stops a run, and with which exit code.

    NewsletterError                 1    a bug, or a fault nobody foresaw
    ├── InputError                  2    cannot be read or parsed, or a flag is missing
    ├── CancelledError              3    a person said no before anything was begun
    ├── AccountError                4    the provider or the account refuses everything
    ├── NotFitError                 5    readable, but not fit to send
    ├── PausedError                 6    partly sent; the same command goes on
    │   ├── UnreachableError        6    the server with the records cannot be reached
    │   └── ForgottenError          6    the records may have forgotten mails that left
    ├── LockedError                 7    another run is sending from this store
    ├── RefusedError                8    not approved, changed, too late, ledgers disagree
    └── UnknownOutcomesError        9    finished, but some outcomes are unknown

An exception means that a person must act. What the world answered (a finding in a text, a
refusal of one address) is a value and is never raised. Only `cli/app.py` prints these.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class Place(NamedTuple):
    """Where something stands in a file of the author's, for people and their editors.

    Attributes:
        file: path as the author would type it, relative to the newsletter's folder.
        line: 1-based line, or 0 when the whole file is meant.
        column: 1-based column in characters, or 0 when the whole line is meant.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class NewsletterError(Exception):
    """A fault with a way out.

    Args:
        message: one sentence, without the place and without a final full stop.
        place: the file, line and column the sentence is about.
        cause: what lies beneath, when that helps (a parser's own words).
        hint: the command to run or the change to make.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        cause: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message

    @property
    def code(self) -> str:
        """The name scripts match on: `InputError` becomes `input`, `NotFitError` `not_fit`."""
        kind = next(one for one in type(self).__mro__ if "exit_code" in vars(one))
        name = kind.__name__.removesuffix("Error")
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).removeprefix("_")


class InputError(NewsletterError):
    """Usage, or input that cannot be read or parsed; nothing was sent or written."""

    exit_code = 2


class CancelledError(NewsletterError):
    """Somebody answered the confirmation with anything but the number, or stopped it before."""

    exit_code = 3


class AccountError(NewsletterError):
    """Credentials, sandbox, identity or network: the next delivery would fail as well."""

    exit_code = 4


class NotFitError(NewsletterError):
    """Readable, but with findings of severity error; nothing was sent."""

    exit_code = 5


class PausedError(NewsletterError):
    """Stopped on the way, with deliveries left; the same command goes on."""

    exit_code = 6


class UnreachableError(PausedError):
    """The records are on a server that cannot be reached, for now."""


class ForgottenError(PausedError):
    """The records may not know of all the mails that have left."""


class LockedError(NewsletterError):
    """Another run holds the store's lock."""

    exit_code = 7


class RefusedError(NewsletterError):
    """Not approved, changed since it was frozen, too late, or two ledgers disagree."""

    exit_code = 8


class UnknownOutcomesError(NewsletterError):
    """The run is finished, but for some deliveries nobody can say what happened."""

    exit_code = 9
