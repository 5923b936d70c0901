"""A newsletter's folder with its settings, as every command finds it."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from newsletter.cli.show import say
from newsletter.errors import InputError, Place
from newsletter.humanize import plural
from newsletter.project import files
from newsletter.settings import ConfigText, Settings, load, salvage

if TYPE_CHECKING:
    from newsletter.delivery.deliver import Transport
    from newsletter.issue import Issue
    from newsletter.project.issues import Opened
    from newsletter.store import Store


@dataclass(slots=True)
class Chosen:
    """What the global options chose; filled in before any command runs."""

    directory: Path = field(default_factory=Path)
    config: Path | None = None
    no_input: bool = False


CHOSEN = Chosen()


def given(path: Path) -> Path:
    """A path of the command line, as if typed in the chosen folder."""
    return CHOSEN.directory / path


@dataclass(frozen=True, slots=True)
class Desk:
    """An opened newsletter.

    Attributes:
        root: its folder.
        settings: the effective ones.
    """

    root: Path
    settings: Settings

    @property
    def zone(self) -> ZoneInfo:
        """The newsletter's time zone."""
        return ZoneInfo(self.settings.site.timezone)

    @property
    def rehearses(self) -> bool:
        """Whether the configured transport is the one of rehearsals, without opening it."""
        return self.settings.transport.kind == "folder"

    def today(self) -> dt.date:
        """The author's date, in the newsletter's time zone."""
        return clock().astimezone(self.zone).date()

    def letter(self, number: int) -> Opened:
        """Read, render and check an issue by its number."""
        return self.letter_at(files.find_issue(self.root, number))

    def letter_at(self, name: str) -> Opened:
        """Read, render and check an issue by its file."""
        from newsletter.project.issues import open_letter

        return open_letter(self.root, name, self.settings, today=self.today())

    def store(
        self, *, create: bool = True, read_only: bool = False, patience: float | None = None
    ) -> Store:
        """Open the records, see `Store.open`; a restored backup learns who has left since."""
        from newsletter.store import Store

        store = Store.open(self.store_url, create=create, read_only=read_only, patience=patience)
        if store.departures.kept_out:
            left = plural(store.departures.kept_out, "person", "people")
            say(f"these records are older than what {left} did: they had left, and stay out")
        return store

    @property
    def store_url(self) -> str:
        """Where the records are, as an absolute URL."""
        return files.store_url(self.root, self.settings.store.url)

    def transport(self) -> Transport:
        """The configured way out.

        Raises:
            AccountError: AWS has no region or no such profile.
            InputError: the endpoint of SES is no address.
        """
        from newsletter.sending.transports import open_transport

        return open_transport(self.settings, self.root, os.environ)


def open_desk(flags: Mapping[str, object] | None = None) -> Desk:
    """Find the newsletter around the chosen folder and read its settings.

    Raises:
        InputError: there is none, or its settings are malformed.
    """
    root = _root()
    config, dotenv = _config_of(root), files.read_dotenv(root)
    return Desk(root, load(config, environ=os.environ, dotenv=dotenv, flags=flags))


def salvaged_desk() -> Desk:
    """The same with what can be read of its settings, to tell their owner of their faults.

    Raises:
        InputError: there is no newsletter.
    """
    root = _root()
    config, dotenv = None, ""
    with contextlib.suppress(InputError):
        config = _config_of(root)
    with contextlib.suppress(InputError):
        dotenv = files.read_dotenv(root)
    return Desk(root, salvage(config, environ=os.environ, dotenv=dotenv))


def _root() -> Path:
    start = CHOSEN.directory
    if not start.is_dir():
        raise InputError("this is not a folder", place=Place(str(start)), hint="see -C")
    return start.absolute() if CHOSEN.config else files.find_root(start)


def _config_of(root: Path) -> ConfigText | None:
    return _config(given(CHOSEN.config)) if CHOSEN.config else files.read_config(root)


def _config(path: Path) -> ConfigText:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "these settings cannot be read", place=Place(str(path)), hint="see --config"
        ) from error
    if path.name == files.PYPROJECT:
        return ConfigText(file=str(path), text=text, kind="pyproject")
    return ConfigText(file=str(path), text=text)


def clock() -> dt.datetime:
    """Now, in UTC: the only place where commands look at the time."""
    return dt.datetime.now(dt.UTC)


def issues_of(desk: Desk) -> tuple[Issue, ...]:
    """Every issue of the folder, by number.

    Raises:
        InputError: one of them cannot be read.
    """
    from newsletter.issue import parse  # not every command reads issues

    names = files.issue_files(desk.root)
    return tuple(parse(files.read_issue(desk.root, name), file=name) for name in names)
