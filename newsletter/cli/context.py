"""What the global options chose, and what a command opens by them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from newsletter.cli.show import say
from newsletter.errors import InputError, NewsletterError, Place
from newsletter.humanize import plural
from newsletter.project import Project, disk, files, salvaged
from newsletter.settings import ConfigText, load, salvage

if TYPE_CHECKING:
    from newsletter.delivery.deliver import Transport
    from newsletter.store import Store


@dataclass(slots=True)
class Context:
    """The global options; filled in before any command runs."""

    directory: Path = field(default_factory=Path)
    config: Path | None = None
    no_input: bool = False


CONTEXT = Context()
_NO_CONFIGS: Final[tuple[ConfigText, ...]] = ()
#: How long a command that only looks waits to have the records learn who has left beside them.
_CATCH_UP_SECONDS: Final = 2.0


def from_directory(path: Path) -> Path:
    """A path of the command line, as if typed in the chosen folder."""
    return CONTEXT.directory / path


def own_program() -> str:
    """This very command, for texts that make a machine call it: absolute where it can be told."""
    beside = Path(sys.executable).with_name("newsletter")
    return str(beside if beside.exists() else shutil.which("newsletter") or "newsletter")


def open_project() -> Project:
    """Find the newsletter around the chosen folder and read its settings.

    Raises:
        InputError: there is none, or its settings are malformed.
    """
    root = _root()
    config, dotenv = _config_of(root), files.read_dotenv(root)
    return Project(root, load(config, environ=os.environ, dotenv=dotenv))


def salvaged_project() -> Project:
    """The same as far as it can be known, to tell the owner of a fault in it.

    What the settings do not tell is taken from the last ones a trigger found sound; where there is
    no newsletter, the environment may still name an owner.
    """
    try:
        root = _root()
    except (InputError, OSError):  # none, or one that somebody else may have made
        root, configs, dotenv = _anywhere(), _NO_CONFIGS, ""
    else:
        configs, dotenv = _salvaged_configs(root), salvaged.text(root / ".env") or ""
    last = salvaged.last(root)
    return Project(root, salvage(configs, environ=os.environ, dotenv=dotenv, last=last))


def _anywhere() -> Path:
    """The chosen folder, the top of all where even that cannot be told."""
    try:
        return disk.from_here(CONTEXT.directory)
    except InputError:
        return Path("/")


def _salvaged_configs(root: Path) -> tuple[ConfigText, ...]:
    if not CONTEXT.config:
        return salvaged.configs(root)
    path = from_directory(CONTEXT.config)
    text = salvaged.text(path)
    return _NO_CONFIGS if text is None else (_config_text(path, text),)


def open_store(
    project: Project,
    *,
    create: bool = True,
    read_only: bool = False,
    patience: float | None = None,
) -> Store:
    """Open the records, see `Store.open`; they learn who has left beside them, as by a backup.

    Whoever only looks at records that were moved is told that others count.
    """
    from newsletter.store import Store
    from newsletter.store.schema import moved_away

    store = Store.open(project.store_url, create=create, read_only=read_only, patience=patience)
    if read_only and (moved := moved_away(store)):
        say(f"warning: {moved}")
        say(f"hint: {moved.hint}")
    elif read_only and store.departures.behind:
        store.close()
        with suppress(NewsletterError):
            open_store(project, create=False, patience=_CATCH_UP_SECONDS).close()
        store = Store.open(project.store_url, create=False, read_only=True)
        if store.departures.behind:
            say("warning: somebody has unsubscribed, and the records do not show it yet")
            say("hint: another program keeps them locked; end it, then run the same command again")
    if store.departures.kept_out:
        left = plural(store.departures.kept_out, "person", "people")
        say(f"{left} unsubscribed after this backup was made; that still counts")
    return store


@contextmanager
def open_records(project: Project) -> Iterator[Store | None]:
    """The records to look at, None where there are none yet."""
    from newsletter.store.schema import NoStoreError

    try:
        store = open_store(project, create=False, read_only=True)
    except NoStoreError:
        yield None
        return
    with store:
        yield store


@contextmanager
def open_if_begun(project: Project) -> Iterator[Store | None]:
    """The records to look at, None where this newsletter has not begun: nothing says otherwise.

    Raises:
        InputError: they are gone, elsewhere, or on a server without tables.
    """
    from newsletter.store.agreement import missing
    from newsletter.store.postgres.address import is_server
    from newsletter.store.schema import NoStoreError

    try:
        store = open_store(project, create=False, read_only=True)
    except NoStoreError as fault:
        if why := missing(project.root, fault, on_server=is_server(project.store_url)):
            raise why from fault
        yield None
        return
    with store:
        yield store


def open_transport(project: Project) -> Transport:
    """The configured way out.

    Raises:
        AccountError: AWS has no such profile.
        InputError: the endpoint of SES is no address.
    """
    from newsletter.sending import transports

    return transports.open_transport(project, os.environ)


def _root() -> Path:
    start = CONTEXT.directory
    if not start.is_dir():
        raise InputError("this is not a folder", place=Place(str(start)), hint="see -C")
    return disk.from_here(start) if CONTEXT.config else files.find_root(start)


def _config_of(root: Path) -> ConfigText | None:
    if CONTEXT.config:
        return _config(from_directory(CONTEXT.config))
    return files.read_config(root)


def _config(path: Path) -> ConfigText:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "these settings cannot be read", place=Place(str(path)), hint="see --config"
        ) from error
    return _config_text(path, text)


def _config_text(path: Path, text: str) -> ConfigText:
    if path.name == files.PYPROJECT:
        return ConfigText(file=str(path), text=text, kind="pyproject")
    return ConfigText(file=str(path), text=text)
